//! Our own TOML: what it may say, and the user's file laid over the system-wide one.
//!
//! Strict, unlike the shared AWS files: a key that means nothing is an error with its line and the nearest known key.
//! `config/example.toml` shows every key, and a test loads it.

pub(super) mod azure;
mod listener;
mod relay;
mod sso;
mod user;
pub(super) mod variables;

#[cfg(test)]
mod azure_tests;
#[cfg(test)]
mod listener_parts_tests;
#[cfg(test)]
mod listener_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::toml::de::DeTable;

use super::complaint::{Complaint, ConfigError};
use super::identity::{Place, Unusable};
use super::places::Places;
use super::sessions::SessionsAtRest;
use super::shared::{SharedFiles, Value};
use super::toml::{Keys, Reader, Written, address, nearest};
use super::web_identity::TokenSource;
use super::{duration, limits};
use crate::credential::IdentityName;
use crate::world::Files;
pub use azure::{SaidOfAzure, SaidOfCertificateKey, SaidOfToken, SourceWord};
pub use listener::SaidOfListener;
pub use relay::{RelayDefinition, SaidOfRelay};
pub use sso::SaidOfSession;
pub use user::{SaidOfKeys, SaidOfUser};
pub(super) use variables::is_name;

/// What our TOML says.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// `[server]`
    pub server: Server,
    /// `[identity.X]`
    pub identities: BTreeMap<IdentityName, Said>,
    /// `[[listener]]`, in the order of the files.
    pub listeners: Vec<SaidOfListener>,
    /// `[relay]`
    pub relay: SaidOfRelay,
    /// `[sso.X]`, by the session's name or start URL.
    pub sessions: BTreeMap<String, SaidOfSession>,
}

/// `[server]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Server {
    /// `listen`, where it was written: then this address and no other is taken.
    pub listen: Option<Written<SocketAddr>>,
    /// `sessions`, where it was written.
    pub sessions: Option<Written<SessionsAtRest>>,
    /// `relay_listen`, where it was written: where relays come that cannot mount the data socket.
    pub relay_listen: Option<Written<SocketAddr>>,
}

impl Server {
    /// The address that is tried first.
    pub fn address(&self) -> SocketAddr {
        self.listen.as_ref().map_or(DEFAULT_ADDRESS, |listen| listen.value)
    }

    /// Where relays come that cannot mount the data socket.
    pub fn relay_address(&self) -> SocketAddr {
        self.relay_listen.as_ref().map_or(DEFAULT_RELAY_ADDRESS, |listen| listen.value)
    }

    /// Whether user sessions outlive the daemon: in memory only, where nothing is written.
    pub fn sessions_at_rest(&self) -> SessionsAtRest {
        self.sessions.as_ref().map(|sessions| sessions.value).unwrap_or_default()
    }
}

/// Where the main listener is when nothing was written.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9711);

/// Where relays come when nothing was written: Docker Desktop brings what is sent to `host.docker.internal` to loopback.
pub const DEFAULT_RELAY_ADDRESS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9713);

/// What `[identity.X]` says beyond the profile, or that it is an Azure identity. Everything but `keep_warm` and `azure` is about a
/// role.
#[derive(Clone, Debug)]
pub struct Said {
    /// Where the table begins.
    pub place: Place,
    /// The profile that is meant, where it has another name.
    pub profile: Option<Written<String>>,
    /// Refreshed even when nobody asks.
    pub keep_warm: Option<Written<bool>>,
    /// `DurationSeconds`
    pub duration: Option<Written<Duration>>,
    /// `RoleSessionName`
    pub session_name: Option<Written<String>>,
    /// Session tags.
    pub tags: Option<Written<Vec<(String, String)>>>,
    /// The keys of the tags that go down the chain.
    pub transitive_tags: Option<Written<Vec<String>>>,
    /// `SourceIdentity`
    pub source_identity: Option<Written<String>>,
    /// An inline session policy, JSON.
    pub policy: Option<Written<String>>,
    /// Managed session policies.
    pub policy_arns: Option<Written<Vec<String>>>,
    /// `ExternalId`
    pub external_id: Option<Written<String>>,
    /// Instead of the profile's: `role_arn`.
    pub role_arn: Option<Value>,
    /// Instead of the profile's: `region`.
    pub region: Option<Value>,
    /// Its long-term keys, its device and its session.
    pub user: SaidOfUser,
    /// A variable that it names and nobody set: then it cannot be used.
    pub unset: Option<Unusable>,
    /// Where the token comes from that a role is assumed with.
    pub web_identity: Option<Written<TokenSource>>,
    /// That it is an Azure identity, and which.
    pub azure: Option<SaidOfAzure>,
}

