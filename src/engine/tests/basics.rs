//! Answers, single flight, clients that leave.

use super::stage::*;
use crate::credential::FailureClass;
use crate::engine::{AskState, Settings};
use crate::source::Need;
use crate::world::Clock as _;

#[tokio::test(start_paused = true)]
async fn a_cold_ask_is_fetched_and_a_warm_one_answered_from_memory() {
    let stage = Stage::set([plain("prod", HOUR)]);
    assert!(stage.engine.ready(&ask("prod")).is_none());
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    for _ in 0..100 {
        assert!(stage.engine.ready(&ask("prod")).is_some());
    }
    assert_eq!(stage.fake("prod").issues(), 1);
    assert_eq!(stage.view("prod").uses, 101);
}

#[tokio::test(start_paused = true)]
async fn c21_ten_thousand_cold_requests_make_one_upstream_call_and_all_are_answered() {
    let stage = std::sync::Arc::new(Stage::set([plain("prod", HOUR)]));
    let clients: Vec<_> = (0..10_000)
        .map(|_| {
            let stage = stage.clone();
            tokio::spawn(async move { stage.key_id("prod").await })
        })
        .collect();
    for client in clients {
        assert_eq!(client.await.unwrap(), "ASIA-prod-1");
    }
    assert_eq!(stage.fake("prod").issues(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_cancels_nothing() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_takes(5 * SECOND);
    let asked = ask("prod");
    let impatient = stage.engine.get(&asked, HOUR);
    assert!(tokio::time::timeout(SECOND, impatient).await.is_err());
    stage.pass(5 * SECOND).await;
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert_eq!(stage.fake("prod").issues(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_ask_is_refused_and_takes_no_place_in_the_table() {
    let stage = Stage::set([]);
    assert_eq!(stage.code("nobody").await, "UnknownIdentity");
    assert!(stage.engine.snapshot().asks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_ask_that_is_warmed_is_there_before_its_first_client() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.engine.warm(&ask("prod"));
    stage.pass(SECOND).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
    stage.engine.warm(&ask("prod"));
    stage.pass(SECOND).await;
    assert_eq!(stage.fake("prod").issues(), 1);
}

#[tokio::test(start_paused = true)]
async fn warming_what_was_refused_calls_nobody() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(Does::Fails(FailureClass::Refused, "AccessDenied"));
    stage.code("prod").await;
    stage.engine.warm(&ask("prod"));
    stage.pass(HOUR).await;
    assert_eq!((stage.fake("prod").issues(), stage.view("prod").state), (1, AskState::Refused));
    // nor does it keep the ask in the table for ever
    stage.pass(9 * HOUR).await;
    assert!(stage.engine.snapshot().asks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_cold_request_waits_for_its_patience_and_no_longer() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_takes(10 * SECOND);
    let before = tokio::time::Instant::now();
    let failure = stage.get("prod").await.unwrap_err();
    assert_eq!(before.elapsed(), PATIENCE);
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "Pending"));
    assert_eq!(stage.view("prod").state, AskState::Fetching);
}

#[tokio::test(start_paused = true)]
async fn a_stopped_engine_answers_from_memory_and_fetches_nothing() {
    let stage = Stage::set([plain("prod", HOUR), plain("other", HOUR)]);
    stage.key_id("prod").await;
    stage.engine.clone().stop().await;
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert_eq!(stage.code("other").await, "Pending");
    assert_eq!(stage.fake("other").issues(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_table_is_bounded_and_the_longest_unused_leave_it() {
    let settings = Settings { asks_at_most: 3, ..Settings::default() };
    let stage = Stage::set_with(settings, ["a", "b", "c", "d"].map(|name| plain(name, HOUR)));
    for name in ["a", "b", "c"] {
        stage.key_id(name).await;
        stage.pass(SECOND).await;
    }
    stage.key_id("a").await;
    stage.key_id("d").await;
    let names: Vec<_> = stage.engine.snapshot().asks.iter().map(|view| view.ask.to_string()).collect();
    assert_eq!(names, ["a", "c", "d"]);
}

#[tokio::test(start_paused = true)]
async fn room_is_made_for_a_chain_but_never_by_a_link_of_it() {
    let settings = Settings { asks_at_most: 2, ..Settings::default() };
    let stage = Stage::set_with(settings, [plain("base", HOUR), plain("x", HOUR), role("prod", "base", HOUR)]);
    for name in ["base", "x"] {
        stage.key_id(name).await;
        stage.pass(SECOND).await;
    }
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    let names: Vec<_> = stage.engine.snapshot().asks.iter().map(|view| view.ask.to_string()).collect();
    assert_eq!(names, ["base", "prod"]);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_is_longer_than_the_table_is_told_so() {
    let settings = Settings { asks_at_most: 1, ..Settings::default() };
    let stage = Stage::set_with(settings, [plain("base", HOUR), role("prod", "base", HOUR)]);
    assert_eq!(stage.code("prod").await, "TooManyIdentities");
    stage.key_id("base").await;
    assert_eq!(stage.code("prod").await, "TooManyIdentities");
}

#[tokio::test(start_paused = true)]
async fn a_table_full_of_asks_in_flight_drops_none_of_them() {
    let settings = Settings { asks_at_most: 1, ..Settings::default() };
    let stage = Stage::set_with(settings, [plain("slow", HOUR), plain("late", HOUR)]);
    stage.fake("slow").now_takes(10 * SECOND);
    assert_eq!(stage.code("slow").await, "Pending");
    assert_eq!(stage.code("late").await, "TooManyIdentities");
    stage.pass(10 * SECOND).await;
    assert_eq!(stage.key_id("slow").await, "ASIA-slow-1");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_tells_all_but_the_secrets() {
    let base = Need::Session { key: key("keys:prod"), freshly: false, no_older_than: None, ahead: false };
    let stage = Stage::set([("prod", base, HOUR)]);
    stage.key_id("prod").await;
    stage.key_id("prod").await;
    stage.pass(5 * MINUTE).await;
    let snapshot = stage.engine.snapshot();
    let prod = &snapshot.asks[0];
    assert_eq!((prod.state, prod.remaining.as_secs()), (AskState::Fresh, 55 * 60));
    assert_eq!(prod.next_refresh.map(|time| time.as_secs()), Some(30 * 60));
    assert_eq!(prod.access_key_id.as_deref(), Some("ASIA-prod-1"));
    assert_eq!(prod.account_id.as_deref(), Some("123456789012"));
    assert_eq!(prod.expiration, Some(cloud_time(stage.clock.now()) + 55 * MINUTE));
    assert_eq!(prod.last_use, Some(stage.clock.now().wall - 5 * MINUTE));
    assert_eq!((prod.uses, prod.fetched, prod.failed), (2, 1, 0));
    assert!(prod.last_failure.is_none());
    let session = &snapshot.sessions[0];
    assert_eq!((session.key.to_string(), session.held, session.renewed), ("keys:prod".into(), true, 1));
    let printed = format!("{snapshot:?}");
    assert!(!printed.contains("secret") && !printed.contains("token"), "{printed}");
}
