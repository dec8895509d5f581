//! The engine's two tables, sessions by key and credentials by ask, and what is in the air.
//!
//! Everything here happens in memory under the engine's one lock, which is held for microseconds and never across an
//! `.await`; times come in. Who waits for a change is told after the lock is free again: see [`State::news`]. Called by
//! the engine's handle (clients) and by its task (the timetable).

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use super::Settings;
use super::attempts::Attempts;
use super::chain::{Link, chain};
use super::entry::{Entry, SessionEntry};
use crate::credential::{Ask, IdentityName, Now, SessionKey};
use crate::source::{Need, Recipes};

/// What one flight fetches.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Target {
    /// A session, by the source of an ask that needs it.
    Session(SessionKey),
    /// The credential of an ask.
    Credential(Ask),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Session(key) => key.fmt(f),
            Self::Credential(ask) => ask.fmt(f),
        }
    }
}

/// The number of a flight: no two have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FlightId(pub(super) u64);

/// What is in the air. It keeps its slot until it has landed, or is given up.
#[derive(Clone, Debug)]
pub(super) struct Aloft {
    pub(super) target: Target,
    pub(super) limited_by: SessionKey,
    /// When it began, in boot time.
    pub(super) began: Duration,
    /// It failed the last time: it may well fail, or hang, again.
    pub(super) again: bool,
    /// It may have spent what works only once: it is not ended with us before it could write down what it got for it.
    pub(super) spends: bool,
}

/// Both tables and what is in the air.
pub(super) struct State {
    pub(super) asks: HashMap<Ask, Entry>,
    pub(super) sessions: HashMap<SessionKey, SessionEntry>,
    pub(super) aloft: HashMap<FlightId, Aloft>,
    /// Flights that are in the air for nothing: the task is to end them.
    pub(super) given_up: Vec<FlightId>,
    pub(super) recipes: Arc<dyn Recipes>,
    /// How long the machine has slept since the engine began: boot time less this is time awake.
    pub(super) asleep: Duration,
    /// The engine has ended: nothing will be fetched any more.
    pub(super) stopped: bool,
    /// Who is to be told of a change once the lock is free.
    pub(super) news: Vec<Arc<Notify>>,
    /// What is held, a definition or a wait may be another one than before: who leased an answer looks again.
    pub(super) changed: bool,
    /// Whether some ask may stand failed because of what it needs.
    pub(super) inherited: bool,
    pub(super) last_flight: u64,
    /// When the timetable last looked, in boot time.
    pub(super) looked_at: Duration,
    pub(super) swept_at: Duration,
}

impl State {
    pub(super) fn new(recipes: Arc<dyn Recipes>) -> Self {
        Self {
            asks: HashMap::new(),
            sessions: HashMap::new(),
            aloft: HashMap::new(),
            given_up: Vec::new(),
            recipes,
            asleep: Duration::ZERO,
            stopped: false,
            news: Vec::new(),
            changed: false,
            inherited: false,
            last_flight: 0,
            looked_at: Duration::ZERO,
            swept_at: Duration::ZERO,
        }
    }

    /// Time awake at boot time `boot`.
    pub(super) fn awake(&self, boot: Duration) -> Duration {
        boot.saturating_sub(self.asleep)
    }

    /// The timetable looks at the clocks once a slice: when it has not, the machine slept, and it does not know yet.
    pub(super) fn overslept(&self, now: Now, settings: &Settings) -> bool {
        now.boot.saturating_sub(self.looked_at) > settings.slice + Duration::from_secs(1)
    }

    /// The machine slept for so long, as the timetable noticed just now.
    pub(super) fn note_sleep(&mut self, slept: Duration, now: Now) {
        self.asleep = self.asleep.saturating_add(slept);
        let awake = self.awake(now.boot);
        for entry in self.asks.values_mut() {
            // a client that came after the sleep, but before it was noticed, was written down too late
            if let Some((used, _)) = &mut entry.used {
                *used = awake.min(*used);
            }
        }
    }

    /// What is in the air for a credential comes for nothing: a connection that slept along looks alive and is dead, and
    /// clients should not wait for its time limit. A session's flight may carry a code that can be spent only once: it is
    /// waited for.
    pub(super) fn give_up_credentials_aloft(&mut self) {
        self.asks.values_mut().for_each(|entry| entry.attempts.flight = None);
        self.give_up_strays();
    }

