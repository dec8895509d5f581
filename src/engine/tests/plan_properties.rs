//! What holds for every plan: of any tables at one moment, and along any course of events.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use proptest::sample::Index;

use super::stage::{HOUR, MINUTE, SECOND, ask, key};
use crate::credential::{Ask, AwsKeys, ClockOffset, Failure, FailureClass, Issued, Now, SessionKey};
use crate::engine::Settings;
use crate::engine::attempts::{BETWEEN_SUCCESSES, Until, Who};
use crate::engine::entry::Demand;
use crate::engine::plan::{Plan, Step, next_step, plan};
use crate::engine::state::{FlightId, State, Target};
use crate::secret::{Digest, Secret};
use crate::source::{Ingredient, Need, Recipe, Recipes, Source};
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

    fn renew(&self) -> BoxFuture<'static, Result<Issued, Failure>> {
        unreachable!("plans call nobody")
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Issued, Failure>> {
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
struct Defined {
    need: u8,
    base: Index,
    session: u8,
    keep_warm: bool,
}

fn defined() -> impl Strategy<Value = Defined> {
    (0..4_u8, any::<Index>(), 0..4_u8, prop::bool::weighted(0.1)).prop_map(|(need, base, session, keep_warm)| Defined {
        need,
        base,
        session,
        keep_warm,
    })
}

fn name(number: usize) -> Ask {
    ask(&format!("id-{number}"))
}

fn book(definitions: &[Defined]) -> Book {
    let recipe = |(number, defined): (usize, &Defined)| {
        let session = key(&format!("keys:{}", defined.session));
        let need = match defined.need {
            0 => Need::Nothing,
            1 => Need::Session { key: session.clone(), freshly: false, no_older_than: None },
            2 => Need::Session { key: session.clone(), freshly: true, no_older_than: Some(HOUR) },
            _ if number == 0 => Need::Nothing,
            _ => Need::Credential(name(defined.base.index(number))),
        };
        let source = Arc::new(Planned { need, limited_by: session });
        (name(number), Recipe { source, digest: Digest::of(b"same"), keep_warm: defined.keep_warm })
    };
    Book(definitions.iter().enumerate().map(recipe).collect())
}

fn at(boot: Duration) -> Now {
    Now { wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000) + boot, boot }
}

/// What happens next.
#[derive(Clone, Debug)]
enum Event {
    Asked(Index),
    Warmed(Index),
    /// The flight lands and brings this.
    Landed(Index, Brought),
    Passed(Duration),
    WaitsForgotten,
    Forgotten(Index),
    Slept(Duration),
}

#[derive(Clone, Debug)]
enum Brought {
    Life(Duration),
    Failed(FailureClass, bool),
}

fn event() -> impl Strategy<Value = Event> {
    let class = prop_oneof![Just(FailureClass::NeedsPerson), Just(FailureClass::TryLater), Just(FailureClass::Refused)];
    let brought = prop_oneof![
        3 => (30..50_000_u64).prop_map(|secs| Brought::Life(Duration::from_secs(secs))),
        1 => (class, any::<bool>()).prop_map(|(class, expired)| Brought::Failed(class, expired)),
    ];
    prop_oneof![
        4 => any::<Index>().prop_map(Event::Asked),
        1 => any::<Index>().prop_map(Event::Warmed),
        8 => (any::<Index>(), brought).prop_map(|(flight, brought)| Event::Landed(flight, brought)),
        4 => (1..5000_u64).prop_map(|secs| Event::Passed(Duration::from_secs(secs))),
        1 => Just(Event::WaitsForgotten),
        1 => any::<Index>().prop_map(Event::Forgotten),
        1 => (1..50_000_u64).prop_map(|secs| Event::Slept(Duration::from_secs(secs))),
    ]
}

