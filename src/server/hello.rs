//! [`Hello`]: how a relay begins a connection to the daemon, before the HTTP of the container that it serves.
//!
//! ```text
//! 0x00 'c' 'r' 'l' | length: 4 bytes, big-endian | JSON
//! ```
//!
//! No HTTP request begins with a zero byte, so one socket takes both. Everything about the container stands here and nothing in the
//! headers of its requests, where it could write what it likes. Members that a reader does not know are passed over, and those that came
//! later have defaults; what is no longer understood changes [`VERSION`]. Written by [`super::relay`], read by [`super::data`].

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::{fmt, io};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::secret::Secret;
use zeroize::Zeroizing;

/// The version of what is said. One version apart is understood both ways.
pub const VERSION: u32 = 1;

/// How a hello begins.
pub const MAGIC: [u8; 4] = *b"\0crl";

/// What is said of a container that connected, and what is served where it did.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Visit {
    /// [`VERSION`], as the relay has it.
    pub version: u32,
    /// The container's address.
    pub from: SocketAddr,
    /// The address that it reached, such as `169.254.170.2:80`.
    pub place: Place,
    /// Who it is: a name that is written down, or else none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Whether that is one that is written down: others get nothing without a token of their own.
    #[serde(default)]
    pub known: bool,
    /// What it may have, by names that the daemon knows; the first of each cloud is the default.
    #[serde(default)]
    pub identities: Vec<String>,
}

/// An address of the relay, and how its clients speak: a `[[listener]]` without who may have what.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Such as `169.254.170.2:80`.
    pub address: SocketAddr,
    /// The words of the dialects.
    pub dialects: Vec<String>,
    /// `require_token`
    #[serde(default)]
    pub require_token: bool,
    /// `imds_v1`
    #[serde(default)]
    pub imds_v1: bool,
    /// `faithful`
    #[serde(default)]
    pub faithful: bool,
    /// Not `enabled`.
    #[serde(default)]
    pub disabled: bool,
    /// `[listener.metadata]`
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Option<String>>,
    /// `[listener.task]`, as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub task: String,
    /// `[listener.azure]`, as JSON.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub vm: String,
}

/// Without what is said of the machine and of the task: people put secrets there.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("address", &self.address)
            .field("dialects", &self.dialects)
            .finish_non_exhaustive()
    }
}

impl Visit {
    /// Whether it says no more than a relay has a reason to: what is kept of it must not be what somebody with a token likes.
    fn is_bounded(&self) -> bool {
        let short = |text: &String| text.len() <= MOST_BYTES_OF_A_NAME;
        let plain = |text: &String| short(text) && text.bytes().all(|byte| byte.is_ascii_graphic());
        self.container.as_ref().is_none_or(plain)
            && self.identities.len() <= MOST_NAMES
            && self.identities.iter().all(short)
            && self.place.dialects.len() <= MOST_NAMES
            && self.place.dialects.iter().all(short)
    }

    /// About how much memory it costs to keep what is served by it, in bytes.
    pub fn weight(&self) -> usize {
        let Place { metadata, task, vm, .. } = &self.place;
        let metadata: usize =
            metadata.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len)).sum();
        let names: usize = self.identities.iter().map(String::len).sum();
        // a character of JSON may become a whole node of a tree
        KEPT_ANYWAY + 2 * (metadata + names) + PER_LETTER_OF_JSON * (task.len() + vm.len())
    }
}

const MOST_BYTES_OF_A_NAME: usize = 256;
const MOST_NAMES: usize = 128;
const KEPT_ANYWAY: usize = 4096;
const PER_LETTER_OF_JSON: usize = 128;

/// A hello that was read.
#[derive(Debug, Deserialize)]
pub struct Hello {
    /// The token of the relay's grant.
    pub token: Secret,
    /// The rest.
    #[serde(flatten)]
    pub visit: Visit,
}

/// The bytes of a hello.
///
/// # Errors
///
/// Where it is larger than anybody reads: what is said of a machine or a task is too much.
pub fn write(token: &Secret, visit: &Visit) -> io::Result<Zeroizing<Vec<u8>>> {
    #[derive(Serialize)]
    struct Said<'a> {
        token: &'a str,
        #[serde(flatten)]
        visit: &'a Visit,
    }
    let said = Said { token: token.expose(), visit };
    let body = Secret::written(|out| Ok(serde_json::to_writer(out, &said)?))?;
    let length = u32::try_from(body.expose().len()).ok().filter(|length| *length <= MOST_BYTES);
    let length = length.ok_or_else(|| io::Error::other("what is said of the listener is over 64 KiB"))?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAGIC.len() + 4 + body.expose().len()));
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(body.expose().as_bytes());
    Ok(bytes)
}

/// How a connection begins.
#[derive(Debug)]
pub enum Beginning {
    /// With a hello.
    Relay(Box<Hello>),
    /// With this byte of something else: it is still to be read.
    Other(u8),
}

