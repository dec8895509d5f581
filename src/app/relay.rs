//! [`Relay`]: what `credenza relay` runs in a container: the fixed addresses, and the way to the host's daemon.
//!
//! It fails closed: where there is no grant, or one that the daemon does not take, nothing listens. A daemon that is away is waited for,
//! since containers are often there first. Called by the command.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::AppError;
use super::neighbours::terms_of_one;
use super::relay_way::Way;
use super::terms::Own;
use crate::config::{Config, ListenerDefinition, Peers};
use crate::secret::{Digest, Secret};
use crate::server::health::Report;
use crate::server::hello::Place;
use crate::server::listener::{Listener, Reach};
use crate::server::neighbours::Lookups;
use crate::server::relay::{self, Upstream};
use crate::server::terms::Terms;
use crate::world::pinned::Keypair;
use crate::world::{Clock, World};

/// A relay that has its addresses, and does not serve yet.
pub struct Relay {
    listening: Vec<(Listener, Arc<relay::Relay>)>,
}

/// Passes what comes to an address of loopback on to the daemon as it is, where that cannot be reached by one: in a container that mounts
/// the data socket. A grant's token is shown in each request.
pub struct Forward {
    listener: Listener,
    upstream: Arc<dyn Upstream>,
    clock: Arc<dyn Clock>,
}

impl Forward {
    /// Takes the address.
    ///
    /// # Errors
    ///
    /// Where it cannot be had, is none of loopback, or nothing says where the daemon is.
    pub fn build(world: &World, address: SocketAddr) -> Result<Self, AppError> {
        let config = Config::load(world)?;
        let upstream = Arc::new(Way::of_anybody(&config.relay, world).map_err(AppError::Relay)?);
        Ok(Self { listener: Listener::bind(address)?, upstream, clock: Arc::clone(&world.clock) })
    }

    /// Where it is, with the port that was taken.
    pub fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    /// Serves until `stop` turns true, or its other end is dropped.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let Self { listener, upstream, clock } = self;
        relay::forward(upstream, Arc::new(Terms::of_grants()), clock, listener, stop).await;
    }
}

impl std::fmt::Debug for Forward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Forward({})", self.address())
    }
}

impl Relay {
    /// Waits for the daemon, shows it the grant, and takes the addresses.
    ///
    /// # Errors
    ///
    /// Where nothing says what to listen at, the grant is missing or refused, or an address cannot be had.
    pub async fn build(world: &World) -> Result<Self, AppError> {
        let config = Config::load(world)?;
        let definitions = &config.listeners;
        let Some(first) = definitions.first() else { return Err(AppError::Relay(NO_LISTENER.to_owned())) };
        if let Some(senseless) = definitions.iter().find_map(senseless) {
            return Err(AppError::Relay(senseless));
        }
        let upstream: Arc<dyn Upstream> = Arc::new(Way::of(&config.relay, world).map_err(AppError::Relay)?);
        admitted(&*upstream, &place_of(first)).await?;
        let lookups = Lookups::new(Arc::clone(&world.hosts));
        let mut listening = Vec::new();
        for definition in definitions {
            let listener = Listener::bind_named(definition.address, Reach::Network)?.with_hops(definition.hop_limit)?;
            let listener = listener.with_room_for(MOST_CONNECTIONS);
            let relay = relay::Relay {
                upstream: Arc::clone(&upstream),
                place: place_of(definition),
                neighbours: definition.neighbours.clone(),
                anybody: definition.peers == Peers::Any,
                identities: definition.identities.clone(),
                lookups: Arc::clone(&lookups),
                refusing: Arc::new(refusing(definition, &config, world)),
                clock: Arc::clone(&world.clock),
            };
            listening.push((listener, Arc::new(relay)));
        }
        Ok(Self { listening })
    }

    /// Where containers are answered.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listening.iter().map(|(listener, _)| listener.address()).collect()
    }

    /// Serves until `stop` turns true, or its other end is dropped.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let mut serving = JoinSet::new();
        for (listener, relay) in self.listening {
            tracing::info!(address = %listener.address(), "a listener serves");
            serving.spawn(relay.serve(listener, stop.clone()));
        }
        while serving.join_next().await.is_some() {}
    }
}

impl std::fmt::Debug for Relay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Relay({:?})", self.addresses())
    }
}

/// A certificate of a relay's own with its key, as PEM, and its fingerprint.
///
/// # Errors
///
/// Where the system gives no random bytes.
pub fn keypair() -> Result<(Secret, Digest), String> {
    let made = Keypair::generate().map_err(|error| error.to_string())?;
    Ok((made.pem().clone(), made.fingerprint()))
}

