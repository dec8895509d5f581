//! [`Listeners`]: the `[[listener]]`s of the configuration, opened, followed and closed for as long as a daemon runs.
//!
//! An address that cannot be had keeps nobody from starting: it may come later (a docker network, `credenza setup
//! link-local`). It is tried again, ever more seldom, and `credenza status` says why it is not served. What changes in the
//! configuration changes at the open listener: its clients keep their connections and their session tokens. Called by
//! [`super::daemon`].

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;

use super::neighbours::terms_of_all;
use super::seals::Seals;
use super::terms::Own;
use crate::config::{Config, Kubernetes, ListenerDefinition, Peers};
use crate::control::view;
use crate::server::issuer_keys::IssuerKeys;
use crate::server::listener::{BindError, Listener, Reach};
use crate::server::neighbours::Lookups;
use crate::server::service::Service;
use crate::server::terms::Terms;
use crate::world::World;

/// The listeners of a daemon. Cheap to clone: all clones are the same.
#[derive(Clone)]
pub(super) struct Listeners {
    world: World,
    service: Arc<Service>,
    bind: Arc<Bind>,
    seals: Seals,
    lookups: Arc<Lookups>,
    stop: watch::Sender<bool>,
    inner: Arc<Inner>,
}

/// How an address is taken.
type Bind = dyn Fn(SocketAddr, Reach) -> Result<Listener, BindError> + Send + Sync;

#[derive(Default)]
struct Inner {
    all: Mutex<BTreeMap<SocketAddr, Written>>,
    changed: Notify,
}

/// One that is written down.
struct Written {
    definition: ListenerDefinition,
    own: Own,
    stands: Stands,
}

/// How it stands with one.
enum Stands {
    Open(Open),
    /// What it says cannot be served, and will not be by itself.
    Wrong(String),
    /// The address cannot be had for now.
    Closed {
        why: String,
        attempts: u32,
    },
}

/// One that serves.
struct Open {
    terms: watch::Sender<Arc<Terms>>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    hops: u8,
}

impl Listeners {
    /// None yet. `service` is the main listener's; `given` are the sockets that a supervisor opened for us: at their
    /// addresses they are taken and nothing is bound.
    pub(super) fn new(
        world: &World,
        service: &Arc<Service>,
        seals: Seals,
        given: Vec<(SocketAddr, TcpListener)>,
    ) -> Self {
        let bind = move |address: SocketAddr, reach: Reach| match given.iter().find(|(theirs, _)| *theirs == address) {
            // a copy of it, since the same address may be written again later
            Some((_, socket)) => {
                let copy = socket.try_clone().map_err(|reason| BindError::Refused { address, reason })?;
                Listener::of_socket(copy)
            }
            None => Listener::bind_named(address, reach),
        };
        Self::with(world, service, seals, Arc::new(bind))
    }

    fn with(world: &World, service: &Arc<Service>, seals: Seals, bind: Arc<Bind>) -> Self {
        let (world, service) = (world.clone(), Arc::clone(service));
        let lookups = Lookups::new(Arc::clone(&world.hosts));
        Self { world, service, bind, seals, lookups, stop: watch::Sender::new(false), inner: Arc::default() }
    }

    /// Opens, changes and closes what the configuration says, at once.
    pub(super) fn follow(&self, config: &Config) {
        let mut all = self.all();
        let written = |address: &SocketAddr| config.listeners.iter().any(|listener| listener.address == *address);
        all.retain(|address, listener| {
            let stays = written(address);
            if let (false, Stands::Open(open)) = (stays, &listener.stands) {
                tracing::info!(address = %address, "no listener any more");
                open.stop.send_replace(true);
            }
            stays
        });
        for definition in &config.listeners {
            let before = all.remove(&definition.address);
            let own = self.own(definition, before.as_ref());
            let stands = self.stand(definition, config, &own, before.and_then(|before| before.reaching(definition)));
            let definition = definition.clone();
            all.insert(definition.address, Written { definition, own, stands });
        }
        drop(all);
        self.inner.changed.notify_one();
    }

    fn own(&self, definition: &ListenerDefinition, before: Option<&Written>) -> Own {
        let Some(before) = before else {
            let own = Own::sealing_with(self.seals.of(definition.address));
            return own.with_keys(definition.kubernetes.as_ref().map(|cluster| self.keys_of(cluster)));
        };
        let source =
            |definition: &ListenerDefinition| definition.kubernetes.as_ref().map(|cluster| cluster.keys.clone());
        if source(definition) == source(&before.definition) {
            return before.own.clone();
        }
        before.own.clone().with_keys(definition.kubernetes.as_ref().map(|cluster| self.keys_of(cluster)))
    }

    fn keys_of(&self, cluster: &Kubernetes) -> Arc<IssuerKeys> {
        IssuerKeys::new(self.world.clone(), cluster.keys.clone())
    }

    fn stand(&self, definition: &ListenerDefinition, config: &Config, own: &Own, before: Option<Stands>) -> Stands {
        let terms = match terms_of_all(definition, config, own, &self.lookups) {
            Ok(terms) => Arc::new(terms),
            Err(why) => {
                tracing::error!(address = %definition.address, reason = %why, "a listener is not served");
                if let Some(Stands::Open(open)) = before {
                    open.stop.send_replace(true);
                }
                return Stands::Wrong(why);
            }
        };
        if let Some(Stands::Open(open)) = before {
            if open.hops == definition.hop_limit {
                open.terms.send_replace(terms);
                return Stands::Open(open);
            }
            // who is connected has the old ones: the address is had anew once they are gone
            open.stop.send_replace(true);
        }
        match self.take(definition) {
            Ok(listener) => self.open(listener, terms, definition),
            Err(error) => closed(definition.address, &error, 1),
        }
    }

