//! Dialects: how a kind of client speaks. One file each, with two halves: `read` says what a request asks for, `write`
//! puts an outcome into the client's own words.
//!
//! Pure: nothing here waits, reads a clock, or knows the engine and the configuration. Called by [`crate::server`].

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;

use crate::credential::Failure;

pub mod ecs;

/// What a request asks for, as its path says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<'p> {
    /// The credential of the identity of this name.
    Identity(Cow<'p, str>),
    /// The credential of the grant's own default identity.
    GrantDefault,
}

/// Why a request gets no credential. Each dialect has its own words for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not one that we read: a target that is not a path, a header that must be there once and is not.
    Malformed(&'static str),
    /// `Host` names something that this listener is not: DNS rebinding.
    Host,
    /// A proxy passed the request on.
    Forwarded,
    /// A browser sent it.
    Browser,
    /// The head is over 16 KiB.
    HeadTooLarge,
    /// Neither GET nor HEAD.
    Method,
    /// The body is over 64 KiB.
    BodyTooLarge,
    /// No token was sent.
    TokenMissing,
    /// The token opens nothing: wrong, ended or revoked.
    TokenUnknown,
    /// No route has this path.
    Path,
    /// No profile has this name.
    UnknownIdentity(String),
    /// The identity is there, but the grant does not cover it.
    NotGranted(String),
    /// The grant has no default identity, and the path names none.
    NoDefault,
    /// The engine has no credential.
    Failed(Failure),
    /// A fault of ours.
    Bug(&'static str),
}

impl Refusal {
    /// One word for the audit trail, such as `token-unknown`. An engine's failure has a [`Failure::code`] instead.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Host => "host-refused",
            Self::Forwarded => "forwarded",
            Self::Browser => "browser",
            Self::HeadTooLarge => "head-too-large",
            Self::Method => "method",
            Self::BodyTooLarge => "body-too-large",
            Self::TokenMissing => "token-missing",
            Self::TokenUnknown => "token-unknown",
            Self::Path => "unknown-path",
            Self::UnknownIdentity(_) => "unknown-identity",
            Self::NotGranted(_) => "not-granted",
            Self::NoDefault => "no-default",
            Self::Failed(failure) => failure.code,
            Self::Bug(_) => "bug",
        }
    }
}

/// A whole answer. Cheap to clone, so that one can be kept as long as its credential.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 200, 400, 403, 405, 413, 431, 500 or 503; never 404, 429 or 3xx, which clients misread or multiply.
    pub status: StatusCode,
    /// The reason phrase, where the usual one would say less: some clients show nothing else.
    pub reason: Option<&'static str>,
    /// `Allow: GET, HEAD` goes with it.
    pub allow: bool,
    /// The body: JSON.
    pub body: Bytes,
}
