//! A session that is not valid, an upstream that is down or lies (checklist 17-20, 26-28), and where we listen (32).

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use credenza::credential::ClockOffset;
use credenza::world::simulated::Step;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::client::{exchange, send};
use crate::stage::{Does, MINUTE, SECOND, Stage};

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn c17_a_needed_login_is_403_at_once_with_the_command_and_asks_upstream_once() {
    let (stage, address) = Stage::listening(Does::NeedsLogin);
    let before = Instant::now();
    let answer = send(address, stage.get("/creds/default")).await;
    let took = before.elapsed();
    assert!(took < Duration::from_millis(100), "{took:?}");
    assert_eq!((answer.status, answer.reason.as_str()), (403, "Login Required"));
    let (code, message) = answer.error();
    assert_eq!(code, "LoginRequired");
    assert!(message.contains("credenza login default"), "{message}");
    assert_eq!(stage.source.calls(), 1);
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 403);
    assert_eq!(stage.source.calls(), 1, "a second call within a second");
}

#[tokio::test]
async fn a_refusal_of_the_cloud_is_403_too() {
    let (stage, address) = Stage::listening(Does::Refuses);
    let answer = send(address, stage.get("/creds/default")).await;
    assert_eq!((answer.status, answer.reason.as_str()), (403, "Access Denied"));
    assert_eq!(answer.error().0, "AccessDenied");
}

/// An upstream that gave an hour, and is down when so much of it is left.
async fn down_with(left: Duration) -> (Stage, SocketAddr) {
    let (stage, address) = Stage::listening(Does::Lasts(HOUR));
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 200);
    stage.source.now_does(Does::Down);
    stage.clock.suspend(HOUR - left);
    (stage, address)
}

#[tokio::test]
async fn c18_with_the_upstream_down_nine_minutes_are_served() {
    let (stage, address) = down_with(9 * MINUTE).await;
    let answer = send(address, stage.get("/creds/default")).await;
    assert_eq!((answer.status, &answer.json()["AccessKeyId"]), (200, &"ASIAEXAMPLE00001".into()));
}

#[tokio::test]
async fn c19_with_the_upstream_down_thirty_seconds_are_503() {
    let (stage, address) = down_with(30 * SECOND).await;
    let answer = send(address, stage.get("/creds/default")).await;
    assert_eq!((answer.status, answer.reason.as_str()), (503, "Upstream Unavailable"));
    assert_eq!(answer.error().0, "UpstreamUnavailable");
}

#[tokio::test]
async fn c20_with_the_upstream_down_what_has_ended_is_503_whatever_the_clock_says() {
    for left in [Duration::ZERO, SECOND] {
        let (stage, address) = down_with(left).await;
        assert_eq!(send(address, stage.get("/creds/default")).await.status, 503);
        // over a connection that was answered before, too, and with the clock set back
        let (stage, address) = Stage::listening(Does::Lasts(HOUR));
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 200);
        stage.source.now_does(Does::Down);
        stage.clock.suspend(HOUR - left);
        stage.clock.step_wall(Step::Back(HOUR));
        assert_eq!(exchange(&mut stream, stage.get("/creds/default")).await.status, 503);
    }
}

#[tokio::test]
async fn c26_what_comes_from_upstream_dead_or_dying_is_503() {
    for does in [Does::Ended, Does::Lasts(Duration::ZERO), Does::Lasts(59 * SECOND)] {
        let (stage, address) = Stage::listening(does);
        let answer = send(address, stage.get("/creds/default")).await;
        assert_eq!(answer.status, 503, "{}", answer.body);
        assert!(!answer.body.contains("ASIA"));
    }
}

#[tokio::test]
async fn c27_with_the_upstreams_clock_ahead_the_expiration_is_true_by_that_clock() {
    let (stage, address) = Stage::listening(Does::Lasts(HOUR));
    let ahead = ClockOffset::Ahead(5 * MINUTE);
    stage.source.clock_is(ahead);
    let theirs = ahead.server_time(stage.now().wall);
    let document = send(address, stage.get("/creds/default")).await.json();
    let told: std::time::SystemTime =
        document["Expiration"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().into();
    let left = told.duration_since(theirs).unwrap();
    assert!(left <= HOUR + SECOND && left >= HOUR - SECOND, "{left:?}");
    // by our own clock it has 65 minutes; it is over after 60
    stage.source.now_does(Does::Down);
    stage.clock.suspend(HOUR);
    assert_eq!(send(address, stage.get("/creds/default")).await.status, 503);
}

#[tokio::test]
async fn c28_a_client_that_asks_again_early_is_answered_from_memory() {
    // The policy, its reason and the way out stand in docs/dialects/ecs.md: an early repeat is not taken for a complaint,
    // since a service that opens a session for every request looks just the same.
    let (stage, address) = Stage::listening(Does::Lasts(HOUR));
    for _ in 0..3 {
        let document = send(address, stage.get("/creds/default")).await.json();
        assert_eq!(document["AccessKeyId"], "ASIAEXAMPLE00001");
    }
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test]
#[allow(clippy::print_stdout)] // what cannot be tested here is said
async fn c32_only_loopback_can_connect() {
    let (_stage, address) = Stage::listening(Does::Lasts(HOUR));
    assert_eq!(address.ip(), Ipv4Addr::LOCALHOST);
    let refuses = async |other: IpAddr| {
        let error = TcpStream::connect((other, address.port())).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused, "{other}");
    };
    refuses(Ipv4Addr::new(127, 0, 0, 2).into()).await;
    match an_address_of_this_machine() {
        Some(other) => refuses(other).await,
        None => println!("skipped: an address that others could reach: this machine has none but loopback"),
    }
}

/// The address that the machine would send from; nothing is sent.
fn an_address_of_this_machine() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect("192.0.2.1:9").ok()?;
    socket.local_addr().ok().map(|address| address.ip()).filter(|ip| !ip.is_loopback() && !ip.is_unspecified())
}
