//! A profile of IAM Identity Center: where one signs in, and which role of which account is wanted.
//!
//! The rules are botocore's (`botocore/credentials.py`, `SSOProvider._load_sso_config`): the profile and its
//! `[sso-session X]` are read together and must not disagree. What they say is held against what AWS accepts, each
//! complaint at its line. Called by `resolve/role.rs`, and for the sessions that no profile uses by [`super::super::Config`].

use std::collections::BTreeSet;
use std::sync::Arc;

use super::endpoint::{self, Service};
use super::view::View;
use super::{Failed, Resolver, Surroundings};
use crate::config::azure_accounts::AzureAccounts;
use crate::config::complaint::Complaint;
use crate::config::identity::{Definition, Identity, Kind, Unusable};
use crate::config::limits;
use crate::config::own::Own;
use crate::config::shared::{Section, SharedFiles, Value};
use crate::config::sso::{self, SsoDefinition, SsoSession};
use crate::config::toml::nearest;

/// Every distinct sign-in of the shared files, by what people call it: those that identities rest on, and each
/// `[sso-session X]` that no profile uses yet. A section of these that says too little is a complaint.
pub(in crate::config) fn sessions<'i>(
    shared: &SharedFiles,
    own: &Own,
    surroundings: &Surroundings<'_>,
    identities: impl Iterator<Item = &'i Identity>,
) -> (Vec<Arc<SsoSession>>, Vec<Complaint>) {
    let accounts = AzureAccounts::default();
    let resolver = Resolver::new(shared, own, &accounts, surroundings);
    let (mut found, mut complaints) = (Vec::new(), Vec::new());
    for identity in identities {
        if let Ok(Definition::Sso(sso)) = &identity.definition {
            found.push(Arc::clone(&sso.session));
        }
    }
    let used: BTreeSet<&str> = shared.profiles.values().filter_map(|profile| profile.text("sso_session")).collect();
    for (name, section) in &shared.sso_sessions {
        if found.iter().any(|session| session.name.as_ref() == Some(name)) {
            continue;
        }
        let written = Written { name: Some(name), section: Some(section), view: None };
        match written.session(&resolver) {
            Ok(session) => found.push(Arc::new(session)),
            // else each of its profiles says so
            Err(unusable) if !used.contains(name.as_str()) => {
                complaints.push(Complaint { place: unusable.place, text: unusable.reason });
            }
            Err(_) => {}
        }
    }
    let mut seen = BTreeSet::new();
    found.retain(|session| seen.insert(session.key().0));
    found.sort_by(|one, other| one.label().cmp(other.label()));
    (found, complaints)
}

impl Resolver<'_> {
    /// A profile with `sso_account_id` or `sso_role_name`.
    pub(super) fn sso(&self, view: &View<'_>) -> Result<SsoDefinition, Failed> {
        self.sso_of(view).map_err(|unusable| Failed::new(Kind::Sso, unusable))
    }

    fn sso_of(&self, view: &View<'_>) -> Result<SsoDefinition, Unusable> {
        let written = Written::of(view, self.shared)?;
        let session = written.session(self)?;
        let account = written.value("sso_account_id")?;
        let role = written.value("sso_role_name")?;
        let at = |value: &Value, reason| Unusable { place: Some(value.place.clone()), reason };
        limits::account_id(account.text()).map_err(|reason| at(account, format!("sso_account_id: {reason}")))?;
        limits::permission_set(role.text()).map_err(|reason| at(role, format!("sso_role_name: {reason}")))?;
        Ok(SsoDefinition {
            session: Arc::new(session),
            account_id: account.text().to_owned(),
            role_name: role.text().to_owned(),
            sts: self.sts(view, view.text("region"), None)?,
        })
    }

    /// The one `Arc` of all sign-ins that are the same.
    pub(super) fn shared_session(&mut self, session: Arc<SsoSession>) -> Arc<SsoSession> {
        match self.sessions.iter().find(|known| **known == session) {
            Some(known) => Arc::clone(known),
            None => {
                self.sessions.push(Arc::clone(&session));
                session
            }
        }
    }
}

/// A profile that signs in and wants no role: to botocore it is there for bearer tokens alone.
pub(super) fn without_a_role(view: &View<'_>) -> Failed {
    let import = match (view.text("sso_session"), view.text("sso_start_url")) {
        (Some(name), _) => format!("credenza import {name}"),
        (None, Some(url)) => format!("credenza import --start-url {url}"),
        (None, None) => "credenza import".to_owned(),
    };
    let reason = format!(
        "the profile signs in and says no role: add sso_account_id and sso_role_name, or let `{import}` write a profile for \
         each"
    );
    Failed::new(Kind::Sso, view.unusable(first_key(view), reason))
}

/// The keys of IAM Identity Center that a profile may have.
pub(super) const KEYS: &[&str] = &["sso_session", "sso_start_url", "sso_account_id", "sso_role_name", "sso_region"];

