//! Where `exec` gets its credentials from: the daemon, as far as it means the same by the names; else its own sources.
//!
//! The connection on which the job is announced is held as long as the job lives. Its end, or a fetch that finds the
//! daemon gone, turns the engine to sources of our own at once; what it holds stays. A daemon that comes back supplies
//! again, and what it would not supply is asked for again. Called by [`super::endpoint`].

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::recipes::Book;
use crate::config::Config;
use crate::control::{Client, ClientError, wire};
use crate::credential::IdentityName;
use crate::credential::handover::START_ANEW;
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
    /// How often sources were made: each time others take the place of those before.
    pub(super) generation: u64,
}

/// What makes us look again.
pub(super) enum News {
    /// The configuration was read again.
    Config(Arc<Config>),
    /// A fetch found the daemon gone, or of another mind.
    Back {
        /// Whose fetch it was: sources that are in use no more bring no news.
        generation: u64,
        /// What it found.
        found: HandedBack,
    },
}

/// A daemon that supplies.
pub(super) struct Supplier {
    client: Client,
    generation: u64,
    sources: BTreeMap<IdentityName, Arc<dyn Source>>,
    /// What it will not supply for now.
    refused: BTreeSet<IdentityName>,
    /// What it cannot make where it runs: not asked for until the configuration changes.
    unable: BTreeSet<IdentityName>,
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
    pub(super) async fn seek(&mut self) -> Sought {
        let Ok(socket) = self.config.places.control_socket() else { return Sought::default() };
        let not_asked = |error: &ClientError| Sought { supplier: None, notes: vec![not_asked(error)] };
        let mut client = match Client::connect(&socket, ourselves::uid()).await {
            Ok(client) => client,
            Err(ClientError::NotRunning) => return Sought::default(),
            Err(error) => return not_asked(&error),
        };
        match client.announce(&self.job()).await {
            Ok(announced) => {
                let (refused, notes) = refusals(announced);
                let unable = BTreeSet::new();
                let (sources, generation) = (BTreeMap::new(), self.generation);
                let mut supplier = Supplier { client, generation, sources, refused, unable };
                self.make_sources(&mut supplier);
                Sought { supplier: Some(supplier), notes }
            }
            Err(error) => not_asked(&error),
        }
    }

    /// Announces the job once more on the same connection: it is given other identities by other definitions, or the daemon
    /// may be of another mind by now. `None` where the daemon is gone.
    async fn announce_again(&mut self, mut supplier: Supplier) -> Option<Supplier> {
        match supplier.client.announce(&self.job()).await {
            Ok(announced) => {
                let (refused, notes) = refusals(announced);
                if refused != supplier.refused {
                    tell(&notes);
                }
                supplier.refused = refused;
                Some(supplier)
            }
            Err(error) => {
                tell(&[not_asked(&error)]);
                None
            }
        }
    }

    fn job(&self) -> wire::Job {
        let named = |name: &IdentityName| {
            let digest = self.config.identities.get(name).map(|identity| identity.digest.to_hex());
            wire::Named { name: name.to_string(), digest }
        };
        wire::Job {
            command: self.command.clone(),
            identities: self.identities.iter().map(named).collect(),
            address: self.address.clone(),
        }
    }

    /// Makes the sources of all that the daemon supplies. What those before still hand back means nothing any more.
    fn make_sources(&mut self, supplier: &mut Supplier) {
        self.generation += 1;
        supplier.generation = self.generation;
        let source = |name: &IdentityName| -> Option<(IdentityName, Arc<dyn Source>)> {
            let digest = self.config.identities.get(name)?.digest;
            let socket = self.config.places.control_socket().ok()?;
            let (news, generation) = (self.news.clone(), self.generation);
            let source = DaemonSource {
                daemon: Arc::new(UnixHttp(socket)),
                clock: self.world.clock.clone(),
                identity: Arc::clone(name),
                digest,
                // who listens may have ended already
                handed_back: Arc::new(move |found| drop(news.send(News::Back { generation, found }))),
            };
            Some((Arc::clone(name), Arc::new(source)))
        };
        supplier.sources = self.identities.iter().filter(|name| supplier.supplies(name)).filter_map(source).collect();
    }

