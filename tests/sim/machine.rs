//! A machine with ten profiles, its clocks and its network cable, the daemon's server on it, and the cloud that it talks to.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use credenza::config::Config;
use credenza::credential::{Ask, Failure, FailureClass, IdentityName};
use credenza::engine::{Engine, Settings};
use credenza::log::audit::Audit;
use credenza::log::capped::CappedFile;
use credenza::server::grant::{GrantSpec, Grants, Holder, Scope};
use credenza::server::service::{Named, Service, named};
use credenza::source::mfa::Here;
use credenza::source::{self, Learnt, Means, Recipe, Recipes};
use credenza::store::SessionStore;
use credenza::world::folder::Folder;
use credenza::world::process::{Ran, Run, RunError};
use credenza::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use credenza::world::{BoxFuture, Clock, Environment, Processes, Random, World};
use simcloud::{Cloud, Fault, Issuer, Keys, Trouble, Trust};
use tokio::io::DuplexStream;
use tokio::sync::watch;

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const PATIENCE: Duration = Duration::from_millis(800);

/// How long the cloud takes for a call, where nothing else is said.
const LATENCY: Duration = Duration::from_millis(100);

pub(crate) const ACCOUNT: &str = "111122223333";

/// The ten identities. The first five and the short ones are assumed with a user's long-term keys, the chained ones with
/// the one before, the last with a token in a file. All live for an hour but the short ones: 15 min.
pub(crate) const IDENTITIES: [&str; 10] =
    ["direct-0", "direct-1", "direct-2", "direct-3", "direct-4", "chained-1", "chained-2", "short-0", "short-1", "web"];

/// A running daemon on such a machine: its engine, and its server without a socket.
pub(crate) struct Machine {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) cloud: Cloud,
    pub(crate) engine: Engine,
    /// Opens every identity.
    pub(crate) token: String,
    /// Its files, and all else that is outside.
    pub(crate) files: MemoryFiles,
    pub(crate) world: World,
    /// Where sessions that a code began are kept.
    pub(crate) sessions: Arc<Here>,
    service: Arc<Service>,
    cable: Arc<Cable>,
    stop: watch::Sender<bool>,
    _state: tempfile::TempDir,
}

/// The network cable.
struct Cable {
    plugged: AtomicBool,
    /// How many calls met it pulled.
    missed: AtomicUsize,
}

impl Machine {
    /// Boots it on a Thursday in March.
    pub(crate) fn boot() -> Self {
        let machine = Self::with(1);
        machine.calls_take(LATENCY);
        machine
    }

    /// The same with another chance, beside a cloud that takes no time for a call until a test says so.
    pub(crate) fn with(seed: u64) -> Self {
        let (clock, cloud) = boot();
        add_roles(&cloud);
        Self::running(clock, &cloud, files(&cloud), &IDENTITIES, seed)
    }

