//! Entra ID: refresh tokens, and what ends them.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use simcloud::{
    Cloud, Fault,
    entra::{App, Kind},
};
use support::{START, World, at, entra::*};
use tokio::time::{Instant, sleep};

const DAY: Duration = Duration::from_secs(24 * 3600);
const MANAGEMENT: &str = "https://management.azure.com/.default";

fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world
}

async fn held(world: &World) -> String {
    text(&sign_in(&world.cloud).await["refresh_token"]).to_owned()
}

#[tokio::test]
async fn one_refresh_token_is_good_for_every_api_that_was_consented_to() {
    let world = world();
    let first = held(&world).await;
    for (scope, audience) in [
        (GRAPH, "https://graph.microsoft.com"),
        (MANAGEMENT, "https://management.azure.com"),
        ("https://management.azure.com//.default", "https://management.azure.com/"),
        ("https://management.core.windows.net//.default openid", "https://management.core.windows.net/"),
        ("api://cccccccc-0000-1111-2222-ffffffffffff/read", OWN_API),
    ] {
        let tokens = success(&refresh(&world.cloud, &first, &[("scope", scope)]).await);
        assert_eq!(part(text(&tokens["access_token"]), 1)["aud"], audience, "{scope}");
        assert_ne!(text(&tokens["refresh_token"]), first);
        assert_eq!(tokens["id_token"].is_string(), scope.contains("openid"));
    }
    let several = "https://management.azure.com/.default https://graph.microsoft.com/.default";
    let tokens = success(&refresh(&world.cloud, &first, &[("scope", several)]).await);
    assert_eq!(part(text(&tokens["access_token"]), 1)["aud"], "https://management.azure.com", "the first wins");
    let without = success(&refresh(&world.cloud, &first, &[("scope", "")]).await);
    assert_eq!(part(text(&without["access_token"]), 1)["aud"], "https://graph.microsoft.com", "as at the sign-in");
    assert_eq!(world.cloud.count_entra_grants("refresh_token"), 7);
}

#[tokio::test]
async fn scopes_and_apis_that_cannot_be_had_are_refused() {
    let world = world();
    let held = held(&world).await;
    for (scope, expected, suberror) in [
        ("https://graph.microsoft.com/Mail.Read", refused(400, "invalid_grant", 65001), "consent_required"),
        ("https://vault.azure.net/.default", refused(400, "invalid_grant", 65001), "consent_required"),
        ("https://unknown.example/.default", refused(400, "invalid_resource", 500_011), ""),
        ("api://cccccccc-0000-1111-2222-ffffffffffff//.default", refused(400, "invalid_resource", 500_011), ""),
        (
            "https://graph.microsoft.com/.default https://graph.microsoft.com/User.Read",
            refused(400, "invalid_scope", 70011),
            "",
        ),
        ("/.default", refused(400, "invalid_scope", 70011), ""),
    ] {
        let answer = refresh(&world.cloud, &held, &[("scope", scope)]).await;
        assert_eq!(error_of(&answer), expected, "{scope}");
        assert_eq!(json_of(&answer)["suberror"].as_str().unwrap_or_default(), suberror);
    }
}

#[tokio::test]
async fn a_refusal_has_the_envelope_of_the_real_one() {
    let world = world();
    let answer = refresh(&world.cloud, &held(&world).await, &[("scope", "https://unknown.example/.default")]).await;
    let body = json_of(&answer);
    let (trace, correlation) = (text(&body["trace_id"]), text(&body["correlation_id"]));
    assert_eq!((trace.len(), correlation.len()), (36, 36));
    assert_eq!(body["timestamp"], "2026-01-31 12:00:00Z");
    let description = text(&body["error_description"]);
    assert!(description.starts_with("AADSTS500011: The resource principal named https://unknown.example was not found in the tenant named example.onmicrosoft.com."), "{description}");
    let end = format!(" Trace ID: {trace} Correlation ID: {correlation} Timestamp: 2026-01-31 12:00:00Z");
    assert!(description.ends_with(&end), "{description}");
    assert_eq!(body["error_uri"], "https://login.microsoftonline.com/error?code=500011");
    assert!(answer.header("content-type").unwrap().starts_with("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store, no-cache"));
}

