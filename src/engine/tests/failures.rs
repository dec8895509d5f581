//! The three classes of failure, what is served meanwhile, and when the next attempt is made.

use super::stage::*;
use crate::credential::FailureClass::{NeedsPerson, Refused, TryLater};
use crate::engine::{AskState, Reset};

const OUTAGE: Does = Does::Fails(TryLater, "UpstreamUnavailable");
const LOGIN: Does = Does::Fails(NeedsPerson, "LoginRequired");
const DENIED: Does = Does::Fails(Refused, "AccessDenied");

#[tokio::test(start_paused = true)]
async fn c17_without_a_login_the_failure_comes_at_once_and_repeats_call_nobody() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(LOGIN);
    stage.fake("prod").now_takes(SECOND / 20);
    let before = tokio::time::Instant::now();
    assert_eq!(stage.code("prod").await, "LoginRequired");
    assert!(before.elapsed() < SECOND / 10);
    stage.pass(SECOND).await;
    assert_eq!(stage.code("prod").await, "LoginRequired");
    assert_eq!(stage.fake("prod").issues(), 1);
    assert_eq!(stage.view("prod").state, AskState::NeedsPerson);
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_clients_lead_to_calls_after_1_2_4_8_15_minutes_only() {
    for does in [LOGIN, DENIED] {
        let stage = Stage::set([plain("prod", HOUR)]);
        stage.fake("prod").now_does(does);
        let mut calls_at: Vec<u32> = Vec::new();
        for second in 0..50 * 60_u32 {
            let before = stage.fake("prod").issues();
            stage.code("prod").await;
            if stage.fake("prod").issues() > before {
                calls_at.push(second / 60);
            }
            stage.pass(SECOND).await;
        }
        assert_eq!(calls_at, [0, 1, 3, 7, 15, 30, 45]);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_refusal_nothing_is_tried_while_nobody_asks() {
    for does in [LOGIN, DENIED] {
        let stage = Stage::set([plain("prod", HOUR)]);
        stage.fake("prod").now_does(does);
        stage.get("prod").await.unwrap_err();
        stage.pass(5 * HOUR).await;
        assert_eq!(stage.fake("prod").issues(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_held_is_served_to_its_end_while_a_person_is_needed() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(LOGIN);
    stage.pass(36 * MINUTE).await;
    assert_eq!(stage.view("prod").state, AskState::NeedsPerson);
    assert_eq!(stage.fake("prod").issues(), 2);
    stage.pass(22 * MINUTE).await;
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    stage.pass(2 * MINUTE).await;
    assert_eq!(stage.code("prod").await, "LoginRequired");
}

#[tokio::test(start_paused = true)]
async fn a_login_forgets_the_waits_and_the_background_fetches_at_once() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(LOGIN);
    stage.code("prod").await;
    stage.fake("prod").now_does(Does::Works);
    assert_eq!(stage.code("prod").await, "LoginRequired");
    stage.engine.reset(Reset::All);
    stage.pass(SECOND).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_person_at_the_terminal_resets_one_chain_only() {
    let stage = Stage::set([plain("base", HOUR), role("prod", "base", HOUR), plain("other", HOUR)]);
    for name in ["base", "other"] {
        stage.fake(name).now_does(DENIED);
    }
    assert_eq!(stage.code("prod").await, "AccessDenied");
    assert_eq!(stage.code("other").await, "AccessDenied");
    for name in ["base", "other"] {
        stage.fake(name).now_does(Does::Works);
    }
    stage.engine.reset(Reset::Person("prod".into()));
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert_eq!(stage.code("other").await, "AccessDenied");
}

#[tokio::test(start_paused = true)]
async fn a_command_that_begins_has_what_failed_a_while_ago_tried_again() {
    let stage = Stage::set([plain("base", HOUR), role("prod", "base", HOUR), plain("other", HOUR)]);
    for name in ["base", "other"] {
        stage.fake(name).now_does(DENIED);
        assert_eq!(stage.code(name).await, "AccessDenied");
        stage.fake(name).now_does(Does::Works);
    }
    assert_eq!(stage.code("prod").await, "AccessDenied");
    stage.pass(9 * SECOND).await;
    stage.engine.reset(Reset::Command("prod".into()));
    assert_eq!(stage.code("prod").await, "AccessDenied", "a loop of commands is none of waits");
    stage.pass(2 * SECOND).await;
    stage.engine.reset(Reset::Command("prod".into()));
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert_eq!(stage.code("other").await, "AccessDenied");

    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(LOGIN);
    assert_eq!(stage.code("prod").await, "LoginRequired");
    stage.pass(30 * SECOND).await;
    stage.engine.reset(Reset::Command("prod".into()));
    assert_eq!(stage.code("prod").await, "LoginRequired");
    assert_eq!(stage.fake("prod").issues(), 1, "it may open another browser");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_drops_what_is_held_and_a_role_restored_comes_back() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(DENIED);
    stage.pass(36 * MINUTE).await;
    assert_eq!(stage.code("prod").await, "AccessDenied");
    assert_eq!(stage.view("prod").access_key_id, None);
    stage.pass(10 * MINUTE).await;
    stage.fake("prod").now_does(Does::Works);
    let mut minutes = 0;
    while stage.get("prod").await.is_err() {
        stage.pass(MINUTE).await;
        minutes += 1;
        assert!(minutes <= 15, "it never came back");
    }
    assert_eq!(stage.view("prod").state, AskState::Fresh);
}

#[tokio::test(start_paused = true)]
async fn c18_upstream_down_with_nine_minutes_left_is_answered() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(51 * MINUTE).await;
    let before = tokio::time::Instant::now();
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert!(before.elapsed() <= PATIENCE);
    assert_eq!(stage.view("prod").state, AskState::TryingAgain);
}

#[tokio::test(start_paused = true)]
async fn c19_upstream_down_with_thirty_seconds_left_is_a_failure_to_try_later() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(59 * MINUTE + 30 * SECOND).await;
    let failure = stage.get("prod").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (TryLater, "UpstreamUnavailable"));
}

#[tokio::test(start_paused = true)]
async fn c20_upstream_down_and_nothing_left_is_a_failure_never_a_dead_credential() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(62 * MINUTE).await;
    assert_eq!(stage.code("prod").await, "UpstreamUnavailable");
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tried_by_itself_from_five_seconds_to_five_minutes_apart() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(35 * MINUTE).await;
    // chance is always the middle here: 7.5, 15, 30, 60, 120, 225, 225 ... s
    stage.pass(20 * MINUTE).await;
    assert_eq!(stage.fake("prod").issues() - 1, 10);
    stage.fake("prod").now_does(Does::Works);
    stage.pass(5 * MINUTE).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
}

#[tokio::test(start_paused = true)]
async fn who_would_go_without_is_answered_seconds_after_an_outage_ends() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(90 * MINUTE).await;
    stage.code("prod").await;
    stage.fake("prod").now_does(Does::Works);
    stage.pass(16 * SECOND).await;
    assert_eq!(stage.left("prod").await.as_secs(), 3600);
}

