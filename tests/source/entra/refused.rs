//! What Entra ID refuses: for one resource, for all of them, and what brings it back.

use std::time::Duration;

use credenza::credential::{Failure, FailureClass};
use credenza::engine::{Engine, Reset};
use credenza::source::account::How;
use simcloud::Fault;

use super::stage::*;

async fn failure(engine: &Engine, resource: &str) -> Failure {
    asked(engine, "graph", resource).await.unwrap_err()
}

/// Somebody has logged in: a daemon would have been told.
fn told(engine: &Engine) {
    engine.reset(Reset::Login { session: account().key(), identities: vec!["graph".into()] });
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_revoked_is_over_and_nobody_asks_with_it_again() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    asked(&engine, "graph", GRAPH).await.unwrap();
    let held = asked(&engine, "graph", GRAPH).await.unwrap();
    tokio::time::sleep(Duration::from_secs(120)).await;
    entra.stage.cloud.revoke_entra_sign_ins(ADA);
    let refused = failure(&engine, VAULT).await;
    assert_eq!((refused.class, refused.code), (FailureClass::NeedsPerson, "LoginRequired"));
    assert_eq!(
        refused.public,
        "graph needs a login: it was revoked, or the password was changed; run `credenza login graph`"
    );
    let refreshes = entra.refreshes();
    for _ in 0..50 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(failure(&engine, VAULT).await.code, "LoginRequired");
    }
    assert_eq!(entra.refreshes(), refreshes, "a dead login is asked with once");
    // what was given lives to its end
    assert!(asked(&engine, "graph", GRAPH).await.unwrap().content.is(&held.content));
    engine.stop().await;
    // another process finds it written down
    let engine = entra.engine();
    assert!(failure(&engine, GRAPH).await.public.contains("it was revoked"));
    assert_eq!(entra.refreshes(), refreshes);
    entra.log_in().await;
    told(&engine);
    asked(&engine, "graph", VAULT).await.unwrap();
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_ends_in_several_ways_and_each_has_its_words() {
    for (number, words) in [
        (700_082, "it was not used for too long"),
        (70008, "is over, or was revoked"),
        (50133, "the password was changed"),
    ] {
        let entra = Entra::new();
        entra.log_in().await;
        let token = entra.store().token().await.unwrap().unwrap().refresh_token;
        assert!(entra.stage.cloud.refuse_entra_refresh_token(token.expose(), number));
        let engine = entra.engine();
        let failure = failure(&engine, GRAPH).await;
        assert_eq!(failure.class, FailureClass::NeedsPerson);
        assert!(failure.public.contains(words) && failure.public.contains("credenza login graph"), "{failure}");
        engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_one_resource_wants_is_that_one_s_affair() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    for (number, code, words) in [
        (65001, "ConsentRequired", "nobody has consented"),
        (50076, "LoginRequired", "multi-factor authentication"),
        (70043, "LoginRequired", "sign-in frequency"),
        (53003, "ConditionalAccess", "Conditional Access"),
    ] {
        entra.stage.cloud.challenge_entra_person(ADA, number, Some(VAULT));
        let refused = failure(&engine, VAULT).await;
        assert_eq!((refused.class, refused.code), (FailureClass::NeedsPerson, code), "{refused:?}");
        assert!(refused.public.contains(words), "{refused}");
        assert!(refused.public.contains("`credenza login graph --resource https://vault.azure.net`"), "{refused}");
        assert!(!refused.public.contains("AADSTS"), "{refused}");
        assert!(refused.private.contains(&format!("AADSTS{number}")), "{}", refused.private);
        asked(&engine, "graph", MANAGEMENT).await.unwrap();
        assert!(entra.store().account().unwrap().unwrap().ended_by.is_none());
        entra.stage.cloud.settle_entra_person(ADA);
        told(&engine);
    }
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_login_for_the_resource_meets_what_it_wants() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    entra.stage.cloud.challenge_entra_person(ADA, 50076, Some(VAULT));
    assert_eq!(failure(&engine, VAULT).await.code, "LoginRequired");
    entra.log_in_with(VAULT, How { device_code: true, browser: false, unless_since: None }).await.unwrap();
    told(&engine);
    asked(&engine, "graph", VAULT).await.unwrap();
    asked(&engine, "graph", GRAPH).await.unwrap();
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_configured_wrong_is_not_tried_for_ever() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    let refused = failure(&engine, "https://unknown.example").await;
    assert_eq!((refused.class, refused.code), (FailureClass::Refused, "ResourceUnknown"));
    assert_eq!(failure(&engine, "https://a.example https://b.example").await.code, "ResourceUnknown");
    assert_eq!(failure(&engine, "https://denied.example").await.code, "ResourceDenied");
    entra.stage.cloud.remove_app(CLIENT);
    let refused = failure(&engine, GRAPH).await;
    assert_eq!((refused.class, refused.code), (FailureClass::Refused, "ApplicationUnknown"));
    assert!(refused.public.contains("[identity.graph]"), "{refused}");
    let before = entra.refreshes();
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(asked(&engine, "graph", GRAPH).await.is_err());
    }
    assert!(entra.refreshes() - before <= 5, "{}", entra.refreshes() - before);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn an_outage_keeps_what_is_held() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    asked(&engine, "graph", GRAPH).await.unwrap();
    entra.stage.cloud.add_fault(Fault::outage().on_action("EntraToken"));
    tokio::time::sleep(Duration::from_secs(40 * 60)).await;
    asked(&engine, "graph", GRAPH).await.unwrap();
    let refused = failure(&engine, VAULT).await;
    assert_eq!((refused.class, refused.code), (FailureClass::TryLater, "UpstreamUnavailable"));
    entra.stage.cloud.clear_faults();
    tokio::time::sleep(Duration::from_secs(6 * 60)).await;
    asked(&engine, "graph", VAULT).await.unwrap();
    engine.stop().await;
}
