//! A relay: takes the connections of containers at fixed addresses and passes each on to the daemon, unread, with who it is.
//!
//! It holds no session and no credential, and decides nothing but who is at the other end; what that one may have, the daemon says. A
//! connection for which there is no daemon is answered here, in the words of its dialect: after [`PATIENCE`] of trying, since a daemon
//! that is started anew is back in a moment. Called by `app::relay`.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::service::service_fn;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::admit::Told;
use super::answer::reply;
use super::conn::{self, Limits};
use super::crowd::Standing;
use super::hello::{self, Place, VERSION, Visit};
use super::listener::Listener;
use super::neighbours::{Found, Lookups, find};
use super::passing;
use super::terms::Terms;
use crate::config::{Neighbour, Who};
use crate::credential::IdentityName;
use crate::dialect::{Answer, Refusal};
use crate::secret::Secret;
use crate::world::{BoxFuture, Clock};

/// Both ends of a stream.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// The way to the daemon.
pub trait Upstream: Send + Sync {
    /// A fresh connection to it.
    fn connect(&self) -> BoxFuture<'_, io::Result<Box<dyn Stream>>>;

    /// The token of the relay's grant.
    fn token(&self) -> Secret;
}

/// What containers are told apart and passed on by, at one address.
pub struct Relay {
    /// The way to the daemon.
    pub upstream: Arc<dyn Upstream>,
    /// What is said of the address.
    pub place: Place,
    /// Who may have what.
    pub neighbours: Vec<Neighbour>,
    /// Whoever else comes may have all of them.
    pub anybody: bool,
    /// All that is served here.
    pub identities: Vec<IdentityName>,
    /// What their names mean.
    pub lookups: Arc<Lookups>,
    /// How a refusal is said at the address: nothing of it is ever served.
    pub refusing: Arc<Terms>,
    /// For `Expires` and the like.
    pub clock: Arc<dyn Clock>,
}

impl Relay {
    /// Serves every connection of a listener, until `stop` turns true; then what is in progress is finished.
    pub async fn serve(self: Arc<Self>, listener: Listener, stop: watch::Receiver<bool>) {
        let told = stop.clone();
        let serve = |stream, from, to, standing| Arc::clone(&self).connection(stream, from, to, standing, stop.clone());
        listener.run(told, serve).await;
    }

    async fn connection(
        self: Arc<Self>,
        stream: TcpStream,
        from: SocketAddr,
        to: SocketAddr,
        standing: Standing,
        stop: watch::Receiver<bool>,
    ) {
        let deadline = Instant::now() + PATIENCE;
        let Some(visit) = self.visit(from, to).await else {
            return refuse(stream, &self.refusing, &*self.clock, &Refusal::Undecided, stop).await;
        };
        if visit.known {
            standing.prove();
        }
        match self.reach(&visit, deadline).await {
            Ok(upstream) => passing::pass(stream, upstream, stop).await,
            Err(error) => refuse(stream, &self.refusing, &*self.clock, &away(&error), stop).await,
        }
    }

    /// Who is at the other end. Who has our own address is us: the health check.
    /// `None`: it cannot be told for now.
    async fn visit(&self, from: SocketAddr, to: SocketAddr) -> Option<Visit> {
        let place = Place { address: to, ..self.place.clone() };
        let ourselves = from.ip().to_canonical() == to.ip().to_canonical() && !self.anybody;
        let visit = Visit { version: VERSION, from, place, container: None, known: false, identities: Vec::new() };
        if ourselves {
            return Some(visit);
        }
        let all = self.neighbours.iter().map(|neighbour| &neighbour.who);
        let who = match find(all, from.ip(), &self.lookups).await {
            Found::Neighbour(who) => who,
            Found::Undecided => return None,
            Found::Nobody => {
                // all that there is here: a stranger is refused in the words of it
                let identities = self.identities.iter().map(ToString::to_string).collect();
                let container = Some(from.ip().to_canonical().to_string());
                return Some(Visit { container, known: self.anybody, identities, ..visit });
            }
        };
        let found = self.neighbours.iter().find(|neighbour| neighbour.who == who);
        let identities = found.map(|neighbour| neighbour.identities.iter().map(ToString::to_string).collect());
        let (container, identities) = (Some(container(&who, from)), identities.unwrap_or_default());
        Some(Visit { container, known: true, identities, ..visit })
    }

    /// A connection to the daemon that has said who comes.
    async fn reach(&self, visit: &Visit, deadline: Instant) -> io::Result<Box<dyn Stream>> {
        patiently(deadline, || self.greeted(visit)).await
    }

