//! The relative addresses of container credentials (checklist 40-43): no token, but a peer of our own user.

use std::net::SocketAddr;

use credenza::config::Peers;
use credenza::server::grant::Scope;
use credenza::server::terms::{Ecs, Terms};

use crate::client::{exchange, send};
use crate::stage::{Does, MINUTE, SECRET_KEY, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));

fn terms(ecs: Ecs) -> Terms {
    Terms { ecs: Some(ecs), ..Terms::of_nothing(Peers::Own, vec!["default".into(), "my profile".into()]) }
}

fn relative(does: Does) -> (Stage, SocketAddr) {
    let stage = Stage::new(does);
    let address = stage.listen_on(terms(Ecs::Relative));
    (stage, address)
}

fn bare(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
}

#[tokio::test]
async fn c40_an_id_is_answered_without_a_token() {
    let (_stage, address) = relative(VALID);
    for path in ["/v2/credentials/default", "//v2/credentials/default/", "/creds/default", "/v1/credentials?id=default"]
    {
        let answer = send(address, bare(path)).await;
        assert_eq!((answer.status, &answer.json()["SecretAccessKey"]), (200, &SECRET_KEY.into()), "{path}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.json().get("Code").is_none());
    }
    assert_eq!(send(address, bare("/v2/credentials/my%20profile")).await.status, 200);
}

#[tokio::test]
async fn c40_a_token_is_needed_where_that_is_written() {
    let stage = Stage::new(VALID);
    let address = stage.listen_on(terms(Ecs::RelativeByGrant));
    assert_eq!(send(address, bare("/v2/credentials/default")).await.error().0, "TokenMissing");
    let wrong = bare("/v2/credentials/default").replace("\r\n\r\n", "\r\nAuthorization: wrong\r\n\r\n");
    assert_eq!(send(address, wrong).await.error().0, "TokenRefused");
    assert_eq!(send(address, stage.get("/v2/credentials/default")).await.status, 200);
    // what the grant covers and the listener does not serve, and the reverse
    let (token, _) = stage.grant("other", Scope::of(["other"]));
    for identity in ["other", "default"] {
        let request = stage.get(&format!("/v2/credentials/{identity}")).replace(&stage.token, &token);
        assert_eq!(send(address, request).await.error().0, "InvalidIdInRequest", "{identity}");
    }
}

#[tokio::test]
async fn c41_without_an_id() {
    let (_stage, address) = relative(VALID);
    for path in ["/v2/credentials/", "/v2/credentials", "/v1/credentials", "/v1/credentials?id=", "/creds/"] {
        let answer = send(address, bare(path)).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (400, "NoIdInRequest"), "{path}");
    }
}

#[tokio::test]
async fn c42_an_id_that_is_not_there_or_not_served_here() {
    let (stage, address) = relative(VALID);
    for id in ["nothing", "other"] {
        let answer = send(address, bare(&format!("/v2/credentials/{id}"))).await;
        assert_eq!((answer.status, answer.error().0.as_str()), (400, "InvalidIdInRequest"), "{id}");
        assert!(answer.error().1.contains(id), "{answer:?}");
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test(start_paused = true)]
async fn c43_what_is_not_there_yet() {
    let stage = Stage::new(Does::Hangs);
    let mut pipe = stage.pipe_on(Terms { peers: Peers::Any, ..terms(Ecs::Relative) });
    let answer = exchange(&mut pipe, bare("/v2/credentials/default")).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (503, "CredentialsUninitialized"));
}

#[tokio::test]
async fn ids_in_a_query_are_told_apart_on_one_connection() {
    let (_stage, address) = relative(VALID);
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    assert_eq!(exchange(&mut stream, bare("/v1/credentials?id=default")).await.status, 200);
    assert_eq!(exchange(&mut stream, bare("/v1/credentials?id=other")).await.status, 400);
}

#[tokio::test]
async fn a_login_that_is_needed_is_said_with_its_command() {
    let (_stage, address) = relative(Does::NeedsLogin);
    let answer = send(address, bare("/v2/credentials/default")).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (403, "LoginRequired"));
    assert!(answer.error().1.contains("credenza login default"));
}

#[tokio::test]
async fn browsers_proxies_and_foreign_hosts_get_nothing() {
    let (stage, address) = relative(VALID);
    for header in ["Origin: https://evil.example", "X-Forwarded-For: 10.0.0.1", "Sec-Fetch-Site: none"] {
        let request = bare("/v2/credentials/default").replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
        assert_eq!(send(address, request).await.status, 403, "{header}");
    }
    let rebound = bare("/v2/credentials/default").replace("127.0.0.1", "evil.example");
    assert_eq!(send(address, rebound).await.status, 403);
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn a_peer_whose_user_cannot_be_told_gets_nothing() {
    let stage = Stage::new(VALID);
    let mut pipe = stage.pipe_on(terms(Ecs::Relative));
    let answer = exchange(&mut pipe, bare("/v2/credentials/default")).await;
    assert_eq!((answer.status, answer.error().0.as_str()), (403, "ForeignPeer"));
    assert_eq!(stage.source.calls(), 0);
}
