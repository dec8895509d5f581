//! [`Right`]: what opened something to a request, and whether it still would.
//!
//! Made by [`super::admit`]; [`super::desk`] asks it again for each request that it answers from memory.

use std::sync::Arc;
use std::time::Duration;

use super::gate::Proofs;
use super::grant::Grant;
use crate::credential::Now;

/// What opened it: for who answers the same request again.
#[derive(Clone)]
pub(super) enum Right {
    /// Nothing yet.
    Nothing,
    /// A grant's token, and where it was shown.
    Grant(Arc<Grant>, By),
    /// Its being ours.
    Peer,
    /// A session token, until then by the boot clock.
    Ticket(Duration),
    /// The token of this `NAMESPACE/NAME`: verified each time.
    Account(Arc<str>),
}

/// Where a grant's token is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    /// `Authorization`.
    Authorization,
    /// `X-IDENTITY-HEADER`.
    IdentityHeader,
    /// `secret`.
    Secret,
    /// In the path.
    Path,
}

impl Right {
    /// Whether it opens something at this time.
    pub(super) fn lives(&self, now: Now) -> bool {
        match self {
            Self::Nothing | Self::Account(_) => false,
            Self::Grant(grant, _) => grant.lives(now),
            Self::Peer => true,
            Self::Ticket(until) => now.boot < *until,
        }
    }

    /// What of a request's proofs it rests on, beside what is asked for.
    pub(super) fn proof<'r>(&self, proofs: Proofs<'r>) -> Option<&'r [u8]> {
        let proof = match self {
            Self::Nothing | Self::Peer | Self::Account(_) | Self::Grant(_, By::Path) => None,
            Self::Grant(_, By::Authorization) => proofs.token,
            Self::Grant(_, By::IdentityHeader) => proofs.identity_header,
            Self::Grant(_, By::Secret) => proofs.secret,
            Self::Ticket(_) => proofs.ticket,
        };
        proof.map(http::HeaderValue::as_bytes)
    }
}