    /// Keeps the engine supplied, for ever.
    pub(super) async fn keep(
        mut self,
        engine: Engine,
        mut supplier: Option<Supplier>,
        mut news: mpsc::UnboundedReceiver<News>,
    ) {
        let mut pause = FIRST_PAUSE;
        loop {
            let anew = match next(&mut supplier, &mut news, pause).await {
                Next::Look => {
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    let supplied = supplier.as_ref().map(Supplier::supplied);
                    supplier = self.look_again(supplier).await;
                    if supplier.as_ref().map(Supplier::supplied) == supplied {
                        continue;
                    }
                    true
                }
                Next::Told(News::Config(config)) => {
                    self.config = config;
                    pause = FIRST_PAUSE;
                    supplier.iter_mut().for_each(|supplier| supplier.unable.clear());
                    supplier = self.look_again(supplier).await;
                    true
                }
                Next::Told(News::Back { generation, found }) => {
                    let theirs = supplier.as_mut().filter(|theirs| theirs.generation == generation);
                    if theirs.is_some_and(|theirs| !theirs.hands_back(found)) {
                        (supplier, pause) = (None, FIRST_PAUSE);
                    }
                    // the fetch that found out ends first, and is made up for at once: also where what it found is no news
                    tokio::time::sleep(FETCH_ENDED).await;
                    false
                }
                Next::Closed => {
                    tracing::info!("the daemon went away: we go on without it");
                    (supplier, pause) = (None, FIRST_PAUSE);
                    true
                }
            };
            match &mut supplier {
                Some(supplier) if anew => self.make_sources(supplier),
                // Its other sources stay: what they are about to hand back must still count.
                Some(supplier) => supplier.drop_sources(),
                None => {}
            }
            engine.replace(Arc::new(self.book(supplier.as_ref())));
        }
    }

    async fn look_again(&mut self, supplier: Option<Supplier>) -> Option<Supplier> {
        if let Some(supplier) = supplier {
            return self.announce_again(supplier).await;
        }
        let Sought { supplier, notes } = self.seek().await;
        tell(&notes);
        supplier
    }
}

impl Supplier {
    fn supplies(&self, name: &IdentityName) -> bool {
        !self.refused.contains(name) && !self.unable.contains(name)
    }

    /// Drops the sources of what it does not supply any more.
    fn drop_sources(&mut self) {
        let Self { sources, refused, unable, .. } = self;
        sources.retain(|name, _| !refused.contains(name) && !unable.contains(name));
    }

    /// What would be supplied by sources made now.
    fn supplied(&self) -> (BTreeSet<IdentityName>, BTreeSet<IdentityName>) {
        (self.refused.clone(), self.unable.clone())
    }

    /// A fetch found that the daemon does not supply something; `false`: it supplies nothing any more.
    fn hands_back(&mut self, found: HandedBack) -> bool {
        match found {
            HandedBack::Away { why } => {
                tracing::info!(reason = %why, "the daemon went away: we go on without it");
                false
            }
            HandedBack::Differs { identity, why } => {
                tracing::info!(identity = &*identity, reason = %why, "the daemon does not supply it any more");
                self.refused.insert(identity);
                true
            }
            HandedBack::Unable { identity, why } => {
                tracing::info!(identity = &*identity, reason = %why, "the daemon cannot make it; we try ourselves");
                self.unable.insert(identity);
                true
            }
        }
    }
}

/// What happens next.
enum Next {
    Told(News),
    /// The daemon closed the connection.
    Closed,
    /// The pause is over: a daemon may run by now, or supply what it refused.
    Look,
}

async fn next(supplier: &mut Option<Supplier>, news: &mut mpsc::UnboundedReceiver<News>, pause: Duration) -> Next {
    let content = supplier.as_ref().is_some_and(|supplier| supplier.refused.is_empty());
    let closed = async {
        match supplier {
            Some(supplier) => supplier.client.closed().await,
            None => pending().await,
        }
    };
    tokio::select! {
        Some(news) = news.recv() => Next::Told(news),
        () = closed => Next::Closed,
        () = tokio::time::sleep(pause), if !content => Next::Look,
    }
}

fn refusals(announced: wire::Announced) -> (BTreeSet<IdentityName>, Vec<String>) {
    let note = |refused: &wire::NotSupplied| match &refused.mend {
        Some(mend) => format!("{}; try: {mend}", refused.why),
        None => refused.why.clone(),
    };
    let notes = announced.not_supplied.iter().map(note).collect();
    (announced.not_supplied.into_iter().map(|refused| refused.name.into()).collect(), notes)
}

fn not_asked(error: &ClientError) -> String {
    let mend = match error {
        ClientError::Version(_) => format!("; try: {START_ANEW}"),
        ClientError::Refused(refusal) => refusal.mend.as_ref().map(|mend| format!("; try: {mend}")).unwrap_or_default(),
        _ => String::new(),
    };
    format!("the daemon is not asked: {error}{mend}")
}

fn tell(notes: &[String]) {
    for note in notes {
        tracing::info!(reason = %note, "served by sources of our own");
    }
}

const FETCH_ENDED: Duration = Duration::from_millis(20);

/// A daemon that went away, or that refuses something, is asked again so soon, and then ever more seldom.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
