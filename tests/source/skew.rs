//! Clocks that differ: requests are signed by the server's, once, and what is left of a credential is counted by it.

use std::time::Duration;

use credenza::credential::{ClockOffset, FailureClass};
use simcloud::{Keys, SignedDuration};

use crate::stage::*;

fn stage(offset: SignedDuration) -> Stage {
    let stage = Stage::new();
    let (keys, role) = stage.user_and_role("deploy");
    stage.cloud.set_offset(offset);
    let base = format!("[profile base]\n{}", key_lines(&keys));
    stage.config(&format!("{base}\n[profile role]\nrole_arn = {role}\nsource_profile = base\n"))
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
    assert_eq!(failure.class, FailureClass::Refused, "{failure:?}");
}