#[tokio::test]
async fn an_old_token_stays_good_unless_told_otherwise() {
    let world = world();
    let first = held(&world).await;
    let second = success(&refresh(&world.cloud, &first, &[]).await);
    success(&refresh(&world.cloud, &first, &[]).await);
    world.cloud.set_entra_spends_refresh_tokens(true);
    success(&refresh(&world.cloud, &first, &[]).await);
    assert_eq!(error_of(&refresh(&world.cloud, &first, &[]).await), refused(400, "invalid_grant", 70000));
    success(&refresh(&world.cloud, text(&second["refresh_token"]), &[]).await);
}

#[tokio::test]
async fn a_refresh_token_is_its_clients_alone() {
    let world = world();
    let held = held(&world).await;
    let other = App::public("99999999-0000-1111-2222-bbbbbbbbbbbb", TENANT, &[]);
    world.cloud.add_app(other.with_scopes(simcloud::entra::GRAPH, &["User.Read"]));
    let elsewhere = refresh(&world.cloud, &held, &[("client_id", "99999999-0000-1111-2222-bbbbbbbbbbbb")]).await;
    assert_eq!(error_of(&elsewhere), refused(400, "invalid_grant", 700_007));
    for (change, expected) in [
        (("refresh_token", "made-up"), refused(400, "invalid_grant", 9_002_313)),
        (("refresh_token", ""), refused(400, "invalid_request", 900_144)),
        (("client_id", ""), refused(400, "invalid_request", 900_144)),
        (("grant_type", ""), refused(400, "invalid_request", 900_144)),
        (("grant_type", "password"), refused(400, "unsupported_grant_type", 70003)),
        (("client_id", "0"), refused(400, "unauthorized_client", 700_016)),
        (("client_secret", "x"), refused(401, "invalid_client", 700_025)),
    ] {
        assert_eq!(error_of(&refresh(&world.cloud, &held, &[change]).await), expected, "{change:?}");
    }
}

#[tokio::test]
async fn what_ends_a_sign_in_says_so() {
    let world = world();
    let held = held(&world).await;
    assert!(world.cloud.revoke_entra_sign_ins(ADA));
    let answer = refresh(&world.cloud, &held, &[]).await;
    assert_eq!(error_of(&answer), refused(400, "invalid_grant", 50173));
    assert!(answer.body().contains("issued on '2026-01-31T12:00:00.0000000Z'"), "{answer:?}");
    assert_eq!(json_of(&answer)["suberror"], "bad_token");
    let held = text(&sign_in(&world.cloud).await["refresh_token"]).to_owned();
    success(&refresh(&world.cloud, &held, &[]).await);
    world.cloud.change_entra_person(ADA, |ada| ada.enabled = false);
    assert_eq!(error_of(&refresh(&world.cloud, &held, &[]).await), refused(400, "invalid_grant", 50057));
    world.cloud.change_entra_person(ADA, |ada| ada.enabled = true);
    for code in [70043, 700_082, 700_084] {
        assert!(world.cloud.refuse_entra_refresh_token(&held, code));
        assert_eq!(error_of(&refresh(&world.cloud, &held, &[]).await), refused(400, "invalid_grant", u64::from(code)));
    }
    assert!(!world.cloud.refuse_entra_refresh_token("made-up", 70043));
    assert!(world.cloud.remove_app(CLIENT));
    assert_eq!(error_of(&refresh(&world.cloud, &held, &[]).await), refused(400, "unauthorized_client", 700_016));
}

