//! Outbound identity federation: STS's `GetWebIdentityToken`, IAM's switch for it, and the issuer's own documents.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::signature::{ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde_json::{Value, json};
use simcloud::{Fault, Keys, Trust};
use support::{
    ACCOUNT, BASE, NEXT_ROLE, ROLE, START, World,
    client::{Answer, Request, Signing, call},
    process::Process,
    sso::{self, json_of},
};

const AUDIENCE: &str = "api://AzureADTokenExchange";

/// A world whose account has it on, and the account's issuer.
fn world() -> (World, String) {
    let world = World::new();
    let issuer = world.cloud.enable_outbound_federation(ACCOUNT);
    (world, issuer)
}

async fn ask(world: &World, keys: &Keys, more: &[(&str, &str)]) -> Answer {
    let parameters = [&[("Audience.member.1", AUDIENCE), ("SigningAlgorithm", "RS256")], more].concat();
    call(&world.cloud, keys, "GetWebIdentityToken", &parameters).await
}

async fn assume(world: &World, keys: &Keys, role: &str, more: &[(&str, &str)]) -> Keys {
    let parameters = [&[("RoleArn", role), ("RoleSessionName", "one")], more].concat();
    call(&world.cloud, keys, "AssumeRole", &parameters).await.keys()
}

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&bytes(token, number)).unwrap()
}

fn bytes(token: &str, number: usize) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()
}

async fn iam(world: &World, action: &str) -> Answer {
    let signing = Signing { region: "us-east-1", service: "iam", ..Signing::new(&world.base, world.now()) };
    Request::of_version("2010-05-08", action, &[]).signed(&signing).send(&world.cloud).await
}

async fn document(world: &World, host: &str, path: &str) -> Answer {
    sso::request("GET", host, path, String::new()).send(&world.cloud).await
}

#[tokio::test]
async fn a_user_gets_a_token_that_says_who_it_is() {
    let (world, issuer) = world();
    let answer = ask(&world, &world.base, &[("Tags.member.1.Key", "job"), ("Tags.member.1.Value", "sync")]).await;
    assert_eq!(answer.element("Expiration"), Some("2026-01-31T12:05:00Z"), "{answer:?}");
    let token = answer.element("WebIdentityToken").unwrap();
    let (header, claims) = (part(token, 0), part(token, 1));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert_eq!((&claims["iss"], &claims["sub"], &claims["aud"]), (&json!(issuer), &json!(BASE), &json!(AUDIENCE)));
    assert_eq!((&claims["iat"], &claims["exp"]), (&json!(START), &json!(START + 300)));
    assert!(claims["jti"].as_str().unwrap().len() == 36 && claims.get("nbf").is_none(), "{claims}");
    let about = json!({
        "aws_account": ACCOUNT,
        "source_region": "eu-central-1",
        "principal_id": BASE,
        "request_tags": { "job": "sync" },
    });
    assert_eq!(claims["https://sts.amazonaws.com/"], about);
    assert!(issuer.starts_with("https://a") && issuer.ends_with(".tokens.sts.global.api.aws"), "{issuer}");
}