    /// A flight whose credential nobody would take is given up, and leaves its slot to others. Never a session's.
    pub(super) fn give_up_strays(&mut self) {
        let (asks, given_up) = (&self.asks, &mut self.given_up);
        self.aloft.retain(|id, aloft| {
            let Target::Credential(ask) = &aloft.target else { return true };
            let wanted = asks.get(ask).is_some_and(|entry| entry.attempts.flight == Some(*id));
            if !wanted {
                given_up.push(*id);
            }
            wanted
        });
    }

    /// Forgets the waits of every ask and session, or of the chains of all that is asked of one identity.
    pub(super) fn forget_waits(&mut self, of: Option<&IdentityName>) {
        match of {
            None => {
                self.asks.values_mut().for_each(|entry| entry.attempts.forget_waits());
                self.sessions.values_mut().for_each(|session| session.attempts.forget_waits());
            }
            Some(identity) => self.each_of_chains(identity, Attempts::forget_waits),
        }
        self.tell_all();
    }

    /// Has what failed a while ago tried again, in the chains of all that is asked of one identity.
    pub(super) fn forgive(&mut self, identity: &IdentityName, boot: Duration) {
        self.each_of_chains(identity, |attempts| attempts.forgive(boot));
        self.tell_all();
    }

    fn each_of_chains(&mut self, identity: &IdentityName, change: impl Fn(&mut Attempts)) {
        let mut asks: Vec<Ask> = self.asks.keys().filter(|ask| ask.identity == *identity).cloned().collect();
        // what nobody has asked for yet may rest on what has failed for others
        asks.extend([Ask::aws(Arc::clone(identity)), Ask::assertion(Arc::clone(identity))]);
        let links = asks.iter().flat_map(|ask| chain(&*self.recipes, ask).unwrap_or_default());
        for link in links.collect::<Vec<_>>() {
            if let Some(entry) = self.asks.get_mut(&link.ask) {
                change(&mut entry.attempts);
            }
            if let Need::Session { key, .. } = &link.need
                && let Some(session) = self.sessions.get_mut(key)
            {
                change(&mut session.attempts);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn unmake(&mut self, ask: &Ask) {
        self.asks.remove(ask);
        self.sessions.clear();
        self.give_up_strays();
        self.tell_all();
    }

    /// Other recipes hold from now on. What was made, or is being made, by a definition that changed is dropped, and waits
    /// are forgotten.
    pub(super) fn replace(&mut self, recipes: Arc<dyn Recipes>, settings: &Settings) {
        self.follow(recipes, settings);
        self.forget_waits(None);
    }

    /// The same where only sources changed: waits stay.
    pub(super) fn resupply(&mut self, recipes: Arc<dyn Recipes>, settings: &Settings) {
        self.follow(recipes, settings);
        self.asks.values_mut().for_each(|entry| entry.attempts.put_off_no_longer());
        self.tell_all();
    }

    fn follow(&mut self, recipes: Arc<dyn Recipes>, settings: &Settings) {
        self.tell_all();
        recipes.go_on_with(self.recipes.learnt());
        self.recipes = recipes;
        let mut old = std::mem::take(&mut self.asks);
        let mut latest_first: Vec<(Option<Duration>, Ask)> =
            old.iter().map(|(ask, entry)| (entry.used.map(|(awake, _)| awake), ask.clone())).collect();
        latest_first.sort_by(|one, other| other.cmp(one));
        for (_, ask) in latest_first {
            let Ok(links) = chain(&*self.recipes, &ask) else { continue };
            let new: Vec<Link> = links.into_iter().filter(|link| !self.asks.contains_key(&link.ask)).collect();
            if self.asks.len() + new.len() > settings.asks_at_most {
                continue;
            }
            for link in new {
                let ask = link.ask.clone();
                let entry = match old.remove(&ask) {
                    Some(entry) => entry.following(link),
                    None => Entry::new(link),
                };
                self.asks.insert(ask, entry);
            }
        }
        let stamp = |ask: &Ask| Some(chain(&*self.recipes, ask).ok()?.first()?.stamp);
        self.sessions.retain(|_, session| session.maker.as_ref().is_some_and(|(ask, made)| stamp(ask) == Some(*made)));
        self.give_up_strays();
    }

    pub(super) fn tell_all(&mut self) {
        self.changed = true;
        self.news.extend(self.asks.values().map(|entry| entry.changed.clone()));
    }
}