#[tokio::test]
async fn a_policy_wants_a_new_sign_in_or_lets_nobody_through() {
    let world = world();
    let first = held(&world).await;
    for (code, error, has_claims) in [
        (50074, "interaction_required", false),
        (50076, "interaction_required", true),
        (50078, "interaction_required", true),
        (50079, "interaction_required", true),
        (50158, "interaction_required", false),
        (70043, "invalid_grant", false),
    ] {
        world.cloud.challenge_entra_person(ADA, code, Some(simcloud::entra::GRAPH));
        let answer = refresh(&world.cloud, &first, &[]).await;
        assert_eq!(error_of(&answer), refused(400, error, u64::from(code)));
        let claims = json_of(&answer)["claims"].clone();
        assert_eq!(claims.is_string(), has_claims, "{code}");
        assert!(!has_claims || text(&claims).contains("capolids"));
        success(&refresh(&world.cloud, &first, &[("scope", MANAGEMENT)]).await);
        let again = text(&sign_in(&world.cloud).await["refresh_token"]).to_owned();
        success(&refresh(&world.cloud, &again, &[]).await);
        assert_eq!(
            error_of(&refresh(&world.cloud, &first, &[]).await).2,
            u64::from(code),
            "the older sign-in has not met it"
        );
        world.cloud.settle_entra_person(ADA);
    }
    for (code, error) in [
        (53000, "interaction_required"),
        (53001, "interaction_required"),
        (53003, "interaction_required"),
        (50105, "invalid_grant"),
        (50131, "invalid_grant"),
    ] {
        world.cloud.challenge_entra_person(ADA, code, None);
        assert_eq!(error_of(&refresh(&world.cloud, &first, &[]).await), refused(400, error, u64::from(code)));
        assert_eq!(
            browse(&world.cloud, &authorize(&[("state", &code.to_string())])).await.status(),
            400,
            "nor by a page"
        );
        world.cloud.settle_entra_person(ADA);
    }
    success(&refresh(&world.cloud, &first, &[]).await);
}

#[tokio::test(start_paused = true)]
async fn ninety_days_without_use_end_a_refresh_token() {
    let start = Instant::now();
    let cloud = Cloud::new(Arc::new(move || at(START) + start.elapsed()));
    populate(&cloud);
    let first = text(&sign_in(&cloud).await["refresh_token"]).to_owned();
    let mut newest = first.clone();
    for _ in 0..3 {
        sleep(89 * DAY).await;
        newest = text(&success(&refresh(&cloud, &newest, &[]).await)["refresh_token"]).to_owned();
    }
    let answer = refresh(&cloud, &first, &[]).await;
    assert_eq!(error_of(&answer), refused(400, "invalid_grant", 700_082));
    assert!(answer.body().contains("was inactive for 90.00:00:00."), "{answer:?}");
    sleep(90 * DAY).await;
    assert_eq!(error_of(&refresh(&cloud, &newest, &[]).await).2, 700_082);
}

#[tokio::test(start_paused = true)]
async fn three_days_of_tokens_pass_in_a_moment() {
    let start = Instant::now();
    let cloud = Cloud::new(Arc::new(move || at(START) + start.elapsed()));
    populate(&cloud);
    let tokens = sign_in(&cloud).await;
    let (mut held, mut shown) = (text(&tokens["refresh_token"]).to_owned(), text(&tokens["access_token"]).to_owned());
    let is_graph = |audience: &str| audience == "https://graph.microsoft.com";
    for _ in 0..3 * 24 * 12 {
        let claims = cloud.judge_bearer(&shown, &is_graph).expect("what is held is good");
        let left = claims["exp"].as_u64().unwrap().saturating_sub(START + start.elapsed().as_secs());
        if left <= 600 {
            let tokens = success(&refresh(&cloud, &held, &[]).await);
            let life = tokens["expires_in"].as_u64().unwrap();
            assert!((3600..5400).contains(&life), "{life}");
            held = text(&tokens["refresh_token"]).to_owned();
            shown = text(&tokens["access_token"]).to_owned();
        }
        sleep(Duration::from_secs(300)).await;
    }
    let used: Vec<_> = cloud.presented().into_iter().filter(|it| it.kind == Kind::RefreshToken).collect();
    assert!((54..=87).contains(&used.len()), "every 50 to 80 minutes: {}", used.len());
    assert_eq!(used.iter().map(|it| &it.digest).collect::<BTreeSet<_>>().len(), used.len(), "each once");
    assert!(!format!("{used:?} {:?}", cloud.calls()).contains(&held));
}

