//! Who and what there is in Entra ID: tenants, people, APIs; app registrations are in [`super::app`].

use std::time::SystemTime;

use serde::Deserialize;

use crate::keys::request_id;

/// A tenant (a directory).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// `11112222-3333-4444-5555-666677778888`.
    pub id: String,
    /// `example.onmicrosoft.com`: stands for the id wherever a request names a tenant.
    pub domain: String,
    /// The authority of its cloud, the only one of the three that knows it.
    #[serde(default = "public_cloud")]
    pub authority: String,
}

impl Tenant {
    /// A tenant of the public cloud.
    pub fn new(id: &str, domain: &str) -> Self {
        Self { id: id.to_owned(), domain: domain.to_owned(), authority: public_cloud() }
    }

    /// The `iss` of its tokens of version 1 or 2. (learn.microsoft.com, "Access token claims reference", `iss`)
    pub fn issuer_url(&self, version: u8) -> String {
        let id = &self.id;
        match (version, self.authority.as_str()) {
            (2, authority) => format!("https://{authority}/{id}/v2.0"),
            (_, CHINA) => format!("https://sts.chinacloudapi.cn/{id}/"),
            _ => format!("https://sts.windows.net/{id}/"),
        }
    }

    /// Whether a request means this tenant by this name.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.id.eq_ignore_ascii_case(name) || self.domain.eq_ignore_ascii_case(name)
    }
}

/// The authorities of the three clouds. (learn.microsoft.com, "National clouds", "Microsoft Entra authentication endpoints")
pub const AUTHORITIES: [&str; 3] = [PUBLIC, GOVERNMENT, CHINA];
pub(crate) const PUBLIC: &str = "login.microsoftonline.com";
pub(crate) const GOVERNMENT: &str = "login.microsoftonline.us";
pub(crate) const CHINA: &str = "login.chinacloudapi.cn";

/// A person with an account in a tenant.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The user principal name: `ada@example.com`.
    pub name: String,
    /// The id of the tenant.
    pub tenant: String,
    /// Whether the account is enabled.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The object id.
    #[serde(default = "request_id")]
    pub object_id: String,
    /// What the tenant's policies want of this person.
    #[serde(default)]
    pub challenges: Vec<Challenge>,
    /// Sign-ins from before are void. (`revokeSignInSessions`)
    #[serde(skip)]
    pub(crate) valid_from: Option<Moment>,
    /// Access tokens from before are refused by those who check. (Continuous access evaluation)
    #[serde(skip)]
    pub(crate) evaluated_from: Option<Moment>,
}

impl Person {
    /// An enabled person without any policies.
    pub fn new(name: &str, tenant: &str) -> Self {
        Self {
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            enabled: true,
            object_id: request_id(),
            challenges: Vec::new(),
            valid_from: None,
            evaluated_from: None,
        }
    }
}

/// A time, and the last number that was given out by then: what came before and what after is told apart within a second too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) number: u64,
    pub(crate) at: SystemTime,
}

/// What a policy wants before it lets a token be issued.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Challenge {
    /// The number of the error: 50076 (MFA), 53003 (blocked) ...
    pub code: u32,
    /// Only tokens for this API, by any of its names; all when absent.
    #[serde(default)]
    pub resource: Option<String>,
    /// Sign-ins of higher numbers have met it, when a sign-in can.
    #[serde(skip)]
    pub(crate) since: u64,
}

impl Challenge {
    /// Whether signing in again is enough. What blocks people, devices and places stays until an administrator lets go.
    pub(crate) fn is_met_by_sign_in(&self) -> bool {
        !matches!(self.code, 50057 | 50097 | 50105 | 50129 | 50131 | 53000..=53011 | 530_000..=530_999)
    }
}

/// An API that tokens are for.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// Its own client id, a GUID: also a name for it.
    pub app_id: String,
    /// Its identifier URIs: `https://graph.microsoft.com`, `api://...`. Whether they end in a slash matters.
    pub identifiers: Vec<String>,
    /// The tenant that has it; all when absent.
    #[serde(default)]
    pub tenant: Option<String>,
    /// The version of the tokens that it takes: 1 or 2. (`requestedAccessTokenVersion`)
    #[serde(default = "one")]
    pub token_version: u8,
    /// How long its tokens live, in seconds; 60 to 90 minutes by chance when absent.
    #[serde(default)]
    pub token_secs: Option<u64>,
}

impl Api {
    /// An API of every tenant that takes tokens of this version.
    pub fn new(app_id: &str, identifiers: &[&str], token_version: u8) -> Self {
        Self {
            app_id: app_id.to_owned(),
            identifiers: identifiers.iter().map(|&identifier| identifier.to_owned()).collect(),
            tenant: None,
            token_version,
            token_secs: None,
        }
    }

    /// Whether a request means this API by this name. GUIDs are compared without case, URIs as they are.
    pub(crate) fn is_called(&self, name: &str) -> bool {
        self.app_id.eq_ignore_ascii_case(name) || self.identifiers.iter().any(|identifier| identifier == name)
    }
}

fn public_cloud() -> String {
    PUBLIC.to_owned()
}

fn yes() -> bool {
    true
}

fn one() -> u8 {
    1
}
