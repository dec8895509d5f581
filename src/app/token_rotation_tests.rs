//! Days of a token file, in simulated time.

use std::time::SystemTime;

use super::*;
use crate::server::grant::{GrantSpec, Grants, Holder, Scope};
use crate::world::random::SystemRandom;
use crate::world::simulated::SimulatedClock;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// An endpoint's grant, the file that holds its token, and the rotation of it.
struct Days {
    clock: Arc<SimulatedClock>,
    grants: Grants,
    rotation: TokenRotation,
    /// What was written, oldest first: the last one is what the file holds.
    written: Vec<Secret>,
    disk_is_full: bool,
    made: usize,
}

impl Days {
    fn begin() -> Self {
        let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + 500_000 * HOUR));
        let grants = Grants::in_memory(clock.clone(), Arc::new(SystemRandom));
        let spec = GrantSpec {
            name: Some("exec-1".into()),
            scope: Scope::of(["prod"]),
            azure_client_id: None,
            default_aws: Some("prod".into()),
            life: None,
            holder: Holder::Connection,
        };
        let (token, _) = grants.issue(spec).unwrap();
        let rotation = TokenRotation::new(clock.clone(), Timetable::default());
        Self { clock, grants, rotation, written: vec![token], disk_is_full: false, made: 0 }
    }

    /// Lives for so long, by tokio's time; at each moment the file's token is good.
    async fn pass(&mut self, time: Duration) {
        let end = tokio::time::Instant::now() + time;
        while tokio::time::timeout_at(end, self.rotation.due()).await.is_ok() {
            self.step();
            assert!(self.opens(self.written.last().unwrap()), "what the file holds is good");
        }
        assert!(self.opens(self.written.last().unwrap()), "what the file holds is good");
    }

    fn step(&mut self) {
        let (grants, written, made) = (&self.grants, &mut self.written, &mut self.made);
        let renew = |overlap| {
            *made += 1;
            grants.renew("exec-1", overlap)
        };
        let full = self.disk_is_full;
        self.rotation.step(renew, |token| {
            written.extend((!full).then(|| token.clone()));
            if full { Err("no space left on device") } else { Ok(()) }
        });
    }

    fn opens(&self, token: &Secret) -> bool {
        self.grants.admit(token.expose().as_bytes()).is_some()
    }

    /// Which of what was written opens now.
    fn good(&self) -> Vec<bool> {
        self.written.iter().map(|token| self.opens(token)).collect()
    }
}

#[test]
fn what_is_due() {
    let timetable = Timetable { period: 12 * HOUR, overlap: 6 * HOUR };
    for (age, written, expected) in [
        (Duration::ZERO, true, Due::Wait(12 * HOUR)),
        (12 * HOUR - MINUTE, true, Due::Wait(MINUTE)),
        (12 * HOUR, true, Due::Renew),
        (100 * HOUR, true, Due::Renew),
        (Duration::ZERO, false, Due::Write),
        (3 * HOUR - MINUTE, false, Due::Write),
        (3 * HOUR, false, Due::Renew),
        (100 * HOUR, false, Due::Renew),
    ] {
        assert_eq!(due(age, written, timetable), expected, "{age:?} {written}");
    }
}

#[tokio::test(start_paused = true)]
async fn c33_c38_each_token_is_good_for_a_day_and_no_longer() {
    let mut days = Days::begin();
    days.pass(12 * HOUR - MINUTE).await;
    assert_eq!(days.good(), [true], "one for the first half of the day");
    days.pass(2 * MINUTE).await;
    assert_eq!(days.good(), [true, true]);
    days.pass(12 * HOUR - 3 * MINUTE).await;
    assert_eq!(days.good(), [true, true], "who keeps the first one that it read has it for a day");
    days.pass(3 * MINUTE).await;
    assert_eq!(days.good(), [false, true, true]);
    days.pass(240 * HOUR).await;
    assert_eq!(days.written.len(), 1 + 22);
    assert_eq!(days.good().iter().filter(|good| **good).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_laptops_sleep_costs_one_slice() {
    let mut days = Days::begin();
    days.pass(HOUR).await;
    days.clock.suspend(11 * HOUR);
    days.pass(SLICE).await;
    assert_eq!(days.good(), [true, true]);
    // past the end of both: the newest is good until another is in the file, and a client that asks meanwhile reads that
    days.clock.suspend(100 * HOUR);
    assert_eq!(days.good(), [false, true]);
    days.pass(SLICE).await;
    assert_eq!(days.good(), [false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_written_keeps_a_good_token_for_as_long_as_it_takes() {
    let mut days = Days::begin();
    days.disk_is_full = true;
    days.pass(100 * HOUR).await;
    assert_eq!(days.good(), [true]);
    assert!((15..=16).contains(&days.made), "a new one each 6 hours, not each slice: {}", days.made);
    days.disk_is_full = false;
    days.pass(SLICE).await;
    assert_eq!(days.good(), [true, true], "and it is tried again soon");
    // a token's age counts from when it was made, which was at 96 hours
    days.pass(8 * HOUR - MINUTE).await;
    assert_eq!(days.good(), [true, true]);
    days.pass(MINUTE).await;
    assert_eq!(days.good(), [false, true, true]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_is_tried_again_and_not_all_the_time() {
    let mut days = Days::begin();
    days.pass(12 * HOUR - MINUTE).await;
    days.grants.revoke("exec-1").unwrap();
    let begun = tokio::time::Instant::now();
    for _ in 0..10 {
        days.rotation.due().await;
        days.step();
    }
    assert_eq!((days.made, days.written.len()), (10, 1));
    assert_eq!(begun.elapsed(), MINUTE + 9 * SLICE);
}

#[tokio::test(start_paused = true)]
async fn c33_the_childs_file_is_replaced_whole_and_0600_each_time() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = tempfile::tempdir().unwrap();
    let environment = crate::world::Environment::from_iter([("HOME", home.path())]);
    let places = crate::config::Places::from(&environment).unwrap();
    let files = crate::app::generated::Generated::new(&places, &SystemRandom).unwrap();
    let mut days = Days::begin();
    let path = files.write_token(&days.written[0]).unwrap();
    for _ in 0..3 {
        let mut reader = std::fs::File::open(&path).unwrap();
        days.rotation.due().await;
        let renew = |overlap| days.grants.renew("exec-1", overlap);
        days.rotation.step(renew, |token| files.write_token(token).map(|_| ()));
        let mut before = String::new();
        std::io::Read::read_to_string(&mut reader, &mut before).unwrap();
        let after = std::fs::read_to_string(&path).unwrap();
        assert_ne!(before, after);
        assert_eq!((before.len(), after.len()), (43, 43), "whole, without a line feed");
        assert!(days.opens(&Secret::new(before)) && days.opens(&Secret::new(after)));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    }
}
