//! A stage for the loop: the job's engine and its own sources, a daemon on a real socket, and time that a test hands out.
//!
//! A runtime that pauses time fires every timer while it waits for a socket. So nothing here waits: the test's own task
//! stays busy, and lets time pass in steps within which the sockets have their turns.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::app::supply::{News, Sought, Supply};
use crate::config::Config;
use crate::control::simulated::{Says, SimulatedDaemon};
use crate::control::wire;
use crate::credential::handover::{self, Refusal, Wanted};
use crate::credential::{
    Ask, AwsCredential, AwsKeys, ClockOffset, Content, Credential, Failure, FailureClass, Outcome,
};
use crate::engine::{Engine, Settings};
use crate::secret::{Digest, Secret};
use crate::world::process::{Processes, Ran, Run, RunError};
use crate::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use crate::world::{BoxFuture, Clock as _, Environment, World};

pub(super) const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// The key ids of what the daemon hands over, and of what our own sources make.
pub(super) const DAEMONS: &str = "ASIADAEMON";
pub(super) const OWN: &str = "ASIAOWN";

/// A job with the identities `one` and `two`, each the keys that a program prints.
pub(super) struct Stage {
    pub(super) daemon: Arc<Daemon>,
    pub(super) program: Arc<Program>,
    pub(super) news: mpsc::UnboundedSender<News>,
    engine: Engine,
    world: World,
    running: Option<SimulatedDaemon>,
    _runtime_folder: tempfile::TempDir,
}

impl Stage {
    /// The job begins while this daemon runs.
    pub(super) async fn with(daemon: impl FnOnce(&Daemon)) -> Self {
        Self::set(Some(daemon)).await
    }

    /// The job begins while no daemon runs.
    pub(super) async fn without_daemon() -> Self {
        Self::set(None::<fn(&Daemon)>).await
    }

    async fn set(starts: Option<impl FnOnce(&Daemon)>) -> Self {
        let folder = crate::world::folder::temporary();
        let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + 500_000 * HOUR));
        let program =
            Arc::new(Program { clock: clock.clone(), runs: AtomicUsize::new(0), fails: AtomicBool::new(false) });
        let environment = [("HOME", "/home/ada"), ("CREDENZA_RUNTIME_DIR", folder.path().to_str().unwrap())];
        let profiles = ["one", "two"].map(|name| format!("[profile {name}]\ncredential_process = print {name}\n"));
        let world = World {
            clock: clock.clone(),
            files: Arc::new(MemoryFiles::default().with("/home/ada/.aws/config", profiles.concat())),
            environment: Arc::new(Environment::from_iter(environment)),
            http: Arc::new(SimulatedHttp::new(|_, _| Err("nobody there".to_owned()))),
            processes: program.clone(),
            ..World::system()
        };
        let daemon = Arc::new(Daemon { clock, began: Instant::now(), state: Mutex::default() });
        let (news, heard) = mpsc::unbounded_channel();
        let mut supply = Supply {
            world: world.clone(),
            config: Arc::new(Config::load(&world).unwrap()),
            identities: vec!["one".into(), "two".into()],
            own: Vec::new(),
            command: "true".to_owned(),
            address: "http://127.0.0.1:1".to_owned(),
            news: news.clone(),
            generation: 0,
        };
        let socket = supply.config.places.control_socket().unwrap();
        let running = starts.map(|starts| {
            starts(&daemon);
            SimulatedDaemon::start(&socket, daemon.clone())
        });
        let (sought, supply) = at_once(tokio::spawn(async move { (supply.seek().await, supply) })).await;
        let Sought { supplier, .. } = sought;
        let engine = Engine::start(world.clone(), Arc::new(supply.book(supplier.as_ref())), Settings::default());
        tokio::spawn(supply.keep(engine.clone(), supplier, heard));
        settle().await;
        Self { daemon, program, news, engine, world, running, _runtime_folder: folder }
    }

    /// The daemon is killed.
    pub(super) async fn daemon_dies(&mut self) {
        self.running = None;
        settle().await;
    }

    /// A daemon is started.
    pub(super) async fn daemon_comes(&mut self) {
        let socket = Config::load(&self.world).unwrap().places.control_socket().unwrap();
        self.running = Some(SimulatedDaemon::start(&socket, self.daemon.clone()));
        settle().await;
    }

    /// What a client gets that asks now.
    pub(super) async fn get(&self, name: &str) -> Outcome {
        let (engine, ask) = (self.engine.clone(), Ask::aws(name));
        let asking = tokio::spawn(async move { engine.get(&ask, SECOND).await });
        while !asking.is_finished() {
            pass(STEP).await;
        }
        asking.await.unwrap()
    }

    /// Whose credential a client gets that asks when nothing is held: shows who supplies. Costs a fraction of a second.
    pub(super) async fn supplied_by(&self, name: &str) -> String {
        self.engine.unmake(&Ask::aws(name));
        let outcome = self.get(name).await;
        outcome.map_or_else(
            |failure: Failure| failure.code.to_owned(),
            |given| given.aws().unwrap().keys.access_key_id.clone(),
        )
    }

    pub(super) fn tell(&self, news: News) {
        self.news.send(news).unwrap_or_else(|_| panic!("the loop ended"));
    }
}

