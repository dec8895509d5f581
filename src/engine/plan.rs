//! What to fetch next, and when to look again: a pure function of the tables and the time.
//!
//! Nobody waits for anything here. An ask that is due is followed down to the first thing that it lacks: that is what is
//! fetched, once for all who need it, without holding a slot for those above it; when it has landed, the next plan goes a
//! step further up. Called by the engine's task and, for one ask at a time, by clients ([`next_step`]).

use std::cmp::Reverse;
use std::collections::hash_map::Entry as MapEntry;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::Settings;
use super::attempts::{Failed, Until, Who};
use super::entry::{Demand, Entry, SessionEntry};
use super::slots::Slots;
use super::state::{State, Target};
use crate::credential::{Ask, Now};
use crate::source::Need;

/// What is to be done now, and when to plan again.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What to fetch, as far as slots allow; what matters most comes first.
    pub(super) start: Vec<Start>,
    /// Asks that fail because something that they need has failed.
    pub(super) inherit: Vec<(Ask, Target)>,
    /// When something will be due, in boot time: always later than now.
    pub(super) next: Option<Duration>,
}

/// One flight to begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) target: Target,
    /// Whose source fetches it.
    pub(super) by: Ask,
    /// It failed the last time.
    pub(super) again: bool,
}

/// The next step towards a credential.
#[derive(Debug)]
pub(super) enum Step<'a> {
    /// This can be fetched now.
    Start(Start),
    /// Something on the way to it is in the air.
    Aloft,
    /// Something on the way to it will be fetched in a moment, at this boot time: as good as in the air.
    Soon(Duration),
    /// Something on the way to it must wait.
    Wait {
        /// Whose wait it is.
        whose: Target,
        until: Until,
        /// The failure behind the wait; none where it was fetched a moment ago.
        failed: Option<&'a Failed>,
    },
}

/// Plans for every ask.
pub(super) fn plan(state: &State, now: Now, settings: &Settings) -> Plan {
    let mut plan = Plan::default();
    let mut slots = Slots::left(state, settings);
    let mut wanted: HashMap<Target, (Rank, Ask)> = HashMap::new();
    let mut look_again = |at: Duration| {
        if at > now.boot {
            plan.next = Some(plan.next.map_or(at, |next| next.min(at)));
        }
    };
    for (ask, entry) in &state.asks {
        match ahead(state, ask, entry, now, settings) {
            Some(Ahead::In(time)) => look_again(now.boot.saturating_add(time)),
            Some(Ahead::Now(start)) => {
                let rank = Rank { client_waits: Reverse(false), again: start.again, remaining: Duration::ZERO };
                wanted.entry(start.target).or_insert((rank, start.by));
            }
            None => {}
        }
        let who = match due(state, entry, now, settings) {
            Due::Now(who) => who,
            Due::In(time) => {
                look_again(now.boot.saturating_add(time));
                continue;
            }
            Due::Never => continue,
        };
        match next_step(state, ask, who, now) {
            Step::Aloft => {}
            Step::Soon(at) => look_again(at),
            // the next flight to land makes another plan
            Step::Start(_) if slots.none() => {}
            Step::Start(Start { target, by, again }) => {
                let rank = Rank::of(entry, who, again, now);
                match wanted.entry(target) {
                    MapEntry::Vacant(vacant) => drop(vacant.insert((rank, by))),
                    MapEntry::Occupied(mut best) if rank < best.get().0 => drop(best.insert((rank, by))),
                    MapEntry::Occupied(_) => {}
                }
            }
            Step::Wait { whose, until, failed } => {
                if let Until::Boot(at) = until {
                    look_again(at);
                }
                if failed.is_some() && whose != Target::Credential(ask.clone()) {
                    plan.inherit.push((ask.clone(), whose));
                }
            }
        }
    }
    // of thousands that want to begin, a few can: no need to sort the others
    let mut wanted: BinaryHeap<Reverse<(Rank, Target, Ask)>> =
        wanted.into_iter().map(|(target, (rank, by))| Reverse((rank, target, by))).collect();
    while !slots.none()
        && let Some(Reverse((rank, target, by))) = wanted.pop()
    {
        let Some(entry) = state.asks.get(&by) else { continue };
        if slots.take(&entry.limited_by, rank.again) {
            plan.start.push(Start { target, by, again: rank.again });
        }
    }
    plan
}

