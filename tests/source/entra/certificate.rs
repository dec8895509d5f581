//! An application that shows a certificate.

use std::collections::BTreeSet;
use std::time::Duration;

use credenza::credential::FailureClass;
use credenza::world::simulated_person::SimulatedPerson;
use jiff::SignedDuration;
use simcloud::entra::Kind;

use super::stage::*;
use crate::stage::Stage;

fn with(certificate: &str) -> Entra {
    let stage = Stage::new().file("/home/ada/app.pem", certificate);
    Entra::of(stage, SimulatedPerson::without_browser())
}

#[tokio::test(start_paused = true)]
async fn each_token_is_asked_for_with_a_statement_of_its_own() {
    let entra = with(&format!("{CERTIFICATE}{KEY}"));
    let engine = entra.engine();
    for _ in 0..3 {
        let credential = asked(&engine, "daemon", GRAPH).await.unwrap();
        let token = credential.token().unwrap();
        entra.stage.cloud.judge_bearer(token.access_token.expose(), &|audience| audience == GRAPH).unwrap();
        assert_eq!(token.claims.roles, ["Sites.Read.All"]);
        tokio::time::sleep(Duration::from_secs(2 * 3600)).await;
    }
    let presented = entra.stage.cloud.presented();
    let digests: BTreeSet<&str> = presented.iter().map(|presented| &*presented.digest).collect();
    assert!(presented.len() >= 3 && presented.iter().all(|presented| presented.kind == Kind::Assertion));
    assert_eq!(digests.len(), presented.len(), "none is shown twice");
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn its_key_may_lie_elsewhere() {
    let beside = || Stage::new().file("/home/ada/app.pem", CERTIFICATE);
    for (name, stage, runs) in [
        ("daemon by file", beside().file("/home/ada/app.key", KEY), 0),
        ("daemon by reference", beside().program("op", KEY), 2),
        ("daemon by command", beside().program("print-key", KEY), 2),
    ] {
        let entra = Entra::of(stage, SimulatedPerson::without_browser());
        let engine = entra.engine();
        for resource in [GRAPH, VAULT] {
            let credential = asked(&engine, name, resource).await.unwrap();
            let token = credential.token().unwrap().access_token.expose();
            entra.stage.cloud.judge_bearer(token, &|audience| audience == resource).unwrap();
        }
        // read anew for each token, and kept nowhere
        assert_eq!(entra.stage.runs(), runs, "{name}");
        engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_given_says_how_to_mend_it() {
    let beside = || Stage::new().file("/home/ada/app.pem", CERTIFICATE);
    for (name, stage, words) in [
        ("daemon by file", beside(), "/home/ada/app.key is not there; write it, or correct `certificate_key`"),
        ("daemon by reference", beside().program("op", "no key"), "op://Work/the app/private key holds no private key"),
        ("daemon by reference", beside(), "1Password's `op` could not be started; install it"),
        ("daemon by command", beside().program("print-key", CERTIFICATE), "what print-key prints holds no private key"),
        ("daemon by command", beside(), "could not be started; install it"),
    ] {
        let entra = Entra::of(stage, SimulatedPerson::without_browser());
        let engine = entra.engine();
        let failure = asked(&engine, name, GRAPH).await.unwrap_err();
        assert!(failure.public.contains(words), "{failure}");
        assert_eq!(entra.stage.cloud.presented().len(), 0, "nothing is shown without a key");
        engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_made_good_by_the_server_s() {
    for offset in [SignedDuration::from_hours(1), SignedDuration::from_hours(-1)] {
        let entra = with(&format!("{KEY}{CERTIFICATE}"));
        entra.stage.cloud.set_offset(offset);
        let engine = entra.engine();
        let credential = asked(&engine, "daemon", GRAPH).await.unwrap();
        let now = credenza::world::Clock::now(&*entra.stage.clock);
        assert!(credential.remaining(now) > Duration::from_secs(50 * 60), "{offset}");
        engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_sign_says_why() {
    let other = include_str!("../../simcloud/testdata/issuer-rs256.pem");
    for (file, class, code, words) in [
        (CERTIFICATE.to_owned(), FailureClass::Refused, "KeysUnusable", "holds no private key"),
        (KEY.to_owned(), FailureClass::Refused, "KeysUnusable", "holds no certificate"),
        (format!("{CERTIFICATE}{other}"), FailureClass::Refused, "AssertionRefused", "does not know the certificate"),
    ] {
        let entra = with(&file);
        let engine = entra.engine();
        let failure = asked(&engine, "daemon", GRAPH).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (class, code), "{failure:?}");
        assert!(failure.public.contains(words), "{failure}");
        engine.stop().await;
    }
    let entra = Entra::new();
    let engine = entra.engine();
    let failure = asked(&engine, "daemon", GRAPH).await.unwrap_err();
    assert!(failure.public.contains("/home/ada/app.pem is not there"), "{failure}");
    engine.stop().await;
}