#[tokio::test]
async fn a_session_of_a_role_speaks_of_the_role_with_its_path() {
    let (world, _) = world();
    world.cloud.enable_outbound_federation("444455556666");
    let tags = [("Tags.member.1.Key", "Team"), ("Tags.member.1.Value", "blue"), ("SourceIdentity", "alice")];
    let first = assume(&world, &world.base, ROLE, &tags).await;
    let claims = part(ask(&world, &first, &[]).await.element("WebIdentityToken").unwrap(), 1);
    let about = &claims["https://sts.amazonaws.com/"];
    assert_eq!((&claims["sub"], &about["principal_id"]), (&json!(ROLE), &json!(ROLE)), "not the session's ARN");
    assert_eq!(about["original_session_exp"], "2026-01-31T13:00:00Z");
    assert_eq!((&about["principal_tags"], &about["source_identity"]), (&json!({ "Team": "blue" }), &json!("alice")));
    let next = assume(&world, &first, NEXT_ROLE, &[]).await;
    let claims = part(ask(&world, &next, &[]).await.element("WebIdentityToken").unwrap(), 1);
    assert_eq!(claims["sub"], NEXT_ROLE);

    sso::populate(&world.cloud);
    let (_, tokens) = sso::log_in(&world.cloud).await;
    let given = json_of(&sso::credentials(&world.cloud, sso::text(&tokens["accessToken"])).await);
    let given = &given["roleCredentials"];
    let keys = Keys {
        access_key_id: sso::text(&given["accessKeyId"]).to_owned(),
        secret_access_key: sso::text(&given["secretAccessKey"]).to_owned(),
        session_token: Some(sso::text(&given["sessionToken"]).to_owned()),
    };
    let claims = part(ask(&world, &keys, &[]).await.element("WebIdentityToken").unwrap(), 1);
    let subject = claims["sub"].as_str().unwrap();
    assert!(subject.starts_with(
        "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_ReadOnly_"
    ));
}

#[tokio::test]
async fn what_is_asked_for_has_limits() {
    let (world, _) = world();
    let null = |name: &str| {
        format!(
            "1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"
        )
    };
    let without_audience =
        call(&world.cloud, &world.base, "GetWebIdentityToken", &[("SigningAlgorithm", "RS256")]).await;
    assert_eq!(without_audience.error(), (400, "ValidationError", null("audience").as_str()));
    let only = [("Audience.member.1", AUDIENCE)];
    let without_algorithm = call(&world.cloud, &world.base, "GetWebIdentityToken", &only).await;
    assert_eq!(without_algorithm.error(), (400, "ValidationError", null("signingAlgorithm").as_str()));
    let unknown = [only[0], ("SigningAlgorithm", "HS256")];
    let unknown = call(&world.cloud, &world.base, "GetWebIdentityToken", &unknown).await;
    assert!(unknown.error().2.contains("Member must satisfy enum value set: [RS256, ES384]"), "{unknown:?}");
    for (secs, code) in
        [("59", "ValidationError"), ("60", ""), ("3600", ""), ("3601", "ValidationError"), ("x", "MalformedInput")]
    {
        let answer = ask(&world, &world.base, &[("DurationSeconds", secs)]).await;
        assert_eq!(answer.element("Code").unwrap_or(""), code, "{secs}: {answer:?}");
    }
    let names: Vec<String> = (2..=11).map(|number| format!("Audience.member.{number}")).collect();
    let audiences: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "https://one.example")).collect();
    let ten = ask(&world, &world.base, &audiences[..9]).await;
    assert_eq!(part(ten.element("WebIdentityToken").unwrap(), 1)["aud"].as_array().unwrap().len(), 10);
    assert_eq!(ask(&world, &world.base, &audiences).await.error().1, "ValidationError");
    let long = "a".repeat(1001);
    assert_eq!(ask(&world, &world.base, &[("Audience.member.2", &long[1..])]).await.status(), 200);
    assert_eq!(ask(&world, &world.base, &[("Audience.member.2", &long)]).await.error().1, "ValidationError");
    let twice = [
        ("Tags.member.1.Key", "Team"),
        ("Tags.member.1.Value", "a"),
        ("Tags.member.2.Key", "team"),
        ("Tags.member.2.Value", "b"),
    ];
    assert_eq!(ask(&world, &world.base, &twice).await.error().1, "InvalidParameterValue");
}