/// The first thing that `ask` lacks, or what it must wait for, when it is fetched for `who`.
pub(super) fn next_step<'a>(state: &'a State, ask: &Ask, who: Who, now: Now) -> Step<'a> {
    let mut by = ask.clone();
    loop {
        let target = Target::Credential(by.clone());
        // a chain is entered whole, and again whenever a client asks: what is missing belongs to an ask that was dropped
        let Some(entry) = state.asks.get(&by) else { return Step::Aloft };
        if entry.attempts.flight.is_some() {
            return Step::Aloft;
        }
        if let Some(at) = entry.attempts.put_off_until(now.boot) {
            return Step::Soon(at);
        }
        if let Some(until) = entry.attempts.wait(who, now.boot) {
            return Step::Wait { whose: target, until, failed: entry.attempts.failed.as_ref() };
        }
        let again = entry.attempts.failed.is_some();
        match &entry.need {
            Need::Nothing => return Step::Start(Start { target, by, again }),
            Need::Credential(base) if state.asks.get(base).is_some_and(|base| base.can_be_base(now)) => {
                return Step::Start(Start { target, by, again });
            }
            Need::Credential(base) => by = base.clone(),
            Need::Session { key, freshly, no_older_than, ahead: _ } => {
                let session = state.sessions.get(key);
                let usable = |session: &SessionEntry| {
                    session.usable(*freshly, *no_older_than, now) && !session.fails_for(entry.recipe.max_hold, now)
                };
                if session.is_some_and(usable) {
                    return Step::Start(Start { target, by, again });
                }
                if session.is_some_and(|session| session.attempts.flight.is_some()) {
                    return Step::Aloft;
                }
                let whose = Target::Session(key.clone());
                let wait = session.and_then(|session| Some((session.attempts.wait(who, now.boot)?, session)));
                return match wait {
                    Some((until, session)) => Step::Wait { whose, until, failed: session.attempts.failed.as_ref() },
                    None => Step::Start(Start {
                        target: whose,
                        by,
                        again: session.is_some_and(|session| session.attempts.failed.is_some()),
                    }),
                };
            }
        }
    }
}

/// When the session that an ask rests on is renewed ahead of its end.
enum Ahead {
    Now(Start),
    In(Duration),
}

/// `None`: not before something else happens.
fn ahead(state: &State, ask: &Ask, entry: &Entry, now: Now, settings: &Settings) -> Option<Ahead> {
    if !settings.renew_ahead || !entry.active(state.awake(now.boot), settings) {
        return None;
    }
    let (renewed_in, by) = state.renewed_ahead(entry, ask, now)?;
    if !renewed_in.is_zero() {
        return Some(Ahead::In(renewed_in));
    }
    let key = entry.rests_on.clone()?;
    let attempts = &state.sessions.get(&key)?.attempts;
    match attempts.wait(Who::Timetable, now.boot) {
        Some(Until::Boot(at)) => Some(Ahead::In(at.saturating_sub(now.boot))),
        Some(Until::Asked) => None,
        None => Some(Ahead::Now(Start { target: Target::Session(key), by, again: attempts.failed.is_some() })),
    }
}

/// When an ask is due.
enum Due {
    Now(Who),
    In(Duration),
    /// Not before somebody uses it.
    Never,
}

fn due(state: &State, entry: &Entry, now: Now, settings: &Settings) -> Due {
    match entry.demand {
        Some(Demand::Client) => return Due::Now(entry.client(now)),
        Some(Demand::Ahead) => return Due::Now(Who::Timetable),
        None => {}
    }
    if !entry.active(state.awake(now.boot), settings) {
        return Due::Never;
    }
    let left = entry.remaining(now);
    match &entry.held {
        Some(held) if left > held.soft => Due::In(left.saturating_sub(held.soft)),
        _ => Due::Now(Who::Timetable),
    }
}

/// What matters most is the least: what clients wait for; then what did not fail the last time; then what ends first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    client_waits: Reverse<bool>,
    again: bool,
    remaining: Duration,
}

impl Rank {
    fn of(entry: &Entry, who: Who, again: bool, now: Now) -> Self {
        Self { client_waits: Reverse(matches!(who, Who::Client { .. })), again, remaining: entry.remaining(now) }
    }
}
