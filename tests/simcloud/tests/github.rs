//! GitHub Actions' OIDC endpoint, and its tokens at `AssumeRoleWithWebIdentity`.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use simcloud::{Fault, Issuer, Trust, Workflow, github::ISSUER, role::Federated, web_identity::Claims};
use support::{
    START, World,
    client::{Answer, Request},
    process::Process,
};

const ROLE: &str = "arn:aws:iam::111122223333:role/deploy";
const MAIN: &str = "repo:octo-org/octo-repo:ref:refs/heads/main";
const AWS: &str = "sts.amazonaws.com";

/// A role that jobs of this subject may have.
fn world(subject: &str) -> (World, Workflow) {
    let world = World::new();
    let job = world.cloud.add_workflow("octo-org/octo-repo", "refs/heads/main");
    let federated = vec![Federated { issuer: ISSUER.to_owned(), subject: Some(subject.to_owned()) }];
    world.cloud.add_role(ROLE, Trust { federated, ..Trust::default() }, Duration::from_secs(3600));
    (world, job)
}

async fn ask(world: &World, path: &str, authorization: Option<&str>) -> Answer {
    let mut request = Request::new("", &[]).without("content-type");
    (request.method, request.path, request.body) = ("GET".to_owned(), path.to_owned(), String::new());
    if let Some(authorization) = authorization {
        request = request.with("authorization", authorization);
    }
    request.send(&world.cloud).await
}

