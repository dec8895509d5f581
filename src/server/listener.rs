//! A listener: an address of loopback, or one that was named on purpose, and every connection that comes to it.
//!
//! It stands through what would end others: no file descriptors left, connections that end before they are accepted,
//! more clients than there is room for, and strangers who take all of it ([`super::crowd`]). What it says on
//! an address that is not of loopback does not travel beyond the next machine. Called by the daemon for its own address
//! and those of `[[listener]]`, and by `exec` for its child's.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};

pub use super::bind_error::BindError;
use super::crowd::{Crowd, Standing};
use crate::world::port::holder_of;
use crate::world::{hops, interfaces, ourselves};

/// From where a listener is to be reached at an address that lies on `lo`; at others it is reached from where they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From this machine alone, of this network namespace: who is elsewhere would be refused anyway.
    Machine,
    /// From wherever it is routed to us: pods and containers have networks of their own.
    Network,
}

/// A bound address: clients that connect from now on are answered as soon as [`Listener::run`] runs.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
    hops: u8,
    most: usize,
    crowd: Arc<Crowd>,
}

impl Listener {
    /// Takes an address of loopback; port 0 is any free one.
    pub fn bind(address: SocketAddr) -> Result<Self, BindError> {
        if !address.ip().is_loopback() {
            return Err(BindError::NotLoopback(address));
        }
        Self::bound(address, Reach::Machine).map_err(|reason| match reason.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse { address, holder: holder_of(address) },
            _ => BindError::Refused { address, reason },
        })
    }

    /// The first of some addresses of loopback that can be had; who holds the others is not asked.
    pub fn first_of(addresses: impl IntoIterator<Item = SocketAddr>) -> Option<Self> {
        let mut ours = addresses.into_iter().filter(|address| address.ip().is_loopback());
        ours.find_map(|address| Self::bound(address, Reach::Machine).ok())
    }

    /// Takes an address that was written on purpose, such as `169.254.169.254:80`: any but one that stands for several.
    pub fn bind_named(address: SocketAddr, reach: Reach) -> Result<Self, BindError> {
        let address = one_address(address)?;
        Self::bound(address, reach).map_err(|reason| why_not_named(address, reason))
    }

    /// Takes over what somebody else has opened for us: a service manager (`sd_listen_fds(3)`). It must listen already, on
    /// an address that [`Listener::bind_named`] would take.
    pub fn of_socket(socket: std::net::TcpListener) -> Result<Self, BindError> {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        let address = socket.local_addr().map_err(|reason| BindError::Refused { address: nowhere, reason })?;
        one_address(address)?;
        Self::taken_over(socket, address).map_err(|reason| BindError::Refused { address, reason })
    }

    fn taken_over(socket: std::net::TcpListener, address: SocketAddr) -> io::Result<Self> {
        if !hops::listens(&socket)? {
            return Err(io::Error::other("the socket that we were given does not listen"));
        }
        if let Some(most) = hops_from(address.ip(), HOPS) {
            hops::limit(&socket, address, most)?;
        }
        socket.set_nonblocking(true)?;
        Self::of(TcpListener::from_std(socket)?)
    }

    fn bound(address: SocketAddr, reach: Reach) -> io::Result<Self> {
        let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        if address.is_ipv6() {
            hops::only_ipv6(&socket)?;
        }
        if let Some(most) = hops_from(address.ip(), HOPS) {
            hops::limit(&socket, address, most)?;
        }
        // what is left of connections to an earlier daemon must not keep a new one from its port
        socket.set_reuseaddr(true)?;
        if reach == Reach::Machine {
            interfaces::keep_to_loopback(&socket, address.ip())?;
        }
        socket.bind(address)?;
        Self::of(socket.listen(BACKLOG)?)
    }

    fn of(socket: TcpListener) -> io::Result<Self> {
        let most = most_under(ourselves::file_limit());
        Ok(Self { address: socket.local_addr()?, socket, hops: HOPS, most, crowd: Arc::default() })
    }

    /// The same, whose answers may pass so many machines, such as 2, where they may travel at all: on loopback they may not.
    pub fn with_hops(self, most: u8) -> Result<Self, BindError> {
        let address = self.address;
        if hops_from(address.ip(), most).is_some() {
            hops::limit(&self.socket, address, most).map_err(|reason| BindError::Refused { address, reason })?;
        }
        Ok(Self { hops: most, ..self })
    }

    /// The same with room for fewer connections at once, such as 3.
    #[must_use]
    pub fn with_room_for(self, most: usize) -> Self {
        Self { most: most.min(self.most), ..self }
    }

    /// The same beside another listener of this process: with room for what local tools need. Where each had all of the
    /// room, strangers at two of them would leave no file to anybody.
    #[must_use]
    pub fn beside_another(self) -> Self {
        self.with_room_for(most_beside(ourselves::file_limit()))
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
            () = accept(self.socket, self.address, self.hops, &room, &self.crowd, serve) => {}
        }
        let everyone = u32::try_from(self.most).unwrap_or(u32::MAX);
        let _ = timeout(DRAIN, room.acquire_many(everyone)).await;
    }
}

