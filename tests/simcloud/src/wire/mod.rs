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

impl Received {
    /// The host without its port.
    pub(crate) fn host_name(&self) -> &str {
        self.host.split(':').next().unwrap_or(&self.host)
    }

    /// The path without its query.
    pub(crate) fn path(&self) -> &str {
        self.path_and_query.split('?').next().unwrap_or(&self.path_and_query)
    }

    /// The query's first value of this name.
    pub(crate) fn query(&self, wanted: &str) -> Option<String> {
        let (_, query) = self.path_and_query.split_once('?')?;
        let mut pairs = form_urlencoded::parse(query.as_bytes());
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
    }

    /// A header's text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// Where the client came to: `https://127.0.0.1:4711`.
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", if self.secure { "https" } else { "http" }, self.host)
    }
}

/// A JSON answer.
pub(crate) fn json_answer(status: u16, body: &serde_json::Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    Answer { status, headers, body: body.to_string().into() }
}

/// An answer, whole; its `Date` and `Content-Length` are added when it leaves.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}
