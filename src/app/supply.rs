//! Where `exec` gets its credentials from: the daemon, as far as it means the same by the names; else its own sources.
//!
//! The connection on which the job is announced is held as long as the job lives. Its end, or a fetch that finds the
//! daemon gone, turns the engine to sources of our own at once; what it holds stays. A daemon that comes back supplies
//! again. Called by [`super::endpoint`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::recipes::Book;
use crate::config::Config;
use crate::control::{Client, ClientError, wire};
use crate::credential::IdentityName;
use crate::engine::Engine;
use crate::source::Source;
use crate::source::daemon::{DaemonSource, HandedBack};
use crate::world::unix::UnixHttp;
use crate::world::{World, ourselves};

/// What is supplied, and to whom.
pub(super) struct Supply {
    pub(super) world: World,
    pub(super) config: Arc<Config>,
    /// What the job was given.
    pub(super) identities: Vec<IdentityName>,
    /// The command's name, without its arguments.
    pub(super) command: String,
    /// Where it is served.
    pub(super) address: String,
    pub(super) news: mpsc::UnboundedSender<News>,
}

/// What makes us look again.
pub(super) enum News {
    /// The configuration was read again.
    Config(Arc<Config>),
    /// A fetch found the daemon gone, or of another mind.
    Back(HandedBack),
}

/// A daemon that supplies.
pub(super) struct Supplier {
    client: Client,
    sources: BTreeMap<IdentityName, Arc<dyn Source>>,
}

/// What came of asking for a daemon.
#[derive(Default)]
pub(super) struct Sought {
    pub(super) supplier: Option<Supplier>,
    /// Why a daemon that runs does not supply, one line each: for the person. Nothing where none runs.
    pub(super) notes: Vec<String>,
}

impl Supply {
    /// How each identity's credentials are made, with what the daemon supplies.
    pub(super) fn book(&self, supplier: Option<&Supplier>) -> Book {
        let instead = supplier.map(|supplier| supplier.sources.clone()).unwrap_or_default();
        Book::of(Arc::clone(&self.config), self.world.clone()).with(instead)
    }

    /// Looks for a daemon and announces the job to it.
    pub(super) async fn seek(&self) -> Sought {
        let Ok(socket) = self.config.places.control_socket() else { return Sought::default() };
        let mut client = match Client::connect(&socket, ourselves::uid()).await {
            Ok(client) => client,
            Err(ClientError::NotRunning) => return Sought::default(),
            Err(error) => return Sought { supplier: None, notes: vec![format!("the daemon is not asked: {error}")] },
        };
        let named = |name: &IdentityName| {
            let digest = self.config.identities.get(name).map(|identity| identity.digest.to_hex());
            wire::Named { name: name.to_string(), digest }
        };
        let job = wire::Job {
            command: self.command.clone(),
            identities: self.identities.iter().map(named).collect(),
            address: self.address.clone(),
        };
        let announced = match client.announce(&job).await {
            Ok(announced) => announced,
            Err(error) => return Sought { supplier: None, notes: vec![format!("the daemon is not asked: {error}")] },
        };
        let source = |name: &IdentityName| -> Option<Arc<dyn Source>> {
            let digest = self.config.identities.get(name)?.digest;
            let news = self.news.clone();
            // who listens may have ended already
            let handed_back = Arc::new(move |why| drop(news.send(News::Back(why))));
            let (daemon, clock) = (Arc::new(UnixHttp(socket.clone())), self.world.clock.clone());
            Some(Arc::new(DaemonSource { daemon, clock, identity: Arc::clone(name), digest, handed_back }))
        };
        let refused = |name: &IdentityName| announced.not_supplied.iter().any(|refused| *refused.name == **name);
        let supplied = self.identities.iter().filter(|name| !refused(name));
        let sources = supplied.filter_map(|name| Some((Arc::clone(name), source(name)?))).collect();
        let notes = announced.not_supplied.iter().map(|refused| refused.why.clone()).collect();
        Sought { supplier: Some(Supplier { client, sources }), notes }
    }

    /// Keeps the engine supplied, for ever.
    pub(super) async fn keep(
        mut self,
        engine: Engine,
        mut supplier: Option<Supplier>,
        mut news: mpsc::UnboundedReceiver<News>,
    ) {
        let mut wait = SEEK_FIRST;
        loop {
            let closed = async {
                match &mut supplier {
                    Some(supplier) => supplier.client.closed().await,
                    None => tokio::time::sleep(wait).await,
                }
            };
            let heard = tokio::select! {
                () = closed => None,
                heard = news.recv() => heard,
            };
            match (heard, &mut supplier) {
                (Some(News::Config(config)), _) => {
                    self.config = config;
                    supplier = self.seek_and_tell().await;
                }
                (Some(News::Back(HandedBack::Differs { identity, why })), Some(supplier)) => {
                    tracing::info!(identity = &*identity, reason = %why, "the daemon does not supply it any more");
                    supplier.sources.remove(&identity);
                    tokio::time::sleep(FETCH_FAILED).await;
                }
                (Some(News::Back(_)), None) => continue,
                (Some(News::Back(HandedBack::Away { why })), Some(_)) => {
                    tracing::info!(reason = %why, "the daemon went away: we go on without it");
                    // the fetch that found out fails first: its failure is forgotten with the others
                    tokio::time::sleep(FETCH_FAILED).await;
                    (supplier, wait) = (None, SEEK_FIRST);
                }
                (None, Some(_)) => {
                    tracing::info!("the daemon went away: we go on without it");
                    (supplier, wait) = (None, SEEK_FIRST);
                }
                (None, None) => {
                    supplier = self.seek_and_tell().await;
                    wait = (wait * 2).min(SEEK_AT_MOST);
                    if supplier.is_none() {
                        continue;
                    }
                }
            }
            engine.replace(Arc::new(self.book(supplier.as_ref())));
        }
    }

    async fn seek_and_tell(&self) -> Option<Supplier> {
        let Sought { supplier, notes } = self.seek().await;
        for note in &notes {
            tracing::info!(reason = %note, "served by sources of our own");
        }
        supplier
    }
}

const FETCH_FAILED: Duration = Duration::from_millis(50);

/// A daemon that went away is looked for so soon, and then ever more seldom.
const SEEK_FIRST: Duration = Duration::from_secs(2);
const SEEK_AT_MOST: Duration = Duration::from_secs(60);
