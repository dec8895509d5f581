//! Faults: whom they meet, how often, and what a client sees.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use simcloud::{Fault, Trouble};
use support::{
    BASE, NEXT_ROLE, ROLE, World,
    client::{Answer, Request, Signing, call},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, timeout},
};

const ASSUME: [(&str, &str); 2] = [("RoleArn", ROLE), ("RoleSessionName", "one")];

async fn with(trouble: Trouble) -> (World, Answer) {
    let world = World::new();
    world.cloud.add_fault(Fault::new(trouble).times(1));
    let answer = call(&world.cloud, &world.base, "AssumeRole", &ASSUME).await;
    (world, answer)
}

/// How many credentials were given out.
fn given(world: &World) -> usize {
    world.cloud.all_issued().iter().filter(|issued| issued.is_temporary()).count()
}

fn outcome(world: &World) -> String {
    world.cloud.calls().last().unwrap().outcome.clone()
}

#[tokio::test]
async fn a_fault_meets_the_calls_that_it_names_as_often_as_it_says() {
    let world = World::new();
    let other = world.cloud.add_user("other", "111122223333");
    world.cloud.add_fault(Fault::error("Throttling").on_action("AssumeRole").on_role(ROLE).on_principal(BASE).times(2));
    let next = [("RoleArn", NEXT_ROLE), ("RoleSessionName", "one")];
    assert_eq!(call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await.status(), 200);
    assert_eq!(call(&world.cloud, &other, "AssumeRole", &ASSUME).await.error().1, "AccessDenied");
    assert_eq!(call(&world.cloud, &world.base, "AssumeRole", &next).await.error().1, "AccessDenied");
    assert_eq!(call(&world.cloud, &world.base, "AssumeRole", &ASSUME).await.error().1, "Throttling");
    assert_eq!(call(&world.cloud, &world.base, "AssumeRole", &ASSUME).await.error().1, "Throttling");
    assert_eq!(call(&world.cloud, &world.base, "AssumeRole", &ASSUME).await.status(), 200);
}

