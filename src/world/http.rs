//! Requests to upstreams: one method, bounded in time and size, never following a redirect.

use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;

use super::BoxFuture;

mod connect;
pub mod exchange;
mod proxy;
mod roots;
mod upstream;

pub use upstream::Upstream;

/// Sends requests to upstreams.
pub trait Http: Send + Sync {
    /// Sends one request and reads the whole answer. No retry and no redirect happens inside.
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>>;
}

/// An extension of a request: a PEM file of authorities that are trusted for it beside the system's (a profile's
/// `ca_bundle`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ExtraRoots(pub std::path::PathBuf);

/// What one request may cost.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Until connected: name, proxy and TLS included.
    pub connect: Duration,
    /// Until the last byte of the answer.
    pub total: Duration,
    /// The most that an answer's body may hold, in bytes.
    pub body_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 1 << 20 }
    }
}

/// Why no answer came. The texts hold host names and library messages, never a header or a body.
#[derive(Clone, Debug, Error)]
pub enum HttpError {
    /// No connection: nothing was sent.
    #[error("no connection to {host}: {reason}")]
    Connect {
        /// Host and port.
        host: String,
        /// The library's words.
        reason: String,
    },
    /// The connection broke after something may have been sent: the upstream may have acted.
    #[error("the connection to {host} broke: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// The library's words.
        reason: String,
    },
    /// The answer did not come, or not wholly, in time.
    #[error("no answer from {host} within {after:?}")]
    TimedOut {
        /// Host and port.
        host: String,
        /// The limit.
        after: Duration,
    },
    /// The answer's body is over the limit.
    #[error("the answer from {host} is over {limit} bytes")]
    TooLarge {
        /// Host and port.
        host: String,
        /// The limit in bytes.
        limit: usize,
    },
}
