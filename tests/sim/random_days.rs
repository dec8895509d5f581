//! Days on which nothing happens at a round time: polls, outages, sleeps and set clocks come by chance, calls take 50 ms to
//! 3 s and are met in the air, and the cloud's clock is 1.5 s ahead. Only what must always hold is judged.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use credenza::world::simulated::Step;
use jiff::SignedDuration;
use simcloud::{Fault, Keys};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::client::{Client, Told};
use crate::machine::{Dice, HOUR, IDENTITIES, MINUTE, Machine, PATIENCE, SECOND};
use crate::office::{LONG, Office, SHORT};

#[tokio::test(start_paused = true)]
async fn two_days_of_chance_hand_out_nothing_dead_and_keep_nobody_waiting() {
    for seed in [11, 12] {
        a_day(seed, Machine::with(seed), &IDENTITIES).await;
    }
}

#[tokio::test(start_paused = true)]
async fn so_do_two_days_of_a_sign_in() {
    for seed in [13, 14] {
        let office = Office::open(|instance| instance.session = 90 * 24 * HOUR, "");
        office.aws_sso_login();
        a_day(seed, office.machine, &[LONG, SHORT]).await;
    }
}

/// What the clients judge their answers by.
struct Day {
    machine: Machine,
    /// Since when the upstream works and the machine is awake; `None` during an outage.
    calm: Mutex<Option<Instant>>,
    /// From when to when the wall clock is or was set back, by the cloud's clock.
    set_back: Mutex<Vec<(SystemTime, Option<SystemTime>)>>,
    over: AtomicBool,
}

impl Day {
    /// Sets the wall clock 5 min back, or forward again: it is never off by more.
    fn set_clock(&self) {
        let mut set_back = self.set_back.lock().expect("no panic");
        let now = self.machine.cloud.now();
        let step = match set_back.last_mut() {
            Some((_, again @ None)) => {
                *again = Some(now);
                Step::Forward(5 * MINUTE)
            }
            _ => {
                set_back.push((now, None));
                Step::Back(5 * MINUTE)
            }
        };
        self.machine.clock.step_wall(step);
    }

    /// How much too little is thought to be left of what was issued then. What came while the clock was set back ends 5 min
    /// early by one that was set forward since: both are believed until the next fetch.
    fn thought_too_little(&self, issued: SystemTime) -> Duration {
        let set_back = self.set_back.lock().expect("no panic");
        let is_back = matches!(set_back.last(), Some((_, None)));
        // ends are whole seconds
        let meanwhile = |(from, to): &(SystemTime, Option<SystemTime>)| {
            issued + SECOND >= *from && to.is_some_and(|to| issued <= to)
        };
        if !is_back && set_back.iter().any(meanwhile) { 5 * MINUTE } else { Duration::ZERO }
    }
}

