//! [`Wiring`]: what a child is wired to, and the variables that tell it.
//!
//! The variables are those of the AWS SDKs and Tools Reference Guide ("Container credential provider", "Environment
//! variables"). At most one of the two URIs and one of the two token variables is set, because clients differ in which
//! they prefer; everything that would come before the endpoint in some client's chain goes.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::changes::Changes;
use super::dialects::{self, Dialects, ENDPOINT, ENDPOINT_TOKEN, METADATA};
use super::original::{is_generated, original};
use super::{azure, no_proxy};
use crate::app::generated;
use crate::cli::printed::timestamp;
use crate::credential::{AwsKeys, Credential, IdentityName};
use crate::secret::Secret;
use crate::world::Environment;

/// What a child is wired to.
#[derive(Clone, Debug)]
pub struct Wiring {
    /// The identity that it gets without naming one.
    pub default: IdentityName,
    /// The endpoint's base: `http://127.0.0.1:40123`.
    pub base: String,
    /// How it is found.
    pub dialects: Dialects,
    /// What opens the endpoint.
    pub token: Token,
    /// `--region`: goes before everything.
    pub region: Option<String>,
    /// The default identity's own region: what is left when nobody names one.
    pub identity_region: Option<String>,
    /// The generated shared config file.
    pub config_file: PathBuf,
    /// The generated shared credentials file.
    pub credentials_file: PathBuf,
    /// `--static-env`: the keys themselves.
    pub static_keys: Option<StaticKeys>,
}

/// How the child learns the endpoint's token.
#[derive(Clone, Debug)]
pub enum Token {
    /// In its environment.
    Value(Secret),
    /// In a file that the client reads at every fetch.
    File(PathBuf),
}

/// Temporary keys for tools that know nothing else. There is no form for long-term keys.
#[derive(Clone, Debug)]
pub struct StaticKeys {
    /// `ASIA...`.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Secret,
    /// The session token.
    pub session_token: Secret,
    /// When they end, RFC 3339 in UTC: botocore and the AWS SDK for JavaScript read it, and say so instead of signing
    /// with dead keys.
    pub expiration: String,
}

impl StaticKeys {
    /// Those of a credential; `None` for long-term keys, and for a token.
    pub fn of(credential: &Credential) -> Option<Self> {
        let AwsKeys { access_key_id, secret_access_key, session_token } = credential.aws()?.keys.clone();
        let session_token = session_token.filter(|token| !token.is_empty())?;
        Some(Self { access_key_id, secret_access_key, session_token, expiration: timestamp(credential.expiration) })
    }
}

/// The container endpoint's address.
pub const FULL_URI: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
/// The container endpoint's token.
pub const TOKEN: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN";
/// The file that holds it.
pub const TOKEN_FILE: &str = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE";
/// The name of the default identity: for prompts, and a sign that the environment is wired.
pub const IDENTITY: &str = "CREDENZA_IDENTITY";
/// The region that was wired in, so that a nested command can tell it from one that somebody wrote.
pub const REGION: &str = "CREDENZA_REGION";
/// The access key id that `--static-env` wired in: while `AWS_ACCESS_KEY_ID` is the same, the keys are ours, to be undone.
pub const STATIC: &str = "CREDENZA_STATIC";
/// Our own names, but for [`OUTER`] ones.
pub const OWN: [&str; 6] = [IDENTITY, REGION, STATIC, ENDPOINT, ENDPOINT_TOKEN, METADATA];
/// Before the name of a variable: what it held outside.
pub const OUTER: &str = "CREDENZA_OUTER_";

/// The sign that `env` wired what `exec` had wired already.
const INSIDE_EXEC: &str = "CREDENZA_OUTER_EXEC";

/// Who wired an environment last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// Nobody.
    None,
    /// `env`, in a shell that was not wired.
    Env,
    /// `exec`.
    Exec,
    /// `env`, inside a child of `exec`.
    EnvInExec,
}

/// Who wired this environment last, for either cloud. One wired by `exec` and the other by `env` are as one that `env` wired
/// inside `exec`: neither can be undone without the other.
pub fn layer(environment: &Environment) -> Layer {
    match (layer_of_aws(environment), azure::layer(environment)) {
        (Layer::None, layer) | (layer, Layer::None) => layer,
        (one, other) if one == other => one,
        _ => Layer::EnvInExec,
    }
}

fn layer_of_aws(environment: &Environment) -> Layer {
    let config = environment.raw("AWS_CONFIG_FILE").map(Path::new);
    match config {
        _ if environment.raw(IDENTITY).is_none() => Layer::None,
        _ if environment.raw(INSIDE_EXEC).is_some() => Layer::EnvInExec,
        Some(file) if is_generated(file) && !is_shells(file) => Layer::Exec,
        _ => Layer::Env,
    }
}

/// Whether a generated file is one of those that the shells of `env` share.
fn is_shells(file: &Path) -> bool {
    file.file_stem().is_some_and(|stem| stem == generated::SHELLS)
}

/// What would come before the endpoint in some client's chain, or lead past it.
pub const REMOVED: [&str; 17] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SECURITY_TOKEN",       // boto's older name of the session token
    "AWS_ACCESS_KEY",           // the AWS SDKs for Java v1 and Go v1
    "AWS_SECRET_KEY",           // the same
    "AMAZON_ACCESS_KEY_ID",     // the AWS SDK for JavaScript v2
    "AMAZON_SECRET_ACCESS_KEY", // the same
    "AMAZON_SESSION_TOKEN",     // the same
    "AWS_CREDENTIAL_FILE",      // botocore's OriginalEC2Provider
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
];