#[tokio::test]
async fn an_account_gives_no_tokens_until_somebody_switches_it_on() {
    let world = World::new();
    let off = (
        403,
        "OutboundWebIdentityFederationDisabledException",
        "Outbound web identity federation is disabled for this account.",
    );
    assert_eq!(ask(&world, &world.base, &[]).await.error(), off);
    assert_eq!(iam(&world, "GetOutboundWebIdentityFederationInfo").await.error().1, "FeatureDisabled");
    let enabled = iam(&world, "EnableOutboundWebIdentityFederation").await;
    let issuer = enabled.element("IssuerIdentifier").unwrap().to_owned();
    assert_eq!(iam(&world, "EnableOutboundWebIdentityFederation").await.error().1, "FeatureEnabled");
    let info = iam(&world, "GetOutboundWebIdentityFederationInfo").await;
    assert_eq!(
        (info.element("IssuerIdentifier"), info.element("JwtVendingEnabled")),
        (Some(issuer.as_str()), Some("true"))
    );
    assert_eq!(ask(&world, &world.base, &[]).await.status(), 200);
    assert_eq!(world.cloud.outbound_issuer(ACCOUNT).unwrap().url(), issuer);
    assert!(world.cloud.outbound_issuer("444455556666").is_none(), "another account has its own");
    assert_eq!(iam(&world, "DisableOutboundWebIdentityFederation").await.status(), 200);
    assert_eq!(
        iam(&world, "DisableOutboundWebIdentityFederation").await.error(),
        (404, "FeatureDisabled", "Outbound web identity federation is not enabled for this account.")
    );
    assert_eq!(ask(&world, &world.base, &[]).await.error(), off);
    assert_eq!(world.cloud.enable_outbound_federation(ACCOUNT), issuer, "an account keeps its issuer");
}

#[tokio::test]
async fn only_regional_endpoints_have_it() {
    let (world, _) = world();
    let parameters = [("Audience.member.1", AUDIENCE), ("SigningAlgorithm", "RS256")];
    for (host, region, status) in [
        ("sts.amazonaws.com", "us-east-1", 400),
        ("sts.us-east-1.amazonaws.com", "us-east-1", 200),
        ("sts.eu-west-1.amazonaws.com", "eu-west-1", 200),
        ("127.0.0.1:4711", "us-east-1", 200),
    ] {
        let signing = Signing { region, ..Signing::new(&world.base, world.now()) };
        let request = Request::new("GetWebIdentityToken", &parameters).with("host", host);
        let answer = request.signed(&signing).send(&world.cloud).await;
        assert_eq!(answer.status(), status, "{host}: {answer:?}");
        if status == 200 {
            let claims = part(answer.element("WebIdentityToken").unwrap(), 1);
            assert_eq!(claims["https://sts.amazonaws.com/"]["source_region"], region);
        }
    }
    world.cloud.disable_region("eu-central-1");
    assert_eq!(ask(&world, &world.base, &[]).await.error().1, "RegionDisabledException");
    let unsigned = Request::new("GetWebIdentityToken", &parameters).send(&world.cloud).await;
    assert_eq!(unsigned.error().1, "MissingAuthenticationToken");
}

#[tokio::test]
async fn a_principal_without_the_permission_is_told_which() {
    let (world, _) = world();
    assert!(world.cloud.set_web_identity_denied(BASE, true));
    let words = "User: arn:aws:iam::111122223333:user/base is not authorized to perform: sts:GetWebIdentityToken on resource: arn:aws:sts::111122223333:self because no identity-based policy allows the sts:GetWebIdentityToken action";
    assert_eq!(ask(&world, &world.base, &[]).await.error(), (403, "AccessDenied", words));
    let in_role = assume(&world, &world.base, ROLE, &[]).await;
    assert_eq!(ask(&world, &in_role, &[]).await.status(), 200, "the role may");
    world.cloud.set_web_identity_denied(ROLE, true);
    let error = ask(&world, &in_role, &[]).await;
    assert!(error.error().2.starts_with("User: arn:aws:sts::111122223333:assumed-role/my-role/one is not authorized"));
    assert!(world.cloud.set_web_identity_denied(BASE, false));
    assert_eq!(ask(&world, &world.base, &[]).await.status(), 200);
}

