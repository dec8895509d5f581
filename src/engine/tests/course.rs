//! The tables along a course of events, with the engine's task and its flights left out, and what must hold at each step.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::sample::Index;

use super::stage::{HOUR, MINUTE, ask, key};
use crate::credential::{
    Ask, AwsKeys, ClockOffset, Failure, FailureClass, Issued, Made, Now, Renewed, SessionKey, SignIn,
};
use crate::engine::Settings;
use crate::engine::attempts::{BETWEEN_SUCCESSES, Until, Who};
use crate::engine::clocks::Jump;
use crate::engine::entry::Demand;
use crate::engine::flight;
use crate::engine::plan::{Plan, Step, next_step, plan};
use crate::engine::state::{FlightId, State, Target};
use crate::engine::task::{carry_out, look};
use crate::secret::{Digest, Secret};
use crate::source::daemon::DAEMON_AWAY;
use crate::source::{Ingredient, Need, Recipe, Recipes, Renewal, SESSION_ENDED, SESSION_TOKEN_DEAD, Source};
use crate::world::BoxFuture;

/// A source that is planned for but never called.
struct Planned {
    need: Need,
    limited_by: SessionKey,
}

impl Source for Planned {
    fn needs(&self) -> Need {
        self.need.clone()
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        unreachable!("plans call nobody")
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        unreachable!("plans call nobody")
    }

    fn limited_by(&self) -> SessionKey {
        self.limited_by.clone()
    }
}

struct Book(BTreeMap<Ask, Recipe>);

impl Recipes for Book {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        self.0.get(ask).cloned().ok_or_else(|| Failure::new(FailureClass::Refused, "Unknown", "unknown"))
    }
}

/// A definition: what it needs (the bases are earlier ones), and whose limit it counts against.
#[derive(Clone, Debug)]
pub(super) struct Defined {
    need: u8,
    base: Index,
    session: u8,
    keep_warm: bool,
    version: u8,
}

pub(super) fn defined() -> impl Strategy<Value = Defined> {
    let parts = (0..5_u8, any::<Index>(), 0..4_u8, prop::bool::weighted(0.1), 0..3_u8);
    parts.prop_map(|(need, base, session, keep_warm, version)| Defined { need, base, session, keep_warm, version })
}

pub(super) fn name(number: usize) -> Ask {
    ask(&format!("id-{number}"))
}

fn book(definitions: &[Defined]) -> Book {
    let recipe = |(number, defined): (usize, &Defined)| {
        let session = key(&format!("keys:{}", defined.session));
        let need = match defined.need {
            0 => Need::Nothing,
            1 => Need::Session { key: session.clone(), freshly: false, no_older_than: None, ahead: false },
            2 => Need::Session { key: session.clone(), freshly: true, no_older_than: Some(HOUR), ahead: false },
            3 => {
                let key = key(&format!("{SIGN_IN}{}", defined.session));
                Need::Session { key, freshly: false, no_older_than: None, ahead: true }
            }
            _ if number == 0 => Need::Nothing,
            _ => Need::Credential(name(defined.base.index(number))),
        };
        let digest = Digest::of(format!("{need:?} {}", defined.version).as_bytes());
        let source = Arc::new(Planned { need, limited_by: session });
        (name(number), Recipe { source, digest, keep_warm: defined.keep_warm, max_hold: None, min_life: None })
    };
    Book(definitions.iter().enumerate().map(recipe).collect())
}

/// The keys of sessions that are sign-ins begin with it.
const SIGN_IN: &str = "sign-in:";

fn at(boot: Duration) -> Now {
    Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + boot, boot }
}

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Asked(Index),
    Warmed(Index),
    /// The flight lands and brings this; chance is this.
    Landed(Index, Brought, f64),
    /// A flight that was given up lands all the same.
    StrayLanded(Index),
    Passed(Duration),
    WaitsForgotten,
    Slept(Duration),
    ClockSet,
    Replaced(Index, Defined),
}