async fn a_day(seed: u64, machine: Machine, identities: &[&'static str]) {
    machine.cloud.set_offset(SignedDuration::from_millis(1500));
    let calm = Mutex::new(Some(Instant::now()));
    let day = Arc::new(Day { machine, calm, set_back: Mutex::default(), over: AtomicBool::new(false) });
    let mut clients = JoinSet::new();
    for (number, identity) in identities.iter().copied().enumerate() {
        clients.spawn(polls(day.clone(), identity, Dice::new(seed * 100 + number as u64)));
    }
    let ends = Instant::now() + 16 * HOUR;
    let dice = Dice::new(seed);
    let between = |least: Duration, most: Duration| least + (most - least).mul_f64(dice.fraction());
    let mut slow = day.machine.calls_take(50 * MILLISECOND);
    let (mut fault, mut ended) = (None, [0; 4]);
    while Instant::now() < ends {
        sleep(between(SECOND, 10 * MINUTE)).await;
        let machine = &day.machine;
        let what = between(Duration::ZERO, 4 * SECOND).as_secs() as usize;
        ended[what] += 1;
        match what {
            0 => {
                machine.cloud.clear_fault(slow);
                slow = machine.calls_take(between(50 * MILLISECOND, 3 * SECOND));
            }
            1 => {
                machine.clock.suspend(between(SECOND, 2 * HOUR));
                *day.calm.lock().expect("no panic") = Some(Instant::now()); // never during an outage
            }
            2 => day.set_clock(),
            _ => {
                *day.calm.lock().expect("no panic") = None;
                match dice.fraction() < 0.5 {
                    true => machine.plug(false),
                    false => fault = Some(machine.cloud.add_fault(Fault::outage())),
                }
                sleep(between(MINUTE, 40 * MINUTE)).await;
                machine.plug(true);
                fault.take().map(|fault| machine.cloud.clear_fault(fault));
                *day.calm.lock().expect("no panic") = Some(Instant::now());
            }
        }
    }
    assert!(ended.iter().all(|times| *times > 5), "too little happened: {ended:?}");
    day.over.store(true, Ordering::Relaxed);
    let answered: Vec<usize> = clients.join_all().await;
    assert!(answered.iter().all(|answered| *answered > 500), "{answered:?}");
    day.machine.engine.clone().stop().await;
}

/// One client: it asks when it likes, soon again when it was refused, at times twice in a row, and counts its 200s.
async fn polls(day: Arc<Day>, identity: &'static str, dice: Dice) -> usize {
    let mut client = Client::new(&day.machine, identity);
    let mut has: Option<(Keys, SystemTime)> = None;
    let mut without: Option<Instant> = None;
    let mut answered = 0;
    while !day.over.load(Ordering::Relaxed) {
        client.send(&day.machine).await;
        let (told, took) = client.receive(&day.machine).await;
        // a timer fires at the next whole millisecond
        assert!(took <= PATIENCE + 2 * MILLISECOND, "{identity}: a request took {took:?}");
        let left = |keys: &Keys, end| day.machine.life_by_the_cloud(keys, end);
        let pause = match told {
            Told::Token(..) => unreachable!("keys were asked for"),
            Told::Credential(keys, end) => {
                left(&keys, end).unwrap_or_else(|why| panic!("{identity} got a dead one: {why}"));
                has = Some((keys, end));
                without = None;
                answered += 1;
                if dice.fraction() < 0.2 { 300 * MILLISECOND } else { SECOND + 69 * SECOND.mul_f64(dice.fraction()) }
            }
            Told::Refusal { status, code, .. } => {
                let calm = *day.calm.lock().expect("no panic");
                let since = calm.map(|calm| calm.max(*without.get_or_insert_with(Instant::now)));
                let calm = since.map(|since| Instant::now() - since).unwrap_or_default();
                assert_eq!(status, 503, "{identity}: {code}");
                if let Some((keys, end)) = &has
                    && let Ok(left) = left(keys, *end)
                {
                    let life = if identity.starts_with("short") { 15 * MINUTE } else { HOUR };
                    // a date shows the cloud's clock to whole seconds and half of a call's time
                    let most = MINUTE + 2 * SECOND + day.thought_too_little(*end - life);
                    assert!(left <= most, "{identity} got nothing although {left:?} were left: {code}");
                }
                assert!(calm <= A_WHILE, "{identity} got nothing after {calm:?} of calm: {code}");
                5 * SECOND + 15 * SECOND.mul_f64(dice.fraction())
            }
        };
        sleep(pause).await;
    }
    answered
}

const MILLISECOND: Duration = Duration::from_millis(1);

/// How long who goes without does so once the upstream works: the next poll, within 20 s, leads to a call if 15 s have
/// passed since the last one in vain, else the one after that does; three calls of a chain take 9 s, one that was still in
/// the air 3 s before; and the poll after that, within 20 s, has it.
const A_WHILE: Duration = Duration::from_secs(20 + 20 + 12 + 20);
