//! `AssumeRoleWithWebIdentity`: signed tokens in place of a signed request.

mod support;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use simcloud::{Issuer, Trust, role::Federated, web_identity::Claims};
use support::{
    START, World,
    client::{Answer, Request},
};

const ISSUER: &str = "https://issuer.example";
const ROLE: &str = "arn:aws:iam::111122223333:role/web";
const UNKNOWN_KEY: &str = "Couldn't retrieve verification key from your identity provider,  please reference AssumeRoleWithWebIdentity documentation for requirements";
const LIFE: Duration = Duration::from_secs(300);

fn world_with(issuer: &Issuer) -> World {
    let world = World::new();
    world.cloud.add_issuer(issuer.clone());
    world.cloud.add_role(ROLE, Trust::of_issuer(ISSUER), Duration::from_secs(7200));
    world
}

async fn assume(world: &World, token: &str, more: &[(&str, &str)]) -> Answer {
    let parameters = [&[("RoleArn", ROLE), ("RoleSessionName", "job"), ("WebIdentityToken", token)], more].concat();
    Request::new("AssumeRoleWithWebIdentity", &parameters).send(&world.cloud).await
}

fn claims() -> Claims {
    Claims {
        iss: ISSUER.to_owned(),
        sub: "job-7".to_owned(),
        aud: "sts.amazonaws.com".to_owned(),
        exp: START + 300,
        nbf: START,
        iat: START,
    }
}

#[tokio::test]
async fn a_signed_token_opens_the_role_without_a_signed_request() {
    for issuer in [Issuer::es256(ISSUER), Issuer::rs256(ISSUER)] {
        let world = world_with(&issuer);
        let answer = assume(&world, &issuer.mint("job-7", world.now(), LIFE), &[]).await;
        assert_eq!(answer.element("Arn"), Some("arn:aws:sts::111122223333:assumed-role/web/job"), "{answer:?}");
        assert_eq!(answer.element("SubjectFromWebIdentityToken"), Some("job-7"));
        assert_eq!(answer.element("Audience"), Some("sts.amazonaws.com"));
        assert_eq!(answer.element("Provider"), Some(ISSUER));
        assert_eq!(answer.element("Expiration"), Some("2026-01-31T13:00:00Z"));
        assert!(world.cloud.judge(&answer.keys()).is_ok());
    }
}

#[tokio::test]
async fn a_token_ends_by_the_clouds_clock() {
    let issuer = Issuer::es256(ISSUER);
    let world = world_with(&issuer);
    let token = issuer.mint("job-7", world.now(), LIFE);
    world.pass(LIFE - Duration::from_secs(1));
    assert_eq!(assume(&world, &token, &[]).await.status(), 200);
    world.pass(Duration::from_secs(1));
    let message = format!(
        "Token expired: current date/time {} must be before the expiration date/time{}",
        START + 300,
        START + 300
    );
    assert_eq!(assume(&world, &token, &[]).await.error(), (400, "ExpiredTokenException", message.as_str()));
}

#[tokio::test]
async fn a_token_that_cannot_be_trusted_is_invalid() {
    let issuer = Issuer::es256(ISSUER);
    let world = world_with(&issuer);
    let good = issuer.sign(&claims());
    let (head, signature) = good.rsplit_once('.').unwrap();
    let header = head.split_once('.').unwrap().0;
    let changed = serde_json::to_vec(&Claims { sub: "admin".to_owned(), ..claims() }).unwrap();
    let unsigned_header = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    let body = head.split_once('.').unwrap().1;
    let cases = [
        (
            "abcd".to_owned(),
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        ),
        (format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(changed)), "Invalid signature of the ID Token"),
        (format!("{unsigned_header}.{body}."), "Invalid signature of the ID Token"),
        (Issuer::es256(ISSUER).sign(&claims()), UNKNOWN_KEY),
        (Issuer::rs256(ISSUER).sign(&claims()), UNKNOWN_KEY),
        (
            issuer.sign(&Claims { iss: "https://other.example".to_owned(), ..claims() }),
            "No OpenIDConnect provider found in your account for https://other.example",
        ),
        (issuer.sign(&Claims { aud: "elsewhere".to_owned(), ..claims() }), "Incorrect token audience"),
        (issuer.sign(&Claims { nbf: START + 60, ..claims() }), "The ID Token is not valid yet"),
    ];
    for (token, message) in cases {
        let answer = assume(&world, &token, &[]).await;
        assert_eq!(answer.error(), (400, "InvalidIdentityToken", message));
    }
    assert_eq!(assume(&world, &good, &[]).await.status(), 200);
}