/// What `--static-env` sets.
pub const STATIC_KEYS: [&str; 4] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CREDENTIAL_EXPIRATION"];

/// What is never kept under another name: keys and tokens that are not ours.
pub const SECRET: [&str; 11] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    TOKEN,
];

/// What we set, but for our own names.
pub const SET: [&str; 11] = [
    FULL_URI,
    TOKEN,
    TOKEN_FILE,
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CREDENTIAL_PROFILES_FILE", // the AWS SDK for Java v1, which knows no other name for the file
    "AWS_SDK_LOAD_CONFIG", // the AWS SDKs for JavaScript v2 and Go v1, which pass over the files' names without it
    "NO_PROXY",
    "no_proxy",
];

impl Wiring {
    /// What becomes of an environment, wired already or not: the child of an `exec` in an `exec` has the inner's alone.
    pub fn changes(&self, environment: &Environment) -> Changes {
        let before = original(environment);
        let mut changes = Changes::default();
        let mut put = |name: &str, value: Option<OsString>| match value {
            Some(value) => changes.set(name, value),
            None if environment.raw(name).is_some() => changes.remove(name),
            None => {}
        };
        for name in REMOVED {
            put(name, None);
        }
        for name in SET.into_iter().chain(REMOVED).filter(|name| !SECRET.contains(name)) {
            put(&outer_name(name), before.raw(name).map(OsStr::to_owned));
        }
        let by_env = is_shells(&self.config_file);
        let inside = by_env && matches!(layer_of_aws(environment), Layer::Exec | Layer::EnvInExec);
        put(INSIDE_EXEC, inside.then(|| "1".into()));
        for name in dialects::metadata() {
            let outer = || before.raw(name).map(OsStr::to_owned);
            match self.dialects.variable(name) {
                Some(value) => {
                    put(&outer_name(name), outer());
                    put(name, value.map(Into::into));
                }
                // the user's own, unless somebody wired it before
                None => {
                    put(&outer_name(name), None);
                    if before.raw(name) != environment.raw(name) {
                        put(name, outer());
                    }
                }
            }
        }
        put(METADATA, self.dialects.metadata_base().map(Into::into));
        put(ENDPOINT, self.dialects.hides_endpoint().then(|| self.base.clone().into()));
        put(ENDPOINT_TOKEN, None);
        put(FULL_URI, self.dialects.full_uri(&self.base, &self.default).map(Into::into));
        put(TOKEN, None);
        put(TOKEN_FILE, None);
        put("AWS_CONFIG_FILE", Some(self.config_file.clone().into()));
        for name in ["AWS_SHARED_CREDENTIALS_FILE", "AWS_CREDENTIAL_PROFILES_FILE"] {
            put(name, Some(self.credentials_file.clone().into()));
        }
        put("AWS_SDK_LOAD_CONFIG", Some("1".into()));
        let (region, default_region) = self.regions(&before);
        put("AWS_REGION", region.clone().map(Into::into));
        put("AWS_DEFAULT_REGION", default_region.map(Into::into));
        put(REGION, region.map(Into::into));
        put("NO_PROXY", Some(no_proxy::of(&before, "NO_PROXY").into()));
        put("no_proxy", Some(no_proxy::of(&before, "no_proxy").into()));
        put(IDENTITY, Some(self.default.as_ref().into()));
        put(STATIC, self.static_keys.as_ref().map(|keys| keys.access_key_id.clone().into()));
        match &self.token {
            Token::Value(token) if self.dialects.has_container() => changes.set_secret(TOKEN, token.clone()),
            Token::Value(token) => changes.set_secret(ENDPOINT_TOKEN, token.clone()),
            Token::File(file) => changes.set(TOKEN_FILE, file),
        }
        if let Some(keys) = &self.static_keys {
            changes.set("AWS_ACCESS_KEY_ID", &keys.access_key_id);
            changes.set_secret("AWS_SECRET_ACCESS_KEY", keys.secret_access_key.clone());
            changes.set_secret("AWS_SESSION_TOKEN", keys.session_token.clone());
            changes.set("AWS_CREDENTIAL_EXPIRATION", &keys.expiration);
        }
        changes
    }

    /// `AWS_REGION` and `AWS_DEFAULT_REGION`: what was asked for, else what the environment says, as it goes before the
    /// profile's in every client, else the profile's. Each fills the other in: botocore knows the second alone, most
    /// SDKs the first alone.
    fn regions(&self, before: &Environment) -> (Option<String>, Option<String>) {
        let written = |first: &str, second: &str| {
            let asked = self.region.as_deref();
            let found = asked.or_else(|| before.text(first)).or_else(|| before.text(second));
            found.or(self.identity_region.as_deref()).map(str::to_owned)
        };
        (written("AWS_REGION", "AWS_DEFAULT_REGION"), written("AWS_DEFAULT_REGION", "AWS_REGION"))
    }
}

/// Where a variable's outer value is kept.
pub fn outer_name(name: &str) -> String {
    format!("{OUTER}{name}")
}

#[cfg(test)]
#[path = "wiring_tests.rs"]
mod tests;