fn brings(brought: &Brought, now: Now) -> Result<Issued, Failure> {
    match brought {
        Brought::Life(life) => Ok(issued(*life, now)),
        Brought::Failed(class, expired) => {
            Err(Failure::new(*class, if *expired { "ExpiredToken" } else { "Test" }, "test"))
        }
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

/// The tables along a course of events, with the engine's task and its flights left out.
struct Course {
    state: State,
    settings: Settings,
    now: Now,
    count: usize,
    /// When each ask was last fetched, unless waits were forgotten since.
    fetched: HashMap<Ask, Duration>,
}

impl Course {
    fn of(definitions: &[Defined]) -> Self {
        Self {
            state: State::new(Arc::new(book(definitions))),
            settings: Settings::default(),
            now: at(HOUR),
            count: definitions.len(),
            fetched: HashMap::new(),
        }
    }

    fn step(&mut self, event: &Event) {
        match event {
            Event::Asked(index) => self.ask(&name(index.index(self.count)), Demand::Client),
            Event::Warmed(index) => self.ask(&name(index.index(self.count)), Demand::Ahead),
            Event::Landed(index, brought) => {
                let mut aloft: Vec<FlightId> = self.state.aloft.keys().copied().collect();
                aloft.sort_by_key(|id| id.0);
                if !aloft.is_empty() {
                    self.land(aloft[index.index(aloft.len())], brought);
                }
            }
            Event::Passed(time) => self.now = at(self.now.boot + *time),
            Event::WaitsForgotten => {
                self.state.forget_waits(None);
                self.fetched.clear();
            }
            Event::Forgotten(index) => {
                let ask = name(index.index(self.count));
                self.state.forget(Some(&ask));
                self.fetched.remove(&ask);
            }
            Event::Slept(time) => {
                self.now = at(self.now.boot + *time);
                self.state.note_sleep(*time, self.now);
                self.state.forget_waits(None);
                self.fetched.clear();
            }
        }
        self.turn();
    }

    fn ask(&mut self, ask: &Ask, demand: Demand) {
        self.state.enter(ask, &self.settings).unwrap();
        let awake = self.state.awake(self.now.boot);
        let entry = self.state.asks.get_mut(ask).unwrap();
        entry.used = Some((awake, self.now.wall));
        let who = if demand == Demand::Client { entry.client(self.now) } else { Who::Timetable };
        let wait = matches!(next_step(&self.state, ask, who, self.now), Step::Wait { .. });
        let enough = self.state.asks[ask].enough(self.now).is_some();
        if !wait && !enough {
            self.state.demand(ask, demand);
        }
    }

    fn land(&mut self, id: FlightId, brought: &Brought) {
        let target = self.state.aloft[&id].target.clone();
        let successes = |state: &State, ask: &Ask| state.asks.get(ask).map_or(0, |entry| entry.attempts.successes);
        let Target::Credential(ask) = target else {
            self.state.land(id, brings(brought, self.now), self.now, 0.5, &self.settings);
            return;
        };
        let before = successes(&self.state, &ask);
        self.state.land(id, brings(brought, self.now), self.now, 0.5, &self.settings);
        if successes(&self.state, &ask) > before {
            let last = self.fetched.insert(ask.clone(), self.now.boot);
            assert!(
                last.is_none_or(|last| self.now.boot - last >= BETWEEN_SUCCESSES),
                "{ask} was fetched twice a minute"
            );
            let held = self.state.asks[&ask].held.as_ref().unwrap();
            assert!(held.credential.remaining(self.now) >= MINUTE);
        }
    }

    /// What the task does at each look, with what must hold for every plan.
    fn turn(&mut self) {
        self.state.sweep(self.now, &self.settings);
        let plan = plan(&self.state, self.now, &self.settings);
        self.check(&plan);
        for (ask, cause) in &plan.inherit {
            self.state.inherit(ask, cause, self.now);
        }
        for start in &plan.start {
            assert!(self.state.take_off(start).is_some(), "{start:?} lacks what it needs");
        }
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
        let (state, settings, now) = (&self.state, &self.settings, self.now);
        assert!(plan.next.is_none_or(|next| next > now.boot), "a plan that is due at once would spin");

        let mut in_air: Vec<(&SessionKey, bool)> =
            state.aloft.values().map(|aloft| (&aloft.limited_by, aloft.again)).collect();
        in_air.extend(plan.start.iter().map(|start| (&state.asks[&start.by].limited_by, start.again)));
        let of_session = |key: &SessionKey| in_air.iter().filter(|(of, _)| *of == key).count();
        assert!(in_air.len() <= settings.flights_at_once);
        assert!(in_air.iter().all(|(key, _)| of_session(key) <= settings.flights_per_session));

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
        }

        for (ask, entry) in &state.asks {
            let active = entry.active(state.awake(now.boot), settings);
            let enough = entry.held.as_ref().is_some_and(|held| entry.remaining(now) > held.thresholds.soft);
            let who = match entry.demand {
                Some(Demand::Client) => entry.client(now),
                Some(Demand::Ahead) => Who::Timetable,
                None if !active => continue,
                None if enough => {
                    let due = now.boot + entry.remaining(now) - entry.held.as_ref().unwrap().thresholds.soft;
                    assert!(plan.next.is_some_and(|next| next <= due), "{ask} would be overslept");
                    continue;
                }
                None => Who::Timetable,
            };
            match next_step(state, ask, who, now) {
                Step::Aloft => {}
                Step::Start(start) => {
                    let left_out = !targets.contains(&start.target);
                    let again = in_air.iter().filter(|(_, again)| *again).count();
                    let full = in_air.len() == settings.flights_at_once
                        || of_session(&state.asks[&start.by].limited_by) == settings.flights_per_session
                        || (start.again && again >= settings.flights_at_once / 2)
                        // another ask that needs the same thing has it fetched by a source whose slots are taken
                        || matches!(start.target, Target::Session(_));
                    assert!(!left_out || full, "{ask} is due and is not fetched");
                }
                Step::Wait { until: Until::Boot(at), .. } => {
                    assert!(plan.next.is_some_and(|next| next <= at), "{ask} would wait too long");
                }
                Step::Wait { until: Until::Asked, .. } => {}
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn along_any_course_of_events_every_plan_is_sound(
        definitions in prop::collection::vec(defined(), 1..30),
        events in prop::collection::vec(event(), 1..80),
    ) {
        let mut course = Course::of(&definitions);
        events.iter().for_each(|event| course.step(event));
    }

    #[test]
    fn whatever_happened_once_the_upstream_works_everything_in_use_becomes_fresh(
        definitions in prop::collection::vec(defined(), 1..30),
        events in prop::collection::vec(event(), 1..80),
    ) {
        let mut course = Course::of(&definitions);
        events.iter().for_each(|event| course.step(event));
        for number in 0..course.count {
            course.step(&Event::WaitsForgotten);
            course.ask(&name(number), Demand::Client);
        }
        // 30 asks, a chain of at most 30, a minute between two successes: half an hour is plenty
        for _ in 0..180 {
            let aloft: Vec<FlightId> = course.state.aloft.keys().copied().collect();
            aloft.into_iter().for_each(|id| course.land(id, &Brought::Life(12 * HOUR)));
            course.now = at(course.now.boot + 10 * SECOND);
            course.turn();
        }
        for number in 0..course.count {
            let entry = &course.state.asks[&name(number)];
            prop_assert!(entry.enough(course.now).is_some(), "id-{number} is not fresh");
        }
    }
}
