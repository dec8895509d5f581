//! What may be wrong with a `[[listener]]` when it is known which identities there are. Identities come and go, so these are
//! complaints, and the listener stays. Called by [`crate::config::Config`].

use std::collections::BTreeMap;

use super::SaidOfListener;
use crate::config::azure_accounts::AzureAccounts;
use crate::config::complaint::Complaint;
use crate::config::identity::{Identity, Place};
use crate::config::listener::{Dialect, ListenerDefinition, Peers};
use crate::config::own::Own;
use crate::config::resolve::names::{meant, sounds_like_azure};
use crate::config::toml::nearest;
use crate::credential::IdentityName;

type Identities = BTreeMap<IdentityName, Identity>;

impl Own {
    /// A complaint about each identity that a listener names and nobody has, that cannot be served, or that no dialect of the
    /// listener serves; about each dialect that has nothing to serve; and about each listener that is open to everybody.
    pub(in crate::config) fn doubts_about_listeners(
        &self,
        identities: &Identities,
        accounts: &AzureAccounts,
    ) -> Vec<Complaint> {
        let doubts = |said: &SaidOfListener| {
            let names = said.definition.identities.iter().zip(&said.identities);
            let missing = names.filter_map(|(name, place)| missing(name, place, identities, accounts));
            let doubts: Vec<_> = missing.chain(said.clouds(identities)).chain(said.open_to_everybody()).collect();
            doubts
        };
        self.listeners.iter().flat_map(doubts).collect()
    }
}

fn missing(name: &str, place: &Place, identities: &Identities, accounts: &AzureAccounts) -> Option<Complaint> {
    if let Some(identity) = identity(name, identities) {
        let unusable = identity.definition.as_ref().err()?;
        let text = format!("`{name}`, which this listener is to serve, is not usable: {unusable}");
        return Some(Complaint::at(place.clone(), text));
    }
    if let Some((why, mend)) = accounts.not_logged_in(name) {
        let text = format!("there is no `{name}`, which this listener is to serve: {why}; run `{mend}`");
        return Some(Complaint::at(place.clone(), text));
    }
    let mend = match nearest(name, identities.keys().map(|known| &**known)) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => "write it into the shared config file".to_owned(),
    };
    let text = format!("there is no profile `{name}`, which this listener is to serve: {mend}");
    Some(Complaint::at(place.clone(), text))
}

fn identity<'i>(typed: &str, identities: &'i Identities) -> Option<&'i Identity> {
    let known = |name: &str| identities.get(name).map(|identity| (&identity.name, identity.is_azure()));
    identities.get(meant(typed, known)?)
}

impl SaidOfListener {
    /// What the identities are, and what the dialects want.
    fn clouds(&self, identities: &Identities) -> Vec<Complaint> {
        let ListenerDefinition { dialects, identities: names, neighbours, .. } = &self.definition;
        let azure = |name: &str| match identity(name, identities) {
            Some(identity) => identity.is_azure(),
            None => sounds_like_azure(name),
        };
        // one that nobody has may still become what is wanted
        let is_known = |name: &str| identity(name, identities).is_some();
        let placed = || names.iter().zip(&self.identities);
        let mut complaints = Vec::new();
        for (wants_azure, is, wanted) in
            [(true, "an Azure identity", "`azure-imds`"), (false, "an AWS identity", "a dialect of AWS, such as `ec2`")]
        {
            let speaks = dialects.iter().any(|dialect| dialect.is_azure() == wants_azure);
            let mut of_cloud = placed().filter(|(name, _)| azure(name) == wants_azure);
            if speaks && of_cloud.clone().next().is_none() && names.iter().all(|name| is_known(name)) {
                let words: Vec<_> = dialects.iter().filter(|dialect| dialect.is_azure() == wants_azure).collect();
                let words = words.iter().map(|dialect| format!("`{}`", dialect.word())).collect::<Vec<_>>().join(", ");
                let text =
                    format!("`dialects` has {words}, and none of `identities` is {is}: add one, or take {words} out");
                complaints.push(Complaint::at(self.definition.place.clone(), text));
            }
            if !speaks && let Some((name, place)) = of_cloud.find(|(name, _)| is_known(name)) {
                let text = format!("`{name}` is {is}, which none of this listener's `dialects` serves: add {wanted}");
                complaints.push(Complaint::at(place.clone(), text));
            }
        }
        if dialects.contains(&Dialect::Ec2)
            && neighbours.is_empty()
            && let Some((name, place)) = placed().filter(|(name, _)| !azure(name)).nth(1)
        {
            let text = format!(
                "an instance has one role, so `ec2` serves the first AWS identity alone, and `{name}` is another: write a \
                 [[listener]] for it"
            );
            complaints.push(Complaint::at(place.clone(), text));
        }
        complaints
    }

    /// What `peers = "any"` means.
    fn open_to_everybody(&self) -> Option<Complaint> {
        let place = self.peers.clone().filter(|_| self.definition.peers == Peers::Any)?;
        let ListenerDefinition { address, dialects, identities, .. } = &self.definition;
        let open = |dialect: &&Dialect| !self.definition.wants_token(**dialect);
        let what = match dialects.iter().filter(open).any(|dialect| *dialect != Dialect::EcsTask) {
            true => format!("gets the credentials of `{}`", identities.join("`, `")),
            false => "is told which task this is".to_owned(),
        };
        Some(Complaint::at(place, format!("`peers = \"any\"`: whoever can reach {address} {what}")))
    }
}
