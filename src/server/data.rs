//! The data side by other ways than the main address: the data socket, and TLS. Whoever comes may speak as at the main address, with
//! a grant's token in each request; or it is a [relay](super::relay), which says [hello](super::hello) and whose container is served
//! what the relay's grant and its own name give it.
//!
//! Called by `app` for the daemon.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::crowd::{Crowd, Standing};
use super::grant::Grant;
use super::hello::{self, Beginning, Visit};
use super::neighbours::Found;
use super::service::{Service, Visitor};
use super::terms::Terms;
use crate::log::audit::Peer;
use crate::secret::Digest;
use crate::world::local_socket::LocalSocket;
use crate::world::peer;

/// What a relay's container is served.
pub trait Relays: Send + Sync {
    /// Its terms, as they are now and will be. The error is one sentence.
    ///
    /// # Errors
    ///
    /// Where what the relay says of its listener makes no sense.
    fn terms(&self, visit: &Visit, grant: Option<&Arc<Grant>>) -> Result<watch::Receiver<Arc<Terms>>, String>;
}

/// Serves who comes by the data socket, or over TLS.
#[derive(Clone)]
pub struct DataSide {
    /// The main address's.
    pub service: Arc<Service>,
    /// What containers are served.
    pub relays: Arc<dyn Relays>,
}

impl DataSide {
    /// Serves whoever connects to the socket, until `stop` turns true; then takes the socket away and finishes what is in progress.
    pub async fn serve(self, socket: LocalSocket, mut stop: watch::Receiver<bool>) {
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let crowd = Arc::new(Crowd::default());
        let told = stop.clone();
        let accepting = async {
            loop {
                let (stream, pid) = socket.accept().await;
                let Some(found) = room_for_one(&room, &crowd).await else { return };
                let (place, standing) = crowd.enter(found);
                let number = place.number();
                let (side, told) = (self.clone(), told.clone());
                let process = Arc::new(Peer::known(pid.map(peer::of_pid)));
                let task = tokio::spawn(async move {
                    side.serve_stream(stream, process, None, Some(standing), told).await;
                    drop(place);
                });
                crowd.is_served_by(number, task.abort_handle());
            }
        };
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => {}
            () = accepting => {}
        }
        socket.remove();
        let all = u32::try_from(MOST_CONNECTIONS).unwrap_or(u32::MAX);
        let _ = timeout(super::listener::DRAIN, room.acquire_many(all)).await;
    }

    /// Serves one connection to its end. Who came over TLS did so by a certificate of this fingerprint.
    pub async fn serve_stream<I>(
        self,
        mut io: I,
        process: Arc<Peer>,
        certificate: Option<Digest>,
        standing: Option<Standing>,
        stop: watch::Receiver<bool>,
    ) where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let service = self.service;
        let patience = if certificate.is_some() { SPARE } else { HELLO };
        match timeout(patience, hello::read(&mut io)).await {
            Ok(Ok(Beginning::Other(first))) => {
                let io = Rewound { first: Some(first), io };
                service.serve_visitor(io, Visitor::local(process), standing, stop).await;
            }
            Ok(Ok(Beginning::Relay(hello))) => {
                let grant = service.grants.admit_with(hello.token.expose().as_bytes(), certificate.as_ref());
                drop(hello.token);
                let visit = hello.visit;
                // a container that nobody wrote down gives way to others, unless it shows a token of its own
                let standing = match standing {
                    Some(standing) if grant.is_some() && (visit.known || visit.container.is_none()) => {
                        standing.prove();
                        None
                    }
                    standing => standing,
                };
                match self.relays.terms(&visit, grant.as_ref()) {
                    Ok(terms) => {
                        let (from, to) = (visit.from, visit.place.address);
                        let visitor = Visitor { peer: Arc::new(Peer::elsewhere(from)), from, to, who: Found::Nobody };
                        service.on(terms).serve_visitor(io, visitor, standing, stop).await;
                    }
                    Err(why) if grant.is_some() => tracing::warn!(reason = %why, "a relay's listener is not served"),
                    Err(why) => tracing::debug!(reason = %why, "a relay without a grant makes no sense"),
                }
            }
            Ok(Err(error)) => tracing::debug!(reason = %error, "nothing that the data socket takes"),
            // somebody who connects and says nothing
            Err(_) => {}
        }
    }
}

impl Visitor {
    /// A process of this machine that comes by the data socket: it names itself by a token, or gets nothing.
    fn local(process: Arc<Peer>) -> Self {
        let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Self { peer: process, from: loopback, to: loopback, who: Found::Nobody }
    }
}

/// Room for one more: what is free, or a stranger's.
async fn room_for_one(room: &Arc<Semaphore>, crowd: &Crowd) -> Option<tokio::sync::OwnedSemaphorePermit> {
    if let Ok(free) = Arc::clone(room).try_acquire_owned() {
        return Some(free);
    }
    crowd.close_the_oldest_stranger();
    Arc::clone(room).acquire_owned().await.ok()
}

/// The most connections at once: those of all relays, and of shells elsewhere.
const MOST_CONNECTIONS: usize = 2048;

/// How long who comes may take to say who it is.
const HELLO: Duration = Duration::from_secs(5);

/// The same for a relay that was let in over TLS: it has connections ready for containers that may come.
const SPARE: Duration = Duration::from_secs(60);

/// A stream whose first byte was read already.
struct Rewound<I> {
    first: Option<u8>,
    io: I,
}

impl<I: AsyncRead + Unpin> AsyncRead for Rewound<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if buffer.remaining() > 0
            && let Some(first) = self.first.take()
        {
            buffer.put_slice(&[first]);
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.io).poll_read(cx, buffer)
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Rewound<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
