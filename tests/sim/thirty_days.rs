//! Thirty days of a developer's machine: ten identities, each asked for once a minute while the machine is awake, over a
//! connection of its own that is kept open.
//!
//! What must hold: no 200 carries a credential that the cloud calls expired; every request that is made while the upstream
//! is reachable and willing, or while more than 60 s are left, gets a 200 within 0.8 s; and the upstream is called as often
//! as lifetimes and waits alone say, and not more.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use credenza::engine::Reset;
use credenza::world::simulated::Step;
use simcloud::{Fault, Keys};
use tokio::time::{Instant, sleep, sleep_until};

use crate::client::{Client, Told};
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
// The role that is revoked twice for 260 min: 260 / 35 = 7.4 fewer each time: 825 - 15 = 810. The first fetch that is due
// while it is revoked, from minute 180.5 to 440.5, is that of minute 6 * 35 = 210. From then on clients lead to calls after
// 1, 2, 4, 8, 15, 15 ... min: but each wait ends a moment after a minute's poll, so the next poll makes it 2, 3, 5, 9, 16,
// 16 ... min: at 210, 212, 215, 220 and 229, and from 245 every 16 min to 437, 13 times: 5 + 13 = 18. Nothing else resets
// these waits; so 36 for both days.
const OF_AN_HOUR: usize = 825;
const OF_15_MINUTES: usize = 6285;
const OF_THE_REVOKED: usize = 810;
const REFUSED: usize = 36;

// How often each identity is called for in vain in the seven outages of 40 min in which the cloud answers 503.
//
// Waits are 5 to 10 s, doubling, to 150 to 300 s; so in the mean calls come 0, 7.5, 22.5, 52.5, 112.5 and 232.5 s after the
// first one, and then every 225 s: in t s, with t over 232.5, they are 6 + (t - 232.5) / 225. Once nothing can be handed
// out any more, with 60 s left of its life, each minute's poll leads to one (15 s is the least between two).
//
// One hour: due once, u min after the outage's beginning, u being anything from 0 to 35; 40 - u are left of the outage.
// With 25 min of life when it is due, it is handed out for 24 more: for the lesser of 40 - u and 24 the first rule holds, in
// the mean 18.84 min = 1130 s, 6 + 3.99 = 10 calls; for what is left of 40 - u after that, 3.66 min in the mean, the second,
// 3.66 calls: 13.65 in all, seven times 96.
//
// Chained: from 5 min of life on what it is made from makes nothing more, and what is called for then is that. For the
// lesser of 40 - u and 20 the first rule holds, 16.79 min = 1007 s in the mean, 6 + 3.44 calls, seven times 66.
//
// 15 minutes: due 2.25 min after the beginning in the mean, handed out for 9.5 min more, 570 s: 6 + 1.5; and for the other
// 28.25 min a call a minute: 35.75 in all, seven times 250.
//
// A wait that is always a minute would make it 158 of an hour's, a wait of 5 min at the most and nothing else 70.
const DOWN_OF_AN_HOUR: usize = 96;
const DOWN_CHAINED: usize = 66;
const DOWN_OF_15_MINUTES: usize = 250;

