//! IAM Identity Center as the user's files describe it: where one signs in ([`SsoSession`]), and what a profile wants of it
//! ([`SsoDefinition`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::credential::SessionKey;
use crate::secret::Digest;

/// A profile with `sso_session`, or with the older `sso_start_url`.
#[derive(Clone, Debug)]
pub struct SsoDefinition {
    /// Where one signs in.
    pub session: Arc<SsoSession>,
    /// `sso_account_id`, twelve digits.
    pub account_id: String,
    /// `sso_role_name`, such as `AdministratorAccess`.
    pub role_name: String,
}

/// Where one signs in: an `[sso-session X]`, or the start URL that profiles of the older form share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SsoSession {
    /// The name of its `[sso-session X]` section; `None` for the older form, which has none.
    pub name: Option<String>,
    /// `sso_start_url` as it is written: `https://d-1234567890.awsapps.com/start`, or a company's own address.
    pub start_url: String,
    /// `sso_region`: the region of IAM Identity Center, not of what is worked with.
    pub region: String,
    /// What is asked for at registration: `sso_registration_scopes`, and always `sso:account:access`, without which there
    /// are no refresh tokens.
    pub scopes: Vec<String>,
    /// An address that replaces the region's own for sign-in: `AWS_ENDPOINT_URL_SSO_OIDC`, or `sso_oidc` of `[services X]`.
    pub oidc_url: Option<String>,
    /// The same for the access portal: `AWS_ENDPOINT_URL_SSO`, or `sso` of `[services X]`.
    pub portal_url: Option<String>,
    /// FIPS endpoints.
    pub fips: bool,
    /// Dual-stack endpoints.
    pub dualstack: bool,
    /// The CA bundle for both: `AWS_CA_BUNDLE`, else the profile's `ca_bundle`.
    pub ca_bundle: Option<PathBuf>,
    /// Where its tokens lie.
    pub cache: SsoCache,
    /// How long a sign-in lasts, where the user says so (`session_length`): AWS does not tell.
    pub length: Option<Duration>,
    /// How long before its end a sign-in is announced to end (`announce`): 15 min.
    pub announce: Duration,
    /// How long role credentials are handed out after a renewal failed (`max_hold`); `None`: to their end.
    pub max_hold: Option<Duration>,
}

/// Where a sign-in's tokens lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SsoCache {
    /// In the AWS CLI's folder, `~/.aws/sso/cache`: one sign-in for everybody.
    #[default]
    Shared,
    /// In the system's keyring, for us alone.
    Private,
}

impl SsoSession {
    /// The scope that the access portal wants.
    pub const ACCESS: &'static str = "sso:account:access";

    /// How long before its end a sign-in is announced to end, where nothing else is written.
    pub const ANNOUNCE: Duration = Duration::from_secs(15 * 60);

    /// What people call it: the section's name, or the start URL.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.start_url)
    }

    /// The key of the engine's table, such as `sso:corp:0f3a11c2`: it changes with whatever decides who is asked.
    pub fn key(&self) -> SessionKey {
        let urls = [self.oidc_url.as_deref(), self.portal_url.as_deref()].map(Option::unwrap_or_default);
        let private = if self.cache == SsoCache::Private { "private" } else { "" };
        let parts = [self.start_url.as_str(), &self.region, &self.scopes.join(" "), urls[0], urls[1], private];
        let mut mark = Digest::of(parts.join("\0").as_bytes()).to_hex();
        mark.truncate(8);
        SessionKey(format!("sso:{}:{mark}", self.label()).into())
    }
}