#[derive(Clone, Debug)]
pub(super) enum Brought {
    Life(Duration),
    Failed(FailureClass, &'static str),
}

pub(super) fn event() -> impl Strategy<Value = Event> {
    let class = prop_oneof![Just(FailureClass::NeedsPerson), Just(FailureClass::TryLater), Just(FailureClass::Refused)];
    let code = prop_oneof![Just("Test"), Just("ExpiredToken"), Just(SESSION_TOKEN_DEAD), Just(SESSION_ENDED)];
    let brought = prop_oneof![
        12 => (30..50_000_u64).prop_map(|secs| Brought::Life(Duration::from_secs(secs))),
        3 => (class, code).prop_map(|(class, code)| Brought::Failed(class, code)),
        1 => Just(Brought::Failed(FailureClass::TryLater, DAEMON_AWAY)),
    ];
    let passed = prop_oneof![
        1 => (1..5000_u64).prop_map(Duration::from_millis),
        3 => (1..5000_u64).prop_map(Duration::from_secs),
    ];
    prop_oneof![
        8 => any::<Index>().prop_map(Event::Asked),
        2 => any::<Index>().prop_map(Event::Warmed),
        16 => (any::<Index>(), brought, 0.0..1.0).prop_map(|(flight, brought, jitter)| Event::Landed(flight, brought, jitter)),
        1 => any::<Index>().prop_map(Event::StrayLanded),
        8 => passed.prop_map(Event::Passed),
        2 => Just(Event::WaitsForgotten),
        2 => (3..50_000_u64).prop_map(|secs| Event::Slept(Duration::from_secs(secs))),
        1 => Just(Event::ClockSet),
        1 => (any::<Index>(), defined()).prop_map(|(index, defined)| Event::Replaced(index, defined)),
    ]
}

fn brings(target: &Target, brought: &Brought, now: Now) -> Result<flight::Brought, Failure> {
    match brought {
        Brought::Life(life) => Ok(made(target, issued(*life, now))),
        Brought::Failed(class, code) => Err(Failure::new(*class, code, "test")),
    }
}

fn made(target: &Target, issued: Issued) -> flight::Brought {
    match target {
        Target::Credential(_) => flight::Brought::Credential(issued.into()),
        Target::Session(key) if key.0.starts_with(SIGN_IN) => flight::Brought::Session(Renewed::SignIn(SignIn {
            access_token: Secret::new("token"),
            expiration: issued.expiration.unwrap(),
            server_offset: ClockOffset::None,
            renewable: true,
            adopted: false,
            region: None,
        })),
        Target::Session(_) => flight::Brought::Session(Renewed::Keys(issued)),
    }
}

fn issued(life: Duration, now: Now) -> Issued {
    Issued {
        keys: AwsKeys {
            access_key_id: "ASIA".into(),
            secret_access_key: Secret::new("secret"),
            session_token: Some(Secret::new("token")),
        },
        expiration: Some(now.wall + life),
        server_offset: ClockOffset::None,
        account_id: None,
        role_arn: None,
        warnings: Vec::new(),
        received: None,
    }
}

const NO_JUMP: Jump = Jump { slept: Duration::ZERO, wall_was_set: false };

/// The tables and what is known of them from outside.
pub(super) struct Course {
    pub(super) state: State,
    pub(super) settings: Settings,
    pub(super) now: Now,
    definitions: Vec<Defined>,
    /// What the next look at the clocks will find.
    jump: Jump,
    /// When each ask was last fetched, unless waits were forgotten since.
    fetched: HashMap<Ask, Duration>,
    begun: HashMap<FlightId, Target>,
    given_up: Vec<FlightId>,
}

impl Course {
    pub(super) fn of(definitions: Vec<Defined>, settings: Settings) -> Self {
        Self {
            state: State::new(Arc::new(book(&definitions))),
            settings,
            now: at(HOUR),
            definitions,
            jump: NO_JUMP,
            fetched: HashMap::new(),
            begun: HashMap::new(),
            given_up: Vec::new(),
        }
    }

    pub(super) fn count(&self) -> usize {
        self.definitions.len()
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = at(self.now.boot + time);
    }

    pub(super) fn step(&mut self, event: &Event) {
        match event {
            Event::Asked(index) => self.ask(&name(index.index(self.count())), Demand::Client),
            Event::Warmed(index) => self.ask(&name(index.index(self.count())), Demand::Ahead),
            Event::Landed(index, brought, jitter) => {
                let aloft = self.aloft();
                if !aloft.is_empty() {
                    self.land(aloft[index.index(aloft.len())], brought, *jitter);
                }
            }
            Event::StrayLanded(index) if !self.given_up.is_empty() => {
                self.stray_lands(self.given_up[index.index(self.given_up.len())]);
            }
            Event::StrayLanded(_) => {}
            Event::Passed(time) => self.pass(*time),
            Event::WaitsForgotten => {
                self.state.forget_waits(None);
                self.fetched.clear();
            }
            Event::Slept(time) => {
                self.pass(*time);
                self.jump = Jump { slept: *time, wall_was_set: false };
                self.fetched.clear();
            }
            Event::ClockSet => {
                self.jump = Jump { slept: Duration::ZERO, wall_was_set: true };
                self.fetched.clear();
            }
            Event::Replaced(index, defined) => {
                let number = index.index(self.count());
                self.definitions[number] = defined.clone();
                self.state.replace(Arc::new(book(&self.definitions)), &self.settings);
                self.fetched.clear();
            }
        }
        self.turn();
    }

