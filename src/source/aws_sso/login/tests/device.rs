//! Signing in with a code that is shown.

use std::time::Duration;

use tokio::time::Instant;

use super::stage::*;
use crate::credential::FailureClass;
use crate::world::person::Nobody;

#[tokio::test(start_paused = true)]
async fn a_code_is_asked_about_at_its_pace_until_it_is_confirmed() {
    let stage = Stage::new();
    stage.center.script("/token", &[PENDING, TROUBLE, Reply::Down, SLOW_DOWN, PENDING]);
    let started = Instant::now();
    let token = stage.login().await.unwrap();
    // four times 5 s, then twice 10 s
    assert_eq!(started.elapsed(), Duration::from_secs(40));
    assert!(token.access_token.same_as(b"access-token-6"));
    for shown in [USER_CODE, "https://device.sso.eu-west-1.amazonaws.com/", "?user_code=ABCD-EFGH", "my-sso"] {
        assert!(stage.was_told(shown), "{shown}: {:?}", stage.person.told());
    }
    let asked = &stage.center.asked("/device_authorization")[0];
    assert_eq!((&asked["startUrl"], &asked["clientId"]), (&START_URL.into(), &"client-1".into()));
    assert_eq!(stage.center.asked("/token")[0]["deviceCode"], "device-code-1");
    let kept = stage.kept().await.unwrap();
    assert!(kept.access_token.same_as(token.access_token.expose().as_bytes()));
    assert!(kept.refresh_token.is_some_and(|token| token.expose().starts_with("refresh-token-")));
    assert_eq!(kept.registration.unwrap().client_id, "client-1");
    assert_eq!((kept.start_url.as_deref(), kept.region.as_deref()), (Some(START_URL), Some("eu-west-1")));
}

#[tokio::test(start_paused = true)]
async fn a_registration_is_used_again() {
    let stage = Stage::new();
    stage.login().await.unwrap();
    stage.login().await.unwrap();
    assert_eq!(stage.center.asked("/client/register").len(), 1);
    assert_eq!(stage.center.asked("/device_authorization").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_aws_forgot_is_made_anew_once() {
    for at in ["/device_authorization", "/token"] {
        let stage = Stage::new();
        stage.login().await.unwrap();
        stage.center.script(at, &[CLIENT_DEAD]);
        stage.login().await.unwrap();
        assert_eq!(stage.center.asked("/client/register").len(), 2, "{at}");
        assert_eq!(stage.kept().await.unwrap().registration.unwrap().client_id, "client-2");
        stage.center.script(at, &[CLIENT_DEAD, CLIENT_DEAD]);
        let failure = stage.login().await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "LoginRequired"), "{at}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_gets_two_more_codes() {
    let stage = Stage::new();
    stage.center.script("/token", &[EXPIRED, PENDING, EXPIRED]);
    stage.login().await.unwrap();
    assert_eq!(stage.center.asked("/device_authorization").len(), 3);
    assert_eq!(stage.center.asked("/token").last().unwrap()["deviceCode"], "device-code-3");
    stage.center.script("/token", &[EXPIRED, EXPIRED, EXPIRED]);
    let failure = stage.login().await.unwrap_err();
    assert_eq!(failure.code, "LoginRequired");
    assert!(failure.public.contains("in time") && failure.public.contains("credenza login my-sso"), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn a_code_ends_by_our_clock_too_and_nobody_gets_another() {
    let stage = Stage::new().with_person(Nobody);
    stage.center.script("/token", &[PENDING; 1000]);
    let started = Instant::now();
    let failure = stage.login().await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "LoginRequired"));
    assert_eq!(started.elapsed(), Duration::from_secs(600));
    assert_eq!(stage.center.asked("/device_authorization").len(), 1);

    let stage = Stage::new().with_person(Nobody);
    stage.center.script("/token", &[PENDING; 1000]);
    let (started, clock) = (Instant::now(), stage.clock.clone());
    let asleep = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        clock.suspend(Duration::from_secs(3600));
    };
    let (failure, ()) = tokio::join!(stage.login(), asleep);
    assert!(failure.is_err());
    assert_eq!(started.elapsed(), Duration::from_secs(15), "a machine that slept asks once more");
}

#[tokio::test(start_paused = true)]
async fn whatever_says_no_is_not_asked_again() {
    for (reply, code, word) in [
        (DENIED, "LoginDenied", "refused"),
        (GRANT_DEAD, "LoginRequired", "sso_region is eu-west-1"),
        (Reply::Bad(400, "UnauthorizedClientException"), "UpstreamRefused", "my-sso"),
    ] {
        let stage = Stage::new();
        stage.center.script("/token", &[PENDING, reply]);
        let failure = stage.login().await.unwrap_err();
        assert_eq!(failure.code, code, "{failure}");
        assert!(failure.public.contains(word), "{failure}");
        assert_eq!(stage.center.asked("/token").len(), 2);
        assert!(stage.kept().await.is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn trouble_without_end_is_told_after_a_minute() {
    let stage = Stage::new();
    stage.center.script("/token", &[TROUBLE; 1000]);
    let started = Instant::now();
    let failure = stage.login().await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamUnavailable"));
    assert_eq!(started.elapsed(), Duration::from_secs(60));
}