    async fn greeted(&self, visit: &Visit) -> io::Result<Box<dyn Stream>> {
        let mut upstream = self.upstream.connect().await?;
        upstream.write_all(&hello::write(&self.upstream.token(), visit)?).await?;
        upstream.flush().await?;
        Ok(upstream)
    }
}

/// Passes every connection of a listener on as it is: who comes shows a grant's token in each request, or gets nothing.
pub async fn forward(
    upstream: Arc<dyn Upstream>,
    refusing: Arc<Terms>,
    clock: Arc<dyn Clock>,
    listener: Listener,
    stop: watch::Receiver<bool>,
) {
    let told = stop.clone();
    let serve = |stream, _, _, standing: Standing| {
        let (upstream, stop) = (Arc::clone(&upstream), stop.clone());
        let (refusing, clock) = (Arc::clone(&refusing), Arc::clone(&clock));
        async move {
            standing.prove();
            match patiently(Instant::now() + PATIENCE, || upstream.connect()).await {
                Ok(upstream) => passing::pass(stream, upstream, stop).await,
                Err(error) => refuse(stream, &refusing, &*clock, &away(&error), stop).await,
            }
        }
    };
    listener.run(told, serve).await;
}

/// Tries again until then, but not what would be refused again.
async fn patiently<F>(deadline: Instant, mut reach: impl FnMut() -> F) -> io::Result<Box<dyn Stream>>
where
    F: Future<Output = io::Result<Box<dyn Stream>>>,
{
    loop {
        let tried = timeout_at(deadline, reach()).await;
        match tried.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
            Err(error) if Instant::now() + AGAIN < deadline && error.kind() != io::ErrorKind::PermissionDenied => {
                sleep(AGAIN).await;
            }
            done => return done,
        }
    }
}

/// Why there is no way to the daemon. Each client is told; the health check says more, and the log that it goes on.
fn away(error: &io::Error) -> Refusal {
    tracing::debug!(reason = %error, "no daemon answers");
    if error.kind() == io::ErrorKind::PermissionDenied { Refusal::RelayEnded } else { Refusal::NoDaemon }
}

/// Answers what is asked with why it gets nothing.
async fn refuse(
    stream: TcpStream,
    refusing: &Terms,
    clock: &dyn Clock,
    refusal: &Refusal,
    stop: watch::Receiver<bool>,
) {
    let answer = |request: http::Request<Incoming>| {
        let told = Told::at(request.uri().path(), request.uri().query(), refusing);
        // the next connection may be luckier
        let answer = told.refuse(refusing, refusal, clock.now());
        std::future::ready(Ok::<_, Infallible>(reply(Answer { last: true, ..answer })))
    };
    let limits = Limits { idle: Duration::from_secs(1), ..Limits::default() };
    conn::serve(stream, service_fn(answer), limits, stop).await;
}

/// How the audit trail calls it: by its name, and where a network was written, by its address.
fn container(who: &Who, from: SocketAddr) -> String {
    match who {
        Who::Name(name) => name.clone(),
        Who::Network(..) => from.ip().to_canonical().to_string(),
    }
}

/// What the daemon says of a relay's grant and of what it opens: the answer to `GET /healthz`, from the relay itself.
///
/// # Errors
///
/// Where no daemon answers.
pub async fn ask_health(upstream: &dyn Upstream, place: &Place) -> io::Result<(http::StatusCode, bytes::Bytes)> {
    let asking = async {
        let mut io = upstream.connect().await?;
        let from = place.address;
        let (container, identities) = (None, Vec::new());
        let visit = Visit { version: VERSION, from, place: place.clone(), container, known: false, identities };
        io.write_all(&hello::write(&upstream.token(), &visit)?).await?;
        io.flush().await?;
        let request = http::Request::get(format!("http://{from}/healthz")).body(bytes::Bytes::new());
        let request = request.map_err(io::Error::other)?;
        let limits = crate::world::http::HttpLimits::default();
        let answer = crate::world::http::exchange::exchange(io, request, limits, "the daemon").await;
        let answer = answer.map_err(io::Error::other)?;
        Ok((answer.status(), answer.into_body()))
    };
    timeout(HEALTH, asking).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// SDKs of AWS give up after a second, and most do so for good: one that comes while the daemon is started anew should not
/// notice.
const PATIENCE: Duration = Duration::from_millis(800);
const AGAIN: Duration = Duration::from_millis(50);
/// Less than Docker waits for a health check.
const HEALTH: Duration = Duration::from_secs(3);

#[cfg(test)]
#[path = "relay_tests.rs"]
mod tests;
