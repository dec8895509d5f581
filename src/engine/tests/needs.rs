//! What a source needs is obtained first, once for all, and its failure is theirs.

use super::stage::*;
use crate::credential::FailureClass::{self, NeedsPerson, Refused, TryLater};
use crate::engine::{AskState, Settings};
use crate::source::Need;

fn session(key_name: &str, freshly: bool) -> Need {
    Need::Session { key: key(key_name), freshly, no_older_than: None, ahead: false }
}

fn chain_of_five() -> [Part; 5] {
    [
        ("one", session("keys:one", false), HOUR),
        role("two", "one", HOUR),
        role("three", "two", HOUR),
        role("four", "three", HOUR),
        role("five", "four", HOUR),
    ]
}

const NAMES: [&str; 5] = ["one", "two", "three", "four", "five"];

#[tokio::test(start_paused = true)]
async fn a_chain_of_five_is_made_from_the_bottom_up_each_once() {
    let stage = Stage::set(chain_of_five());
    assert_eq!(stage.key_id("five").await, "ASIA-five-1");
    assert_eq!(stage.fake("one").renewals(), 1);
    assert_eq!(*stage.fake("one").bases.lock().unwrap(), ["AKIA-one-1"]);
    for pair in NAMES.windows(2) {
        assert_eq!(*stage.fake(pair[1]).bases.lock().unwrap(), [format!("ASIA-{}-1", pair[0])]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_its_base_holds_no_slot() {
    let settings = Settings { flights_at_once: 1, flights_per_session: 1, ..Settings::default() };
    let stage = Stage::set_with(settings, chain_of_five());
    assert_eq!(stage.key_id("five").await, "ASIA-five-1");
}

#[tokio::test(start_paused = true)]
async fn fifty_roles_of_one_base_fetch_it_once() {
    let names: Vec<&'static str> = (0..50).map(|number| &*format!("role-{number}").leak()).collect();
    let roles = names.iter().map(|name| role(name, "base", HOUR));
    let stage = Stage::set(std::iter::once(plain("base", HOUR)).chain(roles));
    names.iter().for_each(|name| stage.engine.warm(&ask(name)));
    stage.pass(5 * SECOND).await;
    assert!(names.iter().all(|name| stage.engine.ready(&ask(name)).is_some()));
    assert_eq!(stage.fake("base").issues(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_base_is_used_while_it_has_five_minutes_and_fetched_first_when_it_has_less() {
    let stage = Stage::set([plain("base", HOUR), role("prod", "base", HOUR)]);
    stage.key_id("prod").await;
    stage.pass(36 * MINUTE).await;
    stage.pass(36 * MINUTE).await;
    // refreshed at 35 min with a base that had 25 left, and at 70 with a new one
    assert_eq!(*stage.fake("prod").bases.lock().unwrap(), ["ASIA-base-1", "ASIA-base-1", "ASIA-base-2"]);
    assert_eq!(stage.fake("base").issues(), 2, "nobody uses the base itself: it is fetched when it is needed");
}

#[tokio::test(start_paused = true)]
async fn a_failing_base_fails_what_needs_it_alike_and_is_named() {
    for class in [NeedsPerson, TryLater, Refused] {
        let stage = Stage::set(chain_of_five());
        stage.fake("two").now_does(Does::Fails(class, "Broken"));
        let failure = stage.get("five").await.unwrap_err();
        assert_eq!((failure.class, failure.code), (class, "Broken"));
        assert_eq!(failure.public, "five needs two: Broken from the fake");
        assert_eq!(stage.fake("three").issues(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_session_fails_what_needs_it_in_its_own_words() {
    let stage = Stage::set(chain_of_five());
    stage.fake("one").renewal_now_does(Does::Fails(NeedsPerson, "LoginRequired"));
    let failure = stage.get("two").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (NeedsPerson, "LoginRequired"));
    assert_eq!(failure.public, "LoginRequired from the fake");
    stage.pass(SECOND).await;
    stage.code("two").await;
    assert_eq!(stage.fake("one").renewals(), 1, "a repeat calls nobody");
    assert_eq!(stage.view("two").state, AskState::NeedsPerson);
}

#[tokio::test(start_paused = true)]
async fn a_base_that_fails_harms_nobody_whose_own_credential_lives() {
    let stage = Stage::set([plain("base", HOUR), role("prod", "base", 12 * HOUR)]);
    stage.key_id("prod").await;
    stage.fake("base").now_does(Does::Fails(Refused, "AccessDenied"));
    stage.pass(2 * HOUR).await;
    assert_eq!(stage.code("base").await, "AccessDenied");
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-1");
}

#[tokio::test(start_paused = true)]
async fn a_base_that_another_client_mended_mends_all_without_their_asking() {
    let stage = Stage::set([plain("base", HOUR), role("one", "base", HOUR), role("two", "one", HOUR)]);
    stage.fake("base").now_does(Does::Fails(Refused, "AccessDenied"));
    stage.code("one").await;
    stage.code("two").await;
    stage.fake("base").now_does(Does::Works);
    stage.pass(10 * MINUTE).await;
    assert_eq!(stage.view("two").state, AskState::Refused);
    stage.key_id("base").await;
    stage.pass(SECOND).await;
    assert!(stage.engine.ready(&ask("one")).is_some());
    assert!(stage.engine.ready(&ask("two")).is_some());
}

#[tokio::test(start_paused = true)]
async fn what_was_made_from_a_base_that_is_refused_now_is_served_to_its_end() {
    let stage = Stage::set([plain("base", HOUR), role("prod", "base", HOUR)]);
    stage.key_id("prod").await;
    // at 35 min another one is made of a base that has 25 left; at 70 the base is over, and no other one is given
    stage.pass(36 * MINUTE).await;
    stage.fake("base").now_does(Does::Fails(Refused, "AccessDenied"));
    stage.pass(36 * MINUTE).await;
    assert_eq!(stage.view("prod").state, AskState::Refused);
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
    assert_eq!(stage.view("base").access_key_id, None);
    stage.pass(21 * MINUTE).await;
    assert_eq!(stage.key_id("prod").await, "ASIA-prod-2");
    stage.pass(2 * MINUTE).await;
    assert_eq!(stage.code("prod").await, "AccessDenied");
}

#[tokio::test(start_paused = true)]
async fn what_is_made_of_a_session_that_is_refused_goes_with_it() {
    let mut stage = Stage::set([("prod", session("process:prod", true), HOUR)]);
    stage.change("prod", |fake| fake.session_life = Some(HOUR));
    stage.key_id("prod").await;
    stage.fake("prod").renewal_now_does(Does::Fails(Refused, "AccessDenied"));
    stage.pass(36 * MINUTE).await;
    assert_eq!(stage.code("prod").await, "AccessDenied");
}

#[tokio::test(start_paused = true)]
async fn a_base_that_the_upstream_calls_expired_stays_with_its_own_clients() {
    for code in ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"] {
        let stage = Stage::set([plain("base", HOUR), role("prod", "base", 15 * MINUTE)]);
        stage.key_id("prod").await;
        stage.fake("prod").now_does(Does::Fails(Refused, code));
        stage.fake("base").now_does(Does::Fails(TryLater, "UpstreamUnavailable"));
        stage.pass(6 * MINUTE).await;
        assert!(stage.fake("base").issues() > 1, "another one was wanted for the role");
        assert_eq!(stage.key_id("base").await, "ASIA-base-1");
        // the role is not tried with the same one again, but with the next
        assert_eq!(stage.fake("prod").issues(), 2);
        stage.fake("prod").now_does(Does::Works);
        stage.fake("base").now_does(Does::Works);
        stage.pass(5 * MINUTE).await;
        let newer = stage.key_id("base").await;
        assert_ne!(newer, "ASIA-base-1");
        assert_eq!(stage.fake("prod").bases.lock().unwrap().last(), Some(&newer));
    }
}

#[tokio::test(start_paused = true)]
async fn a_base_that_fails_in_the_plan_that_lets_its_role_begin_costs_the_role_nothing() {
    let settings = Settings { flights_at_once: 1, ..Settings::default() };
    let parts = [("base", session("keys:base", false), HOUR), role("prod", "base", HOUR)];
    let mut stage = Stage::set_with(settings, parts);
    stage.change("base", |fake| fake.session_life = Some(36 * MINUTE));
    stage.key_id("base").await;
    // at 35 min the base is renewed, and its session first: that one takes the only slot, and is refused
    stage.fake("base").now_takes(2 * SECOND);
    stage.fake("base").renewal_now_does(Does::Fails(Refused, "AccessDenied"));
    stage.pass(35 * MINUTE + SECOND).await;
    assert_eq!(stage.code("prod").await, "Pending");
    stage.pass(2 * SECOND).await;
    assert!(stage.engine.ready(&ask("prod")).is_some());
    assert_eq!(*stage.fake("prod").bases.lock().unwrap(), ["ASIA-base-1"]);
}

#[tokio::test(start_paused = true)]
async fn a_chain_may_have_a_hundred_links() {
    let names: Vec<&'static str> = (0..100).map(|number| &*format!("link-{number}").leak()).collect();
    let roles = names.windows(2).map(|pair| role(pair[1], pair[0], HOUR));
    let stage = Stage::set(std::iter::once(plain(names[0], HOUR)).chain(roles));
    names.iter().for_each(|name| stage.fake(name).now_takes(MILLISECOND));
    assert_eq!(stage.key_id("link-99").await, "ASIA-link-99-1");
}

#[tokio::test(start_paused = true)]
async fn a_base_that_the_upstream_calls_expired_is_renewed_once() {
    let stage = Stage::set([plain("base", HOUR), role("prod", "base", 15 * MINUTE)]);
    stage.key_id("prod").await;
    stage.fake("prod").now_does(Does::Fails(Refused, "ExpiredToken"));
    stage.pass(6 * MINUTE).await;
    assert_eq!(stage.fake("base").issues(), 2);
    assert_eq!(*stage.fake("prod").bases.lock().unwrap(), ["ASIA-base-1", "ASIA-base-1", "ASIA-base-2"]);
    assert_eq!(stage.view("prod").state, AskState::Refused);
}

#[tokio::test(start_paused = true)]
async fn a_session_whose_keys_the_upstream_does_not_take_is_renewed_once_and_the_issue_succeeds() {
    for code in ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"] {
        let stage = Stage::set([("prod", session("process:prod", false), 15 * MINUTE)]);
        stage.key_id("prod").await;
        stage.pass(4 * MINUTE).await;
        let fake = stage.fake("prod");
        fake.now_does(Does::Fails(Refused, code));
        stage.pass(30 * SECOND).await;
        assert_eq!(fake.renewals(), 1);
        // the answer of the issue is on its way: the next one works
        stage.pass(SECOND / 20).await;
        fake.now_does(Does::Works);
        stage.pass(SECOND).await;
        assert_eq!(fake.renewals(), 2);
        assert_eq!(stage.key_id("prod").await, "ASIA-prod-3");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_just_made_is_not_made_again_because_it_is_not_taken() {
    let stage = Stage::set([("prod", session("keys:prod", false), HOUR)]);
    stage.fake("prod").now_does(Does::Fails(Refused, "InvalidClientTokenId"));
    assert_eq!(stage.code("prod").await, "InvalidClientTokenId");
    assert_eq!((stage.fake("prod").renewals(), stage.fake("prod").issues()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_session_without_an_end_is_made_once() {
    let stage = Stage::set([("prod", session("keys:prod", false), HOUR)]);
    for _ in 0..24 {
        stage.key_id("prod").await;
        stage.pass(HOUR).await;
    }
    assert_eq!(stage.fake("prod").renewals(), 1);
    assert!(stage.fake("prod").issues() > 24);
}

#[tokio::test(start_paused = true)]
async fn a_session_without_an_end_is_made_anew_at_the_age_that_its_source_names() {
    let need = Need::Session { key: key("process:prod"), freshly: true, no_older_than: Some(HOUR), ahead: false };
    let stage = Stage::set([("prod", need, 30 * MINUTE)]);
    stage.fake("prod").now_does(Does::Fails(TryLater, "UpstreamUnavailable"));
    stage.code("prod").await;
    stage.pass(59 * MINUTE).await;
    let fake = stage.fake("prod");
    assert!(fake.issues() > 10, "{}", fake.issues());
    assert_eq!(fake.renewals(), 1, "whatever became of it, it is as good as before");
    fake.now_does(Does::Works);
    stage.pass(HOUR).await;
    assert_eq!(fake.renewals(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_session_with_an_end_is_renewed_before_it() {
    let mut stage = Stage::set([("prod", session("process:prod", false), HOUR)]);
    stage.change("prod", |fake| fake.session_life = Some(12 * HOUR));
    for _ in 0..30 {
        stage.key_id("prod").await;
        stage.pass(HOUR).await;
    }
    // at 0, before 12 and before 24 h
    assert_eq!(stage.fake("prod").renewals(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_is_its_session_needs_a_new_one_each_time() {
    let mut stage = Stage::set([("prod", session("process:prod", true), HOUR)]);
    stage.change("prod", |fake| fake.session_life = Some(HOUR));
    stage.key_id("prod").await;
    stage.pass(36 * MINUTE).await;
    assert_eq!((stage.fake("prod").renewals(), stage.fake("prod").issues()), (2, 2));
    assert_eq!(*stage.fake("prod").bases.lock().unwrap(), ["AKIA-prod-1", "AKIA-prod-2"]);
}

#[tokio::test(start_paused = true)]
async fn asks_that_share_a_fresh_session_and_come_together_make_one() {
    let parts = ["a", "b", "c"].map(|name| (name, session("process:shared", true), HOUR));
    let mut stage = Stage::set(parts);
    ["a", "b", "c"].into_iter().for_each(|name| stage.change(name, |fake| fake.session_life = Some(HOUR)));
    for name in ["a", "b", "c"] {
        stage.key_id(name).await;
    }
    let renewals: usize = ["a", "b", "c"].iter().map(|name| stage.fake(name).renewals()).sum();
    assert_eq!(renewals, 1);
}

#[tokio::test(start_paused = true)]
async fn a_chain_that_leads_back_to_itself_fails_and_says_so() {
    let stage = Stage::set([role("a", "b", HOUR), role("b", "a", HOUR), role("self", "self", HOUR)]);
    for name in ["a", "self"] {
        let failure = stage.get(name).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::Refused, "SourceProfileLoop"));
        assert!(failure.public.contains(name) && failure.public.contains("credenza list"), "{}", failure.public);
    }
}

#[tokio::test(start_paused = true)]
async fn an_ask_whose_base_is_unknown_names_it() {
    let stage = Stage::set([role("prod", "gone", HOUR)]);
    let failure = stage.get("prod").await.unwrap_err();
    assert_eq!(failure.code, "UnknownIdentity");
    assert_eq!(failure.public, "prod needs gone: gone is unknown");
}
