//! Logins by a browser: authorize, PKCE, redirects, pages; and companies' own addresses.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use serde_json::{Value, json};
use simcloud::sso::{Vanity, Visitor};
use support::{World, client::Answer, sso::*};

async fn world() -> (World, Value) {
    let world = World::new();
    populate(&world.cloud);
    let client = register(
        &world.cloud,
        json!({
            "grantTypes": ["authorization_code", "refresh_token"],
            "redirectUris": ["http://127.0.0.1/oauth/callback"],
            "issuerUrl": START_URL,
        }),
    )
    .await;
    (world, client)
}

/// The authorize URL's path, with some of its parameters changed.
fn path(client: &Value, changes: &[(&str, &str)]) -> String {
    let mut parameters = vec![
        ("response_type", "code"),
        ("client_id", text(&client["clientId"])),
        ("redirect_uri", REDIRECT),
        ("state", "1234"),
        ("code_challenge_method", "S256"),
        ("code_challenge", CHALLENGE),
        ("scopes", SCOPE),
    ];
    for (name, value) in changes {
        parameters.retain(|(known, _)| known != name);
        parameters.push((name, value));
    }
    format!("/authorize?{}", form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish())
}

fn location(answer: &Answer) -> &str {
    assert_eq!(answer.status(), 302, "{answer:?}");
    answer.header("location").unwrap()
}

fn parameter(url: &str, name: &str) -> Option<String> {
    let (_, query) = url.split_once('?')?;
    form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

fn grant(code: &str) -> Value {
    json!({ "grantType": "authorization_code", "code": code, "codeVerifier": VERIFIER, "redirectUri": REDIRECT })
}

#[tokio::test]
async fn a_browser_brings_a_code_that_gives_tokens_once() {
    let (world, client) = world().await;
    let answer = browse(&world.cloud, &path(&client, &[])).await;
    let to = location(&answer);
    assert!(to.starts_with("http://127.0.0.1:50123/oauth/callback?"), "{to}");
    assert_eq!(parameter(to, "state").as_deref(), Some("1234"));
    let code = parameter(to, "code").unwrap();
    for change in [json!({ "codeVerifier": "wrong" }), json!({ "redirectUri": "http://127.0.0.1:1/oauth/callback" })] {
        let mut body = grant(&code);
        merge(&mut body, change.clone());
        let answer = create(&world.cloud, &client, body).await;
        assert_eq!(error_of(&answer), (400, "InvalidGrantException".to_owned()), "{change}");
    }
    let tokens = json_of(&create(&world.cloud, &client, grant(&code)).await);
    assert_eq!(credentials(&world.cloud, text(&tokens["accessToken"])).await.status(), 200);
    assert_eq!(refresh(&world.cloud, &client, &tokens["refreshToken"]).await.status(), 200);
    assert_eq!(error_of(&create(&world.cloud, &client, grant(&code)).await).1, "InvalidGrantException");
}

#[tokio::test]
async fn a_code_lives_for_ten_minutes() {
    let (world, client) = world().await;
    let answer = browse(&world.cloud, &path(&client, &[])).await;
    world.pass(Duration::from_secs(600));
    let answer = create(&world.cloud, &client, grant(&parameter(location(&answer), "code").unwrap())).await;
    assert_eq!(error_of(&answer), (400, "InvalidGrantException".to_owned()));
}

#[tokio::test]
async fn what_is_wrong_with_an_authorize_url_is_said_to_whom_it_concerns() {
    let (world, client) = world().await;
    for (change, status, kind) in [
        (("client_id", "unknown"), 401, "InvalidClientException"),
        (("redirect_uri", "http://127.0.0.1:1/other"), 400, "InvalidRedirectUriException"),
        (("redirect_uri", "http://evil.example/oauth/callback"), 400, "InvalidRedirectUriException"),
    ] {
        let answer = browse(&world.cloud, &path(&client, &[change])).await;
        assert_eq!(error_of(&answer), (status, kind.to_owned()), "{change:?}");
    }
    for (change, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge", "short"), "invalid_request"),
        (("scopes", "codewhisperer:completions"), "invalid_scope"),
        (("scopes", ""), "invalid_scope"), // `scope` is not looked at
    ] {
        let answer = browse(&world.cloud, &path(&client, &[change, ("scope", SCOPE)])).await;
        assert_eq!(parameter(location(&answer), "error").as_deref(), Some(error), "{change:?}");
    }
    assert_eq!(world.cloud.logins(), []);
}

#[tokio::test]
async fn a_person_denies_or_decides_on_the_page_or_when_told() {
    let (world, client) = world().await;
    let visit = |visitor: Visitor| world.cloud.change_instance(START_URL, |instance| instance.visitor = Some(visitor));
    visit(Visitor::denies(ADA));
    let answer = browse(&world.cloud, &path(&client, &[("state", "a")])).await;
    assert_eq!(parameter(location(&answer), "error").as_deref(), Some("access_denied"));

    visit(Visitor::waits(ADA));
    let url = path(&client, &[("state", "b")]);
    let page = browse(&world.cloud, &url).await;
    assert!(page.status() == 200 && page.body().contains("Allow access"), "{page:?}");
    let number = world.cloud.logins().last().unwrap().0;
    assert!(world.cloud.approve_login(number, ADA) && !world.cloud.approve_login(number, ADA));
    assert!(parameter(location(&browse(&world.cloud, &url).await), "code").is_some(), "the same login");

    let page = browse(&world.cloud, &path(&client, &[("state", "c")])).await;
    assert_eq!(page.status(), 200);
    let number = world.cloud.logins().last().unwrap().0;
    let form = format!("login={number}&person={ADA}&decision=approve");
    let pressed = request("POST", "oidc.eu-central-1.amazonaws.com", "/authorize", form).send(&world.cloud).await;
    assert!(parameter(location(&pressed), "code").is_some());

    world.cloud.disable_person(ADA);
    assert_eq!(browse(&world.cloud, &path(&client, &[("state", "d")])).await.status(), 403, "cannot sign in");
    assert!(!world.cloud.approve_login(world.cloud.logins().last().unwrap().0, ADA));
}

#[tokio::test]
async fn a_companys_own_address_leads_to_the_start_url() {
    let (world, _) = world().await;
    let vanity = |head_status| Vanity { host: "sso.example.com".into(), start_url: START_URL.into(), head_status };
    for (head_status, method, status) in [(302, "HEAD", 302), (405, "HEAD", 405), (501, "HEAD", 501), (501, "GET", 302)]
    {
        world.cloud.add_vanity(vanity(head_status));
        let answer = request(method, "sso.example.com:443", "/", String::new()).send(&world.cloud).await;
        assert_eq!(answer.status(), status);
        assert_eq!(answer.header("location"), (status == 302).then_some(START_URL));
    }
    let answer = request("GET", "d-1234567890.awsapps.com", "/start", String::new()).send(&world.cloud).await;
    assert_eq!(answer.status(), 200);
}
