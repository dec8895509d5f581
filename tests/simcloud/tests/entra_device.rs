//! Entra ID: device codes.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use serde_json::Value;
use simcloud::{Cloud, entra::Kind, sso::Visitor};
use support::{World, client::Answer, client::Request, entra::*};

fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world
}

async fn start(cloud: &Cloud) -> Value {
    let pairs = [("client_id", CLIENT), ("scope", "https://graph.microsoft.com/User.Read offline_access")];
    success(&post(cloud, &format!("/{TENANT}/oauth2/v2.0/devicecode"), &pairs).await)
}

async fn poll(cloud: &Cloud, login: &Value) -> Answer {
    token(cloud, &[("grant_type", DEVICE), ("client_id", CLIENT), ("device_code", text(&login["device_code"]))]).await
}

fn pending() -> (u16, String, u64) {
    refused(400, "authorization_pending", 70016)
}

#[tokio::test]
async fn a_person_types_the_code_and_the_device_gets_tokens() {
    let world = world();
    let login = start(&world.cloud).await;
    assert_eq!((&login["expires_in"], &login["interval"]), (&900.into(), &5.into()));
    assert_eq!(login["verification_uri"], "http://127.0.0.1:9999/devicelogin");
    assert!(login["verification_uri_complete"].is_null());
    let user_code = text(&login["user_code"]);
    assert!(text(&login["message"]).contains(user_code) && user_code.len() == 9);
    assert_eq!(error_of(&poll(&world.cloud, &login).await), pending());
    assert!(browse(&world.cloud, "/devicelogin").await.body().contains("user_code"));
    let typed = post(&world.cloud, "/devicelogin", &[("user_code", &user_code.to_lowercase())]).await;
    assert!(typed.status() == 200 && typed.body().contains("signed in"), "{typed:?}");
    let tokens = success(&poll(&world.cloud, &login).await);
    assert_eq!(part(text(&tokens["access_token"]), 1)["scp"], "User.Read", "what was asked for and no more");
    assert!(tokens["refresh_token"].is_string());
    assert_eq!(error_of(&poll(&world.cloud, &login).await), refused(400, "bad_verification_code", 70018), "once");
    assert_eq!(world.cloud.presented()[0].kind, Kind::DeviceCode);
}

#[tokio::test]
async fn whoever_polls_too_often_must_slow_down() {
    let world = world();
    let login = start(&world.cloud).await;
    assert_eq!(error_of(&poll(&world.cloud, &login).await), pending());
    world.pass(Duration::from_secs(4));
    assert_eq!(error_of(&poll(&world.cloud, &login).await), refused(400, "slow_down", 0));
    world.pass(Duration::from_secs(5));
    assert_eq!(error_of(&poll(&world.cloud, &login).await).1, "slow_down", "ten seconds by now");
    world.pass(Duration::from_secs(15));
    assert_eq!(error_of(&poll(&world.cloud, &login).await), pending());
}

#[tokio::test]
async fn a_login_is_declined_or_runs_out() {
    let world = world();
    let (first, second) = (start(&world.cloud).await, start(&world.cloud).await);
    let number = world.cloud.entra_login_of(text(&first["user_code"])).unwrap();
    assert!(world.cloud.deny_entra_login(number) && !world.cloud.deny_entra_login(number));
    assert_eq!(error_of(&poll(&world.cloud, &first).await), refused(400, "authorization_declined", 0));
    world.pass(Duration::from_secs(899));
    assert_eq!(error_of(&poll(&world.cloud, &second).await), pending());
    world.pass(Duration::from_secs(1));
    assert_eq!(error_of(&poll(&world.cloud, &second).await), refused(400, "expired_token", 70019));
    let late = post(&world.cloud, "/devicelogin", &[("user_code", text(&second["user_code"]))]).await;
    assert!(late.status() == 400 && late.body().contains("didn't work"), "{late:?}");
}

