//! What a relay brings: a hello, and then the bytes of a container, which are never believed about who it is.

use std::sync::Arc;
use std::time::Duration;

use credenza::config::Peers;
use credenza::log::audit::Peer;
use credenza::secret::Secret;
use credenza::server::data::{DataSide, Relays};
use credenza::server::grant::{Grant, Scope};
use credenza::server::hello::{self, MAGIC, Place, VERSION, Visit};
use credenza::server::terms::{AzureByGrant, Ecs, PodIdentity, Terms, Under};
use tokio::io::{AsyncWriteExt as _, DuplexStream};
use tokio::sync::watch;

use crate::client::{Answer, exchange, read_to_end};
use crate::stage::{Does, MINUTE, SECRET_KEY, Stage};

const VALID: Does = Does::Lasts(MINUTE.saturating_mul(50));

/// Container credentials by relative addresses, for who is known.
struct Containers;

impl Relays for Containers {
    fn terms(&self, visit: &Visit, grant: Option<&Arc<Grant>>) -> Result<watch::Receiver<Arc<Terms>>, String> {
        let peers = if visit.known { Peers::Any } else { Peers::Nobody };
        let identities = visit.identities.iter().map(|name| name.as_str().into()).collect();
        let terms = Terms {
            ecs: Some(Ecs::Relative),
            pod_identity: Some(PodIdentity::ByGrant),
            azure: Some(AzureByGrant),
            own_tokens: true,
            container: visit.container.as_deref().map(Into::into),
            under: grant.map_or(Under::Ended, |grant| Under::Grant(Arc::clone(grant))),
            ..Terms::of_nothing(peers, identities)
        };
        Ok(watch::channel(Arc::new(terms)).1)
    }
}

fn visit(container: &str, known: bool, identities: &[&str]) -> Visit {
    let place = Place {
        address: "169.254.170.2:80".parse().unwrap(),
        dialects: vec!["ecs".to_owned()],
        require_token: false,
        imds_v1: false,
        faithful: false,
        disabled: false,
        metadata: Default::default(),
        task: String::new(),
        vm: String::new(),
    };
    let (container, identities) = (Some(container.to_owned()), identities.iter().map(ToString::to_string).collect());
    Visit { version: VERSION, from: "169.254.170.9:40000".parse().unwrap(), place, container, known, identities }
}

fn come(stage: &Stage) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    let side = DataSide { service: Arc::clone(&stage.service), relays: Arc::new(Containers) };
    tokio::spawn(side.serve_stream(theirs, Arc::new(Peer::known(None)), None, None, stage.stop.subscribe()));
    ours
}

/// A connection of a container by a relay that shows this token.
async fn relayed(stage: &Stage, token: &str, visit: &Visit) -> DuplexStream {
    let mut pipe = come(stage);
    pipe.write_all(&hello::write(&Secret::new(token), visit).unwrap()).await.unwrap();
    pipe
}

async fn ask(pipe: &mut DuplexStream, path: &str, headers: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: 169.254.170.2\r\n{headers}\r\n");
    exchange(pipe, request).await
}

fn said(answer: &Answer) -> (u16, String) {
    (answer.status, answer.error().0)
}

