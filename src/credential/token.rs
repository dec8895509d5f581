//! A bearer token: what Azure's clients get, and what a federated identity shows in place of a secret.
//!
//! Called by sources, the engine and the dialects. Nothing here verifies a token: that is for whoever takes it.

use std::time::SystemTime;

use super::claims::Claims;
use super::{ClockOffset, Now};
use crate::secret::Secret;

/// A bearer token, and what it says of itself.
#[derive(Clone, Debug)]
pub struct Token {
    /// The token as the upstream wrote it, to the byte.
    pub access_token: Secret,
    /// From when on it works, where it says so.
    pub not_before: Option<SystemTime>,
    /// What it says, as far as it can be read: nothing, where it is opaque.
    pub claims: Claims,
}

impl Token {
    /// A token, read as far as it can be.
    pub fn of(access_token: Secret) -> Self {
        let claims = Claims::read(access_token.expose()).unwrap_or_default();
        Self { not_before: claims.not_before, access_token, claims }
    }
}

/// A token as a source made it.
#[derive(Clone, Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: Token,
    /// When the upstream ends it, by the upstream's clock.
    pub expiration: SystemTime,
    /// The upstream's clock less ours, as its `Date` header showed.
    pub server_offset: ClockOffset,
    /// What a person should be told about it, once each.
    pub warnings: Vec<String>,
    /// When it came from the upstream, where it came before: to another process of this machine. `None`: it comes now.
    pub received: Option<Now>,
}
