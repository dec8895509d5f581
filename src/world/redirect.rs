//! The little server that a browser is sent back to at the end of a sign-in (RFC 8252, 7.3): loopback alone, a free port, for
//! as long as one sign-in waits. Knows nothing of what is asked: a pure rule answers each request.
//!
//! It is reachable by every process of the machine and by every page in the browser, so it reads little and waits briefly.
//! Called by the sign-in of IAM Identity Center by way of [`Redirects`], which a test can stand in for.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::BoxFuture;

/// Where redirects of a browser can be waited for.
pub trait Redirects: Send + Sync {
    /// Begins to listen. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// Where the machine has no port or descriptor left.
    fn listen(&self) -> io::Result<Box<dyn Listening>>;
}

/// A listener for one sign-in. It closes when it is dropped, and so does the future that serves.
pub trait Listening: Send {
    /// The port on 127.0.0.1, such as 49152.
    fn port(&self) -> u16;

    /// Answers every request by the rule, until an answer was the last one and is written.
    fn serve(self: Box<Self>, rule: Rule) -> BoxFuture<'static, ()>;
}

/// Answers a request by its head. The target is a path with its query; a body is never read.
pub type Rule = Box<dyn FnMut(&http::Request<()>) -> Answer + Send>;

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// What the browser gets.
    pub response: http::Response<Bytes>,
    /// Whether nothing is waited for after it.
    pub last: bool,
}

/// The machine's own loopback.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loopback;

impl Redirects for Loopback {
    fn listen(&self) -> io::Result<Box<dyn Listening>> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        Ok(Box::new(Listener { listener: TcpListener::from_std(listener)?, address }))
    }
}

struct Listener {
    listener: TcpListener,
    address: SocketAddr,
}

impl Listening for Listener {
    fn port(&self) -> u16 {
        self.address.port()
    }

    fn serve(self: Box<Self>, rule: Rule) -> BoxFuture<'static, ()> {
        Box::pin(serve(self.listener, Arc::new(Mutex::new(rule))))
    }
}

type SharedRule = Arc<Mutex<Rule>>;

/// Connections that are still open when the last answer is written end with the set.
async fn serve(listener: TcpListener, rule: SharedRule) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if connections.len() < MOST_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(serve_one(stream, Arc::clone(&rule)))),
                // no descriptor left, or a client that is gone already
                Err(_) => sleep(AFTER_AN_ERROR).await,
            },
            Some(ended) = connections.join_next() => {
                if ended.unwrap_or_default() {
                    return;
                }
            }
        }
    }
}

/// Answers one request; tells whether that was the last one.
async fn serve_one(stream: TcpStream, rule: SharedRule) -> bool {
    let last = AtomicBool::new(false);
    let service = service_fn(|request: http::Request<Incoming>| {
        let request = request.map(drop);
        let answer = rule.lock().unwrap_or_else(PoisonError::into_inner)(&request);
        last.fetch_or(answer.last, Ordering::Relaxed);
        async { Ok::<_, Infallible>(answer.response.map(Full::new)) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MOST_HEAD_BYTES)
        // a browser opens connections in advance, and keeps what it may
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // whether the browser took its page or not, what it brought has come
    let _ = timeout(CONNECTION, connection).await;
    last.into_inner()
}

/// A browser opens a few at once; more wait in the system's queue.
const MOST_CONNECTIONS: usize = 8;

/// As much as other servers take: with the request comes every cookie that any server on 127.0.0.1 ever set, whatever its
/// port (RFC 6265, 8.5).
const MOST_HEAD_BYTES: usize = 16 << 10;

const HEAD: Duration = Duration::from_secs(5);
const CONNECTION: Duration = Duration::from_secs(10);
const AFTER_AN_ERROR: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Answers with the method and the target; `/last` ends it.
    fn rule() -> Rule {
        Box::new(|request| {
            let body = Bytes::from(format!("{} {}", request.method(), request.uri()));
            Answer { response: http::Response::new(body), last: request.uri().path() == "/last" }
        })
    }

    async fn sent(port: u16, text: &[u8]) -> String {
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        stream.write_all(text).await.unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await; // a reset after the answer is one, too
        answer
    }

    #[tokio::test]
    async fn only_loopback_is_listened_on() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        drop(listener);
        let bound = Loopback.listen().unwrap();
        let port = bound.port();
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap_or_default();
        let local: Vec<&str> = table
            .lines()
            .filter_map(|line| line.split_whitespace().nth(1))
            .filter(|address| address.ends_with(&format!(":{port:04X}")))
            .collect();
        assert!(!cfg!(target_os = "linux") || local == [format!("0100007F:{port:04X}")], "{local:?}");
        // 127.0.0.2 is loopback as well, and is not ours
        assert!(!cfg!(target_os = "linux") || TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), port)).await.is_err());
    }

    #[tokio::test]
    async fn requests_are_answered_until_the_last_one() {
        let bound = Loopback.listen().unwrap();
        let port = bound.port();
        let serving = tokio::spawn(bound.serve(rule()));
        let silent = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap(); // opened in advance, and silent
        let answer = sent(port, b"GET /a?b=c HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nGET /a?b=c"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        let padding = "x".repeat(2 * MOST_HEAD_BYTES);
        let answer = sent(port, format!("GET /last HTTP/1.1\r\nx-padding: {padding}\r\n\r\n").as_bytes()).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431 "), "{answer}");
        assert_eq!(sent(port, b"\x16\x03\x01 no HTTP\r\n\r\n").await.split(' ').nth(1), Some("400"));
        assert!(!serving.is_finished());
        let answer = sent(port, b"GET /last HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer.ends_with("GET /last"), "{answer}");
        timeout(CONNECTION, serving).await.unwrap().unwrap();
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err(), "it listens no more");
        drop(silent);
    }
}
