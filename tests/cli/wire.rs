//! Requests as bytes, over TCP and over the control socket.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::home::Granted;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    fn read(mut stream: impl io::Read) -> io::Result<Self> {
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let broken = || io::Error::new(io::ErrorKind::UnexpectedEof, "half an answer");
        let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
        let status = head.get(9..12).and_then(|status| status.parse().ok()).ok_or_else(broken)?;
        Ok(Self { status, head: head.to_lowercase(), body: body.to_owned() })
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks for a credential as a client does; an error where no answer came.
pub(crate) fn get(granted: &Granted) -> io::Result<Answer> {
    let Granted { address, path, token } = granted;
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n")?;
    Answer::read(stream)
}

/// Asks anything, with headers that each end their line.
pub(crate) fn ask(address: SocketAddr, method: &str, path: &str, headers: &str) -> io::Result<Answer> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nHost: {address}\r\n{headers}Connection: close\r\n\r\n")?;
    Answer::read(stream)
}

/// The AccessKeyId that comes back.
pub(crate) fn key(granted: &Granted) -> String {
    let answer = get(granted).unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["AccessKeyId"].as_str().unwrap().to_owned()
}

/// Asks over the control socket, as a command of this version of the protocol would.
pub(crate) fn control(socket: &Path, version: Option<u32>, method: &str, path: &str, body: &str) -> io::Result<Answer> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let version = version.map(|version| format!("Credenza-Protocol: {version}\r\n")).unwrap_or_default();
    let length = body.len();
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: credenza\r\n{version}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    Answer::read(stream)
}

const PATIENCE: Duration = Duration::from_secs(20);
