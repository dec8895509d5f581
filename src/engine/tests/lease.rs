//! Leases: answers that hold for a moment, and not a moment longer than they are true.

use super::stage::*;
use crate::credential::FailureClass;
use crate::engine::{AskState, Lease, Settings};
use crate::world::Clock as _;
use crate::world::simulated::Step;

async fn leased(stage: &Stage, name: &str) -> Lease {
    stage.key_id(name).await;
    // what the fetch still has to do is done
    stage.pass(SECOND).await;
    stage.engine.lease(&ask(name), stage.clock.now()).expect("it is warm")
}

#[tokio::test(start_paused = true)]
async fn a_lease_holds_for_a_second() {
    let stage = Stage::set([plain("prod", HOUR)]);
    let lease = leased(&stage, "prod").await;
    assert_eq!(key_id(lease.credential()), "ASIA-prod-1");
    assert!(lease.holds(stage.clock.now()));
    stage.clock.suspend(SECOND - MILLISECOND);
    assert!(lease.holds(stage.clock.now()));
    stage.clock.suspend(MILLISECOND);
    assert!(!lease.holds(stage.clock.now()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_with_whatever_changes() {
    type Change = fn(&Stage);
    let changes: [Change; 2] = [|stage| stage.publish(), |stage| stage.engine.reset(crate::engine::Reset::All)];
    for change in changes {
        let stage = Stage::set([plain("prod", HOUR)]);
        let lease = leased(&stage, "prod").await;
        assert!(lease.holds(stage.clock.now()));
        change(&stage);
        assert!(!lease.holds(stage.clock.now()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_outlives_whatever_only_looks() {
    let stage = Stage::set([plain("prod", HOUR), plain("slow", HOUR)]);
    stage.fake("slow").now_takes(MINUTE / 2);
    let lease = leased(&stage, "prod").await;
    stage.engine.snapshot();
    let fresh =
        stage.engine.fold(0, |fresh, state, left| fresh + usize::from(state == AskState::Fresh && left > 50 * MINUTE));
    assert_eq!(fresh, 1);
    stage.engine.warm(&ask("prod"));
    stage.engine.get(&ask("prod"), PATIENCE).await.expect("a credential");
    assert!(lease.holds(stage.clock.now()));
    assert_eq!(stage.code("slow").await, "Pending");
    assert!(lease.holds(stage.clock.now()), "a client waited and went");
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_when_something_lands() {
    let stage = Stage::set([plain("prod", HOUR), plain("other", HOUR)]);
    stage.fake("other").now_does(Does::Fails(FailureClass::Refused, "AccessDenied"));
    let lease = leased(&stage, "prod").await;
    assert_eq!(stage.code("other").await, "AccessDenied");
    assert!(!lease.holds(stage.clock.now()));
}

#[tokio::test(start_paused = true)]
async fn a_lease_ends_with_the_life_of_what_was_leased() {
    // enough is 20 minutes of an hour: what is left just after the lease was taken is a millisecond more
    for end in [(|stage: &Stage| stage.clock.suspend(2 * MILLISECOND)) as fn(&Stage), |stage| {
        stage.clock.step_wall(Step::Forward(2 * MILLISECOND))
    }] {
        let settings = Settings { slice: 2 * HOUR, ..Settings::default() };
        let stage = Stage::set_with(settings, [plain("prod", HOUR)]);
        stage.key_id("prod").await;
        let left = stage.left("prod").await;
        stage.clock.suspend(left - 20 * MINUTE - MILLISECOND);
        let lease = stage.engine.lease(&ask("prod"), stage.clock.now()).expect("a millisecond too much");
        assert!(lease.holds(stage.clock.now()));
        end(&stage);
        assert!(!lease.holds(stage.clock.now()));
        assert!(stage.engine.lease(&ask("prod"), stage.clock.now()).is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn uses_of_a_lease_are_counted_when_it_ends() {
    let stage = Stage::set([plain("prod", HOUR)]);
    let lease = leased(&stage, "prod").await;
    let now = stage.clock.now();
    assert_eq!((0..50).filter(|_| lease.holds(now)).count(), 50);
    drop(lease);
    assert_eq!(stage.view("prod").uses, 1 + 1 + 50);
}
