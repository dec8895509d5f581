//! Lifetimes, clocks that jump, machines that sleep, asks that nobody uses.

use super::stage::*;
use crate::credential::{ClockOffset, FailureClass};
use crate::engine::AskState;
use crate::source::Need;
use crate::world::Clock as _;
use crate::world::simulated::Step;

const OUTAGE: Does = Does::Fails(FailureClass::TryLater, "UpstreamUnavailable");

#[tokio::test(start_paused = true)]
async fn c22_at_24_minutes_the_background_fetches_and_at_19_the_request_waits() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_takes(30 * SECOND);
    stage.pass(35 * MINUTE + 5 * SECOND).await;
    let before = tokio::time::Instant::now();
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert!(before.elapsed().is_zero());
    assert_eq!(stage.view("prod").state, AskState::Refreshing);
    assert_eq!(stage.fake("prod").issues(), 2);

    // a machine that slept from 24 to 19 min: nothing was fetched in time, so the request waits for it
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.pass(34 * MINUTE).await;
    stage.clock.suspend(7 * MINUTE);
    stage.fake("prod").now_takes(PATIENCE / 2);
    let before = tokio::time::Instant::now();
    assert!(stage.left("prod").await > 20 * MINUTE);
    assert_eq!(before.elapsed(), PATIENCE / 2);
}

#[tokio::test(start_paused = true)]
async fn c23_a_slow_upstream_costs_a_client_no_more_than_its_patience() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.pass(34 * MINUTE).await;
    stage.clock.suspend(7 * MINUTE);
    stage.fake("prod").now_takes(3 * SECOND);
    let before = tokio::time::Instant::now();
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert_eq!(before.elapsed(), PATIENCE);
    stage.pass(3 * SECOND).await;
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
}

#[tokio::test(start_paused = true)]
async fn c24_a_15_minute_role_is_answered_from_memory_a_thousand_times_a_minute() {
    let stage = Stage::set([plain("prod", 15 * MINUTE)]);
    stage.key_id("prod").await;
    stage.pass(4 * MINUTE).await;
    let before = stage.fake("prod").issues();
    for _ in 0..1000 {
        assert!(stage.engine.ready(&ask("prod")).is_some());
        stage.pass(MINUTE / 1000).await;
    }
    assert!(stage.fake("prod").issues() - before <= 1);
}

#[tokio::test(start_paused = true)]
async fn c25_a_15_minute_role_never_has_less_than_ten_and_is_fetched_every_four_and_a_half() {
    let stage = Stage::set([plain("prod", 15 * MINUTE)]);
    stage.key_id("prod").await;
    for quarter in 1..=8 {
        let before = stage.fake("prod").issues();
        for _ in 0..900 {
            assert!(stage.left("prod").await > 10 * MINUTE);
            stage.pass(SECOND).await;
        }
        let calls = stage.fake("prod").issues() - before;
        assert!((3..=4).contains(&calls), "quarter {quarter}: {calls}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_15_minute_role_of_a_server_whose_clock_is_two_seconds_ahead_is_a_15_minute_role() {
    let stage = Stage::set([plain("prod", 15 * MINUTE)]);
    stage
        .fake("prod")
        .now_does(Does::Brings(|issued| issued.expiration = issued.expiration.map(|end| end + 2 * SECOND)));
    stage.key_id("prod").await;
    stage.fake("prod").now_takes(PATIENCE / 2);
    let before = stage.fake("prod").issues();
    for _ in 0..900 {
        let asked_at = tokio::time::Instant::now();
        stage.key_id("prod").await;
        assert!(asked_at.elapsed().is_zero(), "nobody waits for so short a life");
        stage.pass(SECOND).await;
    }
    let calls = stage.fake("prod").issues() - before;
    assert!((3..=4).contains(&calls), "{calls}");
    let warnings = stage.view("prod").warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("is 15 min"), "{warnings:?}");
}

#[tokio::test(start_paused = true)]
async fn a_15_minute_role_is_warned_about_once() {
    let stage = Stage::set([plain("short", 15 * MINUTE), plain("long", HOUR)]);
    stage.key_id("short").await;
    stage.key_id("long").await;
    stage.pass(HOUR).await;
    let warnings = stage.view("short").warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains("15 min: Python and .NET clients will ask on every call"), "{warnings:?}");
    assert!(stage.view("long").warnings.is_empty());
}

