//! The tables as data, for `credenza status`: no secret is in here, and nothing that could be used as a credential.

use std::time::{Duration, SystemTime};

use super::Settings;
use super::attempts::{Attempts, Until, Who};
use super::entry::Entry;
use super::state::State;
use super::{Engine, PoisonError};
use crate::credential::claims::Claims;
use crate::credential::{Ask, Failure, FailureClass, Now, SessionKey};

/// Everything that the engine knows at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// When it was taken.
    pub now: Now,
    /// Every ask in the table, by name.
    pub asks: Vec<AskView>,
    /// Every session in the table, by key.
    pub sessions: Vec<SessionView>,
    /// How many fetches are in progress.
    pub in_flight: usize,
}

/// One ask.
#[derive(Clone, Debug)]
pub struct AskView {
    /// What is asked for.
    pub ask: Ask,
    /// How it stands.
    pub state: AskState,
    /// The access key id of what is held, such as `ASIA...`: not a secret.
    pub access_key_id: Option<String>,
    /// The account of what is held, twelve digits, where it is known.
    pub account_id: Option<String>,
    /// The role of what is held, where there is one.
    pub role_arn: Option<String>,
    /// What the token that is held says of itself.
    pub claims: Option<Claims>,
    /// When what is held ends, by the upstream's clock.
    pub expiration: Option<SystemTime>,
    /// What is left of it; zero for nothing.
    pub remaining: Duration,
    /// In how long it will be fetched unasked; `None` when it will not be, or is being fetched.
    pub next_refresh: Option<Duration>,
    /// The last failure and when it came, also where it was mended since.
    pub last_failure: Option<(Failure, SystemTime)>,
    /// What the person should know about it: `the session of x is 15 min: ...`.
    pub warnings: Vec<String>,
    /// When a client last used it.
    pub last_use: Option<SystemTime>,
    /// How often clients asked for it.
    pub uses: u64,
    /// How often it was fetched.
    pub fetched: u64,
    /// How often fetching it failed.
    pub failed: u64,
}

/// One session.
#[derive(Clone, Debug)]
pub struct SessionView {
    /// Its key, such as `process:legacy`.
    pub key: SessionKey,
    /// Whether there is one.
    pub held: bool,
    /// When it ends; `None` also for keys without an end.
    pub expiration: Option<SystemTime>,
    /// In how long it will be renewed ahead of its end; `None` where nothing that is held could be.
    pub renewed_in: Option<Duration>,
    /// Whether it is being renewed.
    pub fetching: bool,
    /// The failure that stands, if there is one.
    pub failure: Option<Failure>,
    /// The last failure and when it came, also where it was mended since.
    pub last_failure: Option<(Failure, SystemTime)>,
    /// How often it was renewed.
    pub renewed: u64,
    /// How often that failed.
    pub failed: u64,
}

/// How an ask stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AskState {
    /// Nothing is held, and nobody has asked for it.
    Empty,
    /// Nothing can be handed out yet; it is being fetched.
    Fetching,
    /// What is held has enough life.
    Fresh,
    /// What is held is being replaced; clients get it meanwhile.
    Refreshing,
    /// Fetching fails for now; what is held, if anything, is handed out to its end.
    TryingAgain,
    /// A person must do something.
    NeedsPerson,
    /// The upstream said no.
    Refused,
    /// Nobody used it for long: it is no longer refreshed.
    Idle,
}

impl AskState {
    /// The word for it in tables and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Fetching => "fetching",
            Self::Fresh => "fresh",
            Self::Refreshing => "refreshing",
            Self::TryingAgain => "trying-again",
            Self::NeedsPerson => "needs-person",
            Self::Refused => "refused",
            Self::Idle => "idle",
        }
    }
}

impl Engine {
    /// Goes through every ask in the table, in no order: how it stands, and what is left of what is held. Allocates
    /// nothing: for whoever may ask as often as they like.
    pub fn fold<T>(&self, start: T, mut next: impl FnMut(T, AskState, Duration) -> T) -> T {
        let now = self.shared.world.clock.now();
        let state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        let awake = state.awake(now.boot);
        state.asks.values().fold(start, |before, entry| {
            let active = entry.active(awake, &self.shared.settings);
            next(before, ask_state(entry, active, now), entry.remaining(now))
        })
    }
}

