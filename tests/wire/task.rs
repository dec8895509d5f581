//! Task metadata (checklist 44 and 45): what a container reads of the task that it thinks it is part of.

use std::net::SocketAddr;

use credenza::config::Peers;
use credenza::dialect::ecs_task::{Documents, TaskFacts};
use credenza::server::terms::{Task, Terms};

use crate::client::{Answer, exchange, send};
use crate::stage::{ACCOUNT, Does, MINUTE, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));

fn terms(account: Option<&str>) -> (Terms, String) {
    let documents = Documents::new(&serde_json::Map::new()).unwrap();
    let container = documents.container_id().to_owned();
    let facts = TaskFacts {
        account: account.map(str::to_owned),
        region: Some("eu-central-1".into()),
        identity: "default".into(),
    };
    let task = Task { documents, facts, identity: "default".into() };
    (Terms { task: Some(task), ..Terms::of_nothing(Peers::Own, vec!["default".into()]) }, container)
}

fn task(does: Does, account: Option<&str>) -> (Stage, SocketAddr, String) {
    let stage = Stage::new(does);
    let (terms, container) = terms(account);
    let address = stage.listen_on(terms);
    (stage, address, container)
}

async fn get(address: SocketAddr, path: &str) -> Answer {
    send(address, format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).await
}

#[tokio::test]
async fn c44_the_container_and_its_task() {
    let (stage, address, id) = task(VALID, Some(ACCOUNT));
    for version in ["v3", "v4"] {
        let container = get(address, &format!("/{version}/{id}")).await;
        assert_eq!((container.status, container.header("content-type")), (200, Some("application/json")));
        assert_eq!(container.json()["DockerId"], id.as_str());
        let task = get(address, &format!("/{version}/{id}/task")).await.json();
        let arn = task["TaskARN"].as_str().unwrap();
        assert!(arn.starts_with(&format!("arn:aws:ecs:eu-central-1:{ACCOUNT}:task/")), "{arn}");
        assert_eq!(task["Containers"][0]["DockerId"], id.as_str());
    }
    assert_eq!(get(address, &format!("/v4/{id}/taskWithTags")).await.status, 200);
    assert_eq!(stage.source.calls(), 0, "the configuration tells the account");
}

#[tokio::test]
async fn c44_an_account_that_the_configuration_does_not_tell_is_the_credentials() {
    let (stage, address, id) = task(VALID, None);
    let task = get(address, &format!("/v4/{id}/task")).await.json();
    assert!(task["TaskARN"].as_str().unwrap().contains(ACCOUNT), "{task}");
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
async fn c44_a_task_is_described_also_where_there_is_no_credential() {
    let (_stage, address, id) = task(Does::NeedsLogin, None);
    let answer = get(address, &format!("/v4/{id}/task")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn c45_statistics_are_never_html() {
    let (_stage, address, id) = task(VALID, Some(ACCOUNT));
    for path in
        [format!("/v4/{id}/stats"), format!("/v4/{id}/task/stats"), format!("/v3/{id}/stats"), "/v4/none".into()]
    {
        let answer = get(address, &path).await;
        assert_eq!(answer.header("content-type"), Some("application/json"), "{path}");
        assert!(answer.status == 404 || answer.status == 200 && answer.json().is_object(), "{path} {answer:?}");
        answer.json();
    }
}

#[tokio::test]
async fn a_peer_whose_user_cannot_be_told_gets_nothing() {
    let stage = Stage::new(VALID);
    let (terms, id) = terms(Some(ACCOUNT));
    let mut pipe = stage.pipe_on(terms);
    let answer = exchange(&mut pipe, format!("GET /v4/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")).await;
    assert_eq!(answer.status, 403);
    assert!(!answer.body.contains(ACCOUNT));
}