    /// One with these files and identities, at that time, beside that cloud.
    pub(crate) fn running(
        clock: Arc<SimulatedClock>,
        cloud: &Cloud,
        files: MemoryFiles,
        identities: &[&'static str],
        seed: u64,
    ) -> Self {
        let cable = Arc::new(Cable { plugged: AtomicBool::new(true), missed: AtomicUsize::new(0) });
        let world = world(&clock, cloud, &cable, &files, seed);
        let config = Config::load(&world).expect("the files are whole");
        let learnt = Learnt::default();
        let sessions = Arc::new(Here::new(world.clone(), learnt.clone(), Arc::new(SessionStore::in_memory())));
        let names = config.identities.iter().map(|(name, identity)| (Arc::clone(name), named(identity)));
        let names: BTreeMap<IdentityName, Named> = names.collect();
        let profiles = Profiles { config, world: world.clone(), learnt, sessions: Arc::clone(&sessions) };
        let engine = Engine::start(world.clone(), Arc::new(profiles), Settings::default());
        let state = tempfile::tempdir().expect("a folder");
        let (service, token) = serve(&engine, &world, state.path(), identities, names);
        let (cloud, stop) = (cloud.clone(), watch::channel(false).0);
        Self { clock, cloud, engine, token, files, world, sessions, service, cable, stop, _state: state }
    }

    /// A connection in memory to the server.
    pub(crate) fn connect(&self) -> DuplexStream {
        let (ours, theirs) = tokio::io::duplex(16 << 10);
        // port 0 is nobody's: the audit trail finds no process there
        let (from, to) = (([127, 0, 0, 1], 0).into(), ([127, 0, 0, 1], 9711).into());
        tokio::spawn(self.service.clone().serve_connection(theirs, from, to, None, self.stop.subscribe()));
        ours
    }

    /// Pulls or plugs the network cable: without it no call reaches the cloud.
    pub(crate) fn plug(&self, plugged: bool) {
        self.cable.plugged.store(plugged, Ordering::Relaxed);
    }

    /// How many calls met the cable pulled.
    pub(crate) fn missed(&self) -> usize {
        self.cable.missed.load(Ordering::Relaxed)
    }

    /// Every call takes so long from now on.
    pub(crate) fn calls_take(&self, latency: Duration) -> u64 {
        let before_ms = u64::try_from(latency.as_millis()).expect("a short while");
        self.cloud.add_fault(Fault::new(Trouble::Slow { before_ms, after_ms: 0 }))
    }

    /// How much life the cloud gives these keys, which a client was told to end at `end`; fails when the cloud would not
    /// take them.
    pub(crate) fn life_by_the_cloud(&self, keys: &Keys, end: SystemTime) -> Result<Duration, String> {
        let issued = self.cloud.judge(keys).map_err(|refusal| refusal.code)?;
        if issued.expires != Some(end) {
            return Err(format!("told to end {end:?}, the cloud says {:?}", issued.expires));
        }
        end.duration_since(self.cloud.now()).map_err(|_| "its end is past".to_owned())
    }
}

/// The daemon's server, and the token of a grant for every identity.
fn serve(
    engine: &Engine,
    world: &World,
    state: &Path,
    identities: &[&'static str],
    names: BTreeMap<IdentityName, Named>,
) -> (Arc<Service>, String) {
    let folder = Arc::new(Folder::open_or_make(&state.join("state")).expect("a folder"));
    let trail = CappedFile::open(folder, "audit.jsonl", 1 << 20).expect("a file");
    let audit = Audit::start(trail, "daemon", world.clock.clone());
    let grants = Arc::new(Grants::in_memory(world.clock.clone(), world.random.clone()));
    let scope = Scope::of(identities.iter().copied());
    let spec = GrantSpec {
        name: None,
        scope,
        default_aws: None,
        azure_client_id: None,
        life: None,
        holder: Holder::Connection,
    };
    let (token, _) = grants.issue(spec).expect("a grant");
    let (_, names) = watch::channel(Arc::new(names));
    let service = Service::new(engine.clone(), grants, names, audit, world.clock.clone());
    (service, token.expose().to_owned())
}

/// The machine's profiles as the engine sees them.
struct Profiles {
    config: Config,
    world: World,
    learnt: Learnt,
    sessions: Arc<Here>,
}

impl Recipes for Profiles {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        let refused = |text: String| Failure::new(FailureClass::Refused, "Unusable", text);
        let identity = self.config.identities.get(&ask.identity).ok_or_else(|| refused(format!("no {ask}")))?;
        let definition = identity.definition.as_ref().map_err(|unusable| refused(unusable.to_string()))?;
        let means =
            Means { learnt: self.learnt.clone(), world: self.world.clone(), sessions: Arc::clone(&self.sessions) as _ };
        let source = source::build(definition, identity, &ask.want, &means)?;
        let max_hold = self.config.sso_session_of(&ask.identity).and_then(|session| session.max_hold);
        Ok(Recipe {
            source,
            digest: identity.digest,
            keep_warm: identity.keep_warm,
            max_hold,
            min_life: definition.azure().and_then(|azure| azure.min_life),
        })
    }
}

pub(crate) fn role(identity: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{identity}")
}

/// The clocks of a machine that boots at 08:00 on a Thursday in March, and a cloud whose clock nobody sets: it follows the
/// machine's boot time.
pub(crate) fn boot() -> (Arc<SimulatedClock>, Cloud) {
    boot_at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_803_974_400))
}

