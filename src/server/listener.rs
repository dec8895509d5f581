//! A listener: an address of loopback, and every connection that comes to it.
//!
//! It stands through what would end others: no file descriptors left, connections that end before they are accepted,
//! more clients than there is room for, and strangers who take all of it ([`super::crowd`]). Called by the daemon for its
//! own address and by `exec` for its child's.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use thiserror::Error;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::crowd::{Crowd, Standing};
use crate::world::ourselves;
use crate::world::port::{PortHolder, holder_of};

/// A bound address: clients that connect from now on are answered as soon as [`Listener::run`] runs.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    most: usize,
    crowd: Arc<Crowd>,
}

/// Why an address could not be had.
#[derive(Debug, Error)]
pub enum BindError {
    /// Somebody else has it.
    #[error("{address} is taken{}: end that program, or set `listen` in `[server]` to another port", by(.holder))]
    InUse {
        /// The address.
        address: SocketAddr,
        /// Who has it, where that can be known.
        holder: Option<PortHolder>,
    },
    /// It is not an address of loopback: other machines could reach it.
    #[error("{0} is not an address of loopback: set `listen` in `[server]` to 127.0.0.1 and a port")]
    NotLoopback(SocketAddr),
    /// The system refused.
    #[error("cannot listen on {address}: {reason}")]
    Refused {
        /// The address.
        address: SocketAddr,
        /// The system's words.
        reason: io::Error,
    },
}

fn by(holder: &Option<PortHolder>) -> String {
    holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default()
}

impl Listener {
    /// Takes an address of loopback; port 0 is any free one.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback(address));
        }
        Self::bound(address).map_err(|reason| match reason.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address, holder: holder_of(address) },
            _ => BindError::Refused { address, reason },
        })
    }

    /// The first of some addresses of loopback that can be had; who holds the others is not asked.
    pub fn first_of(addresses: impl IntoIterator<Item = SocketAddr>) -> Option<Self> {
        let mut ours = addresses.into_iter().filter(|address| address.ip().is_loopback());
        ours.find_map(|address| Self::bound(address).ok())
    }

    fn bound(address: SocketAddr) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        // what is left of connections to an earlier daemon must not keep a new one from its port
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let socket = socket.listen(BACKLOG)?;
        let most = most_under(ourselves::file_limit());
        Ok(Self { address: socket.local_addr()?, socket, most, crowd: Arc::default() })
    }

    /// The same with room for fewer connections at once, such as 3.
    #[must_use]
    pub fn with_room_for(self, most: usize) -> Self {
        Self { most: most.min(self.most), ..self }
    }

    /// The address, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Notified when most of a large crowd of connections has gone: what they needed can be given back.
    pub fn thinned(&self) -> Arc<Notify> {
        self.crowd.thinned()
    }

    /// Accepts until `stop` turns true or its other end is dropped; then what is in progress is finished, for
    /// [`DRAIN`] at most. `serve` is given each connection, with its peer's address and our own, and what it is to us.
    pub async fn run<F>(
        self,
        mut stop: watch::Receiver<bool>,
        serve: impl Fn(TcpStream, SocketAddr, SocketAddr, Standing) -> F,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let room = Arc::new(Semaphore::new(self.most));
        let stopped = stop.wait_for(|stop| *stop);
        tokio::select! {
            _ = stopped => {}
            () = accept(self.socket, self.address, &room, &self.crowd, serve) => {}
        }
        let everyone = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = timeout(DRAIN, room.acquire_many(everyone)).await;
    }
}

async fn accept<F>(
    socket: TcpListener,
    address: SocketAddr,
    room: &Arc<Semaphore>,
    crowd: &Arc<Crowd>,
    serve: impl Fn(TcpStream, SocketAddr, SocketAddr, Standing) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    let mut complained = false;
    let mut sent_away = SentAway { untold: 0, next_line: Instant::now() };
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = sleep_until(sent_away.next_line), if sent_away.untold > 0 => {
                sent_away.tell(address);
                continue;
            }
        };
        match accepted {
            Ok((stream, peer)) => {
                complained = false;
                // without it, an answer of two packets may wait for an acknowledgement
                let _ = stream.set_nodelay(true);
                let ours = stream.local_addr().unwrap_or(address);
                let Some(found) = find_room(room, crowd, &mut sent_away).await else { return };
                sent_away.tell(address);
                let (place, standing) = crowd.enter(found);
                let number = place.number();
                let connection = serve(stream, peer, ours, standing);
                let task = tokio::spawn(async move {
                    connection.await;
                    drop(place);
                });
                crowd.is_served_by(number, task.abort_handle());
            }
            Err(error) if passing(&error) => {}
            Err(error) => {
                // Most likely no descriptors are left. Those who wait stay in the system's queue.
                if !std::mem::replace(&mut complained, true) {
                    tracing::warn!(address = %address, error = %error, "cannot accept connections for now");
                }
                sleep(PAUSE).await;
            }
        }
    }
}

