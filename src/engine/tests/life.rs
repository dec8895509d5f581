//! How much of its life clients want: those of the instance metadata service 26 min, those of container endpoints 20, of
//! one credential.

use super::stage::*;
use crate::credential::FailureClass;
use crate::engine::lifetime::{CONTAINER_LIFE, INSTANCE_LIFE};
use crate::engine::{AskState, Settings};
use crate::world::Clock as _;

const OUTAGE: Does = Does::Fails(FailureClass::TryLater, "UpstreamUnavailable");

impl Stage {
    /// The key id that a client of the instance metadata service gets, and what is left of it.
    async fn instance(&self, name: &str) -> (String, std::time::Duration) {
        let credential = self.answer_with(name, INSTANCE_LIFE).await.expect("a credential");
        (key_id(&credential), credential.remaining(self.clock.now()))
    }

    /// With both kinds of clients, and what is held has 25 min left: the machine slept while it would have been fetched.
    async fn at_25_minutes() -> Self {
        let stage = Self::set([plain("prod", HOUR)]);
        stage.instance("prod").await;
        stage.key_id("prod").await;
        stage.pass(28 * MINUTE).await;
        stage.clock.suspend(7 * MINUTE);
        stage
    }
}

#[tokio::test(start_paused = true)]
async fn the_background_fetches_at_31_minutes_for_an_instance_and_at_25_for_containers() {
    for (min_life, at) in [(INSTANCE_LIFE, 29 * MINUTE), (CONTAINER_LIFE, 35 * MINUTE)] {
        let stage = Stage::set([plain("prod", HOUR)]);
        // the first request is the first that the engine hears of this ask
        stage.engine.answer_with(&ask("prod"), min_life, PATIENCE).await.expect("a credential");
        stage.pass(at - SECOND).await;
        assert_eq!(stage.fake("prod").issues(), 1, "{min_life:?}");
        stage.pass(2 * SECOND).await;
        assert_eq!(stage.fake("prod").issues(), 2, "{min_life:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn at_25_minutes_an_instances_client_waits_and_a_containers_is_answered_at_once() {
    let stage = Stage::at_25_minutes().await;
    stage.fake("prod").now_takes(PATIENCE / 2);
    let before = tokio::time::Instant::now();
    let instance = async {
        let (_, left) = stage.instance("prod").await;
        assert!(left > INSTANCE_LIFE, "{left:?}");
        assert_eq!(before.elapsed(), PATIENCE / 2);
    };
    let container = async {
        for _ in 0..3 {
            stage.pass(PATIENCE / 8).await;
            let asked_at = tokio::time::Instant::now();
            assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
            assert!(asked_at.elapsed().is_zero());
        }
    };
    tokio::join!(instance, container);
}

#[tokio::test(start_paused = true)]
async fn a_slow_upstream_costs_an_instances_client_no_more_than_its_patience() {
    let stage = Stage::at_25_minutes().await;
    stage.fake("prod").now_takes(3 * SECOND);
    let before = tokio::time::Instant::now();
    assert_eq!(stage.instance("prod").await.0, "ASIA-prod-1");
    assert_eq!(before.elapsed(), PATIENCE);
    stage.pass(3 * SECOND).await;
    assert_eq!(stage.instance("prod").await.0, "ASIA-prod-2");
}

#[tokio::test(start_paused = true)]
async fn in_an_outage_an_instances_clients_are_served_to_the_last_minute() {
    let stage = Stage::at_25_minutes().await;
    stage.fake("prod").now_does(OUTAGE);
    for left in (62..25 * 60).rev() {
        let before = tokio::time::Instant::now();
        assert_eq!(stage.instance("prod").await.0, "ASIA-prod-1", "{left} s are left");
        let waited = before.elapsed();
        assert!(waited < PATIENCE, "{waited:?}");
        stage.pass(SECOND - waited).await;
    }
    assert!(stage.fake("prod").issues() < 15, "{}", stage.fake("prod").issues());
    stage.pass(3 * SECOND).await;
    assert_eq!(stage.answer_with("prod", INSTANCE_LIFE).await.expect_err("too late").code, "UpstreamUnavailable");
}

#[tokio::test(start_paused = true)]
async fn the_first_client_that_wants_more_has_it_fetched_at_once() {
    // the timetable would not look for hours by itself
    let settings = Settings { slice: 2 * HOUR, ..Settings::default() };
    for leases in [true, false] {
        let stage = Stage::set_with(settings.clone(), [plain("prod", HOUR)]);
        stage.key_id("prod").await;
        stage.pass(30 * MINUTE).await;
        let least = INSTANCE_LIFE;
        if leases {
            assert!(stage.engine.lease_with(&ask("prod"), least, stage.clock.now()).is_some());
        } else {
            stage.engine.answer_with(&ask("prod"), least, PATIENCE).await.expect("30 min are enough");
        }
        stage.pass(SECOND).await;
        assert_eq!(stage.fake("prod").issues(), 2, "leases: {leases}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_containers_left_at_22_minutes_is_fetched_for_an_instance() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.pass(34 * MINUTE).await;
    stage.clock.suspend(4 * MINUTE);
    let before = tokio::time::Instant::now();
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
    assert!(before.elapsed().is_zero());
    assert!(stage.instance("prod").await.1 > INSTANCE_LIFE);
    assert!(before.elapsed() < PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn an_ask_is_fetched_early_for_as_long_as_it_is_fetched() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.instance("prod").await;
    for hour in 0..12 {
        for _ in 0..60 {
            assert!(stage.left("prod").await > 30 * MINUTE, "hour {hour}");
            stage.pass(MINUTE).await;
        }
    }
    // nobody used it for 8 h, and it ended
    stage.pass(10 * HOUR).await;
    assert!(stage.engine.snapshot().asks.is_empty());
    let before = stage.fake("prod").issues();
    stage.key_id("prod").await;
    stage.pass(35 * MINUTE - SECOND).await;
    assert_eq!(stage.fake("prod").issues() - before, 1);
    stage.pass(2 * SECOND).await;
    assert_eq!(stage.fake("prod").issues() - before, 2);
}

#[tokio::test(start_paused = true)]
async fn what_an_instance_wants_outlives_another_configuration() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.instance("prod").await;
    stage.publish();
    stage.pass(29 * MINUTE + SECOND).await;
    assert_eq!(stage.fake("prod").issues(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_15_minute_role_is_the_same_to_an_instances_clients() {
    let stage = Stage::set([plain("prod", 15 * MINUTE)]);
    stage.instance("prod").await;
    stage.fake("prod").now_takes(PATIENCE / 2);
    let before = stage.fake("prod").issues();
    for _ in 0..900 {
        let asked_at = tokio::time::Instant::now();
        assert!(stage.instance("prod").await.1 > 10 * MINUTE);
        assert!(asked_at.elapsed().is_zero(), "nobody waits for so short a life");
        stage.pass(SECOND).await;
    }
    let calls = stage.fake("prod").issues() - before;
    assert!((3..=4).contains(&calls), "{calls}");
    assert_eq!(stage.view("prod").state, AskState::Fresh);
}
