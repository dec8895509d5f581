//! Where `exec` gets its credentials from: the daemon, as far as it means the same by the names; else its own sources.
//!
//! The connection on which the job is announced is held as long as the job lives. Its end, or a fetch that finds the
//! daemon gone, turns the engine to sources of our own at once; what it holds stays. A daemon that comes back supplies
//! again, and what it would not or could not supply is asked for again ([`pace`]). Called by [`super::endpoint`].

use std::collections::BTreeSet;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use self::pace::{Found, Pace};
use super::background;
use super::recipes::{Book, Instead};
use super::user_sessions::AtDaemon;
use crate::config::Config;
use crate::control::{ClientError, wire};
use crate::credential::IdentityName;
use crate::credential::handover::START_ANEW;
use crate::engine::Engine;
use crate::source::daemon::{DaemonSource, HandedBack};
use crate::world::World;
use crate::world::http::Http;
use crate::world::unix::UnixHttp;

mod pace;
mod supplier;
#[cfg(test)]
mod tests;

pub(super) use self::supplier::Supplier;

/// What is supplied, and to whom.
pub(super) struct Supply {
    pub(super) world: World,
    pub(super) config: Arc<Config>,
    /// What the job was given.
    pub(super) identities: Vec<IdentityName>,
    /// Those that a daemon cannot mean: nobody is told that it does not supply them.
    pub(super) own: Vec<IdentityName>,
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
        Book::of(Arc::clone(&self.config), self.world.clone(), Arc::new(AtDaemon::of(&self.world, Vec::new())))
            .with(instead)
    }

    /// Looks for a daemon and announces the job to it.
    pub(super) async fn seek(&mut self) -> Sought {
        let not_asked = |error: &ClientError| Sought { supplier: None, notes: vec![not_asked(error)] };
        let mut client = match background::connect(&self.config.places).await {
            Ok(client) => client,
            Err(ClientError::NotRunning) => return Sought::default(),
            Err(error) => return not_asked(&error),
        };
        match client.announce(&self.job()).await {
            Ok(announced) => {
                let (refused, notes) = self.refusals(announced);
                let mut supplier = Supplier::new(client, refused);
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
                let (refused, notes) = self.refusals(announced);
                if refused != supplier.refused {
                    tell(&notes);
                }
                supplier.announced.clone_from(&refused);
                supplier.refused = refused;
                Some(supplier)
            }
            Err(error) => {
                tell(&[not_asked(&error)]);
                None
            }
        }
    }

    fn refusals(&self, announced: wire::Announced) -> (BTreeSet<IdentityName>, Vec<String>) {
        let note = |refused: &wire::NotSupplied| match &refused.mend {
            Some(mend) => format!("{}; try: {mend}", refused.why),
            None => refused.why.clone(),
        };
        let is_news = |refused: &&wire::NotSupplied| !self.own.iter().any(|own| **own == *refused.name);
        let notes = announced.not_supplied.iter().filter(is_news).map(note).collect();
        (announced.not_supplied.into_iter().map(|refused| refused.name.into()).collect(), notes)
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
        let socket = supplier.client.socket().to_owned();
        let source = |name: &IdentityName| -> Option<(IdentityName, Instead)> {
            let digest = self.config.identities.get(name)?.digest;
            let (news, generation) = (self.news.clone(), self.generation);
            let (clock, identity) = (self.world.clock.clone(), Arc::clone(name));
            let daemon: Arc<dyn Http> = Arc::new(UnixHttp(socket.clone()));
            // who listens may have ended already
            let handed_back: Arc<dyn Fn(HandedBack) + Send + Sync> =
                Arc::new(move |found| drop(news.send(News::Back { generation, found })));
            let instead: Instead = Arc::new(move |want| {
                Arc::new(DaemonSource {
                    daemon: Arc::clone(&daemon),
                    clock: Arc::clone(&clock),
                    identity: Arc::clone(&identity),
                    want: want.clone(),
                    digest,
                    handed_back: Arc::clone(&handed_back),
                })
            });
            Some((Arc::clone(name), instead))
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
        let mut pace = Pace::quick();
        loop {
            let turned = match next(&mut supplier, &mut news, &pace).await {
                Next::Look => {
                    let looked = self.look(supplier).await;
                    (supplier, pace) = (looked.supplier, pace.after(looked.found));
                    looked.turned
                }
                Next::Told(News::Config(config)) => {
                    self.config = config;
                    pace = Pace::quick();
                    supplier.iter_mut().for_each(Supplier::means_other);
                    supplier = self.look_again(supplier).await;
                    Turned::Anew
                }
                Next::Told(News::Back { generation, found }) => {
                    let theirs = supplier.as_mut().filter(|theirs| theirs.generation == generation);
                    let gone = theirs.is_some_and(|theirs| !theirs.hands_back(found, Instant::now()));
                    if gone {
                        (supplier, pace) = (None, Pace::quick());
                    }
                    // the fetch that found out ends first, and is made up for at once: also where what it found is no news
                    tokio::time::sleep(FETCH_ENDED).await;
                    if gone { Turned::Anew } else { Turned::Less }
                }
                Next::Closed => {
                    tracing::info!("the daemon went away: we go on without it");
                    (supplier, pace) = (None, Pace::quick());
                    Turned::Anew
                }
            };
            match (&mut supplier, turned) {
                (_, Turned::Nothing) => continue,
                (None, _) => {}
                // Its other sources stay: what they are about to hand back must still count.
                (Some(supplier), Turned::Less) => supplier.drop_sources(),
                (Some(supplier), Turned::More | Turned::Anew) => self.make_sources(supplier),
            }
            let book = Arc::new(self.book(supplier.as_ref()));
            match turned {
                Turned::Anew => engine.replace(book),
                // a program that failed, and may have asked its person, is not run again for this
                Turned::Nothing | Turned::Less | Turned::More => engine.resupply(book),
            }
        }
    }

    /// The pause is over: asks again, also for what the daemon could not make if that is long ago.
    async fn look(&mut self, mut supplier: Option<Supplier>) -> Looked {
        let tried_again = supplier.as_mut().is_some_and(|supplier| supplier.try_again(Instant::now()));
        let said = |supplier: &Option<Supplier>| supplier.as_ref().map(|supplier| supplier.announced.clone());
        let refused = |supplier: &Option<Supplier>| supplier.as_ref().map(|supplier| supplier.refused.clone());
        let (said_before, refused_before) = (said(&supplier), refused(&supplier));
        let supplier = self.look_again(supplier).await;
        let found = match &refused_before {
            _ if said(&supplier) != said_before => Found::Changed,
            Some(refused) if refused.is_empty() => Found::AllThere,
            _ => Found::Lacking,
        };
        let turned = match refused(&supplier) == refused_before {
            false => Turned::Anew,
            true if tried_again => Turned::More,
            true => Turned::Nothing,
        };
        Looked { supplier, found, turned }
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

/// What came of a look.
struct Looked {
    supplier: Option<Supplier>,
    found: Found,
    turned: Turned,
}

/// What is made otherwise from now on.
#[derive(Clone, Copy)]
enum Turned {
    Nothing,
    /// The daemon handed something back.
    Less,
    /// It is asked again for what it could not make.
    More,
    /// Who supplies, what of it, or by which definitions.
    Anew,
}

/// What happens next.
enum Next {
    Told(News),
    /// The daemon closed the connection.
    Closed,
    /// The pause is over: a daemon may run by now, or supply what it refused or could not make.
    Look,
}

async fn next(supplier: &mut Option<Supplier>, news: &mut mpsc::UnboundedReceiver<News>, pace: &Pace) -> Next {
    let lacking = supplier.as_ref().is_none_or(|supplier| !supplier.refused.is_empty());
    let look = pace.next_look(Instant::now(), lacking, supplier.as_ref().and_then(Supplier::unable_since));
    let closed = async {
        match supplier {
            Some(supplier) => supplier.client.closed().await,
            None => pending().await,
        }
    };
    let look = async {
        match look {
            Some(at) => tokio::time::sleep_until(at).await,
            None => pending().await,
        }
    };
    tokio::select! {
        Some(news) = news.recv() => Next::Told(news),
        () = closed => Next::Closed,
        () = look => Next::Look,
    }
}

fn not_asked(error: &ClientError) -> String {
    let mend = match error {
        ClientError::Version(_) => format!("; try: {START_ANEW}"),
        ClientError::Silent { .. } => "; try: credenza down".to_owned(),
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
