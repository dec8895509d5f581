//! The web identities that STS took: each time that one came, without the token.

use std::time::SystemTime;

use ring::digest::{SHA256, digest};

use super::Claims;
use crate::Cloud;

/// A web identity that was in order, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// By the cloud's clock.
    pub at: SystemTime,
    /// The token's `iss`.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// Equal for equal tokens, and for no others.
    pub digest: String,
}

impl Cloud {
    /// Every web identity that STS found in order, whoever issued it and whatever became of its call, in the order in which
    /// they came. AWS takes one as often as it comes while it lives; a client that uses a fresh one each time shows no digest
    /// twice here.
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.state().exchanges.clone()
    }

    pub(crate) fn note_exchange(&self, claims: &Claims, token: &str) {
        let exchange = Exchange {
            at: self.now(),
            issuer: claims.iss.clone(),
            subject: claims.sub.clone(),
            digest: digest_of(token),
        };
        self.state().exchanges.push(exchange);
    }
}

/// Equal for equal tokens, and tells nothing of them.
pub(crate) fn digest_of(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
