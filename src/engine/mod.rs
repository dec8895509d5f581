//! The engine keeps every ask fresh: the only caller of sources.
//!
//! Clients are answered from memory. One task (`task`) owns the timetable: what is due is decided by a pure function
//! (`plan`, by the rules of [`lifetime`] and `attempts`), fetched by tasks of their own (`flight`) and taken into two
//! tables (`state`, `landing`), sessions by key and credentials by ask. The engine never involves a person and never
//! fetches inside a request: a request at most waits a moment for a flight that is in the air.
//!
//! # Waits, and who ends them
//!
//! Between two successes for one ask lies a minute, between attempts that fail ever more ([`attempts`]). On purpose, two
//! things cost more calls than that: a client that would go away with nothing may lead to one every 15 s, so that an outage
//! does not outlast itself; and a wake or a clock that was set by more than 2 s counts as a reset of all waits, as a login
//! and another configuration do, because whatever was true before may not be now.
//!
//! What was refused is dropped, with what was made from its own session; but what was made from another ask's credential is
//! served to its end when that one is refused, for it works without.
//!
//! # A client that asks again early
//!
//! Some clients drop what they hold when a service says `ExpiredToken`, and ask again at once, although half an hour is
//! left. From here that looks like a service that opens a new SDK session for every request, or like a shell that starts
//! twenty commands: the same grant asks again and again, and it must not cost an upstream call each time. So an early
//! repeat is never taken as a complaint: it is answered from memory. Who knows better starts the daemon anew, and what the
//! upstream itself calls dead while we use it is replaced by ourselves.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::OwnedNotified;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::credential::{Ask, Credential, Failure, FailureClass, IdentityName, Now, Outcome, SessionKey};
use crate::secret::Digest;
use crate::source::Recipes;
#[cfg(doc)]
use crate::source::daemon::DAEMON_AWAY;
use crate::world::World;
use attempts::Who;
use entry::Demand;
use plan::{Step, next_step};
use state::{State, Target};

mod attempts;
mod chain;
mod clocks;
mod entry;
mod flight;
mod landing;
mod lease;
pub mod lifetime;
mod plan;
mod room;
mod sessions;
mod slots;
mod snapshot;
mod state;
mod task;
#[cfg(test)]
mod tests;

pub use lease::Lease;
pub use snapshot::{AskState, AskView, SessionView, Snapshot};

/// How the engine behaves. The defaults are what the product uses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The least remaining life that clients should get where the upstream allows, if they say nothing else: 20 min.
    pub min_life: Duration,
    /// After so much time awake without use an ask is no longer refreshed: 8 h.
    pub idle_after: Duration,
    /// How long a request waits for a flight at most: 0.8 s, because some SDKs give up after 1 s.
    pub patience: Duration,
    /// How long one fetch may take: 60 s.
    pub flight_limit: Duration,
    /// How many fetches may be in progress at once: 16.
    pub flights_at_once: usize,
    /// How many of them against one session's limit: 4.
    pub flights_per_session: usize,
    /// The longest that the timetable sleeps before it looks at the clocks again: 30 s.
    pub slice: Duration,
    /// How many asks the table holds: 10,000.
    pub asks_at_most: usize,
    /// Whether sessions are renewed ahead of their end: not by who is about to end itself.
    pub renew_ahead: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            min_life: lifetime::CONTAINER_LIFE,
            idle_after: Duration::from_secs(8 * 3600),
            patience: Duration::from_millis(800),
            flight_limit: Duration::from_secs(60),
            flights_at_once: 16,
            flights_per_session: 4,
            slice: Duration::from_secs(30),
            asks_at_most: 10_000,
            renew_ahead: true,
        }
    }
}

/// Why waits are forgotten. A wake, a clock that was set and another configuration do so unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reset {
    /// Somebody asks for all of them to be forgotten.
    All,
    /// Somebody signed in.
    Login {
        /// To this: its waits, and those of all that rest on it.
        session: SessionKey,
        /// And those of all that is asked of these identities, which may be supplied by somebody else.
        identities: Vec<IdentityName>,
    },
    /// A person at a terminal wants this identity now: the waits of all that is asked of it, and of what that needs.
    Person(IdentityName),
    /// A command begins that wants this one: the same, but for what failed within the last ten seconds or wants a person.
    Command(IdentityName),
}

impl Reset {
    fn word(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Login { .. } => "login",
            Self::Person(_) => "person",
            Self::Command(_) => "command",
        }
    }
}

/// Keeps every ask fresh. Cheap to clone: all clones are the same engine.
#[derive(Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

