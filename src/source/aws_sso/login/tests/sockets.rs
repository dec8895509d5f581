//! The browser's way back over real sockets.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::stage::*;
use crate::world::World;
use crate::world::redirect::Loopback;
use crate::world::simulated_person::SimulatedPerson;

/// Sends a request's head; tells the answer's status, 0 where the connection was cut off.
async fn sent(port: u16, head: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await; // a reset after an answer is its end, too
    (answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default(), answer)
}

/// Everything that may come before the browser does, and the browser.
async fn visits(port: u16, state: String, brings: &str) -> String {
    let get = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nhost: {host}\r\n\r\n");
    let us = format!("127.0.0.1:{port}");
    let good = format!("/oauth/callback?{brings}&state={state}");
    let (status, answer) = sent(port, &get(&good, &format!("rebound.example:{port}"))).await;
    assert_eq!(status, 400, "{answer}");
    assert_eq!(sent(port, &get("/favicon.ico", &us)).await.0, 404);
    assert_eq!(sent(port, &get(&good.replace("/oauth", "//oauth"), &us)).await.0, 404);
    assert_eq!(sent(port, &get(&format!("{good}x"), &us)).await.0, 400);
    assert_eq!(sent(port, &get(&good, &us).replace("GET", "POST")).await.0, 405);
    let marked = get(&good, &us).replace("\r\n\r\n", "\r\nsec-fetch-mode: no-cors\r\n\r\n");
    assert_eq!(sent(port, &marked).await.0, 403);
    let endless = get(&good, &us).replace("\r\n\r\n", &format!("\r\nx-padding: {}\r\n\r\n", "x".repeat(64 << 10)));
    assert!([0, 431].contains(&sent(port, &endless).await.0));
    let half = TcpStream::connect(("127.0.0.1", port)).await.unwrap(); // says nothing
    let (status, page) = sent(port, &get(&good, &us)).await;
    assert_eq!(status, 200, "{page}");
    drop(half);
    // where it is not closed yet, it is over
    if let Ok(mut second) = TcpStream::connect(("127.0.0.1", port)).await {
        let mut answer = String::new();
        let _ = second.write_all(get(&good, &us).as_bytes()).await;
        let _ = second.read_to_string(&mut answer).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 410 "), "{answer}");
    }
    page
}

/// Signs in with a browser that is real but for its window; the page that it was left with.
async fn login_with(
    brings: &'static str,
) -> (Stage, Result<crate::store::StoredToken, crate::credential::Failure>, String) {
    let stage = Stage::new();
    let visiting = Arc::new(Mutex::new(None));
    let started = visiting.clone();
    let person = SimulatedPerson::with_browser(move |url| {
        let member = |name: &str| {
            let value = url.split_once(&format!("{name}=")).unwrap().1.split('&').next().unwrap();
            percent_encoding::percent_decode_str(value).decode_utf8().unwrap().into_owned()
        };
        let port = member("redirect_uri").rsplit(':').next().unwrap().split('/').next().unwrap().parse().unwrap();
        *started.lock().unwrap() = Some(tokio::spawn(visits(port, member("state"), brings)));
        true
    });
    let mut stage = stage.with_person(person);
    stage.world = World { redirects: Arc::new(Loopback), ..stage.world };
    let outcome = stage.login().await;
    let visiting = visiting.lock().unwrap().take().unwrap();
    let page = visiting.await.unwrap();
    (stage, outcome, page)
}

#[tokio::test]
async fn only_the_browser_of_this_sign_in_gets_through() {
    let (stage, outcome, page) = login_with("code=c0de").await;
    assert!(outcome.unwrap().access_token.same_as(b"access-token-1"));
    assert_eq!(stage.center.asked("/token").len(), 1);
    let page = page.to_ascii_lowercase();
    for header in
        ["referrer-policy: no-referrer", "cache-control: no-store", "content-security-policy: default-src 'none'"]
    {
        assert!(page.contains(&format!("\r\n{header}")), "{header}: {page}");
    }
    assert!(page.contains("<h1>signed in</h1>") && !page.contains("c0de"), "{page}");
}

#[tokio::test]
async fn a_refusal_is_shown_in_the_browser_too() {
    let (_, outcome, page) = login_with("error=access_denied&error_description=no").await;
    assert_eq!(outcome.unwrap_err().code, "LoginDenied");
    assert!(page.contains("<h1>Not signed in</h1>") && page.contains("access_denied: no"), "{page}");
}
