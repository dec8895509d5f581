//! Entra ID: clients that prove who they are, by a secret, a certificate, or a token of another issuer.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use simcloud::{
    Issuer,
    entra::{FederatedCredential, Kind},
    github::ISSUER as GITHUB,
    web_identity::Claims,
};
use support::{START, World, client::Answer, entra::*};

const AWS: &str = "https://0123abcd.tokens.sts.global.api.aws";
const ROLE: &str = "arn:aws:iam::111122223333:role/sync";
const EXCHANGE: &str = "api://AzureADTokenExchange";

fn world() -> World {
    let world = World::new();
    populate(&world.cloud);
    world
}

/// Trusts a role of an AWS account, whose tokens that issuer signs.
fn federated() -> (World, Issuer) {
    let world = world();
    let issuer = Issuer::rs256(AWS).audience(EXCHANGE);
    world.cloud.add_issuer(issuer.clone());
    world.cloud.change_app(DAEMON, |app| app.federated.push(FederatedCredential::new(AWS, ROLE)));
    (world, issuer)
}

fn changed_claims(claims: &Value, name: &str, value: &Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value.clone();
    claims
}

async fn with_secret(world: &World, changes: &[(&str, &str)]) -> Answer {
    let usual =
        [("grant_type", "client_credentials"), ("client_id", DAEMON), ("client_secret", SECRET), ("scope", GRAPH)];
    token(&world.cloud, &changed(&usual, changes)).await
}

#[tokio::test]
async fn an_app_gets_a_token_of_its_own_with_its_roles_and_nothing_to_refresh() {
    let world = world();
    let tokens = success(&with_secret(&world, &[]).await);
    assert!(tokens["refresh_token"].is_null() && tokens["id_token"].is_null() && tokens["scope"].is_null());
    let claims = part(text(&tokens["access_token"]), 1);
    assert_eq!((&claims["roles"], &claims["appidacr"]), (&json!(["Sites.Read.All"]), &json!("1")));
    assert_eq!((&claims["idtyp"], &claims["oid"]), (&json!("app"), &claims["sub"]));
    assert!(claims["scp"].is_null() && claims["upn"].is_null());
    let vault = success(&with_secret(&world, &[("scope", "https://vault.azure.net/.default offline_access")]).await);
    assert!(part(text(&vault["access_token"]), 1)["roles"].is_null(), "an app without roles there");
    assert!(vault["refresh_token"].is_null());
}

#[tokio::test]
async fn what_an_app_cannot_have_is_refused() {
    let world = world();
    for (change, expected) in [
        (("client_secret", "wrong"), refused(401, "invalid_client", 7_000_215)),
        (("client_secret", ""), refused(401, "invalid_client", 7_000_218)),
        (("scope", ""), refused(400, "invalid_request", 900_144)),
        (("scope", "https://graph.microsoft.com/Sites.Read.All"), refused(400, "invalid_scope", 1_002_012)),
        (("scope", "https://unknown.example/.default"), refused(400, "invalid_resource", 500_011)),
        (
            ("scope", "https://graph.microsoft.com/.default https://vault.azure.net/.default"),
            refused(400, "invalid_scope", 28000),
        ),
        (("client_id", CLIENT), refused(401, "invalid_client", 700_025)),
        (("client_id", "0"), refused(400, "unauthorized_client", 700_016)),
    ] {
        assert_eq!(error_of(&with_secret(&world, &[change]).await), expected, "{change:?}");
    }
    let public = token(&world.cloud, &[("grant_type", "client_credentials"), ("client_id", CLIENT), ("scope", GRAPH)]);
    assert_eq!(error_of(&public.await), refused(401, "invalid_client", 7_000_218));
    world.cloud.change_app(DAEMON, |app| app.multi_tenant = true);
    let pairs =
        [("grant_type", "client_credentials"), ("client_id", DAEMON), ("client_secret", SECRET), ("scope", GRAPH)];
    let common = post(&world.cloud, "/common/oauth2/v2.0/token", &pairs).await;
    assert_eq!(error_of(&common), refused(400, "invalid_request", 50059));
}