#[tokio::test]
async fn a_token_never_outlives_the_session_that_asks() {
    let (world, _) = world();
    let keys = assume(&world, &world.base, ROLE, &[("DurationSeconds", "900")]).await;
    assert_eq!(ask(&world, &keys, &[("DurationSeconds", "900")]).await.status(), 200);
    let error = ask(&world, &keys, &[("DurationSeconds", "901")]).await;
    assert_eq!((error.status(), error.error().1), (403, "SessionDurationEscalationException"));
    world.pass(Duration::from_secs(601));
    assert_eq!(
        ask(&world, &keys, &[]).await.error().1,
        "SessionDurationEscalationException",
        "nothing is shortened silently"
    );
    assert_eq!(ask(&world, &keys, &[("DurationSeconds", "299")]).await.status(), 200);
}

#[tokio::test]
async fn a_payload_has_a_greatest_size() {
    let (world, _) = world();
    let value = "v".repeat(256);
    let keys: Vec<(String, String)> =
        (1..=50).map(|number| (format!("Tags.member.{number}.Key"), format!("{number:0>128}"))).collect();
    let values: Vec<String> = (1..=50).map(|number| format!("Tags.member.{number}.Value")).collect();
    let tags = |count: usize| -> Vec<(&str, &str)> {
        let keys = keys.iter().take(count).map(|(name, key)| (name.as_str(), key.as_str()));
        keys.chain(values.iter().take(count).map(|name| (name.as_str(), value.as_str()))).collect()
    };
    assert_eq!(ask(&world, &world.base, &tags(37)).await.status(), 200);
    let error = ask(&world, &world.base, &tags(38)).await;
    assert_eq!(error.error(), (400, "JWTPayloadSizeExceededException", "JWT payload exceeds maximum allowed size"));
}

#[tokio::test]
async fn both_keys_are_published_under_both_addresses() {
    let (world, issuer) = world();
    let host = issuer.strip_prefix("https://").unwrap();
    let label = host.split('.').next().unwrap();
    let path = format!("/_aws/{label}/.well-known");
    let own = json_of(&document(&world, host, "/.well-known/openid-configuration").await);
    assert_eq!((&own["issuer"], &own["jwks_uri"]), (&json!(issuer), &json!(format!("{issuer}/.well-known/jwks.json"))));
    let beside = json_of(&document(&world, "127.0.0.1:4711", &format!("{path}/openid-configuration")).await);
    assert_eq!(beside["jwks_uri"], format!("http://127.0.0.1:4711{path}/jwks.json"));
    assert_eq!(
        (&beside["issuer"], &beside["id_token_signing_alg_values_supported"]),
        (&json!(issuer), &json!(["RS256", "ES384"]))
    );
    let keys = json_of(&document(&world, host, "/.well-known/jwks.json").await);
    assert_eq!(keys, json_of(&document(&world, "localhost", &format!("{path}/jwks.json")).await));
    for algorithm in ["RS256", "ES384"] {
        let parameters = [("Audience.member.1", AUDIENCE), ("SigningAlgorithm", algorithm)];
        let answer = call(&world.cloud, &world.base, "GetWebIdentityToken", &parameters).await;
        assert!(is_verified(answer.element("WebIdentityToken").unwrap(), &keys), "{algorithm}: {answer:?}");
    }
    world.cloud.disable_outbound_federation(ACCOUNT);
    assert_eq!(json_of(&document(&world, host, "/.well-known/jwks.json").await), keys, "what was issued stays valid");
    for (host, path) in [
        (host, "/.well-known/nothing".to_owned()),
        ("a0000000-0000-0000-0000-000000000000.tokens.sts.global.api.aws", "/.well-known/jwks.json".to_owned()),
        ("localhost", "/_aws/unknown/.well-known/jwks.json".to_owned()),
    ] {
        assert_eq!(document(&world, host, &path).await.status(), 404, "{host}{path}");
    }
}

/// By nothing but the published keys.
fn is_verified(token: &str, keys: &Value) -> bool {
    let header = part(token, 0);
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let (message, _) = token.rsplit_once('.').unwrap();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    match key["kty"].as_str().unwrap() {
        "RSA" => RsaPublicKeyComponents { n: number("n"), e: number("e") }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &bytes(token, 2))
            .is_ok(),
        _ => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, [vec![4], number("x"), number("y")].concat())
            .verify(message.as_bytes(), &bytes(token, 2))
            .is_ok(),
    }
}

