//! IAM Identity Center as the user's files describe it: where one signs in ([`SsoSession`]), and what a profile wants of it
//! ([`SsoDefinition`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::identity::StsEndpoint;
use super::resolve::endpoint::{self, Service};
use crate::credential::SessionKey;
use crate::secret::Digest;
use crate::world::{Environment, places};

/// A profile with `sso_session`, or with the older `sso_start_url`.
#[derive(Clone, Debug)]
pub struct SsoDefinition {
    /// Where one signs in.
    pub session: Arc<SsoSession>,
    /// `sso_account_id`, twelve digits.
    pub account_id: String,
    /// `sso_role_name`, such as `AdministratorAccess`.
    pub role_name: String,
    /// Which STS is asked whose the role's credentials are.
    pub sts: StsEndpoint,
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

    /// A sign-in that no file names yet, with the endpoints and the CA bundle that the environment names. `name` is what its
    /// `[sso-session X]` would be called.
    ///
    /// Fails where the start URL, the region or one of the variables is none; the error is a sentence.
    pub fn of_start_url(
        start_url: &str,
        region: &str,
        name: Option<&str>,
        environment: &Environment,
    ) -> Result<Self, String> {
        check_start_url(start_url)?;
        check_region(region)?;
        let ca_bundle = environment.text("AWS_CA_BUNDLE").map(Path::new);
        Ok(Self {
            name: name.map(str::to_owned),
            start_url: start_url.to_owned(),
            region: region.to_owned(),
            scopes: scopes(None),
            oidc_url: Service::SSO_OIDC.url_of(environment)?,
            portal_url: Service::SSO.url_of(environment)?,
            fips: endpoint::is_on(environment, "AWS_USE_FIPS_ENDPOINT", None),
            dualstack: endpoint::is_on(environment, "AWS_USE_DUALSTACK_ENDPOINT", None),
            ca_bundle: ca_bundle.map(|path| places::absolute(&places::expanded(path, environment))),
            cache: SsoCache::default(),
            length: None,
            announce: Self::ANNOUNCE,
            max_hold: None,
        })
    }

    /// What people call it: the section's name, or the start URL.
    pub fn label(&self) -> &str {
        self.name.as_deref().unwrap_or(&self.start_url)
    }

    /// The key of the engine's table, such as `sso:corp:0f3a11c2`: it changes with whatever decides who is asked.
    pub fn key(&self) -> SessionKey {
        let urls = [self.oidc_url.as_deref(), self.portal_url.as_deref()].map(Option::unwrap_or_default);
        let private = if self.cache == SsoCache::Private { "private" } else { "" };
        let scopes = self.scopes.join(" ");
        let mut parts = vec![self.start_url.as_str(), &self.region, &scopes, urls[0], urls[1], private];
        parts.extend(self.fips.then_some("fips"));
        parts.extend(self.dualstack.then_some("dualstack"));
        let mut mark = Digest::of(parts.join("\0").as_bytes()).to_hex();
        mark.truncate(8);
        SessionKey(format!("sso:{}:{mark}", self.label()).into())
    }
}

/// A start URL is `https`, or `http` to this machine; the error is the end of a sentence.
pub(super) fn check_start_url(text: &str) -> Result<(), String> {
    match text.parse::<http::Uri>() {
        Ok(uri) if endpoint::is_safe(&uri) => Ok(()),
        Ok(uri) if uri.scheme_str() == Some("http") => {
            Err(format!("{text} is in clear text to another machine: write https://"))
        }
        _ => Err(format!("{text} is no start URL, such as https://d-1234567890.awsapps.com/start")),
    }
}

/// The command that signs in by the name of an identity or of a sign-in, as a shell takes it.
///
/// ```
/// use credenza::config::sso::login_command;
/// assert_eq!(login_command("two words"), "credenza login 'two words'");
/// ```
pub fn login_command(name: &str) -> String {
    format!("credenza login {}", shlex::try_quote(name).map_or_else(|_| name.to_owned(), Into::<String>::into))
}

/// Whether a text can be a region, such as `eu-central-1`: it becomes part of the name of the host that tokens are sent to.
pub fn is_region(text: &str) -> bool {
    endpoint::is_host_label(text)
}

/// A region becomes part of a host's name; the error is the end of a sentence.
pub(super) fn check_region(text: &str) -> Result<(), String> {
    if is_region(text) { Ok(()) } else { Err(format!("{text} is no region, such as eu-central-1")) }
}

/// What `sso_registration_scopes` asks for, each once, in its order; the access portal's scope is always among them.
pub(super) fn scopes(written: Option<&str>) -> Vec<String> {
    let written = written.unwrap_or_default().split(',').map(str::trim).filter(|scope| !scope.is_empty());
    let mut scopes: Vec<String> = Vec::new();
    for scope in written.chain([SsoSession::ACCESS]) {
        if !scopes.iter().any(|known| known == scope) {
            scopes.push(scope.to_owned());
        }
    }
    scopes
}