/// Room for one more: what is free, or a stranger's. Where there is no stranger, it is waited for. `None`: never, since
/// the semaphore is not closed.
async fn find_room(room: &Arc<Semaphore>, crowd: &Crowd, sent_away: &mut SentAway) -> Option<OwnedSemaphorePermit> {
    if let Ok(free) = Arc::clone(room).try_acquire_owned() {
        return Some(free);
    }
    if crowd.close_the_oldest_stranger() {
        sent_away.untold += 1;
    }
    Arc::clone(room).acquire_owned().await.ok()
}

/// How many strangers were sent away: one line a minute at most, the first one at once.
struct SentAway {
    untold: u64,
    next_line: Instant,
}

impl SentAway {
    fn tell(&mut self, address: SocketAddr) {
        if let Some(count) = self.due(Instant::now()) {
            tracing::warn!(address = %address, count, "no room: connections that had shown no token were closed");
        }
    }

    /// How many a line is to tell of now.
    fn due(&mut self, now: Instant) -> Option<u64> {
        if self.untold == 0 || now < self.next_line {
            return None;
        }
        self.next_line = now + BETWEEN_LINES;
        Some(std::mem::take(&mut self.untold))
    }
}

/// The most connections with so many files: the engine's and the control socket's are not theirs to take.
fn most_under(file_limit: Option<u64>) -> usize {
    let Some(limit) = file_limit else { return MOST_CONNECTIONS };
    let most = limit - OTHER_FILES.min(limit / 2);
    usize::try_from(most).unwrap_or(usize::MAX).min(MOST_CONNECTIONS)
}

/// Errors of the connection that would have been accepted, not of the listener (accept(2), "Error handling").
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The most connections at once. Above it one that showed no token is closed for one that comes; where all have shown
/// one, those above wait in the system's queue until others end. A low limit of open files makes it fewer.
pub const MOST_CONNECTIONS: usize = 12_000;

/// How long what is in progress may take after a stop: more than any request may wait for the engine.
pub const DRAIN: Duration = Duration::from_secs(2);

const BACKLOG: u32 = 4096;
const PAUSE: Duration = Duration::from_millis(100);
const BETWEEN_LINES: Duration = Duration::from_secs(60);
/// Sixteen fetches at once, the programs that some of them run, clients of the control socket.
const OTHER_FILES: u64 = 128;

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn only_loopback_is_listened_on() {
        for address in ["0.0.0.0:0", "10.0.0.1:0", "[::]:0", "169.254.169.254:80"] {
            let error = Listener::bind(address.parse().unwrap()).unwrap_err();
            assert!(matches!(error, BindError::NotLoopback(_)), "{address}: {error}");
        }
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(listener.address().ip().is_loopback() && listener.address().port() != 0);
    }

    #[tokio::test]
    async fn one_more_than_there_is_room_for_waits_and_is_answered_when_another_ends() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap().with_room_for(2);
        let address = listener.address();
        let (_stop, told) = watch::channel(false);
        tokio::spawn(listener.run(told, |mut stream, _, _, standing| async move {
            standing.prove();
            let (mut from, mut to) = stream.split();
            let _ = tokio::io::copy(&mut from, &mut to).await;
        }));
        let echo = async |stream: &mut TcpStream| {
            stream.write_all(b"x").await.unwrap();
            stream.read_exact(&mut [0]).await.unwrap();
        };
        let mut first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        echo(&mut first).await;
        echo(&mut second).await;
        let mut above = TcpStream::connect(address).await.unwrap();
        {
            let mut answered = std::pin::pin!(echo(&mut above));
            assert!(timeout(Duration::from_millis(200), &mut answered).await.is_err());
            echo(&mut second).await;
            drop(first);
            timeout(Duration::from_secs(10), answered).await.unwrap();
        }
    }

    #[test]
    fn connections_leave_files_to_others_where_there_are_few() {
        let cases =
            [(None, 12_000), (Some(1 << 20), 12_000), (Some(12_128), 12_000), (Some(1024), 896), (Some(64), 32)];
        for (limit, most) in cases {
            assert_eq!(most_under(limit), most, "{limit:?}");
        }
    }

    #[test]
    fn who_was_sent_away_is_told_at_once_and_then_once_a_minute() {
        let start = Instant::now();
        let mut sent_away = SentAway { untold: 0, next_line: start };
        assert_eq!(sent_away.due(start), None, "there is nothing to tell");
        sent_away.untold = 1;
        assert_eq!(sent_away.due(start), Some(1));
        sent_away.untold = 500;
        assert_eq!(sent_away.due(start + Duration::from_secs(59)), None);
        assert_eq!(sent_away.due(start + Duration::from_secs(60)), Some(500));
        assert_eq!(sent_away.due(start + Duration::from_secs(600)), None, "it was told");
    }

    #[tokio::test]
    async fn a_port_in_use_is_named_with_its_holder() {
        let first = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = Listener::bind(first.address()).unwrap_err().to_string();
        assert!(error.starts_with(&format!("{} is taken", first.address())), "{error}");
        assert!(error.contains("`listen` in `[server]`"), "{error}");
        let holder = holder_of(first.address()).expect("ours").to_string();
        assert!(error.contains(&holder), "{error}");
    }
}