#[tokio::test]
async fn such_a_token_leads_out_of_aws_and_not_back() {
    let (world, issuer) = world();
    let role = "arn:aws:iam::111122223333:role/web";
    world.cloud.add_role(role, Trust::of_issuer(issuer.as_str()), Duration::from_secs(3600));
    let parameters = [("Audience.member.1", "sts.amazonaws.com"), ("SigningAlgorithm", "RS256")];
    let answer = call(&world.cloud, &world.base, "GetWebIdentityToken", &parameters).await;
    let token = answer.element("WebIdentityToken").unwrap();
    let parameters = [("RoleArn", role), ("RoleSessionName", "job"), ("WebIdentityToken", token)];
    let back = Request::new("AssumeRoleWithWebIdentity", &parameters).send(&world.cloud).await;
    let words = format!("No OpenIDConnect provider found in your account for {issuer}");
    assert_eq!(back.error(), (400, "InvalidIdentityToken", words.as_str()));
}

#[tokio::test]
async fn every_token_is_on_record_without_itself() {
    let (world, issuer) = world();
    let first = ask(&world, &world.base, &[]).await;
    let second =
        ask(&world, &world.base, &[("DurationSeconds", "600"), ("Audience.member.2", "https://two.example")]).await;
    let tokens = world.cloud.web_identity_tokens();
    assert_eq!(tokens.len(), 2);
    assert_eq!((tokens[0].subject.as_str(), tokens[0].account.as_str(), tokens[0].algorithm), (BASE, ACCOUNT, "RS256"));
    assert_eq!((tokens[0].life, tokens[1].life), (Duration::from_secs(300), Duration::from_secs(600)));
    assert_eq!(tokens[1].audiences, [AUDIENCE, "https://two.example"]);
    assert_ne!(tokens[0].digest, tokens[1].digest);
    let shown = format!("{tokens:?} {:?}", world.cloud.calls());
    for answer in [&first, &second] {
        assert!(!shown.contains(answer.element("WebIdentityToken").unwrap()));
    }
    world.cloud.add_fault(Fault::life(Duration::from_secs(5)).on_action("GetWebIdentityToken").times(1));
    let short = ask(&world, &world.base, &[]).await;
    assert_eq!(short.element("Expiration"), Some("2026-01-31T12:00:05Z"));
    world.cloud.add_fault(Fault::error("AccessDenied").on_action("GetWebIdentityToken").times(1));
    assert_eq!(ask(&world, &world.base, &[]).await.error().1, "AccessDenied");
    assert!(world.cloud.outbound_issuers()[ACCOUNT] == issuer);
}

#[test]
fn it_is_switched_and_watched_from_outside() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), json!({ "outbound": [ACCOUNT] }).to_string()).unwrap();
    let process = Process::start(&["--until-stdin-closes", "--seed", file.path().to_str().unwrap()]);
    let issuer = &process.line["outbound"][ACCOUNT];
    let enabled = process.control("POST", "outbound/enable", &json!({ "account": ACCOUNT }));
    assert_eq!(enabled, (200, json!({ "issuer": issuer })));
    assert_eq!(process.control("GET", "outbound", &Value::Null).1, json!({ ACCOUNT: issuer }));
    let label = issuer.as_str().unwrap().strip_prefix("https://").unwrap().split('.').next().unwrap();
    let keys = process.answer("sts", "GET", &format!("_aws/{label}/.well-known/jwks.json"), "");
    assert!(keys.contains("\"ES384\"") && keys.contains("\"RS256\""), "{keys}");
    assert_eq!(process.control("POST", "outbound/deny", &json!({ "arn": BASE })).0, 200);
    assert_eq!(process.control("POST", "outbound/disable", &json!({ "account": ACCOUNT })).0, 200);
    assert_eq!(process.control("POST", "outbound/disable", &json!({ "account": ACCOUNT })).0, 404);
    assert_eq!(process.control("GET", "outbound/tokens", &Value::Null).1, json!([]));
}