/// What decides by which definitions an ask is made: the digest of its recipe and of every recipe below it. Where two
/// sets of recipes agree on it, [`Engine::replace`] keeps what is held.
pub fn stamp(recipes: &dyn Recipes, ask: &Ask) -> Result<Digest, Failure> {
    chain::chain(recipes, ask)?.first().map(|link| link.stamp).ok_or_else(pending)
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

/// What the engine's handles and its task share.
struct Shared {
    world: World,
    settings: Settings,
    state: Mutex<State>,
    /// How often something may have changed that answers depend on: whoever leased one before looks again.
    changes: AtomicU64,
    /// Wakes the task.
    nudge: Notify,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Shared {
    /// Does something under the lock, and tells those who wait once it is free.
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut state);
        let news = std::mem::take(&mut state.news);
        if std::mem::take(&mut state.changed) {
            self.changes.fetch_add(1, Ordering::Release);
        }
        drop(state);
        news.iter().for_each(|changed| changed.notify_waiters());
        result
    }
}

impl Engine {
    /// Starts the engine's task on the current tokio runtime. It runs until [`Engine::stop`].
    pub fn start(world: World, recipes: Arc<dyn Recipes>, settings: Settings) -> Self {
        let shared = Arc::new(Shared {
            world,
            settings,
            state: Mutex::new(State::new(recipes)),
            changes: AtomicU64::new(0),
            nudge: Notify::new(),
            task: Mutex::new(None),
        });
        let task = tokio::spawn(task::run(shared.clone()));
        *shared.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
        Self { shared }
    }

    /// How this engine behaves.
    pub fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// The answer from memory, if what is held has enough life: the usual case, in well under a microsecond, without
    /// allocating. Counts as use.
    pub fn ready(&self, ask: &Ask) -> Option<Arc<Credential>> {
        self.lease(ask, self.shared.world.clock.now()).map(|lease| Arc::clone(lease.credential()))
    }

    /// The answer to an ask: at once where what is held has enough life, or where nothing newer can be had for now; else
    /// after the flight, but no later than `patience`. What is held is given out while more than 60 s remain of it.
    ///
    /// Dropping the future cancels nothing but the waiting.
    pub async fn get(&self, ask: &Ask, patience: Duration) -> Outcome {
        self.answer_with(ask, self.shared.settings.min_life, patience).await
    }

    /// The same for clients that want so much of its life at least, such as 26 min ([`lifetime::INSTANCE_LIFE`]). Who wants
    /// more than others waits where they do not; and from then on it is refreshed in time for whoever wants most, for as
    /// long as it is refreshed at all.
    pub async fn answer_with(&self, ask: &Ask, min_life: Duration, patience: Duration) -> Outcome {
        let deadline = Instant::now() + patience;
        let mut first = true;
        loop {
            match self.consult(ask, min_life, first) {
                Consulted::Answer(outcome) => return outcome,
                Consulted::Wait(changed) => {
                    if timeout_at(deadline, changed).await.is_err() {
                        return self.last_word(ask);
                    }
                }
            }
            first = false;
        }
    }

    /// Begins to fetch an ask ahead of its use, and counts as a use. What is unknown, unusable or must wait is left alone:
    /// the request itself will say so.
    pub fn warm(&self, ask: &Ask) {
        let now = self.shared.world.clock.now();
        let nudge = self.shared.with(|state| {
            if state.stopped || state.enter(ask, &self.shared.settings).is_err() {
                return false;
            }
            let awake = state.awake(now.boot);
            let Some(entry) = state.asks.get_mut(ask) else { return false };
            entry.used = Some((awake, now.wall));
            let enough = entry.enough(entry.most_wanted(&self.shared.settings), now).is_some();
            let fetch = !enough && !matches!(next_step(state, ask, Who::Timetable, now), Step::Wait { .. });
            fetch && state.demand(ask, Demand::Ahead)
        });
        if nudge {
            self.shared.nudge.notify_one();
        }
    }

    /// Forgets waits: what failed before is tried again when it is wanted.
    pub fn reset(&self, why: Reset) {
        let boot = self.shared.world.clock.now().boot;
        match why {
            // one a command: too many for those who want to know of changes
            Reset::Command(_) => tracing::debug!(why = why.word(), "waits forgotten"),
            Reset::All | Reset::Login { .. } | Reset::Person(_) => tracing::info!(why = why.word(), "waits forgotten"),
        }
        self.shared.with(|state| match &why {
            Reset::All => state.forget_waits(None),
            Reset::Login { session, identities } => state.forget_waits_of(session, identities),
            Reset::Person(identity) => state.forget_waits(Some(identity)),
            Reset::Command(identity) => state.forgive(identity, boot),
        });
        self.shared.nudge.notify_one();
    }

