//! How a command speaks to the daemon: one connection, requests one after the other.
//!
//! Whoever holds a [`Client`] holds the connection: a job that was announced on it is listed as long as it lives. Called
//! by the commands; the supplier of `exec` speaks through [`crate::source`] instead, with the same words.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::{view, wire};
use crate::credential::handover::{self, HANGS, Handover, PROTOCOL, PROTOCOL_HEADER, Refusal, TooFarApart};
use crate::secret::Secret;
use crate::world::folder::{Folder, FolderError};
use crate::world::local_socket;

/// A connection to the daemon of this user.
#[derive(Debug)]
pub struct Client {
    requests: SendRequest<Full<Bytes>>,
    connection: tokio::task::JoinHandle<()>,
    protocol: u32,
    path: PathBuf,
    pid: Option<u32>,
}

/// Why a request to the daemon came to nothing.
#[derive(Debug, Error)]
pub enum ClientError {
    /// No daemon runs, as far as the socket tells.
    #[error("no daemon runs")]
    NotRunning,
    /// The socket's folder is not ours alone: whoever is behind it may be anybody.
    #[error(transparent)]
    Folder(FolderError),
    /// The daemon takes connections, or holds its lock, and does not answer in time.
    #[error("the daemon{} does not answer", .pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    Silent {
        /// Its process, where that is known.
        pid: Option<u32>,
    },
    /// The daemon closed the connection: it ended, or is about to.
    #[error("the daemon ended before it answered")]
    Closed,
    /// Something else stands in the socket's place.
    #[error("{}: {reason}", path.display())]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The daemon is of a version too far from ours.
    #[error("{0}")]
    Version(#[from] TooFarApart),
    /// The daemon said no.
    #[error("{}", .0.message)]
    Refused(Refusal),
    /// The daemon said something that we do not understand.
    #[error("the daemon gave no answer: {0}")]
    Broken(String),
}

impl Client {
    /// Connects to the daemon whose control socket is `path`, and which runs as `uid`.
    ///
    /// # Errors
    ///
    /// [`ClientError::NotRunning`] where there is no socket, or nobody behind it; [`ClientError::Folder`] where others may
    /// have put it there.
    pub async fn connect(path: &Path, uid: u32) -> Result<Self, ClientError> {
        Self::connect_as(path, uid, PROTOCOL).await
    }