/// How it stands with the relay of this configuration, asked as its containers do: through its own listener.
///
/// # Errors
///
/// Where nobody listens, or what answers is no relay.
pub async fn health(config: &Config) -> Result<Report, String> {
    let Some(listener) = config.listeners.first() else { return Err(NO_LISTENER.to_owned()) };
    let address = listener.address;
    let request = http::Request::get(format!("http://{address}/healthz")).body(bytes::Bytes::new());
    let request = request.map_err(|error| error.to_string())?;
    let limits = crate::world::http::HttpLimits { total: Duration::from_secs(3), ..Default::default() };
    let answer = async {
        let stream = tokio::net::TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        let answer = crate::world::http::exchange::exchange(stream, request, limits, &address.to_string()).await;
        answer.map_err(|error| error.to_string())
    };
    let answer = answer.await.map_err(|error| format!("the relay does not answer at {address}: {error}"))?;
    report_of(answer.status(), answer.body())
}

/// What an answer to `GET /healthz` says. The error is a sentence of the daemon's, or about it.
fn report_of(status: StatusCode, body: &[u8]) -> Result<Report, String> {
    if matches!(status, StatusCode::OK | StatusCode::SERVICE_UNAVAILABLE)
        && let Ok(report) = serde_json::from_slice(body)
    {
        return Ok(report);
    }
    let said: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said =
        said.as_ref().and_then(|said| said.get("message").or(said.get("error_description")).unwrap_or(said).as_str());
    Err(said.map_or_else(|| format!("it answers with status {}", status.as_u16()), str::to_owned))
}

/// Shows the grant to the daemon, and waits for one as long as there is none.
async fn admitted(upstream: &dyn Upstream, place: &Place) -> Result<(), AppError> {
    let mut told = false;
    loop {
        match relay::ask_health(upstream, place).await {
            Ok((StatusCode::FORBIDDEN, body)) => {
                let why = report_of(StatusCode::FORBIDDEN, &body).err().unwrap_or_default();
                return Err(AppError::Relay(format!("the daemon refuses the grant: {why}")));
            }
            Ok((status, body)) if report_of(status, &body).is_ok() => return Ok(()),
            Ok((status, _)) => {
                let why = format!("what answers as the daemon is none: status {}", status.as_u16());
                return Err(AppError::Relay(why));
            }
            // over TLS, one that is not welcome hears so before it can ask
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                return Err(AppError::Relay(format!("the daemon does not let us in: {error}")));
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    tracing::warn!(reason = %error, "no daemon answers: waiting for it, and nothing listens until then");
                }
                sleep(AGAIN).await;
            }
        }
    }
}

/// What a relay cannot do, or a listener of which nobody would get anything. The error is a whole sentence.
fn senseless(definition: &ListenerDefinition) -> Option<String> {
    let ListenerDefinition { place, address, neighbours, peers, kubernetes, require_token, .. } = definition;
    if kubernetes.is_some() {
        return Some(format!("{place}: a relay knows no tokens of a cluster: serve {address} from the daemon itself"));
    }
    let nobody = neighbours.is_empty() && *peers != Peers::Any && !require_token;
    nobody.then(|| format!("{place}: nobody is served at {address}: write neighbours = {{ app = [\"my-dev\"] }} instead of `identities`"))
}

/// At one address: a project has some dozens, and each costs two descriptors and some kilobytes.
const MOST_CONNECTIONS: usize = 256;

const AGAIN: Duration = Duration::from_secs(1);

const NO_LISTENER: &str = "no [[listener]] says where containers ask: write one, such as address = \"169.254.170.2:80\", \
                           dialects = [\"ecs\"], neighbours = { app = [\"my-dev\"] }";

/// What is said of an address to the daemon.
fn place_of(definition: &ListenerDefinition) -> Place {
    let json = |object: &serde_json::Map<String, serde_json::Value>| match object.is_empty() {
        true => String::new(),
        false => serde_json::to_string(object).unwrap_or_default(),
    };
    Place {
        address: definition.address,
        dialects: definition.dialects.iter().map(|dialect| dialect.word().to_owned()).collect(),
        require_token: definition.require_token,
        imds_v1: definition.imds_v1,
        faithful: definition.faithful,
        disabled: !definition.enabled,
        metadata: definition.metadata.clone(),
        task: json(&definition.task),
        vm: json(&definition.vm),
    }
}

/// In which words a refusal is said at an address.
fn refusing(definition: &ListenerDefinition, config: &Config, world: &World) -> Terms {
    let made = terms_of_one(definition, None, "", config, &Own::new(&*world.random));
    made.unwrap_or_else(|_| Terms::of_nothing(Peers::Nobody, Vec::new()))
}