    /// What is held of these identities is handed out no more, nor what was made from it, and no session that they need is used
    /// again: somebody signed out.
    pub fn forget(&self, identities: &[IdentityName]) {
        tracing::info!(count = identities.len(), "forgotten");
        self.shared.with(|state| state.forget(identities));
        self.shared.nudge.notify_one();
    }

    /// The configuration changed. What was made by a definition that is another one now is dropped, also what is still in
    /// the air; everything else stays. Waits are forgotten. Asks that are to be kept warm and were not before are the
    /// caller's to [`warm`](Engine::warm).
    pub fn replace(&self, recipes: Arc<dyn Recipes>) {
        self.shared.with(|state| state.replace(recipes, &self.shared.settings));
        self.shared.nudge.notify_one();
    }

    /// Other sources make the same definitions from now on: everything stays, and so do the waits, since nothing says that
    /// what failed would not fail again. Only what came back because its supplier had gone ([`DAEMON_AWAY`]) is made up for
    /// at once.
    pub fn resupply(&self, recipes: Arc<dyn Recipes>) {
        self.shared.with(|state| state.resupply(recipes, &self.shared.settings));
        self.shared.nudge.notify_one();
    }

    /// As if this ask had never been made: shows a test who makes it now.
    #[cfg(test)]
    pub(crate) fn unmake(&self, ask: &Ask) {
        self.shared.with(|state| state.unmake(ask));
    }

    /// Everything that the engine knows, without secrets.
    pub fn snapshot(&self) -> Snapshot {
        let now = self.shared.world.clock.now();
        self.shared.with(|state| snapshot::snapshot(state, now, &self.shared.settings))
    }

    /// Ends the timetable and what is in the air. Requests are still answered from memory, but nothing is fetched.
    pub async fn stop(self) {
        self.shared.with(|state| state.stopped = true);
        self.shared.nudge.notify_one();
        let task = self.shared.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = task {
            // a panic of the task has ended the process already
            let _ = task.await;
        }
    }

    fn consult(&self, ask: &Ask, min_life: Duration, first: bool) -> Consulted {
        let now = self.shared.world.clock.now();
        let (consulted, nudge) = self.shared.with(|state| {
            if let Err(failure) = state.enter(ask, &self.shared.settings) {
                return (Consulted::Answer(Err(failure)), false);
            }
            let awake = state.awake(now.boot);
            let Some(entry) = state.asks.get_mut(ask) else { return (Consulted::Answer(Err(pending())), false) };
            if first {
                entry.used = Some((awake, now.wall));
                entry.uses += 1;
            }
            let due_sooner = entry.want_life(min_life, &self.shared.settings);
            if let Some(credential) = entry.enough(min_life, now) {
                return (Consulted::Answer(Ok(credential.clone())), due_sooner);
            }
            let who = entry.client(now);
            let changed = entry.changed.clone();
            if state.stopped {
                return (Consulted::Answer(from_memory(state, ask, now)), false);
            }
            match next_step(state, ask, who, now) {
                Step::Start(_) | Step::Aloft | Step::Soon(_) => {
                    let overslept = state.overslept(now, &self.shared.settings);
                    let nudge = state.demand(ask, Demand::Client) || overslept || due_sooner;
                    (Consulted::Wait(changed.notified_owned()), nudge)
                }
                Step::Wait { whose, failed, .. } => {
                    if failed.is_some() && whose != Target::Credential(ask.clone()) {
                        state.inherit(ask, &whose, now);
                    }
                    (Consulted::Answer(from_memory(state, ask, now)), due_sooner)
                }
            }
        });
        if nudge {
            self.shared.nudge.notify_one();
        }
        consulted
    }

    fn last_word(&self, ask: &Ask) -> Outcome {
        let now = self.shared.world.clock.now();
        self.shared.with(|state| from_memory(state, ask, now))
    }
}

/// What a look at the tables comes to for a client.
enum Consulted {
    Answer(Outcome),
    /// Something is on its way: wait for a change, then look again.
    Wait(OwnedNotified),
}

/// What is held while more than 60 s remain of it, else the failure that stands.
fn from_memory(state: &State, ask: &Ask, now: Now) -> Outcome {
    let Some(entry) = state.asks.get(ask) else { return Err(pending()) };
    match (entry.servable(now), &entry.attempts.failed) {
        (Some(credential), _) => Ok(credential.clone()),
        (None, Some(failed)) => Err(failed.failure.clone()),
        (None, None) => Err(pending()),
    }
}

fn pending() -> Failure {
    let text = "the upstream has not answered yet: ask again in a moment, or see `credenza status`";
    Failure::new(FailureClass::TryLater, "Pending", text)
}