impl Own {
    /// Reads both files; the user's keys lie over the system's. Every complaint about either comes at once.
    pub fn read(places: &Places, files: &dyn Files) -> Result<Self, ConfigError> {
        let mut complaints = Vec::new();
        let mut layer = |path: &Arc<Path>, named: bool| match read_file(path, named, files) {
            Ok(text) => parse(path, &text, &mut complaints),
            Err(complaint) => {
                complaints.push(complaint);
                Self::default()
            }
        };
        let mut own = layer(&places.system_config, false);
        own.lay_over(layer(&places.config, places.config_named));
        complaints.extend(own.identities.iter().filter_map(Said::contradiction));
        complaints.extend(own.sessions.values().filter_map(SaidOfSession::contradiction));
        complaints.extend(own.listeners.iter().filter_map(|listener| listener.taken_by(&own.server)));
        if complaints.is_empty() { Ok(own) } else { Err(ConfigError { complaints }) }
    }

    /// A complaint about each identity whose profile is not there, and each sign-in: what is said would hold for nobody.
    /// `built_in` knows the accounts of the Azure CLI by their names.
    pub(super) fn missing(&self, shared: &SharedFiles, built_in: &dyn Fn(&IdentityName) -> bool) -> Vec<Complaint> {
        let complaint = |(name, said): (&IdentityName, &Said)| {
            let written = said.profile.as_ref();
            let profile = written.map_or(&**name, |written| written.value.as_str());
            let is_there = shared.profiles.contains_key(profile) || built_in(name) && said.is_about_warmth_alone();
            if is_there || said.stands_alone() || said.azure.is_some() {
                return None;
            }
            let place = written.map_or(&said.place, |written| &written.place).clone();
            let mend = match nearest(profile, shared.profiles.keys().map(|known| &**known)) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "write it into the shared config file".to_owned(),
            };
            Some(Complaint::at(place, format!("there is no profile `{profile}`: {mend}")))
        };
        let identities = self.identities.iter().filter_map(complaint);
        identities.chain(sso::missing(&self.sessions, shared)).collect()
    }

    /// The same with every `${NAME}` replaced: by an env file's variable, else by the environment's.
    pub(super) fn with_variables(mut self, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        for (name, said) in &mut self.identities {
            variables::replace(name, said, variable);
        }
        self
    }

    fn lay_over(&mut self, upper: Self) {
        self.server.listen = upper.server.listen.or(self.server.listen.take());
        self.server.sessions = upper.server.sessions.or(self.server.sessions.take());
        self.server.relay_listen = upper.server.relay_listen.or(self.server.relay_listen.take());
        self.relay.lay_over(upper.relay);
        self.lay_listeners_over(upper.listeners);
        for (name, upper) in upper.identities {
            match self.identities.get_mut(&name) {
                Some(lower) => lower.lay_over(upper),
                None => {
                    self.identities.insert(name, upper);
                }
            }
        }
        for (name, upper) in upper.sessions {
            match self.sessions.get_mut(&name) {
                Some(lower) => lower.lay_over(upper),
                None => {
                    self.sessions.insert(name, upper);
                }
            }
        }
    }
}

impl Said {
    /// What it says instead of a key of the profile.
    pub fn value(&self, key: &str) -> Option<&Value> {
        match key {
            "role_arn" => self.role_arn.as_ref(),
            "region" => self.region.as_ref(),
            "mfa_serial" => self.user.mfa_serial.as_ref(),
            _ => None,
        }
    }

    /// Whether it is something without any profile: then none is missing.
    pub fn stands_alone(&self) -> bool {
        let says = self.role_arn.is_some() || self.user.keys.is_some() || self.web_identity.is_some();
        self.profile.is_none() && says
    }

    /// Whether it says when credentials are made, and nothing of how: that holds for an account of the Azure CLI too.
    pub(super) fn is_about_warmth_alone(&self) -> bool {
        self.azure.is_none() && self.key_of_aws().is_none()
    }

