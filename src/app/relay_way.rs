//! [`Way`]: how a relay reaches the daemon, by what its grant's file says: over the mounted data socket, or over TLS.
//!
//! Called by [`super::relay`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::time::Instant;

use super::relay_spares::Spares;
use crate::config::RelayDefinition;
use crate::config::invitation::{Invitation, TlsWay};
use crate::secret::Secret;
use crate::server::relay::{Stream, Upstream};
use crate::world::pinned::{self, Keypair, Trouble};
use crate::world::{BoxFuture, World, local_socket};

/// The way to the daemon. The file is looked at again now and then: it may be replaced while we run.
pub(super) struct Way {
    grant: PathBuf,
    socket: PathBuf,
    world: World,
    read: Mutex<Read>,
}

/// What the file said.
struct Read {
    /// When; `None`: there is none, and it is not looked for again.
    at: Option<Instant>,
    token: Secret,
    tls: Option<Tls>,
}

/// The daemon over TLS.
#[derive(Clone)]
struct Tls {
    way: TlsWay,
    client: pinned::Client,
    spares: Arc<Spares>,
}

impl Way {
    /// By what is written. The error is a sentence with what mends it.
    pub(super) fn of(definition: &RelayDefinition, world: &World) -> Result<Self, String> {
        let RelayDefinition { grant, upstream } = definition;
        let read = read(grant, world, None)?;
        Ok(Self { grant: grant.clone(), socket: upstream.clone(), world: world.clone(), read: Mutex::new(read) })
    }

    /// The same for who brings no grant: without the file, it is the data socket.
    pub(super) fn of_anybody(definition: &RelayDefinition, world: &World) -> Result<Self, String> {
        if world.files.read(&definition.grant).map(zeroize::Zeroizing::new).is_ok() {
            return Self::of(definition, world);
        }
        let RelayDefinition { grant, upstream } = definition;
        let read = Mutex::new(Read { at: None, token: Secret::new(""), tls: None });
        Ok(Self { grant: grant.clone(), socket: upstream.clone(), world: world.clone(), read })
    }

    /// What the file says, as of a moment ago; where it says nothing any more, what it said last.
    fn with<T>(&self, look: impl FnOnce(&Read) -> T) -> T {
        let mut last = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if last.at.is_some_and(|at| at.elapsed() >= LOOK) {
            match read(&self.grant, &self.world, last.tls.as_ref()) {
                Ok(read) => *last = read,
                Err(error) => {
                    tracing::warn!(error, "the relay goes on with the grant of before");
                    last.at = Some(Instant::now());
                }
            }
        }
        look(&last)
    }
}

impl Upstream for Way {
    fn connect(&self) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            let Some(Tls { way, client, spares }) = self.with(|read| read.tls.clone()) else {
                let connected = local_socket::connect(&self.socket).await;
                let stream = connected.map_err(|error| told(error, &self.socket.display().to_string()))?;
                return Ok(Box::new(stream) as Box<dyn Stream>);
            };
            let address = way.address;
            let connected = match spares.take().await {
                Some(spare) => spare,
                None => over_tls(&address, &client).await?,
            };
            spares.refill(move || {
                let (address, client) = (address.clone(), client.clone());
                async move { over_tls(&address, &client).await.ok() }
            });
            Ok(connected)
        })
    }

    fn token(&self) -> Secret {
        self.with(|read| read.token.clone())
    }
}

async fn over_tls(address: &str, client: &pinned::Client) -> io::Result<Box<dyn Stream>> {
    let stream = TcpStream::connect(address).await.map_err(|error| told(error, address))?;
    let _ = stream.set_nodelay(true);
    let stream = client.connect(stream, HANDSHAKE).await.map_err(|trouble| untrusted(trouble, address))?;
    Ok(Box::new(stream))
}

/// Reads the file. A client that was made of the same file before is taken over, since it takes a key apart.
fn read(path: &Path, world: &World, before: Option<&Tls>) -> Result<Read, String> {
    let shown = path.display();
    let bytes = world.files.read(path).map(zeroize::Zeroizing::new).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!(
            "there is no grant at {shown}: make one on the host with `credenza relay invite`, and give its file to the container"
        ),
        io::ErrorKind::PermissionDenied => format!(
            "the grant at {shown} may not be read by this user: run the container as the file's owner (`user:` in a compose file)"
        ),
        _ => format!("the grant at {shown} cannot be read: {error}"),
    })?;
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let Invitation { token, tls } = Invitation::parse(text).map_err(|why| format!("what lies at {shown} {why}"))?;
    let tls = match (tls, before) {
        (None, _) => None,
        (Some(way), Some(same)) if way == same.way => Some(same.clone()),
        (Some(way), _) => {
            let keypair = Keypair::from_pem(way.keypair.0.clone()).map_err(|error| format!("{shown}: {error}"))?;
            let client = pinned::Client::new(&keypair, way.daemon);
            Some(Tls { way, client, spares: Arc::default() })
        }
    };
    Ok(Read { at: Some(Instant::now()), token, tls })
}

fn told(error: io::Error, whom: &str) -> io::Error {
    // a refusal by this system is none of the daemon's, and passes
    let kind = match error.kind() {
        io::ErrorKind::PermissionDenied => io::ErrorKind::Other,
        kind => kind,
    };
    io::Error::new(kind, format!("{whom} cannot be reached: {error}"))
}

/// Who is not welcome, or finds another than was to be found, gets no further by trying again.
fn untrusted(trouble: Trouble, address: &str) -> io::Error {
    match trouble {
        Trouble::Unwelcome | Trouble::Stranger(_) | Trouble::Unproven => {
            io::Error::new(io::ErrorKind::PermissionDenied, format!("{address}: {trouble}"))
        }
        Trouble::Network(error) => told(error, address),
        other => io::Error::other(format!("{address}: {other}")),
    }
}

const LOOK: Duration = Duration::from_secs(1);

const HANDSHAKE: Duration = Duration::from_secs(2);