async fn token(world: &World, job: &Workflow, audience: &str) -> String {
    let path = format!("{}&audience={audience}", job.request_path);
    let answer = ask(world, &path, Some(&format!("bearer {}", job.request_token))).await;
    let body: Value = serde_json::from_str(answer.body()).unwrap_or_else(|_| panic!("{answer:?}"));
    body["value"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
}

async fn assume(world: &World, token: &str) -> Answer {
    let parameters = [("RoleArn", ROLE), ("RoleSessionName", "job"), ("WebIdentityToken", token)];
    Request::new("AssumeRoleWithWebIdentity", &parameters).send(&world.cloud).await
}

fn part(token: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_job_gets_a_token_that_says_which_it_is_and_opens_its_role() {
    let (world, job) = world(MAIN);
    let token = token(&world, &job, AWS).await;
    let (header, claims) = (part(&token, 0), part(&token, 1));
    assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
    assert_eq!(header["kid"], json!(Issuer::rs256(ISSUER).key_id()));
    assert_eq!((&claims["iss"], &claims["sub"], &claims["aud"]), (&json!(ISSUER), &json!(MAIN), &json!(AWS)));
    assert_eq!(
        (&claims["iat"], &claims["exp"], &claims["nbf"]),
        (&json!(START), &json!(START + 300), &json!(START - 600))
    );
    assert_eq!((&claims["repository"], &claims["ref"]), (&json!("octo-org/octo-repo"), &json!("refs/heads/main")));
    let answer = assume(&world, &token).await;
    assert_eq!(answer.element("SubjectFromWebIdentityToken"), Some(MAIN), "{answer:?}");
    assert_eq!(answer.element("Provider"), Some(ISSUER));
    assert!(world.cloud.judge(&answer.keys()).is_ok());
    let call = &world.cloud.calls()[0];
    assert_eq!(
        (call.action.as_str(), call.principal.as_deref(), call.outcome.as_str()),
        ("GetIdToken", Some(MAIN), "ok")
    );
    assert_eq!(call.parameters, [("audience".to_owned(), AWS.to_owned())]);
}

#[tokio::test]
async fn every_answer_is_a_token_of_its_own_and_each_use_is_counted() {
    let (world, job) = world(MAIN);
    let (first, second) = (token(&world, &job, AWS).await, token(&world, &job, AWS).await);
    assert_ne!(part(&first, 1)["jti"], part(&second, 1)["jti"]);
    for token in [&first, &second, &first] {
        assert_eq!(assume(&world, token).await.status(), 200, "AWS takes a token again while it lives");
    }
    let exchanges = world.cloud.exchanges();
    let digests: Vec<&str> = exchanges.iter().map(|exchange| exchange.digest.as_str()).collect();
    assert!(digests.len() == 3 && digests[0] == digests[2] && digests[0] != digests[1], "{digests:?}");
    assert_eq!((exchanges[0].issuer.as_str(), exchanges[0].subject.as_str()), (ISSUER, MAIN));
    assert_eq!(world.cloud.count("GetIdToken"), 2);
    assert!(!format!("{exchanges:?} {:?}", world.cloud.calls()).contains(&first));
}

#[tokio::test]
async fn only_the_job_itself_may_ask() {
    let (world, job) = world(MAIN);
    let other = world.cloud.add_workflow("octo-org/other", "pull_request");
    assert_eq!(other.subject, "repo:octo-org/other:pull_request");
    let bearer = |job: &Workflow| format!("Bearer {}", job.request_token);
    let (own, foreign) = (bearer(&job), bearer(&other));
    let basic = format!("Basic {}", job.request_token);
    let path = job.request_path.as_str();
    let cases = [
        (path, None, 401),
        (path, Some(job.request_token.as_str()), 401),
        (path, Some(&basic), 401),
        (path, Some("bearer wrong"), 403),
        (path, Some(&foreign), 403),
        ("/_github/token", Some(&own), 404),
        ("/_github/token?run=99", Some(&own), 404),
        (path, Some(&own), 200),
    ];
    for (path, authorization, status) in cases {
        let answer = ask(&world, path, authorization).await;
        assert_eq!(answer.status(), status, "{path} {authorization:?}: {answer:?}");
        assert_eq!(answer.body().contains("\"value\""), status == 200);
    }
    let mut post = Request::new("", &[]).with("authorization", &own);
    post.path = path.to_owned();
    assert_eq!(post.send(&world.cloud).await.status(), 405);
    assert!(world.cloud.end_workflow(&job.request_token) && !world.cloud.end_workflow(&job.request_token));
    assert_eq!(ask(&world, path, Some(&own)).await.status(), 401, "the job is over");
    assert!(!format!("{:?}", world.cloud.calls()).contains(&job.request_token));
}

#[tokio::test]
async fn sts_takes_only_what_is_meant_for_it_from_whom_the_role_names() {
    let (world, job) = world("repo:octo-org/octo-repo:*");
    let denied = (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity");
    let other = world.cloud.add_workflow("octo-org/other", "refs/heads/main");
    let production = world.cloud.add_workflow("octo-org/octo-repo", "environment:production");
    assert_eq!(assume(&world, &token(&world, &job, AWS).await).await.status(), 200);
    assert_eq!(assume(&world, &token(&world, &production, AWS).await).await.status(), 200);
    assert_eq!(assume(&world, &token(&world, &other, AWS).await).await.error(), denied);
    let elsewhere = assume(&world, &token(&world, &job, "https://elsewhere.example").await).await;
    assert_eq!(elsewhere.error(), (400, "InvalidIdentityToken", "Incorrect token audience"));
    let by_default = token(&world, &job, "").await;
    assert_eq!(part(&by_default, 1)["aud"], "https://github.com/octo-org");
    assert_eq!(assume(&world, &by_default).await.error().1, "InvalidIdentityToken");
}

#[tokio::test]
async fn a_token_is_over_after_five_minutes() {
    let (world, job) = world(MAIN);
    let token = token(&world, &job, AWS).await;
    world.pass(Duration::from_secs(299));
    assert_eq!(assume(&world, &token).await.status(), 200);
    world.pass(Duration::from_secs(1));
    assert_eq!(assume(&world, &token).await.error().1, "ExpiredTokenException");
    assert_eq!(world.cloud.exchanges().len(), 1, "what is over is not exchanged");
}

#[tokio::test]
async fn nobody_else_can_make_its_tokens() {
    let (world, job) = world(MAIN);
    let good = token(&world, &job, AWS).await;
    let claims = Claims {
        iss: ISSUER.to_owned(),
        sub: MAIN.to_owned(),
        aud: AWS.to_owned(),
        exp: START + 300,
        nbf: START,
        iat: START,
    };
    let forged = Issuer::es256(ISSUER).sign(&claims);
    assert!(assume(&world, &forged).await.error().2.starts_with("Couldn't retrieve verification key"));
    let body = good.split('.').nth(1).unwrap();
    for algorithm in ["none", "HS256", "ES256", "RS512"] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm, "typ": "JWT" }).to_string());
        let signature = good.rsplit('.').next().unwrap();
        let answer = assume(&world, &format!("{header}.{body}.{signature}")).await;
        assert_eq!(answer.error(), (400, "InvalidIdentityToken", "Invalid signature of the ID Token"), "{algorithm}");
    }
    assert_eq!(assume(&world, &good).await.status(), 200);
}

