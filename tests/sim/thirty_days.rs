//! Thirty days of a developer's machine: ten identities, each asked for once a minute while the machine is awake.
//!
//! What must hold: no answer is a credential that the cloud calls expired; every request that is made while the upstream
//! is reachable and willing, or while more than 60 s are left, is answered within 0.8 s; and the upstream is called as often
//! as lifetimes alone say, and not more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use credenza::credential::{Ask, Credential, FailureClass, Outcome};
use credenza::engine::Reset;
use credenza::world::simulated::Step;
use simcloud::Fault;
use tokio::time::{Instant, sleep, sleep_until};

use crate::machine::{HOUR, IDENTITIES, MINUTE, Machine, PATIENCE, SECOND, role};

/// The machine is awake for 16 hours of each day.
const AWAKE: u32 = 16 * 60;

// How often each identity is fetched, from lifetimes alone.
//
// One hour: fetched when 25 of its 60 min are left, so every 35 min, first when the machine wakes: 960 / 35 = 27.4, so 28
// a day. An outage of 40 min meets one fetch that is due, on average 17.5 min after its beginning, and makes it 22.5 min
// late: (960 - 22.5) / 35 = 26.8, so 27. Fifteen days of each: 15 * 28 + 15 * 27 = 825.
//
// 15 minutes: fetched when 70 % of them are left, so every 4.5 min: 960 / 4.5 = 213.3, so 214 a day. With an outage the
// fetch is due 2.25 min after its beginning on average, 37.75 min late: (960 - 37.75) / 4.5 = 204.9, so 205. Fifteen days
// of each: 15 * 214 + 15 * 205 = 6285.
//
// The role that is revoked twice for 260 min: 260 / 35 = 7.4 fewer each time: 825 - 15 = 810. While it is revoked, clients
// lead to calls after 1, 2, 4, 8, 15, 15 ... min: from the first that is due, 17.5 min after the revocation on average, to
// its end these are 1 + 4 + (260 - 17.5 - 15) / 15 = 20.2 each time, so 40.
const OF_AN_HOUR: usize = 825;
const OF_15_MINUTES: usize = 6285;
const OF_THE_REVOKED: usize = 810;
const REFUSED: usize = 40;

const REVOKED: &str = "direct-4";

/// What happens half a minute after a minute of a day.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Nothing reaches the cloud.
    CablePulled,
    /// The cloud answers 503.
    CloudDown,
    OutageOver,
    ClockSet(Step),
    RoleRevoked,
    /// The role is restored, and nobody tells us.
    RoleRestored,
    /// The role is restored, and the person who waited for it says so.
    RoleRestoredAndTold,
}

/// Every other day has an outage of 40 min, each at another time of the day: by turns the cable is out, and the cloud is.
/// The clock is set forward and back by 5 min, on days with an outage in the middle of it. A role is revoked on two days.
fn happens(day: u32, minute: u32) -> Option<Event> {
    let outage = 40 + day * 97 % (AWAKE - 120);
    match (day % 4, minute) {
        (1, _) if minute == outage => Some(Event::CablePulled),
        (3, _) if minute == outage => Some(Event::CloudDown),
        (1, _) if minute == outage + 20 => Some(Event::ClockSet(Step::Back(5 * MINUTE))),
        (1 | 3, _) if minute == outage + 40 => Some(Event::OutageOver),
        (0, 300) | (2, 700) => Some(Event::ClockSet(Step::Forward(5 * MINUTE))),
        (2, 300) => Some(Event::ClockSet(Step::Back(5 * MINUTE))),
        _ => match (day, minute) {
            (10 | 20, 180) => Some(Event::RoleRevoked),
            (10, 440) => Some(Event::RoleRestored),
            (20, 440) => Some(Event::RoleRestoredAndTold),
            _ => None,
        },
    }
}

