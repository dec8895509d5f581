//! How many flights may begin: so many at once, so many for one session's limit, and of either no more than half for what
//! failed the last time, because sources that hang keep their slots for a minute each. Pure; called by the plan.

use std::collections::HashMap;

use super::Settings;
use super::state::State;
use crate::credential::SessionKey;

/// The slots that are left.
pub(super) struct Slots<'a> {
    free: usize,
    free_again: usize,
    per_session: usize,
    taken: HashMap<&'a SessionKey, Taken>,
}

/// The slots of one session's limit that are taken.
#[derive(Clone, Copy, Default)]
struct Taken {
    all: usize,
    again: usize,
}

impl<'a> Slots<'a> {
    /// What is left beside the flights in the air.
    pub(super) fn left(state: &'a State, settings: &Settings) -> Self {
        let mut slots = Self {
            free: settings.flights_at_once,
            free_again: half(settings.flights_at_once),
            per_session: settings.flights_per_session,
            taken: HashMap::new(),
        };
        for aloft in state.aloft.values() {
            slots.note(&aloft.limited_by, aloft.again);
        }
        slots
    }

    /// Nobody can begin.
    pub(super) fn none(&self) -> bool {
        self.free == 0
    }

    /// Takes one for a flight, if it may begin; `again`: it failed the last time.
    pub(super) fn take(&mut self, limited_by: &'a SessionKey, again: bool) -> bool {
        let taken = self.taken.get(limited_by).copied().unwrap_or_default();
        let fits = self.free > 0 && taken.all < self.per_session;
        let fits_again = self.free_again > 0 && taken.again < half(self.per_session);
        let begins = fits && (!again || fits_again);
        if begins {
            self.note(limited_by, again);
        }
        begins
    }

    fn note(&mut self, limited_by: &'a SessionKey, again: bool) {
        self.free = self.free.saturating_sub(1);
        self.free_again = self.free_again.saturating_sub(usize::from(again));
        let taken = self.taken.entry(limited_by).or_default();
        taken.all += 1;
        taken.again += usize::from(again);
    }
}

/// A single slot is there for everyone.
fn half(slots: usize) -> usize {
    slots.div_ceil(2)
}
