//! A client as an SDK is one: it keeps a connection open, sends a GET, and reads what comes. Connections are pipes in
//! memory, served by the server as it is.

use std::time::{Duration, SystemTime};

use simcloud::Keys;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, timeout};

use crate::machine::{MINUTE, Machine};

/// One client of one identity.
pub(crate) struct Client {
    pub(crate) identity: &'static str,
    request: String,
    pipe: Option<DuplexStream>,
    sent: Instant,
    /// How many connections it has opened.
    pub(crate) connections: usize,
}

/// What a client was told.
#[derive(Clone, Debug)]
pub(crate) enum Told {
    /// 200 with keys, and their end as the document says it.
    Credential(Keys, SystemTime),
    /// 200 with a token, and how long it lives yet as the document says it.
    Token(String, Duration),
    /// Any other status, with the code and the words of its document.
    Refusal { status: u16, code: String, message: String },
}

impl Client {
    pub(crate) fn new(machine: &Machine, identity: &'static str) -> Self {
        let token = &machine.token;
        let request = format!("GET /creds/{identity} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {token}\r\n\r\n");
        Self { identity, request, pipe: None, sent: Instant::now(), connections: 0 }
    }

    /// One that asks for tokens of an Azure identity, as clients in App Service do.
    pub(crate) fn of_azure(machine: &Machine, identity: &'static str, resource: &str) -> Self {
        let token = &machine.token;
        let request = format!(
            "GET /azure/{identity}/token?api-version=2019-08-01&resource={resource} HTTP/1.1\r\nHost: 127.0.0.1\r\n\
             X-IDENTITY-HEADER: {token}\r\n\r\n"
        );
        Self { request, ..Self::new(machine, identity) }
    }

    /// Sends the request, over the connection that is open where there is one. Nothing waits here.
    pub(crate) async fn send(&mut self, machine: &Machine) {
        self.sent = Instant::now();
        if let Some(pipe) = &mut self.pipe
            && pipe.write_all(self.request.as_bytes()).await.is_ok()
        {
            return;
        }
        self.send_anew(machine).await;
    }

    async fn send_anew(&mut self, machine: &Machine) {
        self.connections += 1;
        let pipe = self.pipe.insert(machine.connect());
        pipe.write_all(self.request.as_bytes()).await.expect("the server has just accepted it");
    }

    /// The answer to what was sent, and how long it was in coming, at most. A connection that the server closed unanswered,
    /// because it was idle for too long, is replaced once, as SDKs do.
    pub(crate) async fn receive(&mut self, machine: &Machine) -> (Told, Duration) {
        let told = match self.read().await {
            Some(told) => told,
            None => {
                self.send_anew(machine).await;
                self.read().await.expect("a fresh connection is answered")
            }
        };
        (told, self.sent.elapsed())
    }

    /// One answer; `None` where the connection ended without a byte of it.
    async fn read(&mut self) -> Option<Told> {
        let pipe = self.pipe.as_mut().expect("a request was sent");
        let mut bytes = Vec::with_capacity(2048);
        loop {
            if let Some((status, body)) = whole(&bytes) {
                return Some(told(status, body));
            }
            let read = timeout(MINUTE, pipe.read_buf(&mut bytes)).await.expect("an answer within a minute");
            if read.unwrap_or_default() == 0 {
                assert!(bytes.is_empty(), "an answer that breaks off: {}", String::from_utf8_lossy(&bytes));
                return None;
            }
        }
    }
}

/// The status and the body of the answer, once all of it has come.
fn whole(bytes: &[u8]) -> Option<(u16, &str)> {
    let text = std::str::from_utf8(bytes).expect("text");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).expect("a length");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (body.len() == length.parse::<usize>().expect("a number")).then_some((status, body))
}

fn told(status: u16, body: &str) -> Told {
    let document: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let field = |name: &str| document[name].as_str().unwrap_or_else(|| panic!("no {name}: {document}")).to_owned();
    if status != 200 {
        let code = if document["code"].is_null() { "error" } else { "code" };
        return Told::Refusal { status, code: field(code), message: field("message") };
    }
    if document["access_token"].is_string() {
        let left_secs = field("expires_in").parse().expect("a number");
        return Told::Token(field("access_token"), Duration::from_secs(left_secs));
    }
    let keys = Keys {
        access_key_id: field("AccessKeyId"),
        secret_access_key: field("SecretAccessKey"),
        session_token: Some(field("Token")),
    };
    let end: jiff::Timestamp = field("Expiration").parse().expect("a time");
    Told::Credential(keys, end.into())
}
