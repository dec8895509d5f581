//! The one task that owns the timetable: it looks at the clocks, plans, lets flights begin and takes what they bring.
//!
//! It never waits for a fetch. It sleeps until the nearest deadline or a slice of 30 s, whichever is sooner, because a
//! timer alone would sleep through a laptop's suspend; with nothing in the tables it sleeps until somebody asks. Should it
//! panic, the process ends: credentials that silently stop being refreshed would be worse.

use std::collections::HashMap;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::clocks::{Clocks, Jump};
use super::flight::{Brought, Flight, panicked};
use super::plan::{Plan, plan};
use super::state::{FlightId, State};
use super::{Settings, Shared};
use crate::credential::{Failure, Now};

/// Keeps the timetable until the engine is stopped. What is in the air then is cancelled.
pub(super) async fn run(shared: Arc<Shared>) {
    or_end(keep_timetable(shared), || std::process::abort()).await;
}

async fn keep_timetable(shared: Arc<Shared>) {
    let mut hangar = Hangar::default();
    let mut clocks = Clocks::new(shared.world.clock.now(), Instant::now());
    loop {
        let now = shared.world.clock.now();
        let jump = clocks.look(now, Instant::now());
        let Some(turn) = shared.with(|state| turn(state, jump, now, &shared.settings)) else {
            return hangar.close(shared.with(|state| state.spending())).await;
        };
        turn.given_up.iter().for_each(|id| hangar.end(*id));
        for flight in turn.take_off {
            hangar.launch(flight, shared.settings.flight_limit);
        }
        tokio::select! {
            () = shared.nudge.notified() => {}
            landed = hangar.landed() => {
                let landed = [landed].into_iter().chain(std::iter::from_fn(|| hangar.landed_already()));
                for (id, brought) in landed {
                    let now = shared.world.clock.now();
                    let jitter = shared.world.random.fraction();
                    shared.with(|state| state.land(id, brought, now, jitter, &shared.settings));
                }
            }
            () = for_a_while(turn.pause) => {}
        }
    }
}

/// Runs `work` as a task of its own, and does `end` should it panic.
async fn or_end(work: impl Future<Output = ()> + Send + 'static, end: impl FnOnce()) {
    if let Err(error) = tokio::spawn(work).await
        && error.is_panic()
    {
        end();
    }
}

/// What one look at the tables comes to.
pub(super) struct Turn {
    pub(super) take_off: Vec<Flight>,
    /// Flights that are in the air for nothing.
    pub(super) given_up: Vec<FlightId>,
    /// How long nothing is due; `None`: until somebody asks.
    pub(super) pause: Option<Duration>,
}

/// Looks at the tables once and decides; `None` when the engine has ended.
fn turn(state: &mut State, jump: Jump, now: Now, settings: &Settings) -> Option<Turn> {
    if state.stopped {
        return None;
    }
    look(state, jump, now, settings);
    let plan = plan(state, now, settings);
    Some(carry_out(state, &plan, now, settings))
}

/// Takes in what happened since the last look.
pub(super) fn look(state: &mut State, jump: Jump, now: Now, settings: &Settings) {
    state.looked_at = now.boot;
    if jump.happened() {
        tracing::info!(slept = jump.slept.as_secs(), clock_set = jump.wall_was_set, "planning anew");
        if !jump.slept.is_zero() {
            state.note_sleep(jump.slept, now);
            state.give_up_credentials_aloft();
        }
        state.forget_waits(None);
    }
    state.sweep(now, settings);
}

pub(super) fn carry_out(state: &mut State, plan: &Plan, now: Now, settings: &Settings) -> Turn {
    // these first: what fails now may drop what they are to be made from
    let take_off = plan.start.iter().filter_map(|start| state.take_off(start, now, settings)).collect();
    for (ask, cause) in &plan.inherit {
        state.inherit(ask, cause, now);
    }
    let next = plan.next.map(|at| at.saturating_sub(now.boot).min(settings.slice));
    let pause = if state.asks.is_empty() { None } else { Some(next.unwrap_or(settings.slice)) };
    Turn { take_off, given_up: std::mem::take(&mut state.given_up), pause }
}

async fn for_a_while(pause: Option<Duration>) {
    match pause {
        Some(pause) => sleep(pause).await,
        None => pending().await,
    }
}

/// The fetches in progress, each a task of its own so that its panic ends nothing else.
#[derive(Default)]
struct Hangar {
    tasks: JoinSet<Result<Brought, Failure>>,
    flights: HashMap<Id, FlightId>,
    ends: HashMap<FlightId, AbortHandle>,
}

impl Hangar {
    fn launch(&mut self, flight: Flight, limit: Duration) {
        let id = flight.id;
        let task = self.tasks.spawn(flight.run(limit));
        self.flights.insert(task.id(), id);
        self.ends.insert(id, task);
    }

    /// Ends what is in the air, but for what is given a moment to write down what it got.
    async fn close(mut self, spending: Vec<FlightId>) {
        for (id, task) in &self.ends {
            if !spending.contains(id) {
                task.abort();
            }
        }
        let _ = timeout(LAST_WORDS, async { while self.tasks.join_next().await.is_some() {} }).await;
    }

    /// Ends one in the air. Nobody hears of it again.
    fn end(&mut self, id: FlightId) {
        if let Some(task) = self.ends.remove(&id) {
            self.flights.remove(&task.id());
            task.abort();
        }
    }

    /// The next one to land; never, while there is none.
    async fn landed(&mut self) -> Landed {
        loop {
            let Some(ended) = self.tasks.join_next_with_id().await else { return pending().await };
            if let Some(landed) = self.take(ended) {
                return landed;
            }
        }
    }

    /// Another one, if it has landed by now: those that land together cost one plan.
    fn landed_already(&mut self) -> Option<Landed> {
        loop {
            let ended = self.tasks.try_join_next_with_id()?;
            if let Some(landed) = self.take(ended) {
                return Some(landed);
            }
        }
    }

    fn take(&mut self, ended: Result<(Id, Result<Brought, Failure>), JoinError>) -> Option<Landed> {
        let (task, brought) = ended.unwrap_or_else(|error| (error.id(), Err(panicked())));
        let id = self.flights.remove(&task)?;
        self.ends.remove(&id);
        Some((id, brought))
    }
}

/// An upstream that answers does so sooner.
const LAST_WORDS: Duration = Duration::from_secs(3);

type Landed = (FlightId, Result<Brought, Failure>);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_timetable_that_panics_ends_the_process_and_one_that_returns_does_not() {
        let mut ended = 0;
        or_end(async {}, || ended += 1).await;
        assert_eq!(ended, 0);
        or_end(async { panic!("the timetable is broken") }, || ended += 1).await;
        assert_eq!(ended, 1);
    }
}
