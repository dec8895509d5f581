//! The portal: refusals, pages, patience, faults; and everything that ends a person's access, early or late.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use simcloud::{Cloud, Fault, Keys, Trouble, sso::Rate};
use support::{START, World, at, sso::*};
use tokio::time::{Instant, sleep};

async fn world() -> (World, Value, Value) {
    let world = World::new();
    populate(&world.cloud);
    let (client, tokens) = log_in(&world.cloud).await;
    (world, client, tokens)
}

/// What the portal says to the access token, and OIDC to the refresh token.
async fn both(cloud: &Cloud, client: &Value, tokens: &Value) -> (u16, u16) {
    let portal = credentials(cloud, text(&tokens["accessToken"])).await.status();
    let refresh = refresh(cloud, client, &tokens["refreshToken"]).await;
    assert!(refresh.status() == 200 || error_of(&refresh).1 == "InvalidGrantException", "{refresh:?}");
    (portal, refresh.status())
}

#[tokio::test]
async fn refusals_have_the_portals_envelope() {
    let (world, _, tokens) = world().await;
    let good = text(&tokens["accessToken"]);
    let path = |account: &str, role: &str| format!("/federation/credentials?account_id={account}&role_name={role}");
    for (path, token, status, kind, words) in [
        (path(PRODUCTION, "ReadOnly"), "unknown", 401, "UnauthorizedException", "Session token not found or invalid"),
        (path(PRODUCTION, "Admin"), good, 403, "ForbiddenException", "No access"),
        (path("444455556666", "ReadOnly"), good, 403, "ForbiddenException", "No access"),
        (path("999999999999", "ReadOnly"), good, 404, "ResourceNotFoundException", "Resource not found"),
        (path("12", "ReadOnly"), good, 400, "InvalidRequestException", "Invalid request"),
        (path("", "ReadOnly"), good, 400, "InvalidRequestException", "Missing parameter: account_id"),
    ] {
        let answer = portal(&world.cloud, "GET", &path, token).await;
        assert_eq!(error_of(&answer), (status, kind.to_owned()), "{path}");
        let body = json!({ "message": words, "__type": format!("com.amazonaws.switchboard.portal#{kind}") });
        assert_eq!(json_of(&answer), body);
    }
}

#[tokio::test]
async fn lists_come_in_pages() {
    let (world, _, tokens) = world().await;
    let token = text(&tokens["accessToken"]);
    for number in 0..45 {
        world.cloud.assign(ADA, PRODUCTION, &format!("Role{number:02}"), Duration::from_secs(3600));
    }
    let (mut roles, mut next, mut sizes) = (Vec::new(), String::new(), Vec::new());
    loop {
        let path = format!("/assignment/roles?account_id={PRODUCTION}&max_result=20{next}");
        let page = json_of(&portal(&world.cloud, "GET", &path, token).await);
        let list = page["roleList"].as_array().unwrap();
        sizes.push(list.len());
        roles.extend(list.iter().map(|role| text(&role["roleName"]).to_owned()));
        let Some(token) = page["nextToken"].as_str() else { break };
        next = format!("&next_token={token}");
    }
    assert_eq!((sizes, roles.len()), (vec![20, 20, 6], 46));
    for bad in ["max_result=0", "max_result=101", "max_result=x", "next_token=x"] {
        let answer = portal(&world.cloud, "GET", &format!("/assignment/accounts?{bad}"), token).await;
        assert_eq!(error_of(&answer), (400, "InvalidRequestException".to_owned()), "{bad}");
    }
    let accounts = json_of(&portal(&world.cloud, "GET", "/assignment/accounts", token).await);
    let production =
        json!({ "accountId": PRODUCTION, "accountName": "production", "emailAddress": "production@example.com" });
    assert_eq!(accounts["accountList"], json!([production]));
}

#[tokio::test]
async fn each_way_out_closes_the_doors_that_it_closes_in_aws() {
    let (world, client, tokens) = world().await;
    let (cloud, access) = (&world.cloud, text(&tokens["accessToken"]));
    assert_eq!(both(cloud, &client, &tokens).await, (200, 200));

    assert!(cloud.remove_assignment(ADA, PRODUCTION, "ReadOnly"));
    assert_eq!(both(cloud, &client, &tokens).await, (403, 200), "assignment removed");
    assert!(cloud.restore_assignment(ADA, PRODUCTION, "ReadOnly"));
    cloud.disable_person(ADA);
    assert_eq!(both(cloud, &client, &tokens).await, (200, 400), "person disabled");
    assert!(cloud.sign_in(START_URL, ADA).is_none());
    cloud.enable_person(ADA);
    cloud.add_fault(Fault::error("ForbiddenException").on_action("GetRoleCredentials").times(1));
    assert_eq!(json_of(&credentials(cloud, access).await)["message"], "No access", "once");
    assert_eq!(both(cloud, &client, &tokens).await, (200, 200));
    cloud.revoke_token(access);
    assert_eq!(both(cloud, &client, &tokens).await, (401, 200), "access token revoked alone");

    let answer = refresh(cloud, &client, &tokens["refreshToken"]).await;
    let tokens = json_of(&answer);
    assert_eq!(cloud.end_sign_ins(ADA), 1);
    assert_eq!(both(cloud, &client, &tokens).await, (401, 400), "session ended by an administrator");
}

