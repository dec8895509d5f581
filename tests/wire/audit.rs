//! What is written down about requests, and what is not (checklist 35).

use serde_json::Value;
use tokio::net::TcpStream;

use crate::client::{exchange, send};
use crate::stage::{ACCOUNT, Does, MINUTE, ROLE, SECRET_KEY, SESSION_TOKEN, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));

fn lines(trail: &str) -> Vec<Value> {
    trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn c35_the_trail_has_neither_token_nor_secret_nor_session_token() {
    let (stage, address) = Stage::listening(VALID);
    let head = stage.get("/creds/default").replacen("GET", "HEAD", 1);
    for request in [stage.get("/creds/default"), head, stage.get("/creds/other"), stage.get("/nothing")] {
        send(address, request).await;
    }
    let wrong = stage.get("/creds/default").replace(&stage.token, "a-wrong-token");
    send(address, wrong).await;
    let trail = stage.trail().await;
    assert!(trail.contains("ASIAEXAMPLE00001"), "the whole access key id is there: {trail}");
    for secret in [stage.token.as_str(), SECRET_KEY, SESSION_TOKEN, "a-wrong-token"] {
        assert!(!trail.contains(secret), "{trail}");
    }
}

#[tokio::test]
async fn each_request_is_written_with_who_and_what() {
    let (stage, address) = Stage::listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    exchange(&mut stream, stage.get("/creds/default")).await;
    exchange(&mut stream, stage.get("/creds/other")).await;
    exchange(&mut stream, stage.get("/v1/credentials")).await;
    exchange(&mut stream, stage.get("/creds/default").replace("Authorization", "X")).await;
    let lines = lines(&stage.trail().await);
    let first = &lines[0];
    for (key, value) in [
        ("schema", Value::from(1)),
        ("identity", "default".into()),
        ("account", ACCOUNT.into()),
        ("role", ROLE.into()),
        ("dialect", "ecs".into()),
        ("grant", "test".into()),
        ("access_key_id", "ASIAEXAMPLE00001".into()),
        ("outcome", "issued".into()),
        ("served_by", "daemon".into()),
    ] {
        assert_eq!(first[key], value, "{key}");
    }
    if cfg!(target_os = "linux") {
        assert_eq!(first["pid"], std::process::id(), "the peer is this very process");
    }
    let told = lines.iter().map(|line| (line["outcome"].as_str().unwrap(), line["dialect"].as_str().unwrap()));
    let told: Vec<_> = told.collect();
    assert_eq!(told, [("issued", "ecs"), ("not-granted", "ecs"), ("issued", "pod-identity"), ("token-missing", "ecs")]);
    assert_eq!((&lines[3]["grant"], &lines[3]["identity"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn names_that_a_client_makes_up_push_nothing_out_of_the_trail() {
    let (stage, address) = Stage::listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    exchange(&mut stream, stage.get("/creds/default")).await;
    for number in 0..300 {
        let path = format!("/creds/{number}-{}%C2%9B", "x".repeat(8 * 1024));
        assert_eq!(exchange(&mut stream, stage.get(&path)).await.status, 400);
    }
    exchange(&mut stream, stage.get("/creds/other")).await;
    let trail = stage.trail().await;
    let lines = lines(&trail);
    assert_eq!(lines[0]["identity"], "default");
    assert!(trail.lines().all(|line| line.len() < 600), "{trail}");
    let made_up: Vec<&Value> = lines.iter().filter(|line| line["outcome"] == "unknown-identity").collect();
    assert_eq!(made_up.iter().map(|line| line["count"].as_u64().unwrap()).sum::<u64>(), 300);
    // eight by name in each second that it took, and the rest by number
    assert!(made_up.len() < 100, "{}", made_up.len());
    assert!(made_up[0]["identity"].as_str().unwrap().starts_with("0-xxx"));
    let refused = lines.iter().find(|line| line["outcome"] == "not-granted").unwrap();
    assert_eq!(
        (&refused["account"], &refused["role"]),
        (&ACCOUNT.into(), &ROLE.into()),
        "the configuration knows them"
    );
}

#[tokio::test]
async fn a_thousand_requests_are_a_few_lines_whose_counts_add_up() {
    let (stage, address) = Stage::listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..1000 {
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
    }
    let lines = lines(&stage.trail().await);
    let total: u64 = lines.iter().map(|line| line["count"].as_u64().unwrap()).sum();
    assert_eq!(total, 1000);
    assert!(lines.len() < 100, "{}", lines.len());
}

#[tokio::test]
async fn failures_are_written_by_their_code() {
    let (stage, address) = Stage::listening(Does::NeedsLogin);
    send(address, stage.get("/creds/default")).await;
    let lines = lines(&stage.trail().await);
    assert_eq!((&lines[0]["outcome"], &lines[0]["access_key_id"]), (&"LoginRequired".into(), &Value::Null));
}