#[tokio::test(start_paused = true)]
async fn thirty_days_of_outages_sleeps_clock_steps_and_revocations() {
    #[allow(clippy::disallowed_methods)] // the real time that the simulation takes is what is to be printed
    let began = std::time::Instant::now();
    let mut days = Days::new();
    for day in 0..30 {
        let wakes = Instant::now();
        for minute in 0..AWAKE {
            days.poll().await;
            sleep(30 * SECOND - (Instant::now() - wakes - minute * MINUTE)).await;
            if let Some(event) = happens(day, minute) {
                days.apply(event);
            }
            sleep_until(wakes + (minute + 1) * MINUTE).await;
        }
        days.settle();
        days.machine.clock.suspend(8 * HOUR);
    }
    days.print(began.elapsed());
    days.compare_with_lifetimes();
    days.machine.engine.clone().stop().await;
}

/// The machine, what the clients got, and what the cloud was asked.
struct Days {
    machine: Arc<Machine>,
    clients: Vec<Client>,
    /// Since when the upstream is reachable and willing; `None` during an outage.
    reachable: Option<Instant>,
    fault: Option<u64>,
    revoked: bool,
    /// Until when the wait after a refusal may last, the role being restored without anybody telling.
    refusal_may_last: Instant,
    requests: usize,
    /// Calls that the cloud answered, by identity and outcome.
    calls: BTreeMap<(String, String), usize>,
}

/// One client, and the last credential that it was given.
struct Client {
    ask: Ask,
    has: Option<Arc<Credential>>,
}