#[tokio::test]
async fn a_logout_ends_the_sign_in_and_leaves_role_credentials() {
    let (world, client, tokens) = world().await;
    let access = text(&tokens["accessToken"]);
    let given = &json_of(&credentials(&world.cloud, access).await)["roleCredentials"];
    let keys = Keys {
        access_key_id: text(&given["accessKeyId"]).to_owned(),
        secret_access_key: text(&given["secretAccessKey"]).to_owned(),
        session_token: Some(text(&given["sessionToken"]).to_owned()),
    };
    let other = json_of(&refresh(&world.cloud, &client, &tokens["refreshToken"]).await);
    assert_eq!(portal(&world.cloud, "POST", "/logout", access).await.status(), 200);
    assert_eq!(both(&world.cloud, &client, &tokens).await, (401, 400));
    assert_eq!(both(&world.cloud, &client, &other).await, (401, 400));
    assert!(world.cloud.judge(&keys).is_ok());
    assert_eq!(portal(&world.cloud, "POST", "/logout", access).await.status(), 401);
}

#[tokio::test]
async fn more_calls_than_the_rate_are_refused_until_time_passes() {
    let (world, _, tokens) = world().await;
    let access = text(&tokens["accessToken"]);
    world.cloud.set_portal_rate(Some(Rate { calls_per_sec: 2.0, empty_body: false }));
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(credentials(&world.cloud, access).await.status());
    }
    assert_eq!(seen, [200, 200, 429]);
    assert_eq!(error_of(&credentials(&world.cloud, access).await).1, "TooManyRequestsException");
    world.pass(Duration::from_secs(1));
    assert_eq!(credentials(&world.cloud, access).await.status(), 200);
    world.cloud.set_portal_rate(Some(Rate { calls_per_sec: 1.0, empty_body: true }));
    credentials(&world.cloud, access).await;
    let refused = credentials(&world.cloud, access).await;
    assert_eq!((refused.status(), refused.body()), (429, ""));
}

#[tokio::test]
async fn faults_meet_these_calls_too() {
    let (world, client, tokens) = world().await;
    let cloud = &world.cloud;
    cloud.add_fault(Fault::error("InternalServerException").on_action("CreateToken").times(1));
    let answer = refresh(cloud, &client, &tokens["refreshToken"]).await;
    assert_eq!(error_of(&answer), (500, "InternalServerException".to_owned()));
    assert_eq!(json_of(&answer)["error"], "server_error");

    for (trouble, worked) in [(Trouble::ResetBefore, 0), (Trouble::ResetAfter, 1), (Trouble::Torn, 1)] {
        let before = cloud.access_tokens().len();
        cloud.add_fault(Fault::new(trouble.clone()).on_action("CreateToken").on_principal(ADA).times(1));
        let answer = refresh(cloud, &client, &tokens["refreshToken"]).await;
        assert!(serde_json::from_str::<Value>(answer.body()).is_err(), "{answer:?}");
        assert_eq!(cloud.access_tokens().len(), before + worked, "{trouble:?}");
    }
    cloud.add_fault(Fault::life(Duration::from_secs(60)).on_role("111122223333/ReadOnly").times(1));
    let given = json_of(&credentials(cloud, text(&tokens["accessToken"])).await);
    assert_eq!(given["roleCredentials"]["expiration"], json!((START + 60) * 1000));
    cloud.add_fault(Fault::life(Duration::from_secs(60)).on_action("CreateToken").times(1));
    assert_eq!(json_of(&refresh(cloud, &client, &tokens["refreshToken"]).await)["expiresIn"], 60);
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_of_eight_hours_is_refreshed_until_it_is_over() {
    let start = Instant::now();
    let cloud = Cloud::new(Arc::new(move || at(START) + start.elapsed()));
    populate(&cloud);
    let (client, mut tokens) = log_in(&cloud).await;
    let refresh_token = tokens["refreshToken"].clone();
    let mut minutes = 0;
    loop {
        if credentials(&cloud, text(&tokens["accessToken"])).await.status() == 401 {
            let answer = refresh(&cloud, &client, &refresh_token).await;
            if answer.status() != 200 {
                assert_eq!(error_of(&answer), (400, "InvalidGrantException".to_owned()));
                break;
            }
            tokens = json_of(&answer);
        }
        sleep(Duration::from_secs(60)).await;
        minutes += 1;
    }
    assert_eq!((minutes, cloud.count_grants("refresh_token")), (8 * 60, 8));
}