    /// The first key that is about AWS, and its place.
    fn key_of_aws(&self) -> Option<(&'static str, &Place)> {
        let user = &self.user;
        let places = [
            ("profile", at(&self.profile)),
            ("role_arn", self.role_arn.as_ref().map(|value| &value.place)),
            ("region", self.region.as_ref().map(|value| &value.place)),
            ("web_identity", at(&self.web_identity)),
            ("keys", at(&user.keys)),
            ("otp", at(&user.otp)),
            ("mfa_serial", user.mfa_serial.as_ref().map(|value| &value.place)),
            ("strategy", at(&user.strategy)),
            ("session_duration", at(&user.session_duration)),
            ("duration", at(&self.duration)),
            ("session_name", at(&self.session_name)),
            ("tags", at(&self.tags)),
            ("transitive_tags", at(&self.transitive_tags)),
            ("source_identity", at(&self.source_identity)),
            ("policy", at(&self.policy)),
            ("policy_arns", at(&self.policy_arns)),
            ("external_id", at(&self.external_id)),
        ];
        places.into_iter().find_map(|(key, place)| Some((key, place?)))
    }

    /// What cannot hold at once: long-term keys, and a token in place of any; an Azure identity, and a key of AWS.
    fn contradiction((name, said): (&IdentityName, &Self)) -> Option<Complaint> {
        if said.azure.is_some()
            && let Some((key, place)) = said.key_of_aws()
        {
            let text = format!("`{name}` has `azure` and `{key}`, which is about AWS: take one of them out");
            return Some(Complaint::at(place.clone(), text));
        }
        let (_, token) = (said.user.keys.as_ref()?, said.web_identity.as_ref()?);
        let text = format!("`{name}` has `keys` and `web_identity`: take one of them out");
        Some(Complaint::at(token.place.clone(), text))
    }

    fn new(place: Place) -> Self {
        Self {
            place,
            profile: None,
            keep_warm: None,
            duration: None,
            session_name: None,
            tags: None,
            transitive_tags: None,
            source_identity: None,
            policy: None,
            policy_arns: None,
            external_id: None,
            role_arn: None,
            region: None,
            user: SaidOfUser::default(),
            unset: None,
            web_identity: None,
            azure: None,
        }
    }

    fn lay_over(&mut self, upper: Self) {
        self.place = upper.place;
        self.profile = upper.profile.or(self.profile.take());
        self.keep_warm = upper.keep_warm.or(self.keep_warm.take());
        self.duration = upper.duration.or(self.duration.take());
        self.session_name = upper.session_name.or(self.session_name.take());
        self.tags = upper.tags.or(self.tags.take());
        self.transitive_tags = upper.transitive_tags.or(self.transitive_tags.take());
        self.source_identity = upper.source_identity.or(self.source_identity.take());
        self.policy = upper.policy.or(self.policy.take());
        self.policy_arns = upper.policy_arns.or(self.policy_arns.take());
        self.external_id = upper.external_id.or(self.external_id.take());
        self.role_arn = upper.role_arn.or(self.role_arn.take());
        self.region = upper.region.or(self.region.take());
        self.user.lay_over(upper.user);
        self.web_identity = upper.web_identity.or(self.web_identity.take());
        self.azure = upper.azure.or(self.azure.take());
    }
}

fn at<T>(written: &Option<Written<T>>) -> Option<&Place> {
    written.as_ref().map(|written| &written.place)
}

const ROOT: Keys =
    Keys { table: "the file", known: &["server", "identity", "sso", "listener", "relay"], later: &["policy", "azure"] };
const SERVER: Keys = Keys { table: "[server]", known: &["listen", "sessions", "relay_listen"], later: &[] };
const IDENTITY: Keys = Keys {
    table: "[identity]",
    known: &[
        "profile",
        "keep_warm",
        "duration",
        "session_name",
        "tags",
        "transitive_tags",
        "source_identity",
        "policy",
        "policy_arns",
        "external_id",
        "role_arn",
        "region",
        "keys",
        "otp",
        "mfa_serial",
        "strategy",
        "session_duration",
        "web_identity",
        "azure",
    ],
    later: &[],
};

