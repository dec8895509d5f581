//! How long an issue may take, and how long what it brings may live.

use std::time::Duration;

use credenza::credential::FailureClass;
use credenza::world::World;
use simcloud::{Fault, SignedDuration, Trouble, Trust};
use tokio::time::Instant;

use crate::skew::Dateless;
use crate::stage::*;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// A base, and a role of an hour that is asked for so long.
fn stage_asking(duration: Duration) -> Stage {
    let stage = Stage::new();
    let keys = stage.cloud.add_user("ada", ACCOUNT);
    stage.cloud.add_role(&role_arn("deploy"), Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]), HOUR);
    stage.config(&format!(
        "[profile base]\n{}[profile role]\nrole_arn = {}\nsource_profile = base\nduration_seconds = {}\n",
        key_lines(&keys),
        role_arn("deploy"),
        duration.as_secs()
    ))
}

#[tokio::test(start_paused = true)]
async fn an_issue_of_several_calls_is_over_after_55_seconds() {
    // the duration is refused, and the clock is off each time: four calls, of which each may take 20 s
    for (each, works) in [(13, true), (14, false)] {
        let stage = stage_asking(2 * HOUR);
        stage.cloud.set_offset(SignedDuration::from_mins(20));
        stage.cloud.add_fault(Fault::new(Trouble::Slow { before_ms: each * 1000, after_ms: 0 }));
        let before = Instant::now();
        let outcome = stage.fetch("role").await;
        assert_eq!(stage.hosts.lock().unwrap().len(), 4, "{each} s each");
        match outcome {
            Ok(_) => assert!(works && before.elapsed() < 55 * SECOND, "{:?}", before.elapsed()),
            Err(failure) => {
                assert!(!works && before.elapsed() == 55 * SECOND, "{:?}: {failure:?}", before.elapsed());
                assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamUnavailable"));
                // what was left for the last
                assert!(failure.private.contains("within 13s"), "{failure:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_ends_long_after_what_was_asked_for_is_not_believed() {
    for (dated, over, works) in [
        (true, 5 * MINUTE, true),
        (true, 5 * MINUTE + SECOND, false),
        // no date shows whether the clock that made this end is ahead of ours
        (false, 20 * MINUTE, true),
        (false, 20 * MINUTE + SECOND, false),
    ] {
        let stage = stage_asking(HOUR);
        stage.cloud.add_fault(Fault::life(HOUR + over));
        let whole = stage.world();
        let world =
            if dated { whole } else { World { http: std::sync::Arc::new(Dateless(whole.http.clone())), ..whole } };
        let source = source_in(&world, "role");
        let outcome = source.issue(stage.ingredient(&*source).await.unwrap()).await;
        assert_eq!(outcome.is_ok(), works, "{dated} {over:?}: {outcome:?}");
        if let Err(failure) = outcome {
            assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UnusableCredential"));
            assert!(failure.public.contains("long after"), "{failure}");
        }
    }
}
