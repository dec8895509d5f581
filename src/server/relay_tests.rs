//! Containers and daemons over real sockets, except where time passes.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};

use super::super::terms::Ecs;
use super::*;
use crate::config::Peers;
use crate::server::hello::Beginning;
use crate::world::hosts::SystemHosts;
use crate::world::simulated::SimulatedClock;

/// A daemon that is away for the first so many attempts.
struct Daemon {
    away: usize,
    attempts: AtomicUsize,
    ends: Mutex<Vec<DuplexStream>>,
}

impl Daemon {
    fn away(away: usize) -> Arc<Self> {
        Arc::new(Self { away, attempts: AtomicUsize::new(0), ends: Mutex::default() })
    }

    async fn hello(&self) -> Visit {
        let mut end = self.ends.lock().unwrap().pop().unwrap();
        let Beginning::Relay(hello) = hello::read(&mut end).await.unwrap() else { panic!("no hello") };
        assert!(hello.token.same_as(b"T"));
        hello.visit
    }
}

impl Upstream for Daemon {
    fn connect(&self) -> BoxFuture<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            if self.attempts.fetch_add(1, Ordering::Relaxed) < self.away {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (ours, theirs) = duplex(64 * 1024);
            self.ends.lock().unwrap().push(theirs);
            Ok(Box::new(ours) as Box<dyn Stream>)
        })
    }

    fn token(&self) -> Secret {
        Secret::new("T")
    }
}

fn relay(upstream: Arc<Daemon>) -> Relay {
    let neighbour = |who: &str, identities: &[&str]| Neighbour {
        who: who.parse().unwrap(),
        identities: identities.iter().map(|name| (*name).into()).collect(),
    };
    let refusing = Terms { ecs: Some(Ecs::Relative), ..Terms::of_nothing(Peers::Nobody, Vec::new()) };
    Relay {
        upstream,
        place: Place {
            address: "169.254.170.2:80".parse().unwrap(),
            dialects: vec!["ecs".to_owned()],
            require_token: false,
            imds_v1: false,
            faithful: false,
            disabled: false,
            metadata: Default::default(),
            task: String::new(),
            vm: String::new(),
        },
        neighbours: vec![neighbour("10.0.0.5", &["prod", "az"]), neighbour("10.0.1.0/24", &["test"])],
        anybody: false,
        identities: ["prod", "az", "test"].map(Into::into).to_vec(),
        lookups: Lookups::new(Arc::new(SystemHosts)),
        refusing: Arc::new(refusing),
        clock: Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000))),
    }
}

fn at(address: &str) -> SocketAddr {
    address.parse().unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_daemon_is_told_who_comes() {
    let daemon = Daemon::away(0);
    let relay = relay(Arc::clone(&daemon));
    for (from, container, known, identities) in [
        ("10.0.0.5:4000", Some("10.0.0.5"), true, vec!["prod", "az"]),
        ("[::ffff:10.0.0.5]:4000", Some("10.0.0.5"), true, vec!["prod", "az"]),
        ("10.0.1.77:4000", Some("10.0.1.77"), true, vec!["test"]),
        // how it is refused depends on what there is
        ("10.0.2.5:4000", Some("10.0.2.5"), false, vec!["prod", "az", "test"]),
        // ourselves
        ("169.254.170.2:4000", None, false, vec![]),
    ] {
        let visit = relay.visit(at(from), at("169.254.170.2:80")).await.unwrap();
        drop(relay.reach(&visit, Instant::now() + PATIENCE).await.unwrap());
        let told = daemon.hello().await;
        assert_eq!((told.container.as_deref(), told.known), (container, known), "{from}");
        assert_eq!(told.identities, identities, "{from}");
        assert_eq!((told.from, told.place.address), (at(from), at("169.254.170.2:80")));
    }
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_is_started_anew_is_waited_for_and_no_longer_than_clients_wait() {
    for (away, found) in [(0, true), (1, true), (15, true), (usize::MAX, false)] {
        let relay = relay(Daemon::away(away));
        let visit = relay.visit(at("10.0.0.5:4000"), at("169.254.170.2:80")).await.unwrap();
        let began = Instant::now();
        assert_eq!(relay.reach(&visit, began + PATIENCE).await.is_ok(), found, "{away}");
        assert!(began.elapsed() <= PATIENCE, "{away}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn who_comes_while_there_is_no_daemon_is_told_so_in_the_words_of_the_dialect() {
    let relay = Arc::new(relay(Daemon::away(usize::MAX)));
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.address();
    let (stop, told) = watch::channel(false);
    let serving = tokio::spawn(relay.serve(listener, told));
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET /creds/prod HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains(r#""code":"NoDaemon""#), "{answer}");
    assert!(answer.contains("connection: close"), "{answer}");
    stop.send_replace(true);
    serving.await.unwrap();
}