    pub(super) fn ask(&mut self, ask: &Ask, demand: Demand) {
        if let Err(full) = self.state.enter(ask, &self.settings) {
            assert_eq!(full.code, "TooManyIdentities");
            assert!(self.settings.asks_at_most < self.count(), "there is room for {ask}");
            return;
        }
        let awake = self.state.awake(self.now.boot);
        let entry = self.state.asks.get_mut(ask).unwrap();
        entry.used = Some((awake, self.now.wall));
        let who = if demand == Demand::Client { entry.client(self.now) } else { Who::Timetable };
        let wait = matches!(next_step(&self.state, ask, who, self.now), Step::Wait { .. });
        let enough = self.state.asks[ask].enough(self.settings.min_life, self.now).is_some();
        if !wait && !enough {
            self.state.demand(ask, demand);
        }
    }

    fn aloft(&self) -> Vec<FlightId> {
        let mut aloft: Vec<FlightId> = self.state.aloft.keys().copied().collect();
        aloft.sort_by_key(|id| id.0);
        aloft
    }

    pub(super) fn land_all(&mut self, brought: &Brought) {
        self.aloft().into_iter().for_each(|id| self.land(id, brought, 0.5));
    }

    fn land(&mut self, id: FlightId, brought: &Brought, jitter: f64) {
        let before = self.successes();
        if let (Target::Session(key), Brought::Failed(_, SESSION_ENDED)) = (&self.begun[&id], brought) {
            // what rests on it is dropped, and its waits with it
            let rests = |ask: &Ask| self.state.asks.get(ask).is_some_and(|entry| entry.rests_on.as_ref() == Some(key));
            self.fetched.retain(|ask, _| !rests(ask));
        }
        let brought = brings(&self.begun[&id], brought, self.now);
        self.state.land(id, brought, self.now, jitter, &self.settings);
        let Target::Credential(ask) = &self.begun[&id] else { return };
        let successes = |of: &HashMap<Ask, u64>| of.get(ask).copied().unwrap_or_default();
        let (before, after) = (successes(&before), successes(&self.successes()));
        if after > before {
            let last = self.fetched.insert(ask.clone(), self.now.boot);
            // what left the table and came back is as good as new
            let known = last.filter(|_| before > 0);
            assert!(
                known.is_none_or(|last| self.now.boot - last >= BETWEEN_SUCCESSES),
                "{ask} was fetched twice a minute"
            );
            let held = self.state.asks[ask].held.as_ref().unwrap();
            assert!(held.credential.remaining(self.now) >= MINUTE);
        }
    }

    fn stray_lands(&mut self, id: FlightId) {
        let before = (self.successes(), self.state.aloft.len());
        let brought = made(&self.begun[&id], issued(HOUR, self.now));
        self.state.land(id, Ok(brought), self.now, 0.5, &self.settings);
        assert_eq!((self.successes(), self.state.aloft.len()), before, "what was given up was taken");
    }

    fn successes(&self) -> HashMap<Ask, u64> {
        self.state.asks.iter().map(|(ask, entry)| (ask.clone(), entry.attempts.successes)).collect()
    }

    /// What the task does at each look, with what must hold for every plan.
    pub(super) fn turn(&mut self) {
        look(&mut self.state, std::mem::replace(&mut self.jump, NO_JUMP), self.now, &self.settings);
        let plan = plan(&self.state, self.now, &self.settings);
        self.check(&plan);
        let turn = carry_out(&mut self.state, &plan, self.now, &self.settings);
        assert_eq!(turn.take_off.len(), plan.start.len(), "something lacks what it needs");
        assert!(turn.pause.is_none_or(|pause| !pause.is_zero()));
        self.begun.extend(turn.take_off.iter().map(|flight| flight.id).zip(plan.start.into_iter().map(|it| it.target)));
        for id in &turn.given_up {
            assert!(matches!(self.begun[id], Target::Credential(_)), "a session is never given up");
            assert!(!self.state.aloft.contains_key(id));
        }
        self.given_up.extend(turn.given_up);
        self.state.news.clear();
        for (ask, entry) in &self.state.asks {
            let who = match entry.demand {
                Some(Demand::Client) => entry.client(self.now),
                Some(Demand::Ahead) => Who::Timetable,
                None => continue,
            };
            let step = next_step(&self.state, ask, who, self.now);
            assert!(!matches!(step, Step::Wait { failed: Some(_), .. }), "{ask} is demanded in vain for ever");
        }
    }

