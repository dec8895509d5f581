//! What clients presented to get tokens: each time that one came, without itself.

use std::time::SystemTime;

use ring::digest::{SHA256, digest};
use serde::Serialize;

use crate::Cloud;

/// Something that was in order, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presented {
    /// By the cloud's clock.
    pub at: SystemTime,
    /// What it was.
    pub kind: Kind,
    /// Who presented it.
    pub client_id: String,
    /// Who issued it: the app itself when it signed with a certificate; nobody for what is not an assertion.
    pub issuer: Option<String>,
    /// An assertion's `sub`, else the person that it stands for.
    pub subject: String,
    /// Equal for equal ones, and for no others.
    pub digest: String,
}

/// What can be presented.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A signed token in place of a secret.
    Assertion,
    /// A code that a browser brought.
    Code,
    /// A device code.
    DeviceCode,
    /// A refresh token.
    RefreshToken,
}

impl Presented {
    pub(super) fn new(kind: Kind, client_id: &str, subject: &str, text: &str, at: SystemTime) -> Self {
        let digest = digest(&SHA256, text.as_bytes());
        Self {
            at,
            kind,
            client_id: client_id.to_owned(),
            issuer: None,
            subject: subject.to_owned(),
            digest: digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

impl Cloud {
    /// Everything that Entra ID found in order, whatever became of its call, in the order in which it came. A client that
    /// uses a fresh assertion each time shows no digest of [`Kind::Assertion`] twice here.
    pub fn presented(&self) -> Vec<Presented> {
        self.state().entra.presented.clone()
    }
}
