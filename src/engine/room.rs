//! Who has a place in the table of asks: it is bounded, a chain is entered whole, and no link of it leaves while another
//! needs it. Called by the engine's handle before it asks anything of the table, and by its task now and then.

use std::collections::HashSet;

use super::Settings;
use super::chain::{Link, chain};
use super::entry::{Entry, SessionEntry};
use super::state::State;
use crate::credential::{Ask, Failure, FailureClass, Now, SessionKey};
use crate::source::Need;

impl State {
    /// Makes sure that an ask has its place in the table, and everything below it too.
    pub(super) fn enter(&mut self, ask: &Ask, settings: &Settings) -> Result<(), Failure> {
        if self.holds_chain(ask) {
            return Ok(());
        }
        let links = chain(&*self.recipes, ask)?;
        self.make_room(&links, settings)?;
        for link in links {
            self.asks.entry(link.ask.clone()).or_insert_with(|| Entry::new(link));
        }
        Ok(())
    }

    fn holds_chain(&self, ask: &Ask) -> bool {
        let mut next = Some(ask);
        while let Some(ask) = next {
            let Some(entry) = self.asks.get(ask) else { return false };
            next = entry.base();
        }
        true
    }

    /// The asks that went unused for longest leave, never one in the air or waited for, nor one of the chain that is to
    /// enter: without it the others of the chain would wait for ever.
    fn make_room(&mut self, links: &[Link], settings: &Settings) -> Result<(), Failure> {
        let wanted = links.iter().filter(|link| !self.asks.contains_key(&link.ask)).count();
        let entering: HashSet<&Ask> = links.iter().map(|link| &link.ask).collect();
        while self.asks.len().saturating_add(wanted) > settings.asks_at_most {
            let needed = self.needed_asks();
            let longest_unused = self
                .asks
                .iter()
                .filter(|(ask, entry)| {
                    entry.attempts.flight.is_none()
                        && entry.demand.is_none()
                        && !entry.recipe.keep_warm
                        && !needed.contains(*ask)
                        && !entering.contains(ask)
                })
                .min_by_key(|(_, entry)| entry.used.map(|(awake, _)| awake))
                .map(|(ask, _)| ask.clone());
            let Some(ask) = longest_unused else {
                let text = "more identities are in use than the table holds: try again later";
                return Err(Failure::new(FailureClass::TryLater, "TooManyIdentities", text));
            };
            self.asks.remove(&ask);
            self.changed = true;
        }
        Ok(())
    }

    fn needed_asks(&self) -> HashSet<Ask> {
        self.asks.values().filter_map(|entry| entry.base().cloned()).collect()
    }

    /// Drops what is over, now and then: dead credentials and sessions, asks that nobody uses, sessions that no ask
    /// needs.
    pub(super) fn sweep(&mut self, now: Now, settings: &Settings) {
        if now.boot.saturating_sub(self.swept_at) < settings.slice {
            return;
        }
        self.swept_at = now.boot;
        let awake = self.awake(now.boot);
        for entry in self.asks.values_mut() {
            entry.held.take_if(|held| held.remaining(now).is_zero());
        }
        // one link of an abandoned chain leaves at a time, from the top
        loop {
            let needed = self.needed_asks();
            let before = self.asks.len();
            self.asks.retain(|ask, entry| needed.contains(ask) || !entry.abandoned(awake, now, settings));
            if self.asks.len() == before {
                break;
            }
        }
        let needed: HashSet<SessionKey> = self
            .asks
            .values()
            .filter_map(|entry| match &entry.need {
                Need::Session { key, .. } => Some(key.clone()),
                Need::Nothing | Need::Credential(_) => None,
            })
            .collect();
        // who is supplied by a daemon now and then needs it again where the daemon cannot
        let stays =
            |session: &SessionEntry| session.attempts.flight.is_some() || session.attempts.remembers_failure(now.boot);
        self.sessions.retain(|key, session| needed.contains(key) || stays(session));
        for session in self.sessions.values_mut() {
            session.held.take_if(|held| held.remaining(now).is_some_and(|left| left.is_zero()));
        }
    }
}