#[tokio::test]
async fn a_certificate_proves_an_app() {
    let world = world();
    for audience in [
        format!("https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"),
        format!("https://login.microsoftonline.com/{DOMAIN}/oauth2/v2.0/token"),
        format!("http://127.0.0.1:9999/{TENANT}/oauth2/v2.0/token"),
    ] {
        let claims = changed_claims(&own_claims(world.now()), "aud", &json!(audience));
        let tokens = success(&app_token(&world.cloud, &assertion(&own_header(), &claims), &[]).await);
        assert_eq!(part(text(&tokens["access_token"]), 1)["appidacr"], "2");
    }
    let presented = world.cloud.presented();
    let digests: BTreeSet<_> = presented.iter().map(|it| &it.digest).collect();
    assert_eq!((presented.len(), digests.len(), presented[0].kind), (3, 3, Kind::Assertion));
    assert_eq!((presented[0].issuer.as_deref(), presented[0].subject.as_str()), (Some(DAEMON), DAEMON));
}

#[tokio::test]
async fn an_assertion_is_taken_as_msal_writes_it() {
    let world = world();
    let padded = format!("{}=", text(&own_header()["x5t#S256"]));
    let header = changed_claims(&own_header(), "x5t#S256", &json!(padded));
    let claims = changed_claims(&own_claims(world.now()), "nbf", &Value::Null);
    let claims = changed_claims(&claims, "exp", &json!(f64::from(1_769_860_800) + 599.75));
    success(&app_token(&world.cloud, &assertion(&header, &claims), &[]).await);
}

#[tokio::test]
async fn an_assertion_is_good_once() {
    let world = world();
    let once = assertion(&own_header(), &own_claims(world.now()));
    success(&app_token(&world.cloud, &once, &[]).await);
    assert_eq!(error_of(&app_token(&world.cloud, &once, &[]).await), refused(401, "invalid_client", 700_027));
    assert_eq!(world.cloud.presented().len(), 1);
    assert!(!format!("{:?} {:?}", world.cloud.presented(), world.cloud.calls()).contains(&once));
}

#[tokio::test]
async fn an_assertion_with_anything_wrong_is_refused() {
    let world = world();
    let (header, claims) = (own_header(), own_claims(world.now()));
    let signature = refused(401, "invalid_client", 700_027);
    let time = refused(401, "invalid_client", 700_024);
    let audience = refused(401, "invalid_client", 700_023);
    for (name, value, expected) in [
        ("iss", json!(CLIENT), refused(401, "invalid_client", 700_021)),
        ("sub", json!(CLIENT), refused(401, "invalid_client", 50048)),
        ("aud", json!("https://login.microsoftonline.com/common/oauth2/v2.0/token"), audience.clone()),
        ("aud", json!(format!("https://login.microsoftonline.us/{TENANT}/oauth2/v2.0/token")), audience.clone()),
        ("aud", json!(EXCHANGE), audience),
        ("exp", json!(START), time.clone()),
        ("exp", json!(START + 601), time.clone()),
        ("exp", Value::Null, time.clone()),
        ("nbf", json!(START + 301), time),
        ("jti", Value::Null, signature.clone()),
    ] {
        let spoilt = assertion(&header, &changed_claims(&claims, name, &value));
        assert_eq!(error_of(&app_token(&world.cloud, &spoilt, &[]).await), expected, "{name}: {value}");
    }
    for (name, value) in
        [("alg", json!("RS256")), ("alg", json!("none")), ("x5t#S256", json!("AAAA")), ("x5t#S256", Value::Null)]
    {
        let spoilt = assertion(&changed_claims(&header, name, &value), &claims);
        assert_eq!(error_of(&app_token(&world.cloud, &spoilt, &[]).await), signature, "{name}: {value}");
    }
    for spoilt in [forged(&header, &claims), assertion_pkcs1(&header, &claims)] {
        assert_eq!(error_of(&app_token(&world.cloud, &spoilt, &[]).await), signature);
    }
    let answer = app_token(&world.cloud, "no.token.atall", &[]).await;
    assert_eq!(error_of(&answer), refused(400, "invalid_request", 50027));
    let good = assertion(&header, &claims);
    for (change, expected) in [
        (("client_assertion_type", ""), refused(400, "invalid_request", 900_144)),
        (("client_assertion_type", "urn:other"), refused(400, "invalid_request", 90023)),
    ] {
        assert_eq!(error_of(&app_token(&world.cloud, &good, &[change]).await), expected);
    }
    success(&app_token(&world.cloud, &good, &[]).await);
}