/// The address without the mapping of IPv4 to IPv6, if it is of one interface and one machine.
fn one_address(address: SocketAddr) -> Result<SocketAddr, BindError> {
    let plain = match address.ip().to_canonical() {
        IpAddr::V4(ip) => SocketAddr::new(ip.into(), address.port()),
        IpAddr::V6(_) => address, // with its interface
    };
    let many = match plain.ip() {
        IpAddr::V4(ip) => ip.octets()[0] == 0 || ip.is_multicast() || ip.is_broadcast(),
        IpAddr::V6(ip) => ip.is_unspecified() || ip.is_multicast(),
    };
    if many { Err(BindError::NotOne(address)) } else { Ok(plain) }
}

fn why_not_named(address: SocketAddr, reason: io::Error) -> BindError {
    match reason.kind() {
        io::ErrorKind::AddrInUse => BindError::NamedInUse { address, holder: holder_of(address) },
        io::ErrorKind::AddrNotAvailable => BindError::NotHere(address),
        io::ErrorKind::PermissionDenied if address.port() < 1024 => BindError::LowPort(address),
        _ => BindError::Refused { address, reason },
    }
}

/// How many machines an answer may pass on an address that others may reach, where nothing else is said: one, as answers of
/// the real metadata service (Amazon EC2 User Guide, "Instance metadata options": the hop limit is 1).
pub const HOPS: u8 = 1;

/// The limit at this address. Nobody routes loopback.
fn hops_from(ip: IpAddr, most: u8) -> Option<u8> {
    (!ip.to_canonical().is_loopback()).then_some(most)
}

async fn accept<F>(
    socket: TcpListener,
    address: SocketAddr,
    hops: u8,
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
                // Linux has given it the listener's limit, macOS has not
                if let Some(most) = hops_from(ours.ip(), hops)
                    && hops::limit(&stream, ours, most).is_err()
                {
                    continue;
                }
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

/// The most at each of the others, so that sixteen of them take no more than a quarter.
fn most_beside(file_limit: Option<u64>) -> usize {
    let most = file_limit.map(|limit| usize::try_from(limit / 64).unwrap_or(usize::MAX));
    most.map_or(MOST_BESIDE, |most| most.clamp(LEAST_BESIDE, MOST_BESIDE))
}

/// Errors of the connection that would have been accepted, not of the listener (accept(2), "Error handling").
fn passing(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// The most connections at once. Above it one that showed no token is closed for one that comes; where all have shown
/// one, those above wait in the system's queue until others end. A low limit of open files makes it fewer.
pub const MOST_CONNECTIONS: usize = 12_000;

/// The same at a listener [beside another one](Listener::beside_another).
const MOST_BESIDE: usize = 512;
const LEAST_BESIDE: usize = 16;

/// How long what is in progress may take after a stop: more than any request may wait for the engine, but for one that wants a token
/// of Azure. That one is let go of.
pub const DRAIN: Duration = Duration::from_secs(2);

const BACKLOG: u32 = 4096;
const PAUSE: Duration = Duration::from_millis(100);
const BETWEEN_LINES: Duration = Duration::from_secs(60);
/// Sixteen fetches at once, the programs that some of them run, clients of the control socket.
const OTHER_FILES: u64 = 128;

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;
