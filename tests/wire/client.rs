//! A client of bytes: what goes out is written in the test, what comes back is taken apart and judged.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// An answer, taken apart.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// A header's value; names in any case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "two {name} headers");
        value
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// The error that clients read: both spellings the same, one line.
    pub(crate) fn error(&self) -> (String, String) {
        let body = self.json();
        assert_eq!((&body["code"], &body["message"]), (&body["Code"], &body["Message"]), "{body}");
        assert!(!self.body.contains('\n'), "{}", self.body);
        (body["code"].as_str().unwrap().into(), body["message"].as_str().unwrap().into())
    }
}

/// Sends bytes over a connection of their own and reads one answer.
pub(crate) async fn send(address: SocketAddr, request: impl AsRef<[u8]>) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    exchange(&mut stream, request).await
}

/// Sends bytes and reads one answer; the connection can go on.
pub(crate) async fn exchange<I: AsyncRead + AsyncWrite + Unpin>(io: &mut I, request: impl AsRef<[u8]>) -> Answer {
    io.write_all(request.as_ref()).await.unwrap();
    let head_only = request.as_ref().starts_with(b"HEAD ");
    read_answer(io, head_only).await.expect("an answer")
}

/// Reads one answer; `None`: the connection ended without a byte. A server that does neither fails the test.
pub(crate) async fn read_answer<I: AsyncRead + Unpin>(io: &mut I, head_only: bool) -> Option<Answer> {
    let answer = tokio::time::timeout(LONGER_THAN_ANY_LIMIT, read_one(io, head_only)).await;
    answer.expect("an answer, or the end of the connection")
}

const LONGER_THAN_ANY_LIMIT: Duration = Duration::from_secs(120);

async fn read_one<I: AsyncRead + Unpin>(io: &mut I, head_only: bool) -> Option<Answer> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match io.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) if head.is_empty() => return None,
            Err(error) => panic!("{error} after {:?}", String::from_utf8_lossy(&head)),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let mut first = lines.next().unwrap().splitn(3, ' ');
    let mut word = || first.next().unwrap_or_default().to_owned();
    let (_version, status, reason) = (word(), word().parse().unwrap(), word());
    let headers = lines.filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.into(), value.into()));
    let mut answer = Answer { status, reason, headers: headers.collect(), body: String::new() };
    let length: usize = answer.header("content-length").expect("a length").parse().unwrap();
    if !head_only {
        let mut body = vec![0; length];
        io.read_exact(&mut body).await.unwrap();
        answer.body = String::from_utf8(body).unwrap();
    }
    Some(answer)
}

/// Everything until the other side closes.
pub(crate) async fn read_to_end<I: AsyncRead + Unpin>(io: &mut I) -> String {
    let mut bytes = Vec::new();
    // a reset ends it too
    let _ = io.read_to_end(&mut bytes).await;
    String::from_utf8_lossy(&bytes).into_owned()
}