/// Reads one file's text.
fn parse(path: &Arc<Path>, text: &str, complaints: &mut Vec<Complaint>) -> Own {
    let (mut reader, document) = Reader::new(path, text);
    reader.check_keys(&ROOT, &document);
    let mut own = Own::default();
    if let Some(server) = document.get("server").and_then(|item| reader.table("server", item)) {
        reader.check_keys(&SERVER, server);
        own.server.listen = server.get("listen").and_then(|item| reader.parsed("listen", item, address));
        let relay_listen = server.get("relay_listen");
        own.server.relay_listen =
            relay_listen.and_then(|item| reader.parsed("relay_listen", item, listener::address::address));
        let sessions = server.get("sessions");
        own.server.sessions = sessions.and_then(|item| reader.parsed("sessions", item, SessionsAtRest::parse));
    }
    if let Some(identities) = document.get("identity").and_then(|item| reader.table("identity", item)) {
        for (name, item) in identities {
            let place = reader.place(name.span().start);
            if let Some(table) = reader.table(name.get_ref(), item) {
                own.identities.insert(name.get_ref().as_ref().into(), said(&mut reader, place, table));
            }
        }
    }
    if let Some(sessions) = document.get("sso").and_then(|item| reader.table("sso", item)) {
        for (name, item) in sessions {
            let place = reader.place(name.span().start);
            if let Some(table) = reader.table(name.get_ref(), item) {
                own.sessions.insert(name.get_ref().to_string(), SaidOfSession::read(&mut reader, place, table));
            }
        }
    }
    if let Some(relay) = document.get("relay") {
        own.relay = SaidOfRelay::read(&mut reader, relay);
    }
    let listeners = document.get("listener");
    if let Some(items) = listeners.and_then(|item| reader.list("listener", "[[listener]] in double brackets", item)) {
        own.listeners = items.iter().filter_map(|item| SaidOfListener::read(&mut reader, item)).collect();
        reader.complaints.extend(SaidOfListener::twice(&own.listeners));
    }
    complaints.append(&mut reader.complaints);
    own
}

fn said<'a>(reader: &mut Reader<'a>, place: Place, table: &DeTable<'a>) -> Said {
    reader.check_keys(&IDENTITY, table);
    let mut said = Said::new(place);
    let item = |key: &str| table.get(key);
    said.profile = item("profile").and_then(|item| reader.text("profile", item));
    said.keep_warm = item("keep_warm").and_then(|item| reader.boolean("keep_warm", item));
    said.duration = item("duration").and_then(|item| {
        reader.parsed("duration", item, |text| duration::parse(text).and_then(limits::written_duration))
    });
    said.session_name = item("session_name").and_then(|item| {
        reader.parsed("session_name", item, |text| limits::session_name(text).map(|()| text.to_owned()))
    });
    said.tags = item("tags").and_then(|item| reader.pairs("tags", item));
    said.transitive_tags = item("transitive_tags").and_then(|item| reader.texts("transitive_tags", item));
    said.source_identity = item("source_identity").and_then(|item| {
        reader.parsed("source_identity", item, |text| limits::source_identity(text).map(|()| text.to_owned()))
    });
    said.policy = item("policy")
        .and_then(|item| reader.parsed("policy", item, |text| limits::policy(text).map(|()| text.to_owned())));
    said.policy_arns = item("policy_arns").and_then(|item| reader.texts("policy_arns", item));
    said.external_id = item("external_id").and_then(|item| {
        reader.parsed("external_id", item, |text| limits::external_id(text).map(|()| text.to_owned()))
    });
    said.role_arn = item("role_arn").and_then(|item| user::value(reader, "role_arn", item));
    said.region = item("region").and_then(|item| user::value(reader, "region", item));
    said.user = SaidOfUser::read(reader, table);
    said.web_identity = item("web_identity").and_then(|item| TokenSource::read(reader, item));
    said.azure = item("azure").and_then(|item| SaidOfAzure::read(reader, item));
    said
}

/// The file's text; empty where it does not exist, unless it was named.
fn read_file(path: &Arc<Path>, named: bool, files: &dyn Files) -> Result<String, Complaint> {
    match files.read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|error| {
            let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
            let line = 1 + valid.iter().filter(|byte| **byte == b'\n').count();
            Complaint::at(Place { file: Arc::clone(path), line }, "this line is not UTF-8: save the file as UTF-8")
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !named => Ok(String::new()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Complaint::general(format!(
            "CREDENZA_CONFIG names {}, which does not exist: make it, or unset CREDENZA_CONFIG",
            path.display()
        ))),
        Err(error) => Err(Complaint::general(format!("{} cannot be read: {error}", path.display()))),
    }
}