/// Takes a snapshot.
pub(super) fn snapshot(state: &State, now: Now, settings: &Settings) -> Snapshot {
    let mut asks: Vec<AskView> =
        state.asks.iter().map(|(ask, entry)| ask_view(state, ask, entry, now, settings)).collect();
    asks.sort_by(|one, other| one.ask.cmp(&other.ask));
    let mut sessions: Vec<SessionView> = state
        .sessions
        .iter()
        .map(|(key, session)| SessionView {
            key: key.clone(),
            held: session.held.is_some(),
            expiration: session.held.as_ref().and_then(|held| held.expiration()),
            renewed_in: session.renewed_in(now).filter(|_| settings.renew_ahead),
            fetching: session.attempts.flight.is_some(),
            failure: session.attempts.failed.as_ref().map(|failed| failed.failure.clone()),
            last_failure: session.attempts.last_failure.clone(),
            renewed: session.attempts.successes,
            failed: session.attempts.failures,
        })
        .collect();
    sessions.sort_by(|one, other| one.key.cmp(&other.key));
    Snapshot { now, asks, sessions, in_flight: state.aloft.len() }
}

fn ask_view(state: &State, ask: &Ask, entry: &Entry, now: Now, settings: &Settings) -> AskView {
    let held = entry.held.as_ref().map(|held| &held.credential);
    let aws = held.and_then(|held| held.aws());
    let active = entry.active(state.awake(now.boot), settings);
    let remaining = entry.remaining(now);
    AskView {
        ask: ask.clone(),
        state: ask_state(entry, active, now),
        access_key_id: aws.map(|aws| aws.keys.access_key_id.clone()),
        account_id: aws.and_then(|aws| aws.account_id.clone()),
        role_arn: aws.and_then(|aws| aws.role_arn.clone()),
        claims: held.and_then(|held| held.token()).map(|token| token.claims.clone()),
        expiration: held.map(|held| held.expiration),
        remaining,
        next_refresh: if active { next_refresh(entry, remaining, now) } else { None },
        last_failure: entry.attempts.last_failure.clone(),
        warnings: entry.told.iter().cloned().collect(),
        last_use: entry.used.map(|(_, wall)| wall),
        uses: entry.uses,
        fetched: entry.attempts.successes,
        failed: entry.attempts.failures,
    }
}

fn ask_state(entry: &Entry, active: bool, now: Now) -> AskState {
    let fetching = entry.attempts.flight.is_some() || entry.demand.is_some();
    match (entry.attempts.failed.as_ref().map(|failed| failed.failure.class), entry.servable(now)) {
        (Some(FailureClass::NeedsPerson), _) => AskState::NeedsPerson,
        (Some(FailureClass::Refused), _) => AskState::Refused,
        (Some(FailureClass::TryLater), _) => AskState::TryingAgain,
        (None, Some(_)) if fetching => AskState::Refreshing,
        (None, Some(_)) if active => AskState::Fresh,
        (None, Some(_)) => AskState::Idle,
        (None, None) if fetching => AskState::Fetching,
        (None, None) if entry.used.is_some() && !active => AskState::Idle,
        (None, None) => AskState::Empty,
    }
}

fn next_refresh(entry: &Entry, remaining: Duration, now: Now) -> Option<Duration> {
    if entry.attempts.flight.is_some() {
        return None;
    }
    let by_life = remaining.saturating_sub(entry.held.as_ref().map_or(Duration::ZERO, |held| held.soft));
    let by_wait = wait_left(&entry.attempts, now)?;
    Some(by_life.max(by_wait))
}

/// How long the timetable must wait; `None`: until a client asks.
fn wait_left(attempts: &Attempts, now: Now) -> Option<Duration> {
    match attempts.wait(Who::Timetable, now.boot) {
        None => Some(Duration::ZERO),
        Some(Until::Boot(at)) => Some(at.saturating_sub(now.boot)),
        Some(Until::Asked) => None,
    }
}