#[tokio::test(start_paused = true)]
async fn c27_an_upstream_whose_clock_is_ahead_is_judged_by_its_own_time() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.clock.step_wall(Step::Back(5 * MINUTE));
    let credential = stage.get("prod").await.unwrap();
    assert_eq!(credential.server_offset, ClockOffset::Ahead(5 * MINUTE));
    assert_eq!(credential.expiration, cloud_time(stage.clock.now()) + HOUR);
    assert_eq!(credential.remaining(stage.clock.now()), HOUR);
    stage.pass(34 * MINUTE).await;
    assert_eq!(stage.fake("prod").issues(), 1);
    stage.pass(2 * MINUTE).await;
    assert_eq!(stage.fake("prod").issues(), 2);
}

#[tokio::test(start_paused = true)]
async fn c28_a_client_that_asks_again_early_is_answered_from_memory() {
    let stage = Stage::set([plain("prod", HOUR)]);
    for _ in 0..3 {
        assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
        stage.pass(3 * SECOND).await;
    }
    assert_eq!(stage.fake("prod").issues(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_an_hour_serves_no_dead_key() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(50 * MINUTE).await;
    stage.clock.step_wall(Step::Back(HOUR));
    for _ in 0..120 {
        // what is served is checked against the cloud's clock in there
        let _ = stage.get("prod").await;
        stage.pass(MINUTE).await;
    }
    assert_eq!(stage.code("prod").await, "UpstreamUnavailable");
    stage.fake("prod").now_does(Does::Works);
    stage.pass(MINUTE).await;
    assert_eq!(stage.left("prod").await, HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_clock_set_forward_makes_no_loop() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.clock.step_wall(Step::Forward(3 * HOUR));
    stage.pass(30 * MINUTE).await;
    assert_eq!(stage.fake("prod").issues(), 2);
    assert!(stage.left("prod").await > 29 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn after_a_suspend_the_first_request_gets_a_new_credential() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.clock.suspend(8 * HOUR);
    assert_eq!(stage.left("prod").await, HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_slept_along_is_not_waited_for() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_takes(20 * SECOND);
    assert_eq!(stage.code("prod").await, "Pending");
    stage.clock.suspend(HOUR);
    stage.fake("prod").now_takes(SECOND / 10);
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
    stage.pass(20 * SECOND).await;
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
}

#[tokio::test(start_paused = true)]
async fn fetches_that_slept_along_leave_their_slots_to_those_after_the_wake() {
    let names = ["a", "b", "c", "d", "e"];
    let roles = names.map(|name| role(name, "base", HOUR));
    let mut stage = Stage::set([plain("base", HOUR)].into_iter().chain(roles));
    stage.share_a_limit();
    stage.key_id("base").await;
    for name in names {
        stage.fake(name).now_takes(20 * SECOND);
        assert_eq!(stage.code(name).await, "Pending");
    }
    assert_eq!(stage.engine.snapshot().in_flight, 4);
    names.iter().for_each(|name| stage.fake(name).now_takes(SECOND / 10));
    stage.clock.suspend(10 * MINUTE);
    for name in names {
        // within the client's patience, that is
        stage.key_id(name).await;
    }
    stage.pass(MINUTE).await;
    assert_eq!(stage.engine.snapshot().in_flight, 0);
    assert!(names.iter().all(|name| stage.fake(name).finished() == 1), "what was given up ran on");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_being_made_is_never_cut_off() {
    type Event = fn(&Stage);
    let events: [Event; 2] =
        [|stage| stage.clock.suspend(HOUR), |stage| stage.engine.replace(std::sync::Arc::new(Book::default()))];
    for (number, event) in events.into_iter().enumerate() {
        let stage = Stage::set([(
            "prod",
            Need::Session { key: key("keys:prod"), freshly: false, no_older_than: None, ahead: false },
            HOUR,
        )]);
        stage.fake("prod").now_takes(20 * SECOND);
        assert_eq!(stage.code("prod").await, "Pending");
        event(&stage);
        stage.pass(SECOND).await;
        let _ = stage.get("prod").await;
        stage.pass(30 * SECOND).await;
        assert!(stage.fake("prod").finished() >= 1, "{number}: a code may have been spent for nothing");
        if number == 0 {
            assert_eq!(stage.fake("prod").renewals(), 1, "the one that slept along is waited for");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_suspend_the_background_notices_within_a_slice() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.pass(SECOND).await;
    stage.clock.suspend(8 * HOUR);
    stage.pass(31 * SECOND).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_wake_forgets_the_waits() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(Does::Fails(FailureClass::Refused, "AccessDenied"));
    for _ in 0..20 {
        stage.code("prod").await;
        stage.pass(MINUTE).await;
    }
    stage.fake("prod").now_does(Does::Works);
    assert_eq!(stage.code("prod").await, "AccessDenied");
    stage.clock.suspend(3 * SECOND);
    stage.pass(31 * SECOND).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_nobody_used_for_eight_hours_awake_is_left_to_end() {
    let mut stage = Stage::set([plain("idle", HOUR), plain("warm", HOUR)]);
    stage.keep_warm("warm");
    stage.key_id("idle").await;
    stage.key_id("warm").await;
    stage.pass(4 * HOUR).await;
    stage.clock.suspend(12 * HOUR);
    stage.pass(3 * HOUR + 30 * MINUTE).await;
    assert!(stage.view("idle").remaining >= 20 * MINUTE, "sleep is no idleness");
    stage.pass(2 * HOUR).await;
    let names: Vec<_> = stage.engine.snapshot().asks.iter().map(|view| view.ask.to_string()).collect();
    assert_eq!(names, ["warm"]);
    let fetched = stage.fake("idle").issues();
    stage.pass(24 * HOUR).await;
    assert_eq!(stage.fake("idle").issues(), fetched);
    assert!(stage.engine.ready(&ask("warm")).is_some());
    // and it is there for whoever comes back
    stage.key_id("idle").await;
}

#[tokio::test(start_paused = true)]
async fn a_use_right_after_a_sleep_counts_from_then() {
    let stage = Stage::set([plain("prod", 48 * HOUR)]);
    stage.key_id("prod").await;
    stage.pass(SECOND).await;
    stage.clock.suspend(8 * HOUR);
    // the timetable has not noticed yet
    assert!(stage.engine.ready(&ask("prod")).is_some());
    stage.pass(8 * HOUR - MINUTE).await;
    assert_eq!(stage.view("prod").state, AskState::Fresh);
    stage.pass(2 * MINUTE).await;
    assert_eq!(stage.view("prod").state, AskState::Idle);
}

#[tokio::test(start_paused = true)]
async fn an_idle_engine_wakes_less_than_once_a_second_and_an_empty_one_never() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.pass(SECOND).await;
    let before = stage.looks();
    stage.pass(HOUR).await;
    assert_eq!(stage.looks(), before);
    stage.key_id("prod").await;
    let before = stage.looks();
    stage.pass(HOUR).await;
    let looks = stage.looks() - before;
    assert!((120..150).contains(&looks), "{looks}");
}

#[tokio::test(start_paused = true)]
async fn a_minute_lies_between_two_successes_however_short_the_life() {
    let stage = Stage::set([plain("brief", 62 * SECOND)]);
    for _ in 0..600 {
        let _ = stage.get("brief").await;
        stage.pass(SECOND).await;
    }
    assert!(stage.fake("brief").issues() <= 11, "{}", stage.fake("brief").issues());
}