#[tokio::test]
async fn faults_meet_it_like_every_service() {
    let world = world();
    let held = held(&world).await;
    let page = |status: u16| simcloud::Trouble::Page {
        status,
        headers: vec![("retry-after".to_owned(), "7".to_owned())],
        body: String::new(),
    };
    world.cloud.add_fault(Fault::new(page(429)).on_action("EntraToken").times(1));
    let answer = refresh(&world.cloud, &held, &[]).await;
    assert_eq!((answer.status(), answer.header("retry-after")), (429, Some("7")));
    for (code, expected) in [
        ("temporarily_unavailable", refused(503, "temporarily_unavailable", 0)),
        ("90033", refused(503, "temporarily_unavailable", 90033)),
        ("AADSTS50196", refused(400, "invalid_grant", 50196)),
        ("ServiceUnavailable", refused(503, "temporarily_unavailable", 0)),
        ("server_error", refused(500, "server_error", 0)),
    ] {
        world.cloud.add_fault(Fault::error(code).on_action("EntraToken").times(1));
        assert_eq!(error_of(&refresh(&world.cloud, &held, &[]).await), expected, "{code}");
    }
    world.cloud.add_fault(Fault::error("90033").on_role("https://graph.microsoft.com").on_principal(ADA));
    assert_eq!(refresh(&world.cloud, &held, &[]).await.status(), 503);
    success(&refresh(&world.cloud, &held, &[("scope", MANAGEMENT)]).await);
    world.cloud.clear_faults();
    world.cloud.add_fault(Fault::life(Duration::from_secs(120)).times(1));
    assert_eq!(success(&refresh(&world.cloud, &held, &[]).await)["expires_in"], 120);
    world.cloud.add_fault(Fault::new(simcloud::Trouble::BlankCredentials).times(1));
    assert_eq!(success(&refresh(&world.cloud, &held, &[]).await)["access_token"], "");
    let calls = world.cloud.calls();
    let last = calls.last().unwrap();
    assert_eq!((last.principal.as_deref(), last.role.as_deref()), (Some(ADA), Some("https://graph.microsoft.com")));
    assert!(last.parameters.contains(&("scope".to_owned(), GRAPH.to_owned())), "{last:?}");
    assert!(!format!("{calls:?}").contains(&held));
}

#[tokio::test]
async fn who_can_answer_challenges_gets_long_tokens_and_is_seen() {
    let world = world();
    let held = held(&world).await;
    success(
        &refresh(&world.cloud, &held, &[("claims", r#"{"access_token":{"nbf":{"essential":true,"value":"1"}}}"#)])
            .await,
    );
    assert_eq!(world.cloud.count_cp1(), 0);
    let claims = r#"{"access_token":{"xms_cc":{"values":["CP1"]}}}"#;
    let tokens = success(&refresh(&world.cloud, &held, &[("claims", claims)]).await);
    let life = tokens["expires_in"].as_u64().unwrap();
    assert!((20 * 3600..28 * 3600).contains(&life), "{life}");
    assert_eq!(tokens["refresh_in"].as_u64(), Some(life / 2));
    assert_eq!(part(text(&tokens["access_token"]), 1)["xms_cc"], serde_json::json!(["CP1"]));
    assert_eq!(world.cloud.count_cp1(), 1);
    assert_eq!(
        error_of(&refresh(&world.cloud, &held, &[("claims", "{")]).await),
        refused(400, "invalid_request", 90023)
    );
    world.cloud.set_entra_token_life(Some(Duration::from_secs(200)));
    assert_eq!(success(&refresh(&world.cloud, &held, &[]).await)["expires_in"], 200);
}