/// Which of them the profile has.
fn first_key(view: &View<'_>) -> &'static str {
    KEYS.iter().find(|key| view.value(key).is_some()).copied().unwrap_or_default()
}

/// A profile and its `[sso-session X]`, or one of them.
struct Written<'a> {
    name: Option<&'a str>,
    section: Option<&'a Section>,
    view: Option<&'a View<'a>>,
}

impl<'a> Written<'a> {
    fn of(view: &'a View<'a>, shared: &'a SharedFiles) -> Result<Self, Unusable> {
        let Some(name) = view.text("sso_session") else {
            return Ok(Self { name: None, section: None, view: Some(view) });
        };
        let Some(section) = shared.sso_sessions.get(name) else {
            let mend = match nearest(name, shared.sso_sessions.keys().map(String::as_str)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "write it into the shared config file".to_owned(),
            };
            return Err(view.unusable("sso_session", format!("there is no [sso-session {name}]: {mend}")));
        };
        let written = Self { name: Some(name), section: Some(section), view: Some(view) };
        written.refuse_disagreement(name, section)?;
        Ok(written)
    }

    /// What the profile repeats must be the same: botocore refuses the rest, and aws-config every repetition.
    fn refuse_disagreement(&self, name: &str, section: &Section) -> Result<(), Unusable> {
        let own = self.view.and_then(|view| view.section);
        for (key, value) in section.values.iter().filter(|(key, value)| key.starts_with("sso_") && !value.is_empty()) {
            let Some(repeated) = own.and_then(|own| own.value(key)) else { continue };
            if repeated.text() != value.text() {
                let (one, other) = (repeated.text(), value.text());
                let reason =
                    format!("{key} = {one}, but [sso-session {name}] says {other}: take it out of the profile");
                return Err(Unusable { place: Some(repeated.place.clone()), reason });
            }
        }
        Ok(())
    }

    fn find(&self, key: &str) -> Option<&'a Value> {
        let of_section = self.section.and_then(|section| section.value(key));
        of_section.or_else(|| self.view.and_then(|view| view.value(key))).filter(|value| !value.text().is_empty())
    }

    /// The value of a key that must be there.
    fn value(&self, key: &str) -> Result<&'a Value, Unusable> {
        self.find(key).ok_or_else(|| self.missing(key))
    }

    fn missing(&self, key: &str) -> Unusable {
        let beside = |present: &str| {
            let reason = format!("{present} has no {key} beside it: write both");
            Unusable { place: self.find(present).map(|value| value.place.clone()), reason }
        };
        match (key, self.name, self.section) {
            ("sso_account_id", ..) => beside("sso_role_name"),
            ("sso_role_name", ..) => beside("sso_account_id"),
            (key, Some(name), Some(section)) => {
                let reason = format!("[sso-session {name}] has no {key}: write it there");
                Unusable { place: Some(section.place.clone()), reason }
            }
            _ if self.find("sso_start_url").is_some() => beside("sso_start_url"),
            _ if self.find("sso_region").is_some() => beside("sso_region"),
            _ => {
                let reason = "nothing says where one signs in: write sso_session, the name of an [sso-session X] with \
                              sso_start_url and sso_region";
                let place = self.view.and_then(|view| view.unusable(first_key(view), "").place);
                Unusable { place, reason: reason.to_owned() }
            }
        }
    }

    fn session(&self, resolver: &Resolver<'_>) -> Result<SsoSession, Unusable> {
        let (start_url, region) = (self.value("sso_start_url")?, self.value("sso_region")?);
        let at = |value: &Value, reason| Unusable { place: Some(value.place.clone()), reason };
        sso::check_start_url(start_url.text()).map_err(|reason| at(start_url, format!("sso_start_url: {reason}")))?;
        sso::check_region(region.text()).map_err(|reason| at(region, format!("sso_region: {reason}")))?;
        let Surroundings { environment, .. } = resolver.surroundings;
        let of_view = |key: &str| self.view.and_then(|view| view.text(key));
        let said = resolver.own.sessions.get(self.name.unwrap_or(start_url.text()));
        let announce = said.and_then(|said| said.announce.as_ref());
        Ok(SsoSession {
            name: self.name.map(str::to_owned),
            start_url: start_url.text().to_owned(),
            region: region.text().to_owned(),
            scopes: sso::scopes(self.section.and_then(|section| section.text("sso_registration_scopes"))),
            oidc_url: resolver.url(self.view, &Service::SSO_OIDC)?,
            portal_url: resolver.url(self.view, &Service::SSO)?,
            fips: endpoint::is_on(environment, "AWS_USE_FIPS_ENDPOINT", of_view("use_fips_endpoint")),
            dualstack: endpoint::is_on(environment, "AWS_USE_DUALSTACK_ENDPOINT", of_view("use_dualstack_endpoint")),
            ca_bundle: endpoint::ca_bundle(self.view, resolver.surroundings),
            cache: said.and_then(|said| said.cache.as_ref()).map_or_else(Default::default, |written| written.value),
            length: said.and_then(|said| said.session_length.as_ref()).map(|written| written.value),
            announce: announce.map_or(SsoSession::ANNOUNCE, |written| written.value),
            max_hold: said.and_then(|said| said.max_hold.as_ref()).map(|written| written.value),
        })
    }
}
