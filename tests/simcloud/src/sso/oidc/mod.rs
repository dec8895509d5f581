//! SSO OIDC (API version 2019-06-10): registrations, logins, tokens. JSON in, JSON out, one action a file.

pub(super) mod authorize;
pub(super) mod device;
mod fields;
mod register;
mod token;

use std::time::SystemTime;

use serde_json::Value;

pub(super) use fields::Fields;
pub(super) use register::register;
pub(super) use token::{create, sign_in};

/// A device code, polled for.
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// A code that a browser brought.
pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
/// A refresh token.
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";

/// What the portal asks of a token, and the default of the AWS CLI.
pub(crate) const PORTAL_SCOPE: &str = "sso:account:access";

/// Whether there is such a scope. (IAM Identity Center User Guide, "Scopes for OIDC"; those of the developer tools by their
/// prefix.)
fn is_scope(scope: &str) -> bool {
    let prefixes = ["codewhisperer:", "codecatalyst:", "sts:", "verified_access:", "redshift:", "qapps:"];
    matches!(scope, PORTAL_SCOPE | "openid" | "email" | "profile" | "aws" | "offline_access")
        || prefixes.iter().any(|prefix| scope.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty()))
}

fn unix_secs(time: SystemTime) -> Value {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs().into()
}