#[tokio::test(start_paused = true)]
async fn a_known_container_has_what_its_name_gives_it_and_the_trail_names_it() {
    let stage = Stage::new(VALID);
    let mut pipe = relayed(&stage, &stage.token, &visit("app", true, &["default"])).await;
    for _ in 0..2 {
        let answer = ask(&mut pipe, "/v2/credentials/default", "").await;
        assert_eq!((answer.status, &answer.json()["SecretAccessKey"]), (200, &SECRET_KEY.into()));
    }
    // in the grant, but not this container's
    assert_eq!(said(&ask(&mut pipe, "/creds/my%20profile", "").await), (400, "InvalidIdInRequest".to_owned()));
    let trail = stage.trail().await;
    assert!(trail.lines().all(|line| line.contains(r#""grant":"test","container":"app""#)), "{trail}");
}

#[tokio::test(start_paused = true)]
async fn no_container_has_more_than_its_relay() {
    let stage = Stage::new(VALID);
    let mut pipe = relayed(&stage, &stage.token, &visit("app", true, &["other"])).await;
    assert_eq!(said(&ask(&mut pipe, "/creds/other", "").await), (400, "InvalidIdInRequest".to_owned()));
    // but a token of its own opens what that covers
    let (token, _) = stage.grant("own", Scope::of(["other"]));
    let answer = ask(&mut pipe, "/creds/other", &format!("Authorization: {token}\r\n")).await;
    assert_eq!(answer.status, 200);
    let trail = stage.trail().await;
    assert!(trail.contains(r#""grant":"own","container":"app""#), "{trail}");
}

#[tokio::test(start_paused = true)]
async fn a_stranger_gets_nothing_but_by_a_token_of_its_own() {
    let stage = Stage::new(VALID);
    let stranger = visit("169.254.170.9", false, &["default"]);
    let mut pipe = relayed(&stage, &stage.token, &stranger).await;
    assert_eq!(said(&ask(&mut pipe, "/creds/default", "").await), (403, "UnknownNeighbour".to_owned()));
    let mut pipe = relayed(&stage, &stage.token, &stranger).await;
    assert_eq!(said(&ask(&mut pipe, "/creds/default", "Authorization: x\r\n").await), (403, "TokenRefused".to_owned()));
    assert_eq!(said(&ask(&mut pipe, "/v1/credentials", "").await), (403, "TokenMissing".to_owned()));
    let shown = format!("Authorization: {}\r\n", stage.token);
    for path in ["/creds/default", "/v1/credentials"] {
        assert_eq!(ask(&mut pipe, path, &shown).await.status, 200, "{path}");
    }
    let trail = stage.trail().await;
    assert!(trail.contains(r#""container":"169.254.170.9""#) && trail.contains("unknown-neighbour"), "{trail}");
}

#[tokio::test(start_paused = true)]
async fn a_container_cannot_say_that_it_is_another_one() {
    let stage = Stage::new(VALID);
    let stranger = visit("169.254.170.9", false, &["default"]);
    for forged in ["X-Forwarded-For: 169.254.170.5", "Forwarded: for=169.254.170.5", "X-Forwarded-Host: app"] {
        let mut pipe = relayed(&stage, &stage.token, &stranger).await;
        let answer = ask(&mut pipe, "/creds/default", &format!("{forged}\r\n")).await;
        assert_eq!(said(&answer), (403, "ForwardedRequest".to_owned()), "{forged}");
    }
    // a hello of its own behind the relay's, with a token that is good
    let second = hello::write(&Secret::new(stage.token.as_str()), &visit("app", true, &["default"])).unwrap();
    // and what proxies say of their clients
    let proxied = b"PROXY TCP4 169.254.170.5 169.254.170.2 40000 80\r\nGET /creds/default HTTP/1.1\r\n\r\n".to_vec();
    for forged in [second.to_vec(), proxied] {
        let mut pipe = relayed(&stage, &stage.token, &stranger).await;
        pipe.write_all(&forged).await.unwrap();
        pipe.write_all(b"GET /creds/default HTTP/1.1\r\nHost: 169.254.170.2\r\n\r\n").await.unwrap();
        let answer = read_to_end(&mut pipe).await;
        assert!(answer.starts_with("HTTP/1.1 400") && !answer.contains(SECRET_KEY), "{answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_grant_that_lives_nothing_is_had() {
    let stage = Stage::new(VALID);
    let app = visit("app", true, &["default"]);
    let mut unknown = relayed(&stage, "no-such-token", &app).await;
    assert_eq!(said(&ask(&mut unknown, "/creds/default", "").await), (403, "RelayEnded".to_owned()));
    let mut unknown = relayed(&stage, "no-such-token", &app).await;
    assert_eq!(ask(&mut unknown, "/healthz", "").await.status, 403);

    let (token, _) = stage.grant("compose", Scope::of(["default"]));
    let mut pipe = relayed(&stage, &token, &app).await;
    // from memory from the second time on: that looks too
    for _ in 0..3 {
        assert_eq!(ask(&mut pipe, "/creds/default", "").await.status, 200);
    }
    stage.grants.revoke("compose").unwrap();
    assert_eq!(said(&ask(&mut pipe, "/creds/default", "").await), (403, "RelayEnded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_is_settled_once_a_connection_ends_it() {
    let stage = Stage::new(VALID);
    let stranger = visit("169.254.170.9", false, &["default"]);
    for (token, code) in [(stage.token.as_str(), "UnknownNeighbour"), ("no-such-token", "RelayEnded")] {
        let mut pipe = relayed(&stage, token, &stranger).await;
        let answer = ask(&mut pipe, "/creds/default", "").await;
        assert_eq!(said(&answer), (403, code.to_owned()));
        assert_eq!(answer.header("connection"), Some("close"), "else it would be refused for ever");
        assert_eq!(read_to_end(&mut pipe).await, "");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_ended_while_it_is_waited_for_is_not_had() {
    let stage = Stage::new(VALID);
    let (token, _) = stage.grant("compose", Scope::of(["default"]));
    let app = visit("app", true, &["default"]);
    stage.source.now_takes(Duration::from_millis(300));
    let mut pipe = relayed(&stage, &token, &app).await;
    let ending = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stage.grants.revoke("compose").unwrap();
    };
    let (answer, ()) = tokio::join!(ask(&mut pipe, "/creds/default", ""), ending);
    assert_eq!(said(&answer), (403, "RelayEnded".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_refused_also_where_the_last_answer_needed_none() {
    let stage = Stage::new(VALID);
    let mut pipe = relayed(&stage, &stage.token, &visit("app", true, &["default"])).await;
    assert_eq!(ask(&mut pipe, "/creds/default", "").await.status, 200);
    let answer = ask(&mut pipe, "/creds/default", "Authorization: wrong\r\n").await;
    assert_eq!(said(&answer), (403, "TokenRefused".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_comes_without_a_hello_speaks_as_at_the_main_address() {
    let stage = Stage::new(VALID);
    let mut pipe = come(&stage);
    assert_eq!(exchange(&mut pipe, stage.get("/creds/default")).await.status, 200);
    let bare = "GET /creds/default HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    assert_eq!(said(&exchange(&mut pipe, bare).await), (403, "TokenMissing".to_owned()));
    let page = stage.get("/creds/default").replace("127.0.0.1", "evil.example");
    assert_eq!(said(&exchange(&mut come(&stage), page).await), (403, "HostNotAllowed".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_or_nonsense_is_let_go_of() {
    let stage = Stage::new(VALID);
    let half = [&MAGIC[..], &1000_u32.to_be_bytes(), b"{"].concat();
    for said in [b"".as_slice(), b"\0", b"\0xxx\0\0\0\0", &half] {
        let mut pipe = come(&stage);
        pipe.write_all(said).await.unwrap();
        let began = tokio::time::Instant::now();
        let answer = read_to_end(&mut pipe).await;
        assert!(answer.is_empty() && began.elapsed() <= Duration::from_secs(5), "{said:?}");
    }
}
