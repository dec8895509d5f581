//! Clocks that differ: requests are signed by the server's, once, and what is left of a credential is counted by it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use credenza::credential::{ClockOffset, FailureClass};
use credenza::world::http::{Http, HttpError, HttpLimits};
use credenza::world::{BoxFuture, World};
use simcloud::{Keys, SignedDuration};

use crate::stage::*;

fn stage(offset: SignedDuration) -> Stage {
    stage_with(offset, "")
}

fn stage_with(offset: SignedDuration, lines: &str) -> Stage {
    let stage = Stage::new();
    let (keys, role) = stage.user_and_role("deploy");
    stage.cloud.set_offset(offset);
    let base = format!("[profile base]\n{}", key_lines(&keys));
    stage.config(&format!("{base}\n[profile role]\nrole_arn = {role}\nsource_profile = base\n{lines}"))
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_far_off_costs_one_call_more_and_no_failure() {
    let twenty = Duration::from_secs(20 * 60);
    for (offset, ours) in [
        (SignedDuration::from_mins(20), ClockOffset::Ahead(twenty)),
        (SignedDuration::from_mins(-20), ClockOffset::Behind(twenty)),
    ] {
        let stage = stage(offset);
        let issued = stage.fetch("role").await.unwrap();
        assert_eq!(issued.server_offset, ours);
        assert_eq!(issued.expiration, Some(ours.server_time(start()) + HOUR), "the end is the cloud's own");
        assert_eq!(stage.cloud.count("AssumeRole"), 2);
        stage.good(&issued);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_a_little_off_costs_nothing_and_is_known() {
    let stage = stage(SignedDuration::from_mins(3));
    let issued = stage.fetch("role").await.unwrap();
    assert_eq!(issued.server_offset, ClockOffset::Ahead(Duration::from_secs(180)));
    assert_eq!(stage.cloud.count("AssumeRole"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_not_blamed_on_the_clock_once_the_clock_was_corrected() {
    let stage = Stage::new();
    let mut keys = stage.cloud.add_user("ada", ACCOUNT);
    keys.secret_access_key = Keys::long_term().secret_access_key;
    stage.cloud.set_offset(SignedDuration::from_mins(20));
    let stage = stage.config(&format!("[profile base]\n{}", key_lines(&keys)));
    let failure = stage.fetch("base").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "SignatureDoesNotMatch"));
    assert_eq!(stage.cloud.calls().len(), 2, "signed again once, and not again");
}

#[tokio::test(start_paused = true)]
async fn a_date_that_lies_ends_after_two_calls_and_says_what_to_set() {
    let stage = stage(SignedDuration::from_mins(40));
    stage.cloud.set_date_skew(SignedDuration::from_mins(-20)); // the correction is only half of what it should be
    let failure = stage.fetch("role").await.unwrap_err();
    assert_eq!(stage.cloud.calls().len(), 2);
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "ClockSkewed"));
    assert!(failure.public.contains("set the clock"), "{failure}");
}

/// The way to the cloud with a proxy in it that takes the date away.
pub(crate) struct Dateless(pub(crate) Arc<dyn Http>);

impl Http for Dateless {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let answer = self.0.send(request, limits);
        Box::pin(async move {
            let mut answer = answer.await?;
            answer.headers_mut().remove("date");
            Ok(answer)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_no_date_shows_to_be_off_is_not_blamed_on_the_secret() {
    for (minutes, works) in [(20, false), (-20, false), (10, true), (-10, true)] {
        let stage = stage(SignedDuration::from_mins(minutes));
        let world = stage.world();
        let world = World { http: Arc::new(Dateless(world.http.clone())), ..world };
        let source = source_in(&world, "role");
        let outcome = source.issue(stage.ingredient(&*source).await.unwrap()).await;
        assert_eq!(stage.cloud.calls().len(), 1, "{minutes}");
        assert_eq!(outcome.is_ok(), works, "{minutes}: {outcome:?}");
        if let Err(failure) = outcome {
            assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "ClockSkewed"));
            assert!(failure.public.contains("set the clock"), "{failure}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_correction_that_was_turned_off_is_not_made() {
    let twenty = SignedDuration::from_mins(20);
    let by_variable = stage(twenty).variable("AWS_DISABLE_CLOCK_SKEW_CORRECTION", "true");
    let by_profile = stage_with(twenty, "disable_clock_skew_correction = true\n");
    for stage in [by_variable, by_profile] {
        let failure = stage.fetch("role").await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "ClockSkewed"));
        assert_eq!(stage.cloud.calls().len(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_was_set_right_is_not_corrected_any_more() {
    let stage = stage(SignedDuration::from_mins(20));
    let source = stage.source("role");
    source.issue(stage.ingredient(&*source).await.unwrap()).await.unwrap();
    stage.cloud.set_offset(SignedDuration::ZERO);
    stage.cloud.forget_calls();
    let issued = source.issue(stage.ingredient(&*source).await.unwrap()).await.unwrap().keys().unwrap();
    assert_eq!((issued.server_offset, stage.cloud.calls().len()), (ClockOffset::None, 1));
}
