//! Registrations of a client at IAM Identity Center, as the AWS CLI keeps them: a file of its own for each session.

use std::time::{Duration, SystemTime};

use super::members::{self, Members, Value, write_time};
use crate::secret::Secret;

/// What tells IAM Identity Center who asks.
#[derive(Clone, Debug)]
pub struct Registration {
    /// Such as `AbCdEfGhIjKlMnOpQrStUvWxYz`.
    pub client_id: String,
    /// Some kilobytes.
    pub client_secret: Secret,
    /// Its end, some weeks or months on.
    pub expires_at: SystemTime,
}

/// How a person signs in. A registration is for one of them: IAM Identity Center does not take both at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// With a code that is shown here and compared in a browser anywhere (RFC 8628).
    Device,
    /// With a browser on this machine, which comes back to us (RFC 6749 section 4.1, RFC 7636).
    Code,
}

impl Flow {
    /// The grant types of its registration: its own, and that of refreshing.
    pub fn grant_types(self) -> [&'static str; 2] {
        match self {
            Self::Device => ["urn:ietf:params:oauth:grant-type:device_code", REFRESH],
            Self::Code => [CODE, REFRESH],
        }
    }
}

const CODE: &str = "authorization_code";
const REFRESH: &str = "refresh_token";

/// The registration in a file of the AWS CLI, if it is for this flow and these scopes and lives long enough.
///
/// One of no grant types is for devices: the AWS CLI writes them only for codes (awscli/botocore/utils.py,
/// `_is_registration_for_auth_code`).
pub(super) fn read(bytes: &[u8], flow: Flow, scopes: &[String], now: SystemTime) -> Option<Registration> {
    let members = Members::read(bytes).ok()?;
    let for_codes = members.texts("grantTypes").is_some_and(|types| types.iter().any(|one| one == CODE));
    let mut granted = members.texts("scopes")?;
    let mut wanted = scopes.to_vec();
    granted.sort_unstable();
    wanted.sort_unstable();
    let registration = Registration {
        client_id: members.text("clientId").ok()??,
        client_secret: members.secret("clientSecret").ok()??,
        expires_at: members.time("expiresAt").ok()??,
    };
    let lives = registration.expires_at.duration_since(now).is_ok_and(|left| left >= AT_LEAST);
    (for_codes == (flow == Flow::Code) && granted == wanted && lives).then_some(registration)
}

/// How long a registration lives that is worth using: a person needs time to sign in.
const AT_LEAST: Duration = Duration::from_secs(15 * 60);

/// The file of the AWS CLI for a registration.
pub(super) fn write(registration: &Registration, flow: Flow, scopes: &[String]) -> Secret {
    let grant_types = flow.grant_types().map(str::to_owned);
    let expires_at = write_time(registration.expires_at);
    members::write(&[
        ("clientId", Value::Text(&registration.client_id)),
        ("clientSecret", Value::Text(registration.client_secret.expose())),
        ("expiresAt", Value::Text(&expires_at)),
        ("scopes", Value::Texts(scopes)),
        ("grantTypes", Value::Texts(&grant_types)),
    ])
}