impl Days {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            machine: Arc::new(Machine::boot()),
            clients: IDENTITIES.iter().map(|name| Client { ask: Ask::aws(*name), has: None }).collect(),
            reachable: Some(now),
            fault: None,
            revoked: false,
            refusal_may_last: now,
            requests: 0,
            calls: BTreeMap::new(),
        }
    }

    fn apply(&mut self, event: Event) {
        let machine = &self.machine;
        match event {
            Event::CablePulled => machine.plug(false),
            Event::CloudDown => self.fault = Some(machine.cloud.add_fault(Fault::outage())),
            Event::OutageOver => {
                machine.plug(true);
                self.fault.take().map(|fault| machine.cloud.clear_fault(fault));
            }
            Event::ClockSet(step) => machine.clock.step_wall(step),
            Event::RoleRevoked => assert!(machine.cloud.revoke_role(&role(REVOKED))),
            Event::RoleRestored | Event::RoleRestoredAndTold => assert!(machine.cloud.restore_role(&role(REVOKED))),
        }
        match event {
            Event::CablePulled | Event::CloudDown => self.reachable = None,
            Event::OutageOver => self.reachable = Some(Instant::now()),
            Event::ClockSet(_) => {}
            Event::RoleRevoked => self.revoked = true,
            Event::RoleRestored => {
                self.revoked = false;
                // the longest wait after a refusal
                self.refusal_may_last = Instant::now() + 15 * MINUTE;
            }
            Event::RoleRestoredAndTold => {
                self.revoked = false;
                machine.engine.reset(Reset::Person(Ask::aws(REVOKED)));
            }
        }
    }

    /// Every client asks.
    async fn poll(&mut self) {
        let began = Instant::now();
        let asking: Vec<_> = self
            .clients
            .iter()
            .map(|client| match self.machine.engine.ready(&client.ask) {
                Some(credential) => Asking::Answered(credential),
                None => {
                    let (machine, ask) = (self.machine.clone(), client.ask.clone());
                    Asking::Waits(tokio::spawn(async move { (machine.ask(&ask).await, began.elapsed()) }))
                }
            })
            .collect();
        for (number, asking) in asking.into_iter().enumerate() {
            let (outcome, took) = match asking {
                Asking::Answered(credential) => (Ok(credential), Duration::ZERO),
                Asking::Waits(client) => client.await.expect("no panic"),
            };
            assert!(took <= PATIENCE, "{}: a request took {took:?}", self.clients[number].ask);
            self.check(number, outcome);
        }
    }

    fn check(&mut self, number: usize, outcome: Outcome) {
        self.requests += 1;
        let now = Instant::now();
        let machine = &self.machine;
        let client = &mut self.clients[number];
        let name = client.ask.to_string();
        let concerns = name == REVOKED;
        match outcome {
            Ok(credential) => {
                let left =
                    machine.life_by_the_cloud(&credential).unwrap_or_else(|why| panic!("{name} got a dead one: {why}"));
                let calm = self.reachable.is_some_and(|since| now - since > 6 * MINUTE);
                let least = if name.starts_with("short") { 10 * MINUTE } else { 20 * MINUTE };
                assert!(left >= least || !calm || self.revoked && concerns, "{name} got {left:?} of life");
                client.has = Some(credential);
            }
            Err(failure) => {
                let refused = concerns && (self.revoked || now < self.refusal_may_last);
                let left = client.has.as_ref().and_then(|has| machine.life_by_the_cloud(has).ok()).unwrap_or_default();
                if refused {
                    // what the cloud refused is dropped, whatever is left of it
                    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "AccessDenied"));
                } else {
                    assert_eq!(failure.class, FailureClass::TryLater, "{name}: {}", failure.private);
                    assert!(
                        self.reachable.is_none(),
                        "{name} got nothing although the upstream works: {}",
                        failure.private
                    );
                    // ends are whole seconds, and so is the cloud's date
                    assert!(left <= 62 * SECOND, "{name} got nothing although {left:?} were left");
                }
            }
        }
    }

    /// Counts the day's calls, and lets the cloud forget them.
    fn settle(&mut self) {
        for call in self.machine.cloud.calls() {
            let role = call.role.unwrap_or_default();
            let identity = role.rsplit('/').next().unwrap_or_default().to_owned();
            *self.calls.entry((identity, call.outcome)).or_default() += 1;
        }
        self.machine.cloud.forget_calls();
        self.machine.cloud.forget_ended_before(self.machine.cloud.now());
    }

    #[allow(clippy::print_stdout)] // figures for whoever runs this with --nocapture
    fn print(&self, took: Duration) {
        println!(
            "30 simulated days took {:.1} s: {} requests, calls {:?}",
            took.as_secs_f64(),
            self.requests,
            self.calls
        );
    }

    fn compare_with_lifetimes(&self) {
        let count = |name: &str, outcome: &str| self.calls.get(&(name.to_owned(), outcome.to_owned())).copied();
        for name in IDENTITIES {
            let expected = match name {
                REVOKED => OF_THE_REVOKED,
                "short-0" | "short-1" => OF_15_MINUTES,
                _ => OF_AN_HOUR,
            };
            assert_near(name, count(name, "ok").unwrap_or_default(), expected);
            // 7 outages answered with 503, 40 min each: at most one call a minute, and ten more while waits are short
            let unavailable = count(name, "ServiceUnavailable").unwrap_or_default();
            assert!((1..=7 * 50).contains(&unavailable), "{name}: {unavailable} calls in outages");
        }
        assert_near("refused", count(REVOKED, "AccessDenied").unwrap_or_default(), REFUSED);
        let answered: usize =
            self.calls.iter().filter(|((_, outcome), _)| outcome != "ServiceUnavailable").map(|(_, count)| count).sum();
        assert_near("all", answered, 7 * OF_AN_HOUR + OF_THE_REVOKED + 2 * OF_15_MINUTES + REFUSED);
    }
}

enum Asking {
    Answered(Arc<Credential>),
    Waits(tokio::task::JoinHandle<(Outcome, Duration)>),
}

/// Within 5 %.
fn assert_near(what: &str, calls: usize, expected: usize) {
    assert!(calls.abs_diff(expected) * 20 <= expected, "{what}: {calls} calls, {expected} expected");
}