#[tokio::test]
async fn an_assertion_ends() {
    let world = world();
    let (early, late) =
        (assertion(&own_header(), &own_claims(world.now())), assertion(&own_header(), &own_claims(world.now())));
    world.pass(Duration::from_secs(599));
    success(&app_token(&world.cloud, &early, &[]).await);
    world.pass(Duration::from_secs(1));
    let answer = app_token(&world.cloud, &late, &[]).await;
    assert_eq!(error_of(&answer), refused(401, "invalid_client", 700_024));
    let words = "Current time: 2026-01-31T12:10:00.0000000Z, assertion valid from 2026-01-31T12:00:00.0000000Z, expiry time of assertion 2026-01-31T12:10:00.0000000Z.";
    assert!(answer.body().contains(words), "{answer:?}");
}

#[tokio::test]
async fn a_token_of_another_issuer_stands_for_a_secret() {
    let (world, issuer) = federated();
    let token = issuer.mint(ROLE, world.now(), Duration::from_secs(300));
    let claims = part(text(&success(&app_token(&world.cloud, &token, &[]).await)["access_token"]), 1);
    assert_eq!((&claims["appid"], &claims["roles"]), (&json!(DAEMON), &json!(["Sites.Read.All"])));
    success(&app_token(&world.cloud, &token, &[]).await);
    let presented = world.cloud.presented();
    assert_eq!((presented[0].issuer.as_deref(), presented[0].subject.as_str()), (Some(AWS), ROLE));
    assert_eq!(presented[0].digest, presented[1].digest, "taken again while it lives, and seen");
    world.pass(Duration::from_secs(300));
    assert_eq!(error_of(&app_token(&world.cloud, &token, &[]).await), refused(401, "invalid_client", 700_024));
}

#[tokio::test]
async fn a_job_of_github_gets_in_by_its_subject() {
    let world = world();
    let job = world.cloud.add_workflow("octo-org/octo-repo", "refs/heads/main");
    world.cloud.change_app(DAEMON, |app| app.federated.push(FederatedCredential::new(GITHUB, &job.subject)));
    let mut request =
        support::client::Request::new("", &[]).with("authorization", &format!("bearer {}", job.request_token));
    (request.method, request.path, request.body) =
        ("GET".to_owned(), format!("{}&audience={EXCHANGE}", job.request_path), String::new());
    let token = json_of(&request.send(&world.cloud).await)["value"].clone();
    success(&app_token(&world.cloud, text(&token), &[]).await);
}

#[tokio::test]
async fn a_token_that_fits_no_record_is_refused_by_what_does_not_fit() {
    let (world, issuer) = federated();
    let now = world.now();
    let other = Issuer::rs256("https://other.example").audience(EXCHANGE);
    world.cloud.add_issuer(other.clone());
    let life = Duration::from_secs(300);
    for (token, number, words) in [
        (other.mint(ROLE, now, life), 700_211, "assertion issuer 'https://other.example'".to_owned()),
        (
            issuer.mint("arn:aws:iam::111122223333:role/other", now, life),
            700_213,
            "assertion subject 'arn:aws:iam::111122223333:role/other'".to_owned(),
        ),
        (
            issuer.mint("arn:aws:iam::111122223333:role/Sync", now, life),
            7_002_138,
            "but not with case-sensitive comparison".to_owned(),
        ),
        (
            issuer.clone().audience("sts.amazonaws.com").mint(ROLE, now, life),
            700_212,
            "assertion audience 'sts.amazonaws.com'".to_owned(),
        ),
    ] {
        let answer = app_token(&world.cloud, &token, &[]).await;
        assert_eq!(error_of(&answer), refused(401, "invalid_client", number));
        assert!(answer.body().contains(&words), "{answer:?}");
    }
    world.cloud.change_app(DAEMON, |app| app.federated.clear());
    let answer = app_token(&world.cloud, &issuer.mint(ROLE, now, life), &[]).await;
    assert_eq!(error_of(&answer), refused(400, "invalid_request", 70021));
    let words = format!("Assertion Issuer: '{AWS}'. Assertion Subject: '{ROLE}'. Assertion Audience: '{EXCHANGE}'.");
    assert!(answer.body().contains(&words), "{answer:?}");
    assert_eq!(world.cloud.presented(), [], "what is not in order was not exchanged");
}