#[tokio::test(start_paused = true)]
async fn clients_that_go_without_cannot_make_more_than_four_calls_a_minute() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(OUTAGE);
    for _ in 0..600 {
        stage.code("prod").await;
        stage.pass(SECOND).await;
    }
    let calls = stage.fake("prod").issues();
    assert!((20..=42).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn c26_what_is_expired_about_to_end_or_incomplete_is_never_accepted() {
    type Change = fn(&mut crate::credential::Issued);
    let unusable: [(&str, Change); 6] = [
        ("expired", |issued| issued.expiration = issued.expiration.map(|end| end - 2 * HOUR)),
        ("59 s", |issued| issued.expiration = issued.expiration.map(|end| end - HOUR + 59 * SECOND)),
        ("no end", |issued| issued.expiration = None),
        ("no token", |issued| issued.keys.session_token = None),
        ("empty token", |issued| issued.keys.session_token = Some(crate::secret::Secret::new(""))),
        ("empty id", |issued| issued.keys.access_key_id.clear()),
    ];
    for (what, change) in unusable {
        let stage = Stage::set([plain("prod", HOUR)]);
        stage.fake("prod").now_does(Does::Brings(change));
        let failure = stage.get("prod").await.unwrap_err();
        assert_eq!((failure.class, failure.code), (TryLater, "UnusableCredential"), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_panics_is_tried_again_and_harms_nobody() {
    let stage = Stage::set([plain("bad", HOUR), plain("good", HOUR)]);
    stage.fake("bad").now_does(Does::Panics);
    assert_eq!(stage.code("bad").await, "InternalError");
    assert_eq!(stage.key_id("good").await, "ASIA-good-1");
    stage.fake("bad").now_does(Does::Works);
    stage.pass(MINUTE).await;
    assert!(stage.engine.ready(&ask("bad")).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_fetch_that_hangs_is_ended_after_a_minute_and_tried_again() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(Does::Hangs);
    assert_eq!(stage.code("prod").await, "Pending");
    stage.pass(MINUTE).await;
    assert_eq!(stage.code("prod").await, "UpstreamTimeout");
    stage.fake("prod").now_does(Does::Works);
    stage.pass(MINUTE).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
}
