//! Sign-ins: renewed ahead of their end, refused by the upstream, ended on purpose, forgotten.

use super::stage::*;
use crate::credential::FailureClass;
use crate::engine::{Reset, Settings};
use crate::source::{Need, SESSION_ENDED, SESSION_TOKEN_DEAD};

fn signs_in() -> Need {
    Need::Session { key: key("sso:corp"), freshly: false, no_older_than: None, ahead: true }
}

/// Two roles of one sign-in whose tokens live for an hour, and a third that is assumed from the first.
fn stage() -> Stage {
    stage_with(Settings::default())
}

fn stage_with(settings: Settings) -> Stage {
    let parts = [("prod", signs_in(), HOUR), ("test", signs_in(), HOUR), role("deploy", "prod", HOUR)];
    let mut stage = Stage::set_with(settings, parts);
    for name in ["prod", "test"] {
        stage.change(name, |fake| fake.session_life = Some(HOUR));
    }
    stage
}

/// How often any of the sources was asked for the sign-in.
fn renewals(stage: &Stage) -> usize {
    ["prod", "test"].iter().map(|name| stage.fake(name).renewals()).sum()
}

fn renewal_now_does(stage: &Stage, does: &Does) {
    ["prod", "test"].iter().for_each(|name| stage.fake(name).renewal_now_does(does.clone()));
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_is_renewed_twenty_minutes_ahead_and_once_for_all() {
    let stage = stage();
    stage.get("prod").await.unwrap();
    stage.get("test").await.unwrap();
    assert_eq!(renewals(&stage), 1);
    stage.pass(38 * MINUTE).await;
    assert_eq!(renewals(&stage), 1, "21.5 min by a middling chance");
    stage.pass(MINUTE).await;
    assert_eq!(renewals(&stage), 2);
    let asked = ["prod", "test"].iter().flat_map(|name| stage.fake(name).asked.lock().unwrap().clone()).next_back();
    let asked = asked.unwrap();
    assert!(asked.instead_of.is_some() && !asked.refused);
    stage.pass(HOUR).await;
    assert_eq!(renewals(&stage), 3);
}

#[tokio::test(start_paused = true)]
async fn a_role_assumed_from_a_role_keeps_the_sign_in_fresh() {
    let stage = stage();
    stage.get("deploy").await.unwrap();
    assert_eq!(renewals(&stage), 1);
    stage.pass(40 * MINUTE).await;
    assert_eq!(renewals(&stage), 2);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_nobody_uses_is_left_alone() {
    let stage = stage();
    stage.get("prod").await.unwrap();
    stage.pass(8 * HOUR).await;
    let by_then = renewals(&stage);
    assert!(by_then > 8, "{by_then}");
    stage.pass(8 * HOUR).await;
    assert!(renewals(&stage) <= by_then + 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_about_to_end_renews_nothing_ahead() {
    let stage = stage_with(Settings { renew_ahead: false, ..Settings::default() });
    stage.get("prod").await.unwrap();
    stage.pass(45 * MINUTE).await;
    assert_eq!(renewals(&stage), 1);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_ahead_that_fails_takes_nothing_away_until_the_end() {
    for class in [FailureClass::TryLater, FailureClass::NeedsPerson] {
        let stage = stage();
        stage.get("prod").await.unwrap();
        renewal_now_does(&stage, &Does::Fails(class, "LoginRequired"));
        stage.pass(41 * MINUTE).await;
        assert!(renewals(&stage) >= 2);
        // the token still lives: another role can be had with it
        stage.get("test").await.unwrap();
        stage.get("prod").await.unwrap();
        assert_eq!(stage.fake("prod").issues(), 2, "its credential was renewed with the old token");
        stage.pass(2 * HOUR).await;
        assert_eq!(stage.code("prod").await, "LoginRequired", "{class:?}");
        let failed = renewals(&stage);
        stage.pass(HOUR).await;
        match class {
            FailureClass::NeedsPerson => assert_eq!(renewals(&stage), failed, "nobody asks by himself for a person"),
            _ => assert!(renewals(&stage) > failed),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_lay_there_is_renewed_soon_and_may_be_refused_at_once() {
    let mut stage = stage();
    for name in ["prod", "test"] {
        stage.change(name, |fake| fake.session_life = Some(10 * MINUTE));
        *stage.fake(name).sign_in.lock().unwrap() = (true, true);
    }
    stage.get("prod").await.unwrap();
    stage.pass(SECOND).await;
    assert!(renewals(&stage) >= 2, "with 10 min left it is renewed at once");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_is_renewed_once_and_never_taken_again() {
    let stage = stage();
    stage.get("prod").await.unwrap();
    stage.pass(2 * MINUTE).await;
    stage.fake("test").now_does(Does::Fails(FailureClass::NeedsPerson, SESSION_TOKEN_DEAD));
    assert_eq!(stage.code("test").await, SESSION_TOKEN_DEAD);
    assert_eq!((stage.fake("test").issues(), renewals(&stage)), (2, 2));
    let asked = stage.fake("test").asked.lock().unwrap().clone();
    let refused = asked[0].instead_of.as_ref().unwrap();
    assert!(asked[0].refused && refused.sign_in().unwrap().access_token.same_as(b"AKIA-prod-1"));
    assert_eq!(*stage.fake("test").bases.lock().unwrap(), ["AKIA-prod-1", "AKIA-test-1"]);
    assert!(stage.get("prod").await.is_ok(), "what is held goes on");
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_was_ended_takes_with_it_what_was_made_of_it() {
    let stage = stage();
    for name in ["prod", "test", "deploy"] {
        stage.get(name).await.unwrap();
    }
    stage.pass(10 * MINUTE).await;
    renewal_now_does(&stage, &Does::Fails(FailureClass::NeedsPerson, SESSION_ENDED));
    stage.fake("test").now_does(Does::Fails(FailureClass::NeedsPerson, SESSION_TOKEN_DEAD));
    stage.pass(26 * MINUTE).await;
    for name in ["prod", "test", "deploy"] {
        assert_eq!(stage.code(name).await, SESSION_ENDED, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_made_of_a_sign_in_that_was_ended_though_its_token_lives() {
    let stage = stage();
    for name in ["prod", "test"] {
        stage.get(name).await.unwrap();
    }
    renewal_now_does(&stage, &Does::Fails(FailureClass::NeedsPerson, SESSION_ENDED));
    stage.pass(39 * MINUTE).await;
    assert_eq!(renewals(&stage), 2, "twenty minutes ahead of its end somebody looks, and it is gone");
    let issues = || stage.fake("prod").issues() + stage.fake("test").issues();
    let before = issues();
    stage.pass(5 * MINUTE).await;
    for name in ["prod", "test"] {
        assert_eq!(stage.code(name).await, SESSION_ENDED, "{name}");
    }
    assert_eq!(issues(), before);
}

#[tokio::test(start_paused = true)]
async fn what_is_forgotten_is_gone_at_once_with_what_was_made_of_it() {
    let stage = stage();
    for name in ["prod", "test", "deploy"] {
        stage.get(name).await.unwrap();
    }
    stage.pass(2 * MINUTE).await;
    renewal_now_does(&stage, &Does::Fails(FailureClass::NeedsPerson, "LoginRequired"));
    stage.engine.forget(&["prod".into()]);
    for name in ["prod", "deploy"] {
        assert!(stage.engine.ready(&ask(name)).is_none(), "{name}");
        assert_eq!(stage.code(name).await, "LoginRequired", "{name}");
    }
    assert!(stage.get("test").await.is_ok(), "which was not named");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_in_the_air_is_not_taken_by_who_was_signed_out() {
    let stage = stage();
    stage.get("prod").await.unwrap();
    stage.pass(39 * MINUTE).await;
    let before = renewals(&stage);
    stage.engine.reset(Reset::All);
    for name in ["prod", "test"] {
        stage.fake(name).now_takes(30 * SECOND);
    }
    stage.pass(40 * MINUTE).await;
    assert!(renewals(&stage) > before);
    stage.engine.forget(&["prod".into()]);
    let sessions = stage.engine.snapshot().sessions;
    assert!(sessions.iter().all(|session| !session.held));
}

#[tokio::test(start_paused = true)]
async fn a_login_ends_the_waits_of_its_own_session_alone() {
    let mut stage = stage();
    let other = Need::Session { key: key("sso:other"), freshly: false, no_older_than: None, ahead: true };
    stage.add(("elsewhere", other, HOUR), 1);
    stage.publish();
    stage.change("elsewhere", |fake| fake.session_life = Some(HOUR));
    let needs_person = Does::Fails(FailureClass::NeedsPerson, "LoginRequired");
    renewal_now_does(&stage, &needs_person);
    stage.fake("elsewhere").renewal_now_does(needs_person);
    for name in ["prod", "elsewhere"] {
        assert_eq!(stage.code(name).await, "LoginRequired");
    }
    renewal_now_does(&stage, &Does::Works);
    stage.fake("elsewhere").renewal_now_does(Does::Works);
    stage.engine.reset(Reset::Login { session: key("sso:corp"), identities: Vec::new() });
    stage.get("prod").await.unwrap();
    assert_eq!(stage.code("elsewhere").await, "LoginRequired");
}

#[tokio::test(start_paused = true)]
async fn a_hold_ends_so_long_after_a_renewal_failed() {
    let mut stage = stage();
    stage.book.0.get_mut(&ask("prod")).unwrap().max_hold = Some(5 * MINUTE);
    stage.publish();
    stage.get("prod").await.unwrap();
    stage.get("test").await.unwrap();
    renewal_now_does(&stage, &Does::Fails(FailureClass::NeedsPerson, "LoginRequired"));
    stage.pass(38 * MINUTE).await;
    stage.get("prod").await.unwrap();
    // at 38.5 min the renewal fails; the credential was renewed at 35 min and would live for another hour
    stage.pass(4 * MINUTE).await;
    assert!(stage.engine.ready(&ask("prod")).is_some() || stage.get("prod").await.is_ok());
    stage.pass(2 * MINUTE).await;
    assert!(stage.engine.ready(&ask("prod")).is_none(), "held for 5 min after the failure");
    assert!(stage.get("test").await.is_ok(), "which has no such limit");
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_works_again_lifts_the_limit() {
    let mut stage = stage();
    stage.book.0.get_mut(&ask("prod")).unwrap().max_hold = Some(5 * MINUTE);
    stage.publish();
    stage.get("prod").await.unwrap();
    renewal_now_does(&stage, &Does::Fails(FailureClass::TryLater, "UpstreamUnavailable"));
    stage.pass(39 * MINUTE).await;
    renewal_now_does(&stage, &Does::Works);
    stage.pass(10 * MINUTE).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
}
