//! Connections: whatever carries bytes carries requests to the cloud. Pipes in memory for simulated time; TCP and TLS for
//! real clients.
//!
//! Nothing here blocks a thread or asks the machine's clock, so a paused Tokio runtime can carry it.

mod asked;
mod connection;
mod listen;
mod service;

use bytes::Bytes;
use http::HeaderMap;

pub use listen::Listening;

/// A request, whole.
pub(crate) struct Received {
    pub(crate) method: String,
    /// The `Host` header.
    pub(crate) host: String,
    /// Whether it came over TLS.
    pub(crate) secure: bool,
    /// `/?Action=...`
    pub(crate) path_and_query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// An answer, whole; its `Date` and `Content-Length` are added when it leaves.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}