// How often all of them together meet the cable pulled, in eight outages of 40 min. The clock is set in the middle of each,
// which starts another row of short waits for what fails by then: the 20 of 35 that are due in the first half make
// 5 calls in the time of one, 20 / 35 * 4 = 2.3 more each time; those of 15 minutes all make 3 more, as they are at a call a
// minute by then. So eight times 13.65 + 2.3 for six of an hour, 9.44 + 2.3 for the two chained, and 35.75 + 3 for the two
// of 15 minutes: 8 * (95.7 + 23.5 + 77.5) = 1574. A wait that is always a minute would make it 1950.
const MISSED: usize = 1574;

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
/// The clock is set forward and back by 5 min, on days with the cable out in the middle of that. A role is revoked on two
/// days, at times when nothing else happens.
fn happens(day: u32, minute: u32) -> Option<Event> {
    // of each kind of outage, the beginnings meet an hour's credential at 7 ages, 5 of the 35 min apart
    let outage = 37 + day * 115 % (AWAKE - 120);
    match (day % 4, minute) {
        (1, _) if minute == outage => Some(Event::CablePulled),
        (3, _) if minute == outage => Some(Event::CloudDown),
        (1, _) if minute == outage + 20 => Some(Event::ClockSet(Step::Back(5 * MINUTE))),
        (1 | 3, _) if minute == outage + 40 => Some(Event::OutageOver),
        (0, 560) | (2, 700) => Some(Event::ClockSet(Step::Forward(5 * MINUTE))),
        (2, 560) => Some(Event::ClockSet(Step::Back(5 * MINUTE))),
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
    machine: Machine,
    clients: Vec<Client>,
    /// The last credential that each client was given.
    has: [Option<(Keys, SystemTime)>; IDENTITIES.len()],
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

impl Days {
    fn new() -> Self {
        let now = Instant::now();
        let machine = Machine::boot();
        Self {
            clients: IDENTITIES.iter().map(|identity| Client::new(&machine, identity)).collect(),
            machine,
            has: Default::default(),
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
                machine.engine.reset(Reset::Person(REVOKED.into()));
            }
        }
    }

    /// Every client asks, all at once.
    async fn poll(&mut self) {
        for client in &mut self.clients {
            client.send(&self.machine).await;
        }
        for number in 0..self.clients.len() {
            let (told, took) = self.clients[number].receive(&self.machine).await;
            assert!(took <= PATIENCE, "{}: a request took {took:?}", self.clients[number].identity);
            self.check(number, told);
        }
    }

    fn check(&mut self, number: usize, told: Told) {
        self.requests += 1;
        let now = Instant::now();
        let machine = &self.machine;
        let name = self.clients[number].identity;
        let concerns = name == REVOKED;
        match told {
            Told::Token(..) => unreachable!("keys were asked for"),
            Told::Credential(keys, end) => {
                let left = machine.life_by_the_cloud(&keys, end);
                let left = left.unwrap_or_else(|why| panic!("{name} got a dead one: {why}"));
                let calm = self.reachable.is_some_and(|since| now - since > 6 * MINUTE);
                let least = if name.starts_with("short") { 10 * MINUTE } else { 20 * MINUTE };
                assert!(left >= least || !calm || self.revoked && concerns, "{name} got {left:?} of life");
                self.has[number] = Some((keys, end));
            }
            Told::Refusal { status, code, .. } => {
                let refused = concerns && (self.revoked || now < self.refusal_may_last);
                if refused {
                    // what the cloud refused is dropped, whatever is left of it
                    assert_eq!((status, code.as_str()), (403, "AccessDenied"));
                    return;
                }
                assert_eq!((status, code.as_str()), (503, "UpstreamUnavailable"), "{name}");
                assert!(self.reachable.is_none(), "{name} got nothing although the upstream works");
                let has = self.has[number].as_ref();
                let left = has.and_then(|(keys, end)| machine.life_by_the_cloud(keys, *end).ok()).unwrap_or_default();
                // ends are whole seconds, and so is the cloud's date
                assert!(left <= 62 * SECOND, "{name} got nothing although {left:?} were left");
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
            "30 simulated days took {:.1} s: {} requests over {} connections, calls {:?}, {} with the cable pulled",
            took.as_secs_f64(),
            self.requests,
            self.clients.iter().map(|client| client.connections).sum::<usize>(),
            self.calls,
            self.machine.missed(),
        );
    }

    fn compare_with_lifetimes(&self) {
        let count = |name: &str, outcome: &str| self.calls.get(&(name.to_owned(), outcome.to_owned())).copied();
        for name in IDENTITIES {
            let (expected, in_outages) = match name {
                REVOKED => (OF_THE_REVOKED, DOWN_OF_AN_HOUR),
                "short-0" | "short-1" => (OF_15_MINUTES, DOWN_OF_15_MINUTES),
                "chained-1" | "chained-2" => (OF_AN_HOUR, DOWN_CHAINED),
                _ => (OF_AN_HOUR, DOWN_OF_AN_HOUR),
            };
            assert_near(name, count(name, "ok").unwrap_or_default(), expected, 5);
            // waits are by chance, and there are few of them
            assert_near(name, count(name, "ServiceUnavailable").unwrap_or_default(), in_outages, 15);
        }
        assert_near("refused", count(REVOKED, "AccessDenied").unwrap_or_default(), REFUSED, 5);
        assert_near("with the cable pulled", self.machine.missed(), MISSED, 10);
        let answered: usize =
            self.calls.iter().filter(|((_, outcome), _)| outcome != "ServiceUnavailable").map(|(_, count)| count).sum();
        assert_near("all", answered, 7 * OF_AN_HOUR + OF_THE_REVOKED + 2 * OF_15_MINUTES + REFUSED, 5);
    }
}

fn assert_near(what: &str, calls: usize, expected: usize, percent: usize) {
    let apart = calls.abs_diff(expected) * 100;
    assert!(apart <= expected * percent, "{what}: {calls} calls, {expected} expected");
}
