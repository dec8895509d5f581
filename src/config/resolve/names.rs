//! Which identities there are, by which name each is served, and who is meant by a name that somebody typed.
//!
//! An AWS identity has its plain name, whatever else is called so: then the Azure one's is `azure:NAME`. Called by
//! [`super`], and by [`crate::config::Config`] for names of people and of lists.

use std::collections::BTreeMap;

use super::view::Azure;
use crate::config::azure_accounts::{AzureAccounts, BUILT_IN};
use crate::config::complaint::Complaint;
use crate::config::own::{Own, Said};
use crate::config::shared::SharedFiles;
use crate::credential::IdentityName;

/// Before the name of an AWS identity.
pub(super) const AWS: &str = "aws:";
/// Before the name of an Azure identity.
pub(super) const AZURE: &str = "azure:";

/// Whose a name is.
#[derive(Clone, Copy)]
pub(super) enum Whose<'a> {
    /// A profile's, or that of an AWS identity of our TOML.
    Aws,
    /// An Azure identity's, and what our TOML says of it besides.
    Azure {
        /// Which.
        azure: Azure<'a>,
        /// When its tokens are made.
        said: Option<&'a Said>,
    },
}

/// Every name.
#[derive(Default)]
pub(super) struct Names<'a>(BTreeMap<IdentityName, Whose<'a>>);

/// Every identity of the shared files, of our TOML and of the Azure CLI, by its own name; and a complaint about each that can have
/// none.
pub(super) fn all<'a>(
    shared: &'a SharedFiles,
    own: &'a Own,
    accounts: &'a AzureAccounts,
) -> (Names<'a>, Vec<Complaint>) {
    let mut names: BTreeMap<IdentityName, Whose<'a>> = BTreeMap::new();
    let mut complaints = Vec::new();
    names.extend(shared.profiles.keys().map(|name| (name.clone(), Whose::Aws)));
    let built_in: Vec<(IdentityName, Azure<'a>)> = accounts
        .default_account()
        .map(|account| (BUILT_IN.into(), Azure::Account { account, by_tenant: false }))
        .into_iter()
        .chain(accounts.of_tenants().into_iter().map(|(tenant, account)| {
            (format!("{BUILT_IN}:{tenant}").as_str().into(), Azure::Account { account, by_tenant: true })
        }))
        .collect();
    let is_built_in = |name: &IdentityName| built_in.iter().any(|(known, _)| known == name);
    for (name, said) in own.identities.iter().filter(|(_, said)| said.azure.is_none()) {
        // what holds for an account of the Azure CLI makes no AWS identity
        if !(is_built_in(name) && said.is_about_warmth_alone()) {
            names.insert(name.clone(), Whose::Aws);
        }
    }
    let written = own.identities.iter().filter_map(|(name, said)| {
        let azure = Azure::Said(said.azure.as_ref()?);
        Some((name.clone(), Whose::Azure { azure, said: Some(said) }, Some(&said.place)))
    });
    let of_cli = built_in.iter().map(|(name, azure)| {
        let said = own.identities.get(name).filter(|said| said.is_about_warmth_alone());
        (name.clone(), Whose::Azure { azure: *azure, said }, None)
    });
    for (name, whose, place) in written.chain(of_cli) {
        // what is written goes before what `az login` left
        let is_written = own.identities.get(&name).is_some_and(|said| said.azure.is_some());
        if place.is_none() && is_written {
            continue;
        }
        let long: IdentityName = format!("{AZURE}{name}").as_str().into();
        match [&name, &long].into_iter().find(|free| !names.contains_key(*free)) {
            Some(free) => {
                names.insert(free.clone(), whose);
            }
            None => {
                let text = format!("`{name}` and `{long}` are names of others already: choose another name");
                complaints.push(Complaint { place: place.cloned(), text });
            }
        }
    }
    (Names(names), complaints)
}

impl<'a> Names<'a> {
    pub(super) fn keys(&self) -> impl Iterator<Item = &IdentityName> {
        self.0.keys()
    }

    pub(super) fn of(&self, name: &str) -> Option<Whose<'a>> {
        self.0.get(name).copied()
    }

    pub(super) fn is_azure(&self, name: &str) -> bool {
        matches!(self.of(name), Some(Whose::Azure { .. }))
    }

    /// Who is meant.
    pub(super) fn meant(&self, typed: &str) -> Option<&IdentityName> {
        let known = |name: &str| self.0.get_key_value(name).map(|(name, whose)| (name, !matches!(whose, Whose::Aws)));
        meant(typed, known)
    }
}

/// Who is meant by what was typed: who is called exactly so, else who has the name behind `aws:` or `azure:` and is of that
/// cloud. `known` tells the whole name of who is called exactly so, and whether that is an Azure identity.
pub(in crate::config) fn meant<'n>(
    typed: &str,
    known: impl Fn(&str) -> Option<(&'n IdentityName, bool)>,
) -> Option<&'n IdentityName> {
    let of_cloud = |prefix: &str, azure: bool| {
        let name = typed.strip_prefix(prefix)?;
        known(name).filter(|(_, is_azure)| *is_azure == azure)
    };
    let found = known(typed).or_else(|| of_cloud(AWS, false)).or_else(|| of_cloud(AZURE, true));
    found.map(|(name, _)| name)
}

/// Whether a name that nobody has can only be an Azure identity's: an account of the Azure CLI that is not logged in, or what is
/// written behind `azure:`.
pub(in crate::config) fn sounds_like_azure(typed: &str) -> bool {
    typed.starts_with(AZURE)
        || typed == BUILT_IN
        || typed.strip_prefix(BUILT_IN).is_some_and(|rest| rest.starts_with(':'))
}
