//! A lease: an answer from memory that is known to hold for a moment, without a look into the tables.
//!
//! Many connections that ask for the same would meet at the engine's lock, and hand one cache line from processor to
//! processor. A lease is taken under the lock and ends with whatever may have changed since, with the life of what was
//! leased, and after a second at the latest: then it is taken anew. Called by the server, which keeps one a connection.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Engine, PoisonError};
use crate::credential::{Ask, Credential, Now};

/// An answer that holds until something changes.
pub struct Lease {
    engine: Engine,
    ask: Ask,
    credential: Arc<Credential>,
    /// What had changed in the tables when it was taken.
    changes: u64,
    /// When it ends, by either clock.
    until: Now,
    /// Uses that the table does not know of yet.
    uses: Cell<u64>,
}

impl Engine {
    /// The same answer as [`Engine::ready`], for as long as it [holds](Lease::holds). Counts as use.
    pub fn lease(&self, ask: &Ask, now: Now) -> Option<Lease> {
        self.lease_with(ask, self.shared.settings.min_life, now)
    }

    /// The same for clients that want so much of its life at least, see [`Engine::answer_with`].
    pub fn lease_with(&self, ask: &Ask, min_life: Duration, now: Now) -> Option<Lease> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let changes = self.shared.changes.load(Ordering::Acquire);
        let awake = state.awake(now.boot);
        let entry = state.asks.get_mut(ask)?;
        if entry.want_life(min_life, &self.shared.settings) {
            // hardly more than once an ask: the task may well wait for the lock
            self.shared.nudge.notify_one();
        }
        let credential = entry.enough(min_life, now)?.clone();
        let held = entry.held.as_ref()?;
        let (least, handed_out_until) = (held.least_life(min_life), held.until);
        entry.used = Some((awake, now.wall));
        entry.uses += 1;
        // What is more than enough now is enough for so long, by whichever clock goes faster.
        let more = credential.remaining(now).saturating_sub(least);
        let boot = now.boot.saturating_add(more.min(LEASE)).min(handed_out_until.unwrap_or(Duration::MAX));
        let until = Now { wall: now.wall.checked_add(more)?, boot };
        Some(Lease { engine: self.clone(), ask: ask.clone(), credential, changes, until, uses: Cell::new(0) })
    }
}

/// How long a use may stay unknown to the timetable, which looks at hours.
const LEASE: Duration = Duration::from_secs(1);

impl Lease {
    /// What was leased.
    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// Whether the engine would still answer the same. If so, it counts as use.
    pub fn holds(&self, now: Now) -> bool {
        let holds = self.engine.shared.changes.load(Ordering::Acquire) == self.changes
            && now.boot < self.until.boot
            && now.wall <= self.until.wall;
        if holds {
            self.uses.set(self.uses.get() + 1);
        }
        holds
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.uses.get() > 0 {
            let mut state = self.engine.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(entry) = state.asks.get_mut(&self.ask) {
                entry.uses += self.uses.get();
            }
        }
    }
}