#[tokio::test]
async fn where_a_token_names_its_party_that_is_the_audience() {
    let issuer = Issuer::rs256("https://login.microsoftonline.com/11112222-3333-4444-5555-666677778888/v2.0");
    let issuer = issuer.audience("api://sync");
    let world = World::new();
    world.cloud.add_issuer(issuer.clone());
    world.cloud.add_role(ROLE, Trust::of_issuer(issuer.url()), Duration::from_secs(3600));
    let token = |more: serde_json::Value| {
        let mut claims =
            serde_json::json!({ "iss": issuer.url(), "sub": "job-7", "exp": START + 300, "nbf": START, "iat": START });
        support::sso::merge(&mut claims, more);
        issuer.sign(&claims)
    };
    let wrong = (400, "InvalidIdentityToken", "Incorrect token audience");
    for (more, expected) in [
        (serde_json::json!({ "aud": "api://sync" }), Some("api://sync")),
        (serde_json::json!({ "aud": ["https://other.example", "api://sync"] }), Some("api://sync")),
        (serde_json::json!({ "aud": ["https://other.example"] }), None),
        (serde_json::json!({ "aud": "api://sync", "azp": "0a0a0a0a-0000-4000-8000-000000000001" }), None),
        (serde_json::json!({ "aud": "https://other.example", "azp": "api://sync" }), Some("api://sync")),
        // the trap does not spring for tokens of version 1, which name their party otherwise
        (
            serde_json::json!({ "aud": "api://sync", "appid": "0a0a0a0a-0000-4000-8000-000000000001" }),
            Some("api://sync"),
        ),
    ] {
        let answer = assume(&world, &token(more.clone()), &[]).await;
        match expected {
            Some(audience) => assert_eq!(answer.element("Audience"), Some(audience), "{more}: {answer:?}"),
            None => assert_eq!(answer.error(), wrong, "{more}"),
        }
    }
}

#[tokio::test]
async fn only_subjects_that_the_role_trusts_get_in() {
    let issuer = Issuer::es256(ISSUER).audience("api://sts");
    let world = world_with(&issuer);
    let trust = Trust {
        federated: vec![Federated { issuer: ISSUER.to_owned(), subject: Some("job-7".to_owned()) }],
        ..Trust::default()
    };
    world.cloud.add_role(ROLE, trust, Duration::from_secs(3600));
    let denied = (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    assert_eq!(assume(&world, &issuer.mint("job-7", world.now(), LIFE), &[]).await.status(), 200);
    assert_eq!(assume(&world, &issuer.mint("job-8", world.now(), LIFE), &[]).await.error(), denied);
    world.cloud.revoke_role(ROLE);
    assert_eq!(assume(&world, &issuer.mint("job-7", world.now(), LIFE), &[]).await.error(), denied);
}

#[tokio::test]
async fn its_limits_are_those_of_roles_and_its_token_is_not_logged() {
    let issuer = Issuer::es256(ISSUER);
    let world = world_with(&issuer);
    let token = issuer.mint("job-7", world.now(), LIFE);
    for (secs, code) in [("899", "ValidationError"), ("7200", ""), ("7201", "ValidationError")] {
        let answer = assume(&world, &token, &[("DurationSeconds", secs)]).await;
        assert_eq!(answer.element("Code").unwrap_or(""), code, "{secs}");
    }
    let long = "x".repeat(20_001);
    assert_eq!(assume(&world, &long, &[]).await.error().1, "ValidationError");
    let calls = world.cloud.calls();
    assert!(calls.iter().all(|call| call.parameters.iter().all(|(name, _)| name != "WebIdentityToken")), "{calls:?}");
    assert!(calls.iter().all(|call| call.principal.is_none() && call.role.as_deref() == Some(ROLE)));
}

#[tokio::test]
async fn a_region_that_is_off_gives_no_credentials_for_tokens_either() {
    let issuer = Issuer::es256(ISSUER);
    let world = world_with(&issuer);
    world.cloud.disable_region("eu-west-1");
    let token = issuer.mint("job-7", world.now(), LIFE);
    let parameters = [("RoleArn", ROLE), ("RoleSessionName", "job"), ("WebIdentityToken", token.as_str())];
    let request = Request::new("AssumeRoleWithWebIdentity", &parameters).with("host", "sts.eu-west-1.amazonaws.com");
    assert_eq!(request.send(&world.cloud).await.error().1, "RegionDisabledException");
}