#[tokio::test]
async fn faults_meet_it_like_every_service() {
    let (world, job) = world(MAIN);
    world.cloud.add_fault(Fault::error("ServiceUnavailable").on_action("GetIdToken").times(1));
    let bearer = format!("bearer {}", job.request_token);
    let answer = ask(&world, &job.request_path, Some(&bearer)).await;
    assert_eq!((answer.status(), answer.body().starts_with('{')), (503, true), "{answer:?}");
    assert_eq!(ask(&world, &job.request_path, Some(&bearer)).await.status(), 200);
}

#[test]
fn jobs_are_started_and_watched_from_outside() {
    let seed = json!({ "workflows": [{ "repository": "octo-org/octo-repo" }] });
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), seed.to_string()).unwrap();
    let process = Process::start(&["--until-stdin-closes", "--seed", file.path().to_str().unwrap()]);
    let job = &process.line["workflows"][0];
    assert_eq!(job["subject"], MAIN);
    let url = format!("{}{}", process.address("sts"), job["request_path"].as_str().unwrap());
    assert_eq!(job["request_url"], json!(url));
    let second = json!({ "repository": "octo-org/octo-repo", "reference": "environment:production" });
    let (status, second) = process.control("POST", "workflows", &second);
    assert_eq!((status, &second["subject"]), (200, &json!("repo:octo-org/octo-repo:environment:production")));
    assert_eq!(process.control("GET", "workflows", &Value::Null).1.as_array().unwrap().len(), 2);
    let ended = json!({ "request_token": second["request_token"] });
    assert_eq!(process.control("POST", "workflows/end", &ended).0, 200);
    assert_eq!(process.control("POST", "workflows/end", &ended).0, 404);
    assert_eq!(process.control("GET", "exchanges", &Value::Null).1, json!([]));

    let role = json!({ "arn": ROLE, "trust": { "federated": [{ "issuer": ISSUER, "subject": "repo:octo-org/*" }] } });
    process.control("POST", "roles", &role);
    let minted = json!({ "url": ISSUER, "subject": MAIN });
    let (_, minted) = process.control("POST", "issuers/token", &minted);
    let form = form_urlencoded::Serializer::new(String::new())
        .extend_pairs([
            ("Action", "AssumeRoleWithWebIdentity"),
            ("Version", "2011-06-15"),
            ("RoleArn", ROLE),
            ("RoleSessionName", "job"),
            ("WebIdentityToken", minted["token"].as_str().unwrap()),
        ])
        .finish();
    process.answer("sts", "POST", "", &form);
    let (_, exchanges) = process.control("GET", "exchanges", &Value::Null);
    assert_eq!((&exchanges[0]["subject"], exchanges.as_array().unwrap().len()), (&json!(MAIN), 1), "{exchanges}");
}
