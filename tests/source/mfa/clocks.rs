//! Steps are AWS's: what is left of one is counted by its clock, and a request is signed by it from the first byte.

use std::time::Duration;

use credenza::world::simulated::Step;
use simcloud::SignedDuration;
use simcloud::mfa::Verdict;
use tokio::time::{Instant, sleep};

use super::desk::*;

#[tokio::test(start_paused = true)]
async fn a_code_with_little_time_left_is_left_alone() {
    for (into, waits) in [(10, 0), (26, 0), (28, 3), (29, 2)] {
        let desk = Desk::new();
        sleep(Duration::from_secs(into)).await;
        let before = Instant::now();
        desk.process().begin(&desk.wanted()).await.unwrap();
        assert_eq!((before.elapsed().as_secs(), desk.codes()), (waits, vec![Verdict::Accepted]), "{into}");
    }
}

#[tokio::test(start_paused = true)]
async fn how_long_the_device_took_last_time_counts() {
    let desk = Desk::new().takes(Duration::from_secs(9));
    let process = desk.process();
    process.begin(&desk.wanted()).await.unwrap();
    sleep(Duration::from_secs(15)).await; // 24 s into the step
    let before = Instant::now();
    desk.process().begin(&desk.wanted()).await.unwrap();
    assert_eq!(before.elapsed().as_secs(), 7 + 9);
}

#[tokio::test(start_paused = true)]
async fn awss_clock_decides_what_is_left() {
    for (offset, into, waits) in
        [(20, 8, 3), (20, 5, 0), (-20, 18, 3), (-20, 28, 0), (308, 0, 0), (298, 0, 3), (-302, 0, 3)]
    {
        let desk = Desk::new();
        desk.stage.cloud.set_offset(SignedDuration::from_secs(offset));
        sleep(Duration::from_secs(into)).await;
        let before = Instant::now();
        desk.process().begin(&desk.wanted()).await.unwrap();
        assert_eq!((before.elapsed().as_secs(), desk.codes()), (waits, vec![Verdict::Accepted]), "{offset} {into}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_with_a_code_is_signed_by_awss_clock_at_once() {
    let desk = Desk::new();
    desk.stage.cloud.set_offset(SignedDuration::from_mins(20));
    let process = desk.process();
    process.begin(&desk.wanted()).await.unwrap();
    assert_eq!((desk.stage.cloud.count("GetSessionToken"), desk.codes()), (1, vec![Verdict::Accepted]));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_since_is_looked_at_again() {
    let twenty = Duration::from_secs(20 * 60);
    for (step, offset) in [(Step::Back(twenty), 20), (Step::Forward(twenty), -20)] {
        let desk = Desk::new();
        desk.process().begin(&desk.wanted()).await.unwrap();
        sleep(Duration::from_secs(60)).await;
        // to the cloud no time passes
        desk.stage.clock.step_wall(step);
        desk.stage.cloud.set_offset(SignedDuration::from_mins(offset));
        desk.process().begin(&desk.wanted()).await.unwrap();
        assert_eq!(desk.codes(), [Verdict::Accepted; 2], "{step:?}");
    }
}