/// The same at another time.
pub(crate) fn boot_at(start: SystemTime) -> (Arc<SimulatedClock>, Cloud) {
    let clock = Arc::new(SimulatedClock::new(start));
    let (boot_time, booted) = (clock.clone(), clock.now().boot);
    let cloud = Cloud::new(Arc::new(move || start + boot_time.now().boot.saturating_sub(booted)));
    (clock, cloud)
}

fn add_roles(cloud: &Cloud) {
    for identity in IDENTITIES {
        let user = format!("arn:aws:iam::{ACCOUNT}:user/base");
        let trust = match identity {
            "chained-1" => Trust::of([role("direct-0")]),
            "chained-2" => Trust::of([role("chained-1")]),
            "web" => Trust::of_issuer(ISSUER),
            _ => Trust::of([user]),
        };
        cloud.add_role(&role(identity), trust, HOUR);
    }
}

const ISSUER: &str = "https://issuer.example";

fn files(cloud: &Cloud) -> MemoryFiles {
    let keys = cloud.add_user("base", ACCOUNT);
    let issuer = Issuer::es256(ISSUER);
    cloud.add_issuer(issuer.clone());
    let mut config = String::new();
    for identity in IDENTITIES {
        let how = match identity {
            "chained-1" => "source_profile = direct-0",
            "chained-2" => "source_profile = chained-1",
            "web" => "web_identity_token_file = /home/u/token",
            "short-0" | "short-1" => "source_profile = base\nduration_seconds = 900",
            _ => "source_profile = base",
        };
        config += &format!("[profile {identity}]\nregion = eu-central-1\nrole_arn = {}\n{how}\n", role(identity));
    }
    let credentials = format!(
        "[base]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.access_key_id, keys.secret_access_key
    );
    MemoryFiles::default()
        .with("/home/u/.aws/config", config)
        .with("/home/u/.aws/credentials", credentials)
        .with("/home/u/token", issuer.mint("job", cloud.now(), 100 * 24 * HOUR))
}

fn world(clock: &Arc<SimulatedClock>, cloud: &Cloud, cable: &Arc<Cable>, files: &MemoryFiles, seed: u64) -> World {
    let (serving, cable) = (cloud.clone(), cable.clone());
    let http = SimulatedHttp::new(move |_, io| {
        if !cable.plugged.load(Ordering::Relaxed) {
            cable.missed.fetch_add(1, Ordering::Relaxed);
            return Err("the network is down".to_owned());
        }
        tokio::spawn(serving.serve(io));
        Ok(())
    });
    World {
        clock: clock.clone(),
        files: Arc::new(files.clone()),
        hosts: Arc::new(credenza::world::hosts::SystemHosts),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/u"), ("USER", "u")])),
        http: Arc::new(http),
        processes: Arc::new(NoProcesses),
        keyring: Arc::new(credenza::world::keyring::NoKeyring),
        random: Arc::new(Dice::new(seed)),
        person: Arc::new(credenza::world::person::Nobody),
        redirects: Arc::new(credenza::world::redirect::Loopback),
    }
}

/// These profiles run no program.
struct NoProcesses;

impl Processes for NoProcesses {
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        panic!("a program was run: {:?}", run.argv)
    }
}

/// Chance that is the same in every run (Knuth's MMIX generator).
pub(crate) struct Dice(AtomicU64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// From 0 to 1.
    pub(crate) fn fraction(&self) -> f64 {
        let random: &dyn Random = self;
        random.fraction()
    }
}

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let step = |last: u64| last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(step(last)));
            *byte = (last.unwrap_or_default() >> 56) as u8;
        }
    }
}
