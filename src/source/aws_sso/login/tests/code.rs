//! Signing in with the person's browser.

use std::time::Duration;

use base64::Engine as _;
use tokio::time::Instant;

use super::super::{How, login};
use super::stage::*;
use crate::credential::FailureClass;
use crate::secret::Digest;
use crate::store::Flow;

#[tokio::test(start_paused = true)]
async fn the_browser_brings_the_code() {
    let stage = Stage::with_browser(|address| {
        assert_eq!(address.before_the_query, "https://oidc.eu-west-1.amazonaws.com/authorize");
        assert_eq!(address.member("redirect_uri"), "http://127.0.0.1:20001/oauth/callback");
        assert_eq!(address.member("scopes"), "sso:account:access");
        let wrong = "http://127.0.0.1:20001/oauth/callback?code=evil&state=wrong".to_owned();
        vec![wrong, address.back("code=c0de")]
    });
    let token = stage.login().await.unwrap();
    assert!(token.access_token.same_as(b"access-token-1"));
    assert!(stage.kept().await.unwrap().access_token.same_as(b"access-token-1"));

    let registered = &stage.center.asked("/client/register")[0];
    assert_eq!(registered["redirectUris"], serde_json::json!(["http://127.0.0.1/oauth/callback"]));
    assert_eq!(registered["grantTypes"], serde_json::json!(["authorization_code", "refresh_token"]));
    assert_eq!(registered["issuerUrl"], START_URL);
    let redeemed = &stage.center.asked("/token")[0];
    assert_eq!((&redeemed["code"], &redeemed["grantType"]), (&"c0de".into(), &"authorization_code".into()));
    assert_eq!(redeemed["redirectUri"], "http://127.0.0.1:20001/oauth/callback");
    let told = stage.person.told().join("\n");
    let Digest(challenge) = Digest::of(redeemed["codeVerifier"].as_str().unwrap().as_bytes());
    let challenge = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(challenge);
    assert!(told.contains(&format!("code_challenge={challenge}&")), "{told}");
    assert!(stage.center.asked("/device_authorization").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_device_code_can_be_asked_for_although_there_is_a_browser() {
    let stage = Stage::with_browser(|address| {
        assert_eq!(address.member("user_code"), USER_CODE);
        vec![]
    });
    login(&stage.session, &stage.world, How { flow: Some(Flow::Device), browser: true, unless_since: None })
        .await
        .unwrap();
    assert!(stage.was_told("Your browser was opened"));

    let stage = Stage::with_browser(|_| panic!("a browser was opened"));
    login(&stage.session, &stage.world, How { flow: None, browser: false, unless_since: None }).await.unwrap();
    assert_eq!(stage.center.asked("/device_authorization").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_address_can_be_opened_by_hand() {
    let stage = Stage::new();
    let how = How { flow: Some(Flow::Code), browser: false, unless_since: None };
    let by_hand = async {
        tokio::time::sleep(Duration::from_secs(60)).await;
        let told = stage.person.told();
        let url = told.iter().find(|line| line.starts_with("https://")).unwrap();
        let state = url.split_once("state=").unwrap().1.split('&').next().unwrap();
        let back = format!("http://127.0.0.1:20001/oauth/callback?code=c0de&state={state}");
        assert_eq!(stage.redirects.follow(&back).await.unwrap().status(), 200);
    };
    let (token, ()) = tokio::join!(login(&stage.session, &stage.world, how), by_hand);
    assert!(token.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_does_not_come_back_is_waited_for_ten_minutes() {
    let stage = Stage::with_browser(|_| vec![]);
    let started = Instant::now();
    let failure = stage.login().await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "LoginRequired"));
    assert_eq!(started.elapsed(), Duration::from_secs(600));
    assert!(stage.kept().await.is_none());
    let late = stage.redirects.follow("http://127.0.0.1:20001/oauth/callback?code=c0de&state=x").await;
    assert!(late.is_none(), "nobody listens any more");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_in_the_browser_ends_it_and_is_shown() {
    let stage = Stage::with_browser(|address| vec![address.back("error=access_denied&error_description=Not+you%0a")]);
    let failure = stage.login().await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "LoginDenied"));
    assert!(stage.was_told("AWS says: access_denied: Not you"), "{:?}", stage.person.told());
    assert!(!failure.public.contains("Not you") && failure.private.contains("Not you"), "{failure:?}");
    assert!(stage.center.asked("/token").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_aws_forgot_is_made_anew_once() {
    let stage = Stage::with_browser(|address| vec![address.back("code=c0de")]);
    stage.center.script("/token", &[CLIENT_DEAD]);
    stage.login().await.unwrap();
    assert_eq!(stage.center.asked("/client/register").len(), 2);
    assert_eq!(stage.kept().await.unwrap().registration.unwrap().client_id, "client-2");
    stage.center.script("/token", &[CLIENT_DEAD, CLIENT_DEAD]);
    assert_eq!(stage.login().await.unwrap_err().code, "LoginRequired");
}

#[tokio::test(start_paused = true)]
async fn trouble_costs_a_person_no_second_sign_in() {
    let stage = Stage::with_browser(|address| vec![address.back("code=c0de")]);
    stage.center.script("/token", &[Reply::Down, TROUBLE]);
    stage.login().await.unwrap();
    assert_eq!(stage.center.asked("/token").len(), 3);
    // the first try had arrived: what is told is the trouble
    stage.center.script("/token", &[TROUBLE, GRANT_DEAD]);
    assert_eq!(stage.login().await.unwrap_err().code, "UpstreamUnavailable");
    stage.center.script("/token", &[GRANT_DEAD]);
    let failure = stage.login().await.unwrap_err();
    assert!(failure.public.contains("sso_region"), "{failure}");
}
