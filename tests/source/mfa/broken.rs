//! What goes wrong: wrong codes, connections that break, dead keys, records that cannot be read. No code is wasted, and none
//! goes out twice.

use std::sync::atomic::Ordering;
use std::time::Duration;

use credenza::credential::FailureClass;
use credenza::source::mfa::{How, Who, begin};
use simcloud::mfa::Verdict;
use simcloud::{Fault, Trouble};
use tokio::time::{Instant, sleep};

use super::desk::*;
use crate::stage::*;

#[tokio::test(start_paused = true)]
async fn after_a_wrong_code_the_next_one_is_tried_once_by_itself() {
    let desk = Desk::new().shows(|cloud, number| match number {
        0 => wrong(0),
        _ => cloud.code_of(SERIAL),
    });
    let before = Instant::now();
    let kept = desk.process().begin(&desk.wanted()).await.unwrap();
    desk.stage.good(&kept.issued);
    assert_eq!((before.elapsed().as_secs(), desk.codes()), (31, vec![Verdict::Wrong, Verdict::Accepted]));
}

#[tokio::test(start_paused = true)]
async fn after_two_wrong_codes_the_person_is_told_and_there_are_pauses() {
    let desk = Desk::new().shows(|_, number| wrong(number));
    let wanted = desk.wanted();
    let failure = desk.process().begin(&wanted).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "CodeRefused"));
    for word in ["two one-time codes", "clock", "ResyncMFADevice", "`credenza login prod`"] {
        assert!(failure.public.contains(word), "{failure}");
    }
    assert_eq!(desk.codes(), [Verdict::Wrong; 2]);
    // the second was sent at 08:00:31
    let failure = desk.process().begin(&wanted).await.unwrap_err();
    assert_eq!((failure.code, desk.codes().len(), desk.fetched()), ("CodesPaused", 2, 2));
    assert!(failure.public.contains("until 08:01:01 UTC"), "{failure}");
    let given = desk.process().begin_with(&wanted, "123456").await.unwrap_err();
    assert_eq!((given.code, desk.codes().len()), ("CodesPaused", 2));
    sleep(Duration::from_secs(31)).await;
    let failure = desk.process().begin(&wanted).await.unwrap_err();
    assert_eq!((failure.code, desk.codes().len()), ("CodeRefused", 3), "not tried again by itself");
    let failure = desk.process().begin(&wanted).await.unwrap_err();
    assert!(failure.code == "CodesPaused" && failure.public.contains("until 08:02:02 UTC"), "{failure}");
    sleep(Duration::from_secs(61)).await;
    let right = desk.stage.cloud.code_of(SERIAL);
    desk.process().begin_with(&wanted, &right).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_code_whose_answer_never_came_is_spent() {
    for trouble in [Trouble::ResetAfter, Trouble::ResetBefore, Trouble::Torn, Trouble::Hang] {
        let desk = Desk::new();
        let fault = Fault { action: Some("GetSessionToken".to_owned()), times: Some(1), ..Fault::new(trouble.clone()) };
        desk.stage.cloud.add_fault(fault);
        let failure = desk.process().begin(&desk.wanted()).await.unwrap_err();
        assert_eq!(failure.class, FailureClass::TryLater, "{trouble:?} {failure}");
        assert_eq!(desk.stage.cloud.count("GetSessionToken"), 1, "{trouble:?}: sent once");
        desk.process().begin(&desk.wanted()).await.unwrap();
        assert_eq!(desk.codes().len(), 2, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_code_that_did_not_go_out_is_sent_later() {
    let desk = Desk::new();
    let down = desk.down.clone();
    let desk = desk.shows(move |cloud, number| {
        down.store(number == 0, Ordering::Relaxed);
        cloud.code_of(SERIAL)
    });
    let failure = desk.process().begin(&desk.wanted()).await.unwrap_err();
    assert_eq!((failure.code, desk.codes().len()), ("UpstreamUnavailable", 0));
    desk.down.store(false, Ordering::Relaxed);
    let before = Instant::now();
    desk.process().begin(&desk.wanted()).await.unwrap();
    assert_eq!((before.elapsed().as_secs(), desk.codes()), (0, vec![Verdict::Accepted]), "the same code, at once");
}

#[tokio::test(start_paused = true)]
async fn a_device_that_shows_an_old_code_is_asked_again_and_again() {
    let desk = Desk::new().shows(move |cloud, number| match number {
        0..3 => cloud.code_at(SERIAL, start()),
        _ => cloud.code_of(SERIAL),
    });
    desk.process().begin(&desk.wanted()).await.unwrap();
    desk.process().begin(&desk.wanted()).await.unwrap();
    assert_eq!((desk.fetched(), desk.codes()), (4, vec![Verdict::Accepted; 2]));
    // for ever it is not
    let desk = Desk::new().shows(|cloud, _| cloud.code_at(SERIAL, start()));
    desk.process().begin(&desk.wanted()).await.unwrap();
    let failure = desk.process().begin(&desk.wanted()).await.unwrap_err();
    assert_eq!((failure.code, desk.fetched(), desk.codes()), ("CodeSpent", 4, vec![Verdict::Accepted]));
}

#[tokio::test(start_paused = true)]
async fn a_dead_key_costs_no_code() {
    let desk = Desk::new();
    desk.stage.cloud.deactivate(&desk.keys.access_key_id);
    let failure = desk.process().begin(&desk.wanted()).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "InvalidClientTokenId"));
    assert!(failure.public.contains(&desk.keys.access_key_id[desk.keys.access_key_id.len() - 4..]), "{failure}");
    assert_eq!((desk.fetched(), desk.codes().len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_of_a_later_version_is_not_written_over() {
    let desk = Desk::new();
    desk.write(&Desk::record_path(), r#"{"version": 9}"#);
    let failure = desk.process().begin(&desk.wanted()).await.unwrap_err();
    assert_eq!((failure.code, desk.fetched(), desk.codes().len()), ("CodeRecordUnreachable", 0, 0));
    assert!(failure.public.contains("later version"), "{failure}");
    desk.write(&Desk::record_path(), "no record at all");
    desk.process().begin(&desk.wanted()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_role_that_allows_less_is_asked_for_an_hour_with_another_code() {
    let desk = Desk::new();
    let wanted = desk.wanted_role(4 * HOUR, HOUR);
    let process = desk.process();
    let kept = process.begin(&wanted).await.unwrap();
    assert_eq!((kept.issued.warnings.len(), desk.codes().len()), (1, 2));
    assert!(kept.issued.warnings[0].contains("14400 s"), "{:?}", kept.issued.warnings);
    sleep(HOUR).await;
    process.begin(&wanted).await.unwrap();
    assert_eq!(desk.codes().len(), 3, "it was learnt");

    let desk = Desk::new();
    let kept = desk.process().begin(&desk.wanted_role(4 * HOUR, 12 * HOUR)).await.unwrap();
    assert_eq!(kept.issued.expiration, Some(start() + 4 * HOUR), "with the code itself it is more than an hour");
}

#[tokio::test(start_paused = true)]
async fn nobody_is_asked_in_the_background() {
    let desk = Desk::new();
    let mut session = (*desk.session()).clone();
    session.device.as_mut().unwrap().otp = credenza::config::Otp::Prompt { pinentry: false };
    let wanted = credenza::source::mfa::Wanted { session: session.into(), ..desk.wanted() };
    let how = How { who: Who::Nobody, given: None, unless_since: None };
    let process = desk.process();
    let failure = begin(&wanted, how.clone(), &process.here, &process.world).await.unwrap_err();
    assert_eq!((failure.code, desk.stage.cloud.calls().len()), ("CodeRequired", 0));
    begin(&desk.wanted(), how, &process.here, &process.world).await.unwrap();
}

/// Different ones, none of which is right now: one chance in 300,000 apart.
fn wrong(number: usize) -> String {
    format!("{:06}", 7 * number + 1)
}
