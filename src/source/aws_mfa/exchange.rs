//! [`Exchange`]: one call to STS that begins a user session, whole: long-term keys, and the one-time code that must be sent
//! once and never again. Made in the process that a person started, or in the daemon where no person is needed; sent by
//! whoever keeps the sessions.

use std::path::PathBuf;
use std::time::Duration;

use crate::config::{RoleRequest, StsEndpoint};
use crate::credential::{AwsKeys, IdentityName, SessionKey};
use crate::secret::Secret;

/// What is sent to STS to begin a session.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Under which key the session is kept.
    pub session: SessionKey,
    /// The identity that it is begun for: for the sentences.
    pub identity: IdentityName,
    /// Which STS is asked.
    pub sts: StsEndpoint,
    /// The CA bundle for that.
    pub ca_bundle: Option<PathBuf>,
    /// What is asked for.
    pub call: ExchangeCall,
    /// The user's long-term keys, which sign it.
    pub keys: AwsKeys,
    /// The device and its code; `None`: the call carries none.
    pub device: Option<Device>,
}

/// A device, and the code that it shows.
#[derive(Clone, Debug)]
pub struct Device {
    /// `SerialNumber`.
    pub serial: String,
    /// `TokenCode`: six digits.
    pub code: Secret,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExchangeCall {
    /// `GetSessionToken`: a session of the user, for all that rest on it.
    Session {
        /// `DurationSeconds`.
        duration: Duration,
    },
    /// `AssumeRole`: a session of this role and nothing else.
    Role(Box<RoleRequest>),
}
