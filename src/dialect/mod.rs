//! Dialects: how a kind of client speaks. One file each, with two halves: `read` says what a request asks for, `write`
//! puts an outcome into the client's own words.
//!
//! Pure: nothing here waits, reads a clock, or knows the engine and the configuration. Called by [`crate::server`].

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;

pub mod azure;
pub mod ec2;
pub mod ecs;
pub mod ecs_task;
pub mod pod_identity;
mod refusal;
pub mod service_account;
pub mod ticket;

pub use refusal::{Refusal, Said};

/// What a request asks for, as its path says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<'p> {
    /// The credential of the identity of this name.
    Identity(Cow<'p, str>),
    /// The credential of the grant's own default identity.
    GrantDefault,
}

/// A whole answer. Cheap to clone, so that one can be kept as long as its credential.
#[derive(Clone, Debug)]
pub struct Answer {
    /// 200, or the status of a refusal; never 3xx, which clients follow, and 429, which they multiply, only where a dialect's
    /// clients wait as they are told. 404 only where they read it as "there is none".
    pub status: StatusCode,
    /// The reason phrase, where the usual one would say less: some clients show nothing else.
    pub reason: Option<&'static str>,
    /// What `Allow` says, such as `GET, HEAD`.
    pub allow: Option<&'static str>,
    /// EC2: what `X-aws-ec2-metadata-token-ttl-seconds` says, such as 21600.
    pub ticket_life_secs: Option<u32>,
    /// What `Retry-After` says: where clients wait for so long and ask again, rather than giving up.
    pub retry_after_secs: Option<u32>,
    /// The connection ends with it.
    pub last: bool,
    /// What the body is.
    pub form: Form,
    /// The body.
    pub body: Bytes,
}

/// What a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `application/json`
    Json,
    /// `text/plain`: everything of EC2's instance metadata service, its JSON too, and single values of Azure's.
    Text,
}

impl Answer {
    /// 200 with a body.
    pub fn ok(form: Form, body: Bytes) -> Self {
        Self {
            status: StatusCode::OK,
            reason: None,
            allow: None,
            ticket_life_secs: None,
            retry_after_secs: None,
            last: false,
            form,
            body,
        }
    }
}