/// Time passes, in steps within which everything that is due happens.
pub(super) async fn pass(time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        tokio::time::advance(STEP).await;
        settle().await;
    }
}

const STEP: Duration = Duration::from_millis(50);

/// Everyone, and every socket, has had so many turns: an exchange over a socket takes a handful.
async fn settle() {
    for _ in 0..40 {
        tokio::task::yield_now().await;
    }
}

async fn at_once<T>(task: tokio::task::JoinHandle<T>) -> T {
    settle().await;
    assert!(task.is_finished(), "it takes time, or more turns");
    task.await.unwrap()
}

/// What the daemon says, and what it was asked.
pub(super) struct Daemon {
    clock: Arc<SimulatedClock>,
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    refuses: BTreeSet<String>,
    differs: BTreeSet<String>,
    unable: BTreeSet<String>,
    announced: Vec<u64>,
    asked: usize,
}

impl Daemon {
    /// Whether it says no to it when a job is announced.
    pub(super) fn refuses(&self, name: &str, so: bool) {
        set(&mut self.state.lock().unwrap().refuses, name, so);
    }

    /// Whether it says no to it when it is asked for the credential.
    pub(super) fn differs(&self, name: &str, so: bool) {
        set(&mut self.state.lock().unwrap().differs, name, so);
    }

    /// Whether its program fails where it runs.
    pub(super) fn unable(&self, name: &str, so: bool) {
        set(&mut self.state.lock().unwrap().unable, name, so);
    }

    /// In which seconds the job was announced.
    pub(super) fn announced(&self) -> Vec<u64> {
        self.state.lock().unwrap().announced.clone()
    }

    /// How often it was asked for a credential.
    pub(super) fn asked(&self) -> usize {
        self.state.lock().unwrap().asked
    }
}

fn set(names: &mut BTreeSet<String>, name: &str, so: bool) {
    if so {
        names.insert(name.to_owned())
    } else {
        names.remove(name)
    };
}

impl Says for Daemon {
    fn job(&self, _: wire::Job) -> wire::Announced {
        let mut state = self.state.lock().unwrap();
        state.announced.push(self.began.elapsed().as_secs());
        let no = |name: &String| wire::NotSupplied { name: name.clone(), why: "no".to_owned(), mend: None };
        wire::Announced { not_supplied: state.refuses.iter().map(no).collect() }
    }

    fn credential(&self, wanted: Wanted) -> Result<Secret, Refusal> {
        let mut state = self.state.lock().unwrap();
        state.asked += 1;
        let failed = |class, code| Refusal::of(&Failure::new(class, code, "no"));
        if state.differs.contains(&wanted.identity) {
            return Err(Refusal { class: None, ..failed(FailureClass::Refused, "DefinitionDiffers") });
        }
        if state.unable.contains(&wanted.identity) {
            return Err(failed(FailureClass::NeedsPerson, "ProcessFailed"));
        }
        let now = self.clock.now();
        let (access_key_id, secret_access_key) = (DAEMONS.to_owned(), Secret::new("secret"));
        let keys = AwsKeys { access_key_id, secret_access_key, session_token: Some(Secret::new("token")) };
        let content = Content::Aws(AwsCredential { keys, account_id: None, role_arn: None });
        let credential =
            Credential { content, expiration: now.wall + HOUR, server_offset: ClockOffset::None, received: now };
        Ok(handover::write(&credential, Digest::from_hex(&wanted.digest.unwrap()).unwrap(), now))
    }
}

/// The program of every profile, where the job runs.
pub(super) struct Program {
    clock: Arc<SimulatedClock>,
    runs: AtomicUsize,
    fails: AtomicBool,
}

impl Program {
    /// Fails from now on.
    pub(super) fn fails(&self) {
        self.fails.store(true, Ordering::Relaxed);
    }

    /// How often it was run.
    pub(super) fn runs(&self) -> usize {
        self.runs.load(Ordering::Relaxed)
    }
}

impl Processes for Program {
    fn run(&self, _: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let end = jiff::Timestamp::try_from(self.clock.now().wall + HOUR).unwrap();
        let printed = serde_json::json!({
            "Version": 1, "AccessKeyId": OWN, "SecretAccessKey": "secret", "SessionToken": "token",
            "Expiration": end.to_string(),
        });
        let code = Some(i32::from(self.fails.load(Ordering::Relaxed)));
        let stdout = printed.to_string().into_bytes().into();
        Box::pin(async move { Ok(Ran { code, stdout, stderr: Vec::new() }) })
    }
}