    fn check(&self, plan: &Plan) {
        self.check_tables();
        let (state, settings, now) = (&self.state, &self.settings, self.now);
        assert!(plan.next.is_none_or(|next| next > now.boot), "a plan that is due at once would spin");

        let mut in_air: Vec<(&SessionKey, bool)> =
            state.aloft.values().map(|aloft| (&aloft.limited_by, aloft.again)).collect();
        in_air.extend(plan.start.iter().map(|start| (&state.asks[&start.by].limited_by, start.again)));
        let of_session = |key: &SessionKey| in_air.iter().filter(|(of, _)| *of == key).count();
        let again_of_session = |key: &SessionKey| in_air.iter().filter(|(of, again)| *again && *of == key).count();
        let again = in_air.iter().filter(|(_, again)| *again).count();
        let (half, half_of_session) = (settings.flights_at_once.div_ceil(2), settings.flights_per_session.div_ceil(2));
        assert!(in_air.len() <= settings.flights_at_once && again <= half);
        assert!(in_air.iter().all(|(key, _)| of_session(key) <= settings.flights_per_session));
        assert!(in_air.iter().all(|(key, _)| again_of_session(key) <= half_of_session));

        let targets: HashSet<&Target> = plan.start.iter().map(|start| &start.target).collect();
        assert_eq!(targets.len(), plan.start.len(), "one thing is fetched twice");
        for target in &targets {
            let attempts = match target {
                Target::Credential(ask) => Some(&state.asks[ask].attempts),
                Target::Session(key) => state.sessions.get(key).map(|session| &session.attempts),
            };
            let Some(attempts) = attempts else { continue };
            assert!(attempts.flight.is_none(), "{target} is in the air already");
            let most_urgent = Who::Client { without: true };
            assert_eq!(attempts.wait(most_urgent, now.boot), None, "{target} is fetched too early");
            assert_eq!(attempts.put_off_until(now.boot), None, "{target} was put off");
        }

        for (ask, entry) in &state.asks {
            let active = entry.active(state.awake(now.boot), settings);
            let enough = entry.held.as_ref().is_some_and(|held| entry.remaining(now) > held.soft);
            let who = match entry.demand {
                Some(Demand::Client) => entry.client(now),
                Some(Demand::Ahead) => Who::Timetable,
                None if !active => continue,
                None if enough => {
                    let due = now.boot + entry.remaining(now) - entry.held.as_ref().unwrap().soft;
                    assert!(plan.next.is_some_and(|next| next <= due), "{ask} would be overslept");
                    continue;
                }
                None => Who::Timetable,
            };
            match next_step(state, ask, who, now) {
                Step::Aloft => {}
                Step::Start(start) => {
                    let left_out = !targets.contains(&start.target);
                    let limited_by = &state.asks[&start.by].limited_by;
                    let full = in_air.len() == settings.flights_at_once
                        || of_session(limited_by) == settings.flights_per_session
                        || (start.again && (again == half || again_of_session(limited_by) == half_of_session))
                        // another ask that needs the same thing has it fetched by a source whose slots are taken
                        || matches!(start.target, Target::Session(_));
                    assert!(!left_out || full, "{ask} is due and is not fetched");
                }
                Step::Soon(at) | Step::Wait { until: Until::Boot(at), .. } => {
                    assert!(plan.next.is_some_and(|next| next <= at), "{ask} would wait too long");
                }
                Step::Wait { until: Until::Asked, .. } => {}
            }
        }
    }

    fn check_tables(&self) {
        let state = &self.state;
        assert!(state.asks.len() <= self.settings.asks_at_most);
        for (ask, entry) in &state.asks {
            assert!(entry.base().is_none_or(|base| state.asks.contains_key(base)), "{ask} lost its base");
            assert!(state.inherited || !entry.attempts.inherited(), "what {ask} failed by would never be mended");
        }
        for (id, aloft) in &state.aloft {
            if let Target::Credential(ask) = &aloft.target {
                assert_eq!(state.asks[ask].attempts.flight, Some(*id), "{ask}: a slot is taken for nothing");
            }
        }
    }
}