/// Reads how a connection begins, and no byte more than that.
///
/// # Errors
///
/// Where it ends before, or says what cannot be read.
pub async fn read(io: &mut (impl AsyncRead + Unpin)) -> io::Result<Beginning> {
    let first = io.read_u8().await?;
    if first != MAGIC[0] {
        return Ok(Beginning::Other(first));
    }
    let mut rest = [0; 7];
    io.read_exact(&mut rest).await?;
    let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why);
    let ([b'c', b'r', b'l', length @ ..], false) = (rest, false) else {
        return Err(invalid("neither HTTP nor a relay"));
    };
    let length = u32::from_be_bytes(length);
    if length > MOST_BYTES {
        return Err(invalid("a relay that says too much"));
    }
    let mut body = Zeroizing::new(vec![0; length as usize]);
    io.read_exact(&mut body).await?;
    let hello: Hello = serde_json::from_slice(&body).map_err(|_| invalid("a relay of another version"))?;
    if hello.visit.version.abs_diff(VERSION) > 1 {
        return Err(invalid("a relay of another version"));
    }
    if !hello.visit.is_bounded() {
        return Err(invalid("a relay that says too much"));
    }
    Ok(Beginning::Relay(Box::new(hello)))
}

/// What is said of a machine may be long.
const MOST_BYTES: u32 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn visit() -> Visit {
        let place = Place {
            address: "169.254.169.254:80".parse().unwrap(),
            dialects: vec!["ec2".to_owned()],
            require_token: false,
            imds_v1: true,
            faithful: false,
            disabled: false,
            metadata: BTreeMap::from([("ami-id".to_owned(), None)]),
            task: String::new(),
            vm: r#"{"location":"westeurope"}"#.to_owned(),
        };
        Visit {
            version: VERSION,
            from: "172.30.0.5:40000".parse().unwrap(),
            place,
            container: Some("app".to_owned()),
            known: true,
            identities: vec!["prod".to_owned()],
        }
    }

    async fn read_of(bytes: &[u8]) -> io::Result<(Beginning, usize)> {
        let mut left = bytes;
        let beginning = read(&mut left).await?;
        Ok((beginning, left.len()))
    }

    #[tokio::test]
    async fn what_is_written_is_read_and_not_a_byte_more() {
        let mut bytes = write(&Secret::new("T"), &visit()).unwrap().to_vec();
        bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
        let (Beginning::Relay(hello), left) = read_of(&bytes).await.unwrap() else { panic!("no hello") };
        assert_eq!((hello.visit, left), (visit(), 16));
        assert!(hello.token.same_as(b"T"));
    }

    #[tokio::test]
    async fn http_is_none_of_its_business() {
        let read = read_of(b"GET / HTTP/1.1\r\n").await.unwrap();
        assert!(matches!(read, (Beginning::Other(b'G'), 15)));
    }

    #[tokio::test]
    async fn what_came_later_is_passed_over_and_what_is_missing_has_its_default() {
        let said = r#"{"version":2,"token":"T","from":"10.0.0.5:1","new":[1],"place":{"address":"10.0.0.2:80","dialects":["ecs"],"new":1}}"#;
        let mut bytes = MAGIC.to_vec();
        bytes.extend_from_slice(&u32::try_from(said.len()).unwrap().to_be_bytes());
        bytes.extend_from_slice(said.as_bytes());
        let (Beginning::Relay(hello), 0) = read_of(&bytes).await.unwrap() else { panic!("no hello") };
        assert!(!hello.visit.known && hello.visit.identities.is_empty() && hello.visit.container.is_none());
    }

    #[tokio::test]
    async fn what_is_no_hello_is_an_error_and_nothing_is_read_of_a_length_without_end() {
        let of = |length: u32, body: &[u8]| [&MAGIC[..], &length.to_be_bytes(), body].concat();
        let version_3 =
            br#"{"version":3,"token":"T","from":"1.1.1.1:1","place":{"address":"1.1.1.1:1","dialects":[]}}"#;
        for bytes in [
            b"\0abc\0\0\0\0".to_vec(),
            of(u32::MAX, b""),
            of(MOST_BYTES + 1, b""),
            of(2, b"{}"),
            of(2, b"{"),
            of(u32::try_from(version_3.len()).unwrap(), version_3),
            Vec::new(),
        ] {
            assert!(read_of(&bytes).await.is_err(), "{bytes:?}");
        }
        let large = Visit { container: Some("x".repeat(70_000)), ..visit() };
        assert!(write(&Secret::new("T"), &large).is_err());
        for much in [
            Visit { container: Some("x".repeat(257)), ..visit() },
            Visit { container: Some("a\nb".to_owned()), ..visit() },
            Visit { identities: vec!["x".to_owned(); 129], ..visit() },
        ] {
            assert!(read_of(&write(&Secret::new("T"), &much).unwrap()).await.is_err(), "{much:?}");
        }
    }
}