#[tokio::test]
async fn a_device_code_is_its_clients_alone() {
    let world = world();
    let login = start(&world.cloud).await;
    let code = text(&login["device_code"]);
    let unknown = refused(400, "bad_verification_code", 70018);
    for pairs in [
        [("grant_type", DEVICE), ("client_id", CLIENT), ("device_code", "made-up")],
        [("grant_type", DEVICE), ("client_id", CLIENT), ("device_code", text(&login["user_code"]))],
    ] {
        assert_eq!(error_of(&token(&world.cloud, &pairs).await), unknown);
    }
    let elsewhere = [("grant_type", DEVICE), ("client_id", simcloud::entra::AZURE_CLI), ("device_code", code)];
    assert_eq!(error_of(&token(&world.cloud, &elsewhere).await), unknown);
    let missing = token(&world.cloud, &[("grant_type", DEVICE), ("client_id", CLIENT)]).await;
    assert_eq!(error_of(&missing), refused(400, "invalid_request", 900_144));
    let confidential = [("grant_type", DEVICE), ("client_id", DAEMON), ("device_code", code)];
    assert_eq!(error_of(&token(&world.cloud, &confidential).await), refused(401, "invalid_client", 7_000_218));
}

#[tokio::test]
async fn a_policy_that_blocks_is_met_when_the_device_asks() {
    let world = world();
    let login = start(&world.cloud).await;
    world.cloud.challenge_entra_person(ADA, 53003, Some("https://graph.microsoft.com"));
    post(&world.cloud, "/devicelogin", &[("user_code", text(&login["user_code"]))]).await;
    let answer = poll(&world.cloud, &login).await;
    assert_eq!(error_of(&answer), refused(400, "interaction_required", 53003));
    assert_eq!(json_of(&answer)["suberror"], "message_only");
}

#[tokio::test]
async fn a_visitor_may_type_it_elsewhere_later_or_on_the_page() {
    let world = world();
    world.cloud.set_entra_visitor(Some(Visitor::approves(ADA).elsewhere().after(Duration::from_secs(30))));
    let login = start(&world.cloud).await;
    assert_eq!(error_of(&poll(&world.cloud, &login).await), pending());
    world.pass(Duration::from_secs(30));
    success(&poll(&world.cloud, &login).await);
    world.cloud.set_entra_visitor(None);
    let login = start(&world.cloud).await;
    let asked = post(&world.cloud, "/devicelogin", &[("user_code", text(&login["user_code"]))]).await;
    assert!(asked.body().contains("decision"), "{asked:?}");
    let pressed = [("user_code", text(&login["user_code"])), ("person", ADA), ("decision", "approve")];
    assert!(post(&world.cloud, "/devicelogin", &pressed).await.body().contains("signed in"));
    success(&poll(&world.cloud, &login).await);
}

#[tokio::test]
async fn microsofts_own_hosts_name_microsofts_own_pages() {
    let world = world();
    for (host, page) in [
        ("login.microsoftonline.com", "https://microsoft.com/devicelogin"),
        ("login.microsoftonline.com:443", "https://microsoft.com/devicelogin"),
    ] {
        let mut request = Request::new("", &[]).with("host", host);
        let pairs = [("client_id", CLIENT), ("scope", "User.Read")];
        (request.path, request.body) = (format!("/{TENANT}/oauth2/v2.0/devicecode"), form(&pairs));
        assert_eq!(success(&request.send(&world.cloud).await)["verification_uri"], page);
    }
}

#[tokio::test]
async fn what_a_login_needs_must_be_there() {
    let world = world();
    let path = format!("/{TENANT}/oauth2/v2.0/devicecode");
    for (pairs, expected) in [
        (vec![("scope", "User.Read")], refused(400, "invalid_request", 900_144)),
        (vec![("client_id", CLIENT)], refused(400, "invalid_request", 900_144)),
        (vec![("client_id", CLIENT), ("scope", "Mail.Read")], refused(400, "invalid_grant", 65001)),
        (vec![("client_id", "0"), ("scope", "User.Read")], refused(400, "unauthorized_client", 700_016)),
        (
            vec![("client_id", CLIENT), ("scope", "User.Read https://management.azure.com/.default")],
            refused(400, "invalid_scope", 28000),
        ),
    ] {
        assert_eq!(error_of(&post(&world.cloud, &path, &pairs).await), expected, "{pairs:?}");
    }
    assert_eq!(error_of(&browse(&world.cloud, &path).await), refused(405, "invalid_request", 900_561));
    assert_eq!(world.cloud.count("EntraDeviceCode"), 6);
}
