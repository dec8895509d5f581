//! Who gets nothing, and what they are told (checklist 5, 6, 11, 13), on real sockets.

use credenza::server::grant::{Holder, Scope};
use tokio::net::TcpStream;

use crate::client::{Answer, exchange, send};
use crate::stage::{Does, MINUTE, SECRET_KEY, SESSION_TOKEN, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));

fn bare(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n")
}

fn assert_refused(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.error().0.as_str()), (status, code), "{answer:?}");
    for secret in [SECRET_KEY, SESSION_TOKEN, "ASIA"] {
        assert!(!answer.body.contains(secret), "{}", answer.body);
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn c05_get_without_authorization_is_403() {
    let (stage, address) = Stage::listening(VALID);
    let answer = send(address, bare("/creds/default", "")).await;
    assert_refused(&answer, 403, "TokenMissing");
    assert_eq!(answer.reason, "Token Required");
    assert!(answer.error().1.contains("credenza exec"));
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c06_a_wrong_token_is_403_and_reaches_no_upstream() {
    let (stage, address) = Stage::listening(VALID);
    let token = &stage.token;
    let flipped: String = token.chars().rev().collect();
    let cased: String =
        token.chars().map(|c| if c.is_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect();
    let wrong =
        [&token[1..], &format!("{token}x"), &flipped, &cased, &format!("Bearer {token}"), &format!("{token},{token}")];
    for wrong in wrong {
        let answer = send(address, bare("/creds/default", &format!("Authorization: {wrong}\r\n"))).await;
        assert_refused(&answer, 403, "TokenRefused");
    }
    let empty = send(address, bare("/creds/default", "Authorization: \r\n")).await;
    assert_refused(&empty, 403, "TokenMissing");
    let odd = b"GET /creds/default HTTP/1.1\r\nHost: localhost\r\nAuthorization: \xff\xfe\r\n\r\n";
    assert_refused(&send(address, odd).await, 403, "TokenRefused");
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c06_who_has_no_token_learns_no_names() {
    let (_stage, address) = Stage::listening(VALID);
    let known = send(address, bare("/creds/default", "Authorization: wrong\r\n")).await;
    for path in ["/creds/none", "/nothing", "/", "/v1/credentials"] {
        let unknown = send(address, bare(path, "Authorization: wrong\r\n")).await;
        assert_eq!((unknown.status, &unknown.body), (known.status, &known.body), "{path}");
    }
}

#[tokio::test]
async fn c11_browsers_and_forwarded_requests_are_403_on_every_route() {
    let (stage, address) = Stage::listening(VALID);
    for (header, code) in [
        ("Origin: https://evil.example", "BrowserRequest"),
        ("Origin: null", "BrowserRequest"),
        ("Referer: http://127.0.0.1/", "BrowserRequest"),
        ("Sec-Fetch-Site: none", "BrowserRequest"),
        ("sec-fetch-mode: navigate", "BrowserRequest"),
        ("X-Forwarded-For: 127.0.0.1", "ForwardedRequest"),
        ("x-forwarded-for:", "ForwardedRequest"),
        ("Forwarded: for=127.0.0.1", "ForwardedRequest"),
    ] {
        for path in ["/creds/default", "/v1/credentials", "/healthz", "/nothing"] {
            let request = stage.get(path).replace("\r\n\r\n", &format!("\r\n{header}\r\n\r\n"));
            assert_refused(&send(address, request).await, 403, code);
        }
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c11_what_can_be_read_in_two_ways_is_400() {
    let (stage, address) = Stage::listening(VALID);
    let token = &stage.token;
    let chunked = |length: &str| {
        let head = format!("\r\n{length}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        stage.get("/creds/default").replace("\r\n\r\n", &head)
    };
    for request in [
        format!("GET /creds/default HTTP/1.1\r\nAuthorization: {token}\r\n\r\n"),
        format!("GET /creds/default HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n"),
        stage.get("/creds/default").replace("\r\n\r\n", &format!("\r\nAuthorization: {token}\r\n\r\n")),
        stage.get("http://127.0.0.1/creds/default"),
        stage.get("http://evil.example/creds/default"),
        chunked(""),
        chunked("Content-Length: 5\r\n"),
    ] {
        assert_refused(&send(address, request).await, 400, "MalformedRequest");
    }
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn c13_an_unknown_name_is_400_and_told_where_names_are() {
    let (stage, address) = Stage::listening(VALID);
    for path in ["/creds/none", "/creds/Default", "/creds/default%20", "/creds/%2e%2e"] {
        let answer = send(address, stage.get(path)).await;
        assert_refused(&answer, 400, "UnknownIdentity");
        assert!(answer.error().1.contains("credenza list"), "{path}");
    }
    let answer = send(address, stage.get("/elsewhere")).await;
    assert_refused(&answer, 400, "UnknownPath");
    assert_eq!(stage.source.calls(), 0);
}

#[tokio::test]
async fn an_identity_outside_the_grant_is_403_and_told_how_to_get_it() {
    let (stage, address) = Stage::listening(VALID);
    let answer = send(address, stage.get("/creds/other")).await;
    assert_refused(&answer, 403, "NotGranted");
    assert!(answer.error().1.contains("credenza exec other -- CMD"));
    let (every, _) = stage.grant("every", Scope::Every);
    assert_eq!(send(address, stage.get("/creds/other").replace(&stage.token, &every)).await.status, 200);
}

#[tokio::test]
async fn a_revoked_grant_is_refused_on_connections_that_are_open() {
    let (stage, address) = Stage::listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
    }
    assert!(stage.grants.revoke("test").unwrap());
    assert_refused(&exchange(&mut stream, stage.get("/creds/default")).await, 403, "TokenRefused");
}

#[tokio::test]
async fn a_grant_that_got_its_holder_after_the_first_request_can_be_revoked_too() {
    let (stage, address) = Stage::listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
    }
    let holder = Holder::Shell { pid: 7, started: "77".into() };
    assert!(stage.grants.attach("test", holder, None).unwrap().is_some());
    assert!(stage.grants.revoke("test").unwrap());
    assert_refused(&exchange(&mut stream, stage.get("/creds/default")).await, 403, "TokenRefused");
}

#[tokio::test]
async fn one_connection_is_asked_for_its_token_each_time() {
    let (stage, address) = Stage::listening(VALID);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
        let wrong = stage.get("/creds/default").replace(&stage.token, &"x".repeat(stage.token.len()));
        assert_refused(&exchange(&mut stream, wrong).await, 403, "TokenRefused");
        assert_refused(&exchange(&mut stream, bare("/creds/default", "")).await, 403, "TokenMissing");
        assert_refused(&exchange(&mut stream, stage.get("/creds/other")).await, 403, "NotGranted");
        let browser = stage.get("/creds/default").replace("\r\n\r\n", "\r\nOrigin: null\r\n\r\n");
        assert_refused(&exchange(&mut stream, browser).await, 403, "BrowserRequest");
    }
}

#[tokio::test]
async fn health_needs_no_token_and_names_nothing() {
    let (stage, address) = Stage::listening(Does::NeedsLogin);
    let health = || send(address, bare("/healthz", ""));
    let answer = health().await;
    assert_eq!((answer.status, answer.body.as_str()), (200, r#"{"status":"ready"}"#));
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 403);
    let answer = health().await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"status":"login-needed"}"#));
    let rebound = send(address, bare("/healthz", "").replace("127.0.0.1", "evil.example")).await;
    assert_refused(&rebound, 403, "HostNotAllowed");

    let (stage, address) = Stage::listening(Does::Down);
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 503);
    let answer = send(address, bare("/healthz", "")).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, r#"{"status":"broken"}"#));
}