    fn take(&self, definition: &ListenerDefinition) -> Result<Listener, BindError> {
        (self.bind)(definition.address, reach_of(definition))?.with_hops(definition.hop_limit)
    }

    fn open(&self, listener: Listener, terms: Arc<Terms>, definition: &ListenerDefinition) -> Stands {
        if terms.peers == Peers::Any {
            tracing::warn!(address = %definition.address, "whoever can reach this listener is served");
        }
        tracing::info!(address = %definition.address, "a listener serves");
        let (terms, current) = watch::channel(terms);
        let stop = watch::Sender::new(false);
        let (mut told, mut all_told) = (stop.subscribe(), self.stop.subscribe());
        let (either, stopped) = watch::channel(false);
        let service = self.service.on(current);
        let serving = tokio::spawn(async move {
            let mut serving = std::pin::pin!(service.serve(listener.beside_another(), stopped));
            tokio::select! {
                () = &mut serving => return,
                _ = told.wait_for(|stop| *stop) => {}
                _ = all_told.wait_for(|stop| *stop) => {}
            }
            either.send_replace(true);
            serving.await;
        });
        Stands::Open(Open { terms, stop, serving, hops: definition.hop_limit })
    }

    /// Tries again what could not be had, for ever. `config` is the one that holds.
    pub(super) async fn run(self, config: watch::Receiver<Arc<Config>>) {
        loop {
            let wait = self.all().values().filter_map(|listener| listener.stands.next_attempt()).min();
            match wait {
                Some(wait) => tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    () = self.inner.changed.notified() => continue,
                },
                None => {
                    self.inner.changed.notified().await;
                    continue;
                }
            }
            let config = Arc::clone(&config.borrow());
            let mut all = self.all();
            for listener in all.values_mut() {
                let Stands::Closed { attempts, .. } = listener.stands else { continue };
                let terms = terms_of_all(&listener.definition, &config, &listener.own, &self.lookups);
                let Ok(terms) = terms else { continue };
                let address = listener.definition.address;
                listener.stands = match self.take(&listener.definition) {
                    Ok(found) => self.open(found, Arc::new(terms), &listener.definition),
                    Err(error) => closed(address, &error, attempts.saturating_add(1)),
                };
            }
        }
    }

    /// Finishes what is in progress and closes all of them.
    pub(super) async fn close(&self) {
        self.stop.send_replace(true);
        let all = std::mem::take(&mut *self.all());
        for listener in all.into_values() {
            if let Stands::Open(open) = listener.stands {
                let _ = open.serving.await;
            }
        }
    }

    /// How they stand, by address.
    pub(super) fn views(&self) -> Vec<view::Listener> {
        self.all().values().map(view_of).collect()
    }

    /// Nothing panics while it is held.
    fn all(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Written>> {
        self.inner.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Written {
    /// How it stands with it, if it is reached from where another definition wants it to be: an open socket cannot be
    /// changed in that. One that is closed here is opened again as one that could not be had.
    fn reaching(self, definition: &ListenerDefinition) -> Option<Stands> {
        match self.stands {
            Stands::Open(open) if reach_of(&self.definition) != reach_of(definition) => {
                open.stop.send_replace(true);
                None
            }
            stands => Some(stands),
        }
    }
}

/// Where only our own processes are answered, nobody else need reach it. Loopback is nobody else's in any case.
fn reach_of(definition: &ListenerDefinition) -> Reach {
    let ListenerDefinition { address, dialects, peers, neighbours, .. } = definition;
    let by_owner = *peers == Peers::Own
        && neighbours.is_empty()
        && !dialects.iter().any(|dialect| definition.wants_token(*dialect));
    if by_owner || address.ip().is_loopback() { Reach::Machine } else { Reach::Network }
}

impl Stands {
    fn next_attempt(&self) -> Option<Duration> {
        match self {
            Self::Closed { attempts, .. } => Some(next_attempt(*attempts)),
            Self::Open(_) | Self::Wrong(_) => None,
        }
    }
}

/// How long after so many attempts an address is tried once more: a second, and twice as long each time, half a minute at
/// most.
fn next_attempt(attempts: u32) -> Duration {
    let doubled = 1_u64.checked_shl(attempts.saturating_sub(1)).unwrap_or(u64::MAX);
    Duration::from_secs(doubled).min(MOST_PATIENCE)
}

const MOST_PATIENCE: Duration = Duration::from_secs(30);

fn closed(address: SocketAddr, error: &BindError, attempts: u32) -> Stands {
    if attempts == 1 {
        tracing::warn!(address = %address, error = %error, "a listener is not served for now");
    }
    Stands::Closed { why: error.to_string(), attempts }
}

fn view_of(listener: &Written) -> view::Listener {
    let Written { definition, own, stands } = listener;
    let (state, reason) = match stands {
        Stands::Open(_) => (view::SERVING, own.keys().and_then(|keys| keys.trouble())),
        Stands::Wrong(why) => (view::NOT_SERVED, Some(why.clone())),
        Stands::Closed { why, .. } => (view::NOT_SERVED, Some(why.clone())),
    };
    view::Listener {
        address: definition.address.to_string(),
        dialects: definition.dialects.iter().map(|dialect| dialect.word().to_owned()).collect(),
        identities: definition.identities.iter().map(ToString::to_string).collect(),
        anyone: definition.peers == Peers::Any,
        state: state.to_owned(),
        reason,
    }
}

#[cfg(test)]
#[path = "listeners_tests.rs"]
mod tests;