#[tokio::test]
async fn a_fault_without_a_number_lasts_until_it_is_cleared() {
    let world = World::new();
    let first = world.cloud.add_fault(Fault::outage());
    let second = world.cloud.add_fault(Fault::error("Throttling"));
    for _ in 0..3 {
        assert_eq!(call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await.status(), 503);
    }
    assert!(world.cloud.clear_fault(first) && !world.cloud.clear_fault(first));
    assert_eq!(call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await.error().1, "Throttling");
    assert_eq!(world.cloud.faults().into_iter().map(|fault| fault.0).collect::<Vec<_>>(), [second]);
    world.cloud.clear_faults();
    assert_eq!(call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_reset_says_nothing_before_or_after_its_work() {
    let (world, answer) = with(Trouble::ResetBefore).await;
    assert_eq!((answer.text.as_str(), given(&world), outcome(&world).as_str()), ("", 0, "reset-before"));
    let (world, answer) = with(Trouble::ResetAfter).await;
    assert_eq!((answer.text.as_str(), given(&world), outcome(&world).as_str()), ("", 1, "reset-after"));
}

#[tokio::test]
async fn over_tcp_a_reset_is_a_reset() {
    let world = World::new();
    world.cloud.add_fault(Fault::new(Trouble::ResetBefore));
    let listening = world.cloud.listen(TcpListener::bind("127.0.0.1:0").await.unwrap()).unwrap();
    let mut stream = TcpStream::connect(listening.address()).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: sts\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    let error = stream.read(&mut [0; 16]).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_torn_answer_promises_more_than_it_holds() {
    let (world, answer) = with(Trouble::Torn).await;
    assert_eq!(answer.status(), 200);
    let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(answer.body().len(), promised / 2);
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!((given(&world), outcome(&world).as_str()), (1, "torn"));
}

#[tokio::test(start_paused = true)]
async fn a_hang_answers_never() {
    let world = World::new();
    world.cloud.add_fault(Fault::new(Trouble::Hang).times(1));
    let hour = Duration::from_secs(3600);
    assert!(timeout(hour, call(&world.cloud, &world.base, "AssumeRole", &ASSUME)).await.is_err());
    assert_eq!((given(&world), outcome(&world).as_str()), (0, "hang"));
    assert_eq!(call(&world.cloud, &world.base, "AssumeRole", &ASSUME).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_slow_call_waits_before_and_after_its_work() {
    let world = World::new();
    world.cloud.add_fault(Fault::new(Trouble::Slow { before_ms: 300, after_ms: 0 }));
    world.cloud.add_fault(Fault::new(Trouble::Slow { before_ms: 0, after_ms: 500 }));
    let start = Instant::now();
    let asked = timeout(Duration::from_millis(299), call(&world.cloud, &world.base, "AssumeRole", &ASSUME)).await;
    assert!(asked.is_err());
    assert_eq!((given(&world), outcome(&world).as_str()), (0, "unfinished"));
    let asked = timeout(Duration::from_millis(799), call(&world.cloud, &world.base, "AssumeRole", &ASSUME)).await;
    assert!(asked.is_err());
    assert!(given(&world) >= 1, "the work was done before the second wait");
    assert_eq!(start.elapsed(), Duration::from_millis(299 + 799));
    let start = Instant::now();
    assert_eq!(call(&world.cloud, &world.base, "AssumeRole", &ASSUME).await.status(), 200);
    assert_eq!(start.elapsed(), Duration::from_millis(800));
}

#[tokio::test]
async fn an_upstream_that_lies_looks_like_one_that_does_not() {
    let (world, answer) = with(Trouble::EmptyAnswer).await;
    assert_eq!((answer.status(), answer.body(), given(&world)), (200, "", 0));

    let (world, answer) = with(Trouble::WrongAnswer).await;
    assert_eq!((answer.status(), given(&world)), (200, 0));
    assert!(answer.body().starts_with("<DecodeAuthorizationMessageResponse "), "{answer:?}");

    let (world, answer) = with(Trouble::BlankCredentials).await;
    assert_eq!((answer.status(), given(&world)), (200, 1));
    for name in ["AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"] {
        assert_eq!(answer.element(name), Some(""), "{name}");
    }

    let (world, answer) = with(Trouble::Huge { bytes: 3_000_000 }).await;
    assert_eq!((answer.status(), given(&world)), (200, 1));
    assert!(answer.body().len() > 3_000_000);
    let promised: usize = answer.header("content-length").unwrap().parse().unwrap();
    assert_eq!(answer.body().len(), promised);
}

#[tokio::test]
async fn credentials_can_be_over_or_short_when_they_come() {
    let (world, answer) = with(Trouble::Expired { ago_secs: 90 }).await;
    assert_eq!(answer.element("Expiration"), Some("2026-01-31T11:58:30Z"));
    assert_eq!(world.cloud.judge(&answer.keys()).unwrap_err().code, "ExpiredToken");

    let world = World::new();
    world.cloud.add_fault(Fault::life(Duration::from_secs(300)).on_role(ROLE));
    let keys = call(&world.cloud, &world.base, "AssumeRole", &ASSUME).await.keys();
    world.pass(Duration::from_secs(299));
    assert!(world.cloud.judge(&keys).is_ok());
    world.pass(Duration::from_secs(1));
    assert_eq!(world.cloud.judge(&keys).unwrap_err().code, "ExpiredToken");
}

#[tokio::test]
async fn proxies_and_portals_can_stand_in_between() {
    let (_, answer) = with(Trouble::Redirect { to: "http://169.254.169.254/".to_owned() }).await;
    assert_eq!((answer.status(), answer.header("location")), (307, Some("http://169.254.169.254/")));

    let headers = vec![("retry-after".to_owned(), "7".to_owned())];
    let (world, answer) = with(Trouble::Page { status: 429, headers, body: String::new() }).await;
    assert_eq!((answer.status(), answer.header("retry-after"), answer.body()), (429, Some("7"), ""));
    assert_eq!((given(&world), outcome(&world).as_str()), (0, "page"));

    let trouble = Trouble::Page { status: 200, headers: Vec::new(), body: "<html>Log in</html>".to_owned() };
    let (_, answer) = with(trouble).await;
    assert_eq!(answer.body(), "<html>Log in</html>");
}

#[tokio::test]
async fn the_call_log_says_who_asked_for_what() {
    let world = World::new();
    let answer =
        call(&world.cloud, &world.base, "AssumeRole", &[&ASSUME[..], &[("DurationSeconds", "900")]].concat()).await;
    call(&world.cloud, &answer.keys(), "GetCallerIdentity", &[]).await;
    Request::new("GetCallerIdentity", &[]).send(&world.cloud).await;
    let calls = world.cloud.calls();
    assert_eq!(world.cloud.count("GetCallerIdentity"), 2);
    assert_eq!((calls[0].at, calls[0].action.as_str()), (world.now(), "AssumeRole"));
    assert_eq!((calls[0].principal.as_deref(), calls[0].role.as_deref()), (Some(BASE), Some(ROLE)));
    let session_name = ("RoleSessionName".to_owned(), "one".to_owned());
    assert_eq!(calls[0].parameters, [session_name, ("DurationSeconds".to_owned(), "900".to_owned())]);
    assert_eq!(calls[1].principal.as_deref(), Some("arn:aws:sts::111122223333:assumed-role/my-role/one"));
    assert_eq!((calls[2].principal.as_deref(), calls[2].outcome.as_str()), (None, "MissingAuthenticationToken"));
    world.cloud.forget_calls();
    assert!(world.cloud.calls().is_empty());
}

#[tokio::test]
async fn a_connection_serves_one_call_after_the_other() {
    let world = World::new();
    let (mut near, far) = tokio::io::duplex(1 << 16);
    let serving = tokio::spawn(world.cloud.serve(far));
    let request = Request::new("GetCallerIdentity", &[]).signed(&Signing::new(&world.base, world.now()));
    let mut text = String::from("POST / HTTP/1.1\r\n");
    request.headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text.push_str(&format!("content-length: {}\r\n\r\n{}", request.body.len(), request.body));
    for _ in 0..3 {
        near.write_all(text.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"</GetCallerIdentityResponse>") {
            assert!(near.read_buf(&mut answer).await.unwrap() > 0);
        }
    }
    drop(near);
    serving.await.unwrap();
    assert_eq!(world.cloud.count("GetCallerIdentity"), 3);
}
