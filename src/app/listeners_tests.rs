//! When an address is tried again, in simulated time: nothing is ever asked at the sockets here.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use super::*;
use crate::app::recipes::{Book, names};
use crate::app::user_sessions::AtDaemon;
use crate::engine::{Engine, Settings};
use crate::log::audit::Audit;
use crate::log::capped::CappedFile;
use crate::server::grant::Grants;
use crate::world::folder::Folder;
use crate::world::simulated::{MemoryFiles, SimulatedClock};
use crate::world::{Environment, Files as _};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn attempts_are_ever_further_apart() {
    for (attempts, secs) in [(0, 1), (1, 1), (2, 2), (3, 4), (5, 16), (6, 30), (64, 30), (u32::MAX, 30)] {
        assert_eq!(next_attempt(attempts), Duration::from_secs(secs), "{attempts}");
    }
}

/// A daemon's listeners whose addresses cannot be had as long as `taken` says.
struct Stage {
    listeners: Listeners,
    attempts: Arc<AtomicUsize>,
    config: watch::Sender<Arc<Config>>,
    files: MemoryFiles,
    world: World,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn new(taken: usize) -> Self {
        let folder = crate::world::folder::temporary();
        let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
        let files = MemoryFiles::default()
            .with("/home/ada/.aws/config", "[profile prod]\ncredential_process = print prod\nregion = eu-central-1\n");
        let world = World {
            clock: clock.clone(),
            files: Arc::new(files.clone()),
            environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
            ..World::system()
        };
        let config = Self::config_of(&files, &world, "127.0.0.1:1");
        let book = Book::of(config.clone(), world.clone(), Arc::new(AtDaemon::of(&world, Vec::new())));
        let engine = Engine::start(world.clone(), Arc::new(book), Settings::default());
        let grants = Arc::new(Grants::in_memory(clock.clone(), world.random.clone()));
        let state = Arc::new(Folder::open_or_make(&folder.path().join("state")).unwrap());
        let audit = Audit::start(CappedFile::open(state, "audit.jsonl", 1 << 20).unwrap(), "daemon", clock.clone());
        let (_, known) = watch::channel(names(&config));
        let service = Service::new(engine, grants, known, audit, clock);
        let attempts = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&attempts);
        let bind = move |address: SocketAddr, _: Reach| {
            if counted.fetch_add(1, Ordering::Relaxed) < taken {
                let reason = io::Error::from(io::ErrorKind::AddrNotAvailable);
                return Err(BindError::Refused { address, reason });
            }
            Listener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))
        };
        let listeners = Listeners::with(&world, &service, Seals::passing(&*world.random), Arc::new(bind));
        listeners.follow(&config);
        let (config, follows) = watch::channel(config);
        tokio::spawn(listeners.clone().run(follows));
        Self { listeners, attempts, config, files, world, _folder: folder }
    }

    fn config_of(files: &MemoryFiles, world: &World, address: &str) -> Arc<Config> {
        Self::config_saying(files, world, &listener("\"ec2\"", address))
    }

    fn config_saying(files: &MemoryFiles, world: &World, text: &str) -> Arc<Config> {
        files.replace(Path::new("/home/ada/.config/credenza/config.toml"), text.as_bytes()).unwrap();
        Arc::new(Config::load(world).unwrap())
    }

    fn attempts(&self) -> usize {
        self.attempts.load(Ordering::Relaxed)
    }

    fn state(&self) -> String {
        self.listeners.views()[0].state.clone()
    }

    /// The configuration names another address.
    fn move_to(&self, address: &str) {
        self.say(&listener("\"ec2\"", address));
    }

    fn say(&self, text: &str) {
        let config = Self::config_saying(&self.files, &self.world, text);
        self.config.send_replace(Arc::clone(&config));
        self.listeners.follow(&config);
    }

    /// How many machines the answers of the one that serves may pass.
    fn hops(&self) -> u8 {
        match self.listeners.all().values().next().map(|listener| &listener.stands) {
            Some(Stands::Open(open)) => open.hops,
            _ => panic!("it is not served"),
        }
    }
}

