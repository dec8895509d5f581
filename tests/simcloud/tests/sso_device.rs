//! Registration, device logins, refreshes, portal credentials: the plain path, and each refusal of OIDC on it.

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use simcloud::{Keys, sso::Visitor};
use support::{World, sso::*};

fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world
}

fn seconds(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[tokio::test]
async fn a_device_login_gives_keys_that_sts_takes() {
    let world = world();
    let (client, tokens) = log_in(&world.cloud).await;
    assert_eq!((&tokens["tokenType"], &tokens["expiresIn"]), (&json!("Bearer"), &json!(3600)));
    let refreshed = json_of(&refresh(&world.cloud, &client, &tokens["refreshToken"]).await);
    assert_eq!(refreshed["refreshToken"], tokens["refreshToken"]);
    for token in [&tokens["accessToken"], &refreshed["accessToken"]] {
        let given = &json_of(&credentials(&world.cloud, text(token)).await)["roleCredentials"];
        let keys = Keys {
            access_key_id: text(&given["accessKeyId"]).to_owned(),
            secret_access_key: text(&given["secretAccessKey"]).to_owned(),
            session_token: Some(text(&given["sessionToken"]).to_owned()),
        };
        assert_eq!(given["expiration"], json!((support::START + 3600) * 1000));
        let arn = "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_ReadOnly_0123456789abcdef/ada@example.com";
        assert_eq!(world.cloud.judge(&keys).unwrap().principal.arn, arn);
        let identity = support::client::call(&world.cloud, &keys, "GetCallerIdentity", &[]).await;
        assert_eq!(identity.element("Arn"), Some(arn));
    }
    assert_eq!((world.cloud.count_grants(DEVICE), world.cloud.count_grants("refresh_token")), (1, 1));
    let calls = world.cloud.calls();
    let by = |action| calls.iter().find(|call| call.action == action).unwrap();
    assert_eq!(by("CreateToken").principal.as_deref(), Some(ADA));
    assert_eq!(by("GetRoleCredentials").role.as_deref(), Some("111122223333/ReadOnly"));
    let logged = format!("{calls:?}");
    for secret in [&client["clientSecret"], &tokens["accessToken"], &tokens["refreshToken"]] {
        assert!(!logged.contains(text(secret)));
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_registration_is_said() {
    let world = world();
    let code =
        |uris: Value| json!({ "grantTypes": ["authorization_code"], "issuerUrl": START_URL, "redirectUris": uris });
    for (more, status, kind) in [
        (json!({ "clientType": "confidential" }), 400, "InvalidClientMetadataException"),
        (json!({ "clientName": null }), 400, "InvalidRequestException"),
        (json!({ "scopes": ["everything"] }), 400, "InvalidScopeException"),
        (json!({ "grantTypes": ["password"] }), 400, "UnsupportedGrantTypeException"),
        (json!({ "grantTypes": [DEVICE, "authorization_code"] }), 500, "InternalServerException"),
        (code(json!([])), 400, "InvalidRedirectUriException"),
        (code(json!(["http://[::1]/oauth/callback"])), 400, "InvalidRedirectUriException"),
        (code(json!(["http://example.com/oauth/callback"])), 400, "InvalidRedirectUriException"),
    ] {
        let mut body = json!({ "clientName": "test", "clientType": "public", "scopes": [SCOPE] });
        merge(&mut body, more.clone());
        let answer = oidc(&world.cloud, "/client/register", &body).await;
        assert_eq!(error_of(&answer), (status, kind.to_owned()), "{more}");
        assert!(json_of(&answer)["error"].is_string() && json_of(&answer)["error_description"].is_string());
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_request_for_a_token_is_said() {
    let world = world();
    let (client, tokens) = log_in(&world.cloud).await;
    let code = json!({ "grantType": "authorization_code", "code": "x", "codeVerifier": "x", "redirectUri": REDIRECT });
    let dead = json!({ "grantType": "refresh_token", "refreshToken": "unknown" });
    for (more, status, kind) in [
        (json!({}), 400, "InvalidRequestException"),
        (json!({ "grantType": DEVICE }), 400, "InvalidRequestException"),
        (json!({ "grantType": "password" }), 400, "UnsupportedGrantTypeException"),
        (code, 400, "UnauthorizedClientException"),
        (dead, 400, "InvalidGrantException"),
        (json!({ "grantType": DEVICE, "clientSecret": "wrong" }), 401, "InvalidClientException"),
    ] {
        let answer = create(&world.cloud, &client, more.clone()).await;
        assert_eq!(error_of(&answer), (status, kind.to_owned()), "{more}");
    }
    let mut body = client.clone();
    merge(&mut body, json!({ "grantType": "refresh_token", "refreshToken": tokens["refreshToken"] }));
    let elsewhere = oidc_in(&world.cloud, "us-east-1", "/token", &body).await;
    assert_eq!(error_of(&elsewhere), (400, "InvalidGrantException".to_owned()), "wrong region");
    let body = json_of(&elsewhere);
    assert_eq!(
        (&body["error"], &body["error_description"]),
        (&json!("invalid_grant"), &json!("Invalid refresh token provided"))
    );

    world.cloud.expire_registrations();
    let answer = refresh(&world.cloud, &client, &tokens["refreshToken"]).await;
    assert_eq!(error_of(&answer), (401, "InvalidClientException".to_owned()));
    assert_eq!(credentials(&world.cloud, text(&tokens["accessToken"])).await.status(), 200);
}

#[tokio::test]
async fn a_client_that_polls_too_fast_is_slowed_down_for_good() {
    let world = world();
    world.cloud.change_instance(START_URL, |instance| instance.interval_secs = 2);
    let client = register(&world.cloud, json!({})).await;
    let login = start(&world.cloud, &client).await;
    assert_eq!((&login["expiresIn"], &login["interval"]), (&json!(600), &json!(2)));
    for (passes, kind) in [
        (0, "AuthorizationPendingException"),
        (2, "AuthorizationPendingException"),
        (1, "SlowDownException"), // 2, now 7
        (6, "SlowDownException"), // 7, now 12
        (12, "AuthorizationPendingException"),
        (11, "SlowDownException"),
    ] {
        world.pass(seconds(passes));
        assert_eq!(error_of(&poll(&world.cloud, &client, &login).await), (400, kind.to_owned()), "after {passes} s");
    }
}

#[tokio::test]
async fn a_person_approves_late_or_denies_or_never_answers() {
    let world = world();
    let client = register(&world.cloud, json!({})).await;
    let visit = |visitor: Visitor| world.cloud.change_instance(START_URL, |instance| instance.visitor = Some(visitor));

    visit(Visitor::approves(ADA).after(seconds(30)).elsewhere());
    let login = start(&world.cloud, &client).await;
    world.pass(seconds(29));
    assert_eq!(error_of(&poll(&world.cloud, &client, &login).await).1, "AuthorizationPendingException");
    world.pass(seconds(1));
    assert_eq!(poll(&world.cloud, &client, &login).await.status(), 200);
    assert_eq!(error_of(&poll(&world.cloud, &client, &login).await).1, "InvalidGrantException", "a second time");

    visit(Visitor::denies(ADA));
    let login = start(&world.cloud, &client).await;
    assert_eq!(error_of(&poll(&world.cloud, &client, &login).await).1, "AuthorizationPendingException");
    let page = support::sso::request(
        "GET",
        "device.sso.eu-central-1.amazonaws.com",
        text(&login["verificationUriComplete"]).strip_prefix("https://device.sso.eu-central-1.amazonaws.com").unwrap(),
        String::new(),
    );
    assert!(page.send(&world.cloud).await.body().contains("denied"));
    assert_eq!(error_of(&poll(&world.cloud, &client, &login).await), (400, "AccessDeniedException".to_owned()));

    visit(Visitor::waits(ADA));
    let login = start(&world.cloud, &client).await;
    world.pass(seconds(600));
    assert_eq!(error_of(&poll(&world.cloud, &client, &login).await), (400, "ExpiredTokenException".to_owned()));
}

#[tokio::test]
async fn a_registration_without_scopes_is_of_the_old_kind() {
    let world = world();
    let client = register(&world.cloud, json!({ "scopes": [] })).await;
    let login = start(&world.cloud, &client).await;
    assert!(world.cloud.approve_login(world.cloud.login_of(text(&login["userCode"])).unwrap(), ADA));
    let tokens = json_of(&poll(&world.cloud, &client, &login).await);
    assert_eq!((&tokens["expiresIn"], tokens.get("refreshToken")), (&json!(8 * 3600), None));
    assert_eq!(credentials(&world.cloud, text(&tokens["accessToken"])).await.status(), 200);
}

#[tokio::test]
async fn refresh_tokens_rotate_or_are_left_out() {
    let world = world();
    let (client, tokens) = log_in(&world.cloud).await;
    world.cloud.change_instance(START_URL, |instance| instance.omit_refresh_token = true);
    let answer = json_of(&refresh(&world.cloud, &client, &tokens["refreshToken"]).await);
    assert_eq!(answer.get("refreshToken"), None);
    world.cloud.change_instance(START_URL, |instance| instance.rotate_refresh_tokens = true);
    let answer = json_of(&refresh(&world.cloud, &client, &tokens["refreshToken"]).await);
    assert_ne!(answer["refreshToken"], tokens["refreshToken"]);
    let spent = refresh(&world.cloud, &client, &tokens["refreshToken"]).await;
    assert_eq!(error_of(&spent).1, "InvalidGrantException");
    assert_eq!(refresh(&world.cloud, &client, &answer["refreshToken"]).await.status(), 200);
}