    async fn connect_as(path: &Path, uid: u32, protocol: u32) -> Result<Self, ClientError> {
        let wrong = |reason: String| ClientError::Connect { path: path.to_owned(), reason };
        Folder::check(path.parent().unwrap_or(path)).map_err(|error| match error {
            error if error.not_found() => ClientError::NotRunning,
            FolderError::System { reason, .. } if reason.kind() == io::ErrorKind::NotADirectory => {
                ClientError::NotRunning
            }
            FolderError::System { reason, .. } => wrong(reason.to_string()),
            error => ClientError::Folder(error),
        })?;
        let stream = match tokio::time::timeout(CONNECT, local_socket::connect(path)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => {
                return Err(match error.kind() {
                    // what is wrong with the folder is said by whoever opens it
                    io::ErrorKind::NotFound
                    | io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::ConnectionReset
                    | io::ErrorKind::NotADirectory => ClientError::NotRunning,
                    // as many wait already as the system lets
                    io::ErrorKind::WouldBlock => ClientError::Silent { pid: None },
                    _ => wrong(error.to_string()),
                });
            }
            Err(_) => return Err(ClientError::Silent { pid: None }),
        };
        let theirs = local_socket::peer_uid(&stream).map_err(|error| wrong(error.to_string()))?;
        if theirs != uid {
            return Err(wrong(format!("it is held by user {theirs}, not by us")));
        }
        let pid = local_socket::peer_pid(&stream);
        let (requests, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| of_hyper(&error))?;
        let connection = tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { requests, connection, protocol, path: path.to_owned(), pid })
    }

    /// The socket behind which it is.
    pub fn socket(&self) -> &Path {
        &self.path
    }

    /// The daemon's process, where the system tells.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Whether a daemon is there: one that was killed a moment ago may still have taken the connection.
    ///
    /// # Errors
    ///
    /// Where the connection stays open, and nobody answers within `limit`.
    pub async fn alive(&mut self, limit: Duration) -> Result<bool, ClientError> {
        match self.send_within(limit, Method::GET, "/", &()).await {
            Err(ClientError::Closed) => Ok(false),
            Err(error @ (ClientError::Silent { .. } | ClientError::Broken(_))) => Err(error),
            _ => Ok(true),
        }
    }

    /// What is served, how fresh it is and who uses it.
    pub async fn status(&mut self) -> Result<view::Status, ClientError> {
        self.read(Method::GET, "/v1/status", &()).await
    }

    /// Whether clients can be served.
    pub async fn health(&mut self) -> Result<super::Report, ClientError> {
        self.read(Method::GET, "/v1/health", &()).await
    }

    /// One credential; the daemon answers within 0.8 s, and one that hangs is not waited for.
    pub async fn credential(&mut self, wanted: &handover::Wanted) -> Result<Handover, ClientError> {
        let body = self.send_within(HANGS, Method::POST, "/v1/credential", wanted).await?;
        handover::read(&body).ok_or_else(|| ClientError::Broken("half a credential".to_owned()))
    }

    /// A new grant.
    pub async fn grant(&mut self, wanted: &wire::GrantWanted) -> Result<wire::GrantGiven, ClientError> {
        self.read(Method::POST, "/v1/grant", wanted).await
    }

    /// Every grant that lives.
    pub async fn grants(&mut self) -> Result<Vec<view::Grant>, ClientError> {
        self.read(Method::GET, "/v1/grants", &()).await.map(|wire::Grants { grants }| grants)
    }

    /// Lets a grant end with a process.
    pub async fn attach(&mut self, name: &str, attach: &wire::Attach) -> Result<view::Grant, ClientError> {
        self.read(Method::POST, &format!("/v1/grant/{}/attach", escaped(name)), attach).await
    }

    /// Ends a grant.
    pub async fn revoke(&mut self, name: &str) -> Result<(), ClientError> {
        self.done(Method::DELETE, &format!("/v1/grant/{}", escaped(name)), &()).await
    }

    /// Lists a job for as long as this connection lives, and tells what the daemon will not supply it with. A daemon that
    /// hangs is not waited for: a job can do without.
    pub async fn announce(&mut self, job: &wire::Job) -> Result<wire::Announced, ClientError> {
        let body = self.send_within(HANGS, Method::POST, "/v1/job", job).await?;
        parse(&body)
    }

    /// Forgets failures and their waits. A daemon that hangs is not waited for.
    pub async fn reset(&mut self, reset: &wire::Reset) -> Result<(), ClientError> {
        self.send_within(HANGS, Method::POST, "/v1/reset", reset).await.map(drop)
    }

    /// Tells that somebody signed in to a session. A daemon that hangs is not waited for.
    pub async fn signed_in(&mut self, session: &str) -> Result<(), ClientError> {
        let signed = wire::Signed { session: session.to_owned() };
        self.send_within(HANGS, Method::POST, "/v1/signed-in", &signed).await.map(drop)
    }

    /// Tells that somebody signed out of a session: what was made of it is handed out no more.
    pub async fn signed_out(&mut self, session: &str) -> Result<(), ClientError> {
        let signed = wire::Signed { session: session.to_owned() };
        self.send_within(HANGS, Method::POST, "/v1/signed-out", &signed).await.map(drop)
    }

    /// Ends the daemon, of whatever version it is. It is gone when [`Client::closed`] returns.
    pub async fn stop(&mut self) -> Result<(), ClientError> {
        match self.done(Method::POST, "/v1/stop", &()).await {
            Err(ClientError::Version(_)) => Ok(()),
            other => other,
        }
    }

    /// The user session of this key, as its keeper writes it; `None` where none is kept.
    pub async fn user_session(&mut self, key: &str) -> Result<Option<Bytes>, ClientError> {
        match self.send(Method::GET, &format!("/v1/user-session/{}", escaped(key)), &()).await {
            Ok(session) => Ok(Some(session)),
            Err(ClientError::Refused(refusal)) if refusal.code == wire::NO_SESSION => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Has a user session begun by the exchange, whose keys and code are spent once: it is never sent again by itself.
    pub async fn begin(&mut self, exchange: Secret) -> Result<Bytes, ClientError> {
        self.deliver(BEGINNING, Method::POST, "/v1/user-session", exchange.into_bytes()).await
    }

    /// Has a user session forgotten. False where there was none.
    pub async fn forget_user_session(&mut self, key: &str) -> Result<bool, ClientError> {
        match self.done(Method::DELETE, &format!("/v1/user-session/{}", escaped(key)), &()).await {
            Ok(()) => Ok(true),
            Err(ClientError::Refused(refusal)) if refusal.code == wire::NO_SESSION => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Has what lies at rest opened, with a passphrase; without one the keyring is asked again, and perhaps its person.
    pub async fn unlock(&mut self, passphrase: Option<Secret>) -> Result<(), ClientError> {
        let body = passphrase.map(Secret::into_bytes).unwrap_or_default();
        self.deliver(BEGINNING, Method::POST, "/v1/unlock", body).await.map(drop)
    }

    /// Waits until the daemon has closed the connection: it ended.
    pub async fn closed(&mut self) {
        let _ = (&mut self.connection).await;
    }

    async fn done(&mut self, method: Method, path: &str, body: &impl Serialize) -> Result<(), ClientError> {
        self.read(method, path, body).await.map(|wire::Done {}| ())
    }

    async fn read<T: DeserializeOwned>(
        &mut self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = self.send(method, path, body).await?;
        parse(&body)
    }

    async fn send(&mut self, method: Method, path: &str, body: &impl Serialize) -> Result<Bytes, ClientError> {
        self.send_within(EXCHANGE, method, path, body).await
    }

    async fn send_within(
        &mut self,
        limit: Duration,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<Bytes, ClientError> {
        let broken = |error: &dyn std::fmt::Display| ClientError::Broken(error.to_string());
        let body = if method == Method::POST { serde_json::to_vec(body).map_err(|e| broken(&e))? } else { Vec::new() };
        self.deliver(limit, method, path, Bytes::from(body)).await
    }

    async fn deliver(
        &mut self,
        limit: Duration,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Bytes, ClientError> {
        let broken = |error: &dyn std::fmt::Display| ClientError::Broken(error.to_string());
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(hyper::header::HOST, "credenza")
            .header(PROTOCOL_HEADER, self.protocol)
            .body(Full::new(body))
            .map_err(|e| broken(&e))?;
        let exchange = async {
            self.requests.ready().await.map_err(|error| of_hyper(&error))?;
            let answer = self.requests.send_request(request).await.map_err(|error| of_hyper(&error))?;
            let daemon: Option<u32> =
                answer.headers().get(PROTOCOL_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
            let status = answer.status();
            let body = Limited::new(answer.into_body(), LARGEST_ANSWER)
                .collect()
                .await
                .map_err(|error| error.downcast_ref::<hyper::Error>().map_or_else(|| broken(&error), of_hyper))?;
            let daemon = daemon.ok_or_else(|| broken(&"it is no answer of a daemon of ours"))?;
            handover::agree(daemon, self.protocol)?;
            Ok::<_, ClientError>((status, body.to_bytes()))
        };
        let (status, body) =
            tokio::time::timeout(limit, exchange).await.map_err(|_| ClientError::Silent { pid: self.pid })??;
        if status == StatusCode::OK {
            return Ok(body);
        }
        let refusal: Result<Refusal, _> = serde_json::from_slice(&body);
        Err(refusal.map_or_else(|_| broken(&format!("status {status}")), ClientError::Refused))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

const CONNECT: Duration = Duration::from_secs(2);

/// What a person waits for may take its time on a machine under load.
const EXCHANGE: Duration = Duration::from_secs(10);

/// A session is begun by one call upstream, which may take its time; a keyring may ask its person.
const BEGINNING: Duration = Duration::from_secs(75);

/// A status with thousands of identities is about one MiB.
const LARGEST_ANSWER: usize = 32 << 20;

/// What is no answer of HTTP is a mistake; everything else that can happen to a connection is its end.
fn of_hyper(error: &hyper::Error) -> ClientError {
    if error.is_parse() { ClientError::Broken(error.to_string()) } else { ClientError::Closed }
}

fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, ClientError> {
    serde_json::from_slice(body).map_err(|error| ClientError::Broken(error.to_string()))
}

/// A name as one segment of a path.
fn escaped(name: &str) -> String {
    name.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn another_users_daemon_is_told_nothing() {
        let folder = crate::world::folder::temporary();
        let path = folder.path().join("control.sock");
        let theirs = tokio::net::UnixListener::bind(&path).unwrap();
        let us = crate::world::ourselves::uid() + 1;
        let refused = Client::connect(&path, us).await.unwrap_err();
        assert!(matches!(&refused, ClientError::Connect { reason, .. } if reason.contains("not by us")), "{refused}");
        let (mut stream, _) = theirs.accept().await.unwrap();
        let mut heard = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut heard).await.unwrap();
        assert_eq!(heard, b"");
    }

    #[tokio::test]
    async fn a_connection_that_a_dying_daemon_took_is_no_daemon() {
        let folder = crate::world::folder::temporary();
        let path = folder.path().join("control.sock");
        let dying = tokio::net::UnixListener::bind(&path).unwrap();
        let mut client = Client::connect(&path, crate::world::ourselves::uid()).await.unwrap();
        drop(dying);
        assert!(!client.alive(EXCHANGE).await.unwrap());
    }

    #[tokio::test]
    async fn a_daemon_that_takes_the_connection_and_says_nothing_is_silent() {
        let folder = crate::world::folder::temporary();
        let path = folder.path().join("control.sock");
        let _hung = tokio::net::UnixListener::bind(&path).unwrap();
        let mut client = Client::connect(&path, crate::world::ourselves::uid()).await.unwrap();
        let silent = client.alive(Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(silent, ClientError::Silent { pid: Some(pid) } if pid == std::process::id()), "{silent}");
    }
}