fn listener(dialects: &str, address: &str) -> String {
    format!("[[listener]]\ndialects = [{dialects}]\naddress = \"{address}\"\nidentities = [\"prod\"]\n")
}

#[tokio::test(start_paused = true)]
async fn an_address_that_cannot_be_had_is_tried_ever_more_seldom_and_then_served() {
    let begin = tokio::time::Instant::now();
    let stage = Stage::new(9);
    assert_eq!((stage.attempts(), stage.state().as_str()), (1, view::NOT_SERVED));
    // after 1, 3, 7, 15 and 31 s, then every 30 s
    for (at, attempts) in [(0, 1), (2, 2), (4, 3), (8, 4), (16, 5), (32, 6), (62, 7), (92, 8), (122, 9)] {
        tokio::time::sleep_until(begin + at * SECOND).await;
        assert_eq!(stage.attempts(), attempts, "after {at} s");
    }
    tokio::time::sleep(30 * SECOND).await;
    assert_eq!((stage.attempts(), stage.state().as_str()), (10, view::SERVING));
    tokio::time::sleep(600 * SECOND).await;
    assert_eq!(stage.attempts(), 10, "what serves is left alone");
}

#[tokio::test(start_paused = true)]
async fn another_address_is_tried_at_once_and_the_old_one_no_more() {
    let stage = Stage::new(4);
    tokio::time::sleep(16 * SECOND).await;
    assert_eq!((stage.attempts(), stage.state().as_str()), (5, view::SERVING));
    stage.move_to("127.0.0.1:2");
    assert_eq!((stage.attempts(), stage.state().as_str()), (6, view::SERVING));
    assert_eq!(stage.listeners.views().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn only_what_pods_and_containers_may_ask_is_reached_from_their_networks() {
    let stage = Stage::new(0);
    let own = stage.config.borrow().listeners[0].clone();
    let of = |address: &str, dialect, peers, require_token| {
        let (address, dialects) = (address.parse().unwrap(), [dialect].into());
        reach_of(&ListenerDefinition { address, dialects, peers, require_token, ..own.clone() })
    };
    use crate::config::Dialect::{Ec2, Ecs, PodIdentity};
    let (fixed, ecs) = ("169.254.169.254:80", "169.254.170.2:80");
    assert_eq!(of(fixed, Ec2, Peers::Own, false), Reach::Machine);
    assert_eq!(of(fixed, Ec2, Peers::Any, false), Reach::Network);
    assert_eq!(of(ecs, Ecs, Peers::Own, false), Reach::Machine);
    assert_eq!(of(ecs, Ecs, Peers::Own, true), Reach::Network);
    assert_eq!(of("169.254.170.23:80", PodIdentity, Peers::Own, false), Reach::Network);
    assert_eq!(of("127.0.0.1:9712", Ec2, Peers::Any, false), Reach::Machine);
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_opened_anew_where_others_are_to_reach_it_and_only_there() {
    let stage = Stage::new(0);
    for (address, attempts) in [
        ("127.0.0.1:1\"\npeers = \"any", 1),
        ("127.0.0.1:1", 1),
        ("169.254.169.254:80", 2),
        ("169.254.169.254:80\"\nimds_v1 = true\nfaithful = true\npeers = \"own", 2),
        ("169.254.169.254:80\"\npeers = \"any", 3),
        ("169.254.169.254:80\"\npeers = \"any", 3),
        ("169.254.169.254:80", 4),
    ] {
        stage.move_to(address);
        assert_eq!((stage.attempts(), stage.state().as_str()), (attempts, view::SERVING), "{address}");
    }
}

#[tokio::test(start_paused = true)]
async fn another_hop_limit_has_the_address_opened_anew() {
    let stage = Stage::new(0);
    assert_eq!((stage.hops(), stage.attempts()), (1, 1));
    for (more, hops, attempts) in [("hop_limit = 2\n", 2, 2), ("hop_limit = 2\nimds_v1 = true\n", 2, 2), ("", 1, 3)] {
        stage.say(&(listener("\"ec2\"", "127.0.0.1:1") + more));
        assert_eq!((stage.hops(), stage.attempts()), (hops, attempts), "{more}");
    }
}