#[tokio::test]
async fn a_federated_token_must_be_signed_by_its_issuer_with_rs256() {
    let (world, issuer) = federated();
    let claims =
        Claims { iss: AWS.into(), sub: ROLE.into(), aud: EXCHANGE.into(), exp: START + 300, nbf: START, iat: START };
    let good = issuer.sign(&claims);
    let header = json!({ "alg": "RS256", "typ": "JWT", "kid": issuer.key_id() });
    let body = json!({ "iss": AWS, "sub": ROLE, "aud": EXCHANGE, "exp": START + 300, "nbf": START, "iat": START });
    let (start, signature) = good.rsplit_once('.').unwrap();
    let tampered = format!(
        "{}.{signature}",
        start.replace(
            start.split('.').nth(1).unwrap(),
            part_text(&changed_claims(&body, "exp", &json!(START + 900))).as_str()
        )
    );
    for token in [assertion_pkcs1(&header, &body), Issuer::es256(AWS).sign(&claims), tampered] {
        assert_eq!(
            error_of(&app_token(&world.cloud, &token, &[]).await),
            refused(401, "invalid_client", 700_027),
            "{token}"
        );
    }
    world.cloud.add_issuer(Issuer::es256(AWS));
    let other = Issuer::es256(AWS);
    world.cloud.add_issuer(other.clone());
    assert_eq!(
        error_of(&app_token(&world.cloud, &other.sign(&claims), &[]).await).2,
        700_027,
        "ES256 is not promised to work"
    );
    world.cloud.add_issuer(issuer);
    success(&app_token(&world.cloud, &good, &[]).await);
    world.cloud.change_app(DAEMON, |app| app.federated.push(FederatedCredential::new("https://gone.example", ROLE)));
    let gone =
        Issuer::rs256("https://gone.example").audience(EXCHANGE).mint(ROLE, world.now(), Duration::from_secs(300));
    assert_eq!(error_of(&app_token(&world.cloud, &gone, &[]).await), refused(400, "invalid_request", 50166));
}

fn part_text(claims: &Value) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(claims.to_string())
}

#[tokio::test]
async fn a_new_record_takes_a_while_to_be_known() {
    let (world, issuer) = federated();
    let second = "arn:aws:iam::111122223333:role/second";
    let record = FederatedCredential::new(AWS, second).known_after(Duration::from_secs(120));
    world.cloud.change_app(DAEMON, |app| app.federated.push(record));
    let token = issuer.mint(second, world.now(), Duration::from_secs(300));
    assert_eq!(error_of(&app_token(&world.cloud, &token, &[]).await), refused(400, "invalid_request", 70021));
    let known = issuer.mint(ROLE, world.now(), Duration::from_secs(300));
    success(&app_token(&world.cloud, &known, &[]).await);
    world.pass(Duration::from_secs(119));
    world.cloud.change_app(DAEMON, |app| app.secrets.clear());
    assert_eq!(error_of(&app_token(&world.cloud, &token, &[]).await).2, 70021, "another change does not matter");
    world.pass(Duration::from_secs(1));
    success(&app_token(&world.cloud, &token, &[]).await);
}

#[tokio::test]
async fn a_confidential_client_signs_people_in_with_its_proof() {
    let world = world();
    world.cloud.change_app(DAEMON, |app| {
        app.redirect_uris.push("https://app.example/callback".to_owned());
        app.scopes.insert(simcloud::entra::GRAPH.to_owned(), vec!["User.Read".to_owned()]);
    });
    let changes = [("client_id", DAEMON), ("redirect_uri", "https://app.example/callback"), ("code_challenge", "")];
    let code = code(&world.cloud, &changes).await;
    let bare = [
        ("grant_type", "authorization_code"),
        ("client_id", DAEMON),
        ("code", code.as_str()),
        ("redirect_uri", "https://app.example/callback"),
    ];
    assert_eq!(error_of(&token(&world.cloud, &bare).await), refused(401, "invalid_client", 7_000_218));
    let tokens = success(&token(&world.cloud, &changed(&bare, &[("client_secret", SECRET)])).await);
    let held = text(&tokens["refresh_token"]);
    assert_eq!(error_of(&refresh(&world.cloud, held, &[("client_id", DAEMON)]).await).2, 7_000_218);
    success(&refresh(&world.cloud, held, &[("client_id", DAEMON), ("client_secret", SECRET)]).await);
}
