//! The configuration changes under a running engine: nothing foreign is ever handed out.

use std::sync::Arc;

use super::stage::*;
use crate::credential::FailureClass::{NeedsPerson, Refused, TryLater};
use crate::engine::Settings;
use crate::source::Need;
use crate::source::daemon::DAEMON_AWAY;
use crate::world::Clock as _;

/// Another definition under the same name.
fn redefine(stage: &mut Stage, part: Part) {
    stage.add(part, 2);
    stage.publish();
}

#[tokio::test(start_paused = true)]
async fn a_definition_that_changed_loses_what_it_holds_and_the_others_keep_theirs() {
    let mut stage = Stage::set([plain("prod", HOUR), plain("other", HOUR)]);
    stage.key_id("prod").await;
    stage.key_id("other").await;
    redefine(&mut stage, plain("prod", 2 * HOUR));
    assert_eq!(stage.left("prod").await, 2 * HOUR);
    assert_eq!(stage.key_id("other").await, "ASIA-other-1");
    assert_eq!(stage.fake("other").issues(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flight_begun_under_the_old_definition_comes_for_nothing() {
    let mut stage = Stage::set([plain("prod", HOUR)]);
    let old = stage.fake("prod");
    old.now_takes(10 * SECOND);
    assert_eq!(stage.code("prod").await, "Pending");
    redefine(&mut stage, plain("prod", 2 * HOUR));
    assert_eq!(stage.left("prod").await, 2 * HOUR);
    stage.pass(20 * SECOND).await;
    assert_eq!(old.issues(), 1);
    assert!(stage.left("prod").await > HOUR, "the old flight's credential was taken");
}

#[tokio::test(start_paused = true)]
async fn a_flight_that_comes_for_nothing_leaves_its_slot_at_once() {
    let settings = Settings { flights_at_once: 1, ..Settings::default() };
    let mut stage = Stage::set_with(settings, [plain("prod", HOUR)]);
    let old = stage.fake("prod");
    old.now_takes(20 * SECOND);
    assert_eq!(stage.code("prod").await, "Pending");
    redefine(&mut stage, plain("prod", 2 * HOUR));
    assert_eq!(stage.left("prod").await, 2 * HOUR);
    stage.pass(MINUTE).await;
    assert_eq!((old.finished(), stage.fake("prod").finished()), (0, 1));
}

/// What a source says whose daemon is gone.
const AWAY: Does = Does::Fails(TryLater, DAEMON_AWAY);

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_while_the_daemon_goes_away_gets_what_our_own_source_makes() {
    for away_after in [10, 100, 300] {
        let mut stage = Stage::set([plain("prod", HOUR)]);
        stage.fake("prod").now_does(AWAY);
        stage.fake("prod").now_takes(10 * MILLISECOND);
        let engine = stage.engine.clone();
        let client = tokio::spawn(async move { engine.get(&ask("prod"), PATIENCE).await });
        stage.pass(away_after * MILLISECOND).await;
        // a client that comes in between waits like the first one
        let engine = stage.engine.clone();
        let second = tokio::spawn(async move { engine.get(&ask("prod"), PATIENCE).await });
        stage.pass(100 * MILLISECOND).await;
        assert!(!client.is_finished() && !second.is_finished());
        stage.add(plain("prod", HOUR), 1);
        stage.publish();
        assert_eq!(key_id(&client.await.unwrap().expect("a credential")), "ASIA-prod-1");
        assert_eq!(key_id(&second.await.unwrap().expect("a credential")), "ASIA-prod-1");
        assert_eq!(stage.view("prod").failed, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_stays_away_and_is_not_replaced_is_a_failure_like_another() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(AWAY);
    stage.fake("prod").now_takes(MILLISECOND);
    stage.code("prod").await;
    stage.pass(2 * SECOND).await;
    assert_eq!(stage.code("prod").await, DAEMON_AWAY);
    assert_eq!(stage.fake("prod").issues(), 9);
    // by the waits after any failure: 7.5, 15, 30, 60 and 120 s
    stage.code("prod").await;
    stage.pass(4 * MINUTE).await;
    let calls = stage.fake("prod").issues() - 9;
    assert!((2..=6).contains(&calls), "{calls}");
}

#[tokio::test(start_paused = true)]
async fn another_source_of_the_same_definition_keeps_the_waits_and_makes_up_for_what_came_back() {
    let mut stage = Stage::set([plain("prod", HOUR), plain("other", HOUR)]);
    stage.fake("prod").now_does(Does::Fails(NeedsPerson, "ProcessFailed"));
    stage.code("prod").await;
    stage.fake("other").now_does(AWAY);
    let engine = stage.engine.clone();
    let client = tokio::spawn(async move { engine.get(&ask("other"), PATIENCE).await });
    stage.pass(120 * MILLISECOND).await;
    stage.add(plain("prod", HOUR), 1);
    stage.add(plain("other", HOUR), 1);
    stage.engine.resupply(Arc::new(stage.book.clone()));
    let before = stage.clock.now().boot;
    assert!(client.await.unwrap().is_ok());
    // as long as the fetch takes, and no longer
    assert!(stage.clock.now().boot - before <= 110 * MILLISECOND);
    stage.pass(10 * SECOND).await;
    assert_eq!(stage.code("prod").await, "ProcessFailed");
    assert_eq!(stage.fake("prod").issues(), 0);
    // and what is held stays
    stage.engine.resupply(Arc::new(stage.book.clone()));
    assert_eq!((stage.key_id("other").await, stage.fake("other").issues()), ("ASIA-other-1".to_owned(), 1));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_waits_while_the_definition_changes_gets_the_new_one() {
    let mut stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_takes(10 * SECOND);
    let engine = stage.engine.clone();
    let client = tokio::spawn(async move { engine.get(&ask("prod"), PATIENCE).await });
    stage.pass(PATIENCE / 2).await;
    redefine(&mut stage, plain("prod", 2 * HOUR));
    let credential = client.await.unwrap().unwrap();
    assert_eq!(credential.lifetime(), 2 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_base_that_changed_takes_what_was_made_from_it_along() {
    let mut stage = Stage::set([plain("base", HOUR), role("mid", "base", HOUR), role("prod", "mid", HOUR)]);
    stage.key_id("prod").await;
    redefine(&mut stage, plain("base", HOUR));
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
    assert_eq!(stage.fake("base").issues(), 1, "the new base");
}

#[tokio::test(start_paused = true)]
async fn a_role_that_changed_its_base_is_made_from_the_new_one() {
    let mut stage = Stage::set([plain("old", HOUR), plain("new", HOUR), role("prod", "old", HOUR)]);
    stage.key_id("prod").await;
    redefine(&mut stage, role("prod", "new", HOUR));
    stage.key_id("prod").await;
    assert_eq!(*stage.fake("prod").bases.lock().unwrap(), ["ASIA-new-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_session_made_by_a_definition_that_changed_is_dropped_also_in_flight() {
    let keys = || Need::Session { key: key("keys:prod"), freshly: false, no_older_than: None, ahead: false };
    let mut stage = Stage::set([("prod", keys(), HOUR)]);
    stage.key_id("prod").await;
    redefine(&mut stage, ("prod", keys(), HOUR));
    stage.key_id("prod").await;
    assert_eq!(stage.fake("prod").renewals(), 1);

    let mut stage = Stage::set([("prod", keys(), HOUR)]);
    let old = stage.fake("prod");
    old.now_takes(PATIENCE * 2);
    stage.code("prod").await;
    stage.add(("prod", keys(), HOUR), 2);
    let new = stage.fake("prod");
    new.renewals.store(10, std::sync::atomic::Ordering::Relaxed);
    stage.publish();
    stage.pass(40 * MINUTE).await;
    assert_eq!((old.renewals(), old.issues()), (1, 0));
    assert_eq!(*new.bases.lock().unwrap(), ["AKIA-prod-11", "AKIA-prod-11"], "the old session was used");
}

#[tokio::test(start_paused = true)]
async fn an_identity_that_is_gone_is_unknown_and_one_that_returns_is_fetched() {
    let mut stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    let recipe = stage.book.0.remove(&ask("prod")).unwrap();
    stage.publish();
    assert_eq!(stage.code("prod").await, "UnknownIdentity");
    stage.book.0.insert(ask("prod"), recipe);
    stage.publish();
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
}

#[tokio::test(start_paused = true)]
async fn a_change_of_configuration_forgets_the_waits() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.fake("prod").now_does(Does::Fails(Refused, "AccessDenied"));
    stage.code("prod").await;
    stage.fake("prod").now_does(Does::Works);
    assert_eq!(stage.code("prod").await, "AccessDenied");
    stage.publish();
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
}
