//! A machine with ten profiles, its clocks and its network cable, and the cloud that it talks to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use credenza::config::Config;
use credenza::credential::{Ask, Credential, Failure, FailureClass, Outcome};
use credenza::engine::{Engine, Settings};
use credenza::source::{self, Recipe, Recipes};
use credenza::world::process::{Ran, Run, RunError};
use credenza::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use credenza::world::{BoxFuture, Clock, Environment, Processes, Random, World};
use simcloud::{Cloud, Fault, Issuer, Keys, Trouble, Trust};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);
pub(crate) const PATIENCE: Duration = Duration::from_millis(800);

/// How long the cloud takes for a call.
const LATENCY_MS: u64 = 100;

const ACCOUNT: &str = "111122223333";

/// The ten identities. The first five and the short ones are assumed with a user's long-term keys, the chained ones with
/// the one before, the last with a token in a file. All live for an hour but the short ones: 15 min.
pub(crate) const IDENTITIES: [&str; 10] =
    ["direct-0", "direct-1", "direct-2", "direct-3", "direct-4", "chained-1", "chained-2", "short-0", "short-1", "web"];

/// A running engine on such a machine.
pub(crate) struct Machine {
    pub(crate) clock: Arc<SimulatedClock>,
    pub(crate) cloud: Cloud,
    pub(crate) engine: Engine,
    plugged: Arc<AtomicBool>,
}

impl Machine {
    /// Boots it on a Thursday in March.
    pub(crate) fn boot() -> Self {
        let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_803_974_400);
        let clock = Arc::new(SimulatedClock::new(start));
        let cloud = cloud_beside(&clock, start);
        let plugged = Arc::new(AtomicBool::new(true));
        let world = world(&clock, &cloud, &plugged);
        let config = Config::load(&world).expect("the files are whole");
        let engine = Engine::start(world.clone(), Arc::new(Profiles { config, world }), Settings::default());
        Self { clock, cloud, engine, plugged }
    }

    /// Pulls or plugs the network cable: without it no call reaches the cloud.
    pub(crate) fn plug(&self, plugged: bool) {
        self.plugged.store(plugged, Ordering::Relaxed);
    }

    /// Asks as the server does for a client.
    pub(crate) async fn ask(&self, ask: &Ask) -> Outcome {
        match self.engine.ready(ask) {
            Some(credential) => Ok(credential),
            None => self.engine.get(ask, PATIENCE).await,
        }
    }

    /// How much life the cloud gives it; fails when the cloud would not take it.
    pub(crate) fn life_by_the_cloud(&self, credential: &Credential) -> Result<Duration, String> {
        let exposed = |secret: &credenza::secret::Secret| secret.expose().to_owned();
        let keys = Keys {
            access_key_id: credential.keys.access_key_id.clone(),
            secret_access_key: exposed(&credential.keys.secret_access_key),
            session_token: credential.keys.session_token.as_ref().map(exposed),
        };
        let issued = self.cloud.judge(&keys).map_err(|refusal| refusal.code)?;
        let end = issued.expires.ok_or("it never ends")?;
        if credential.expiration != end {
            return Err("its end is not what the cloud said".to_owned());
        }
        Ok(end.duration_since(self.cloud.now()).unwrap_or_default())
    }
}

/// The machine's profiles as the engine sees them.
struct Profiles {
    config: Config,
    world: World,
}

impl Recipes for Profiles {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        let refused = |text: String| Failure::new(FailureClass::Refused, "Unusable", text);
        let identity = self.config.identities.get(&ask.identity).ok_or_else(|| refused(format!("no {ask}")))?;
        let definition = identity.definition.as_ref().map_err(|unusable| refused(unusable.to_string()))?;
        let source = source::build(definition, identity, &self.world);
        Ok(Recipe { source, digest: identity.digest, keep_warm: identity.keep_warm })
    }
}

pub(crate) fn role(identity: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{identity}")
}

/// A cloud whose clock nobody sets: it follows the machine's boot time.
fn cloud_beside(clock: &Arc<SimulatedClock>, start: SystemTime) -> Cloud {
    let (clock, booted) = (clock.clone(), clock.now().boot);
    let cloud = Cloud::new(Arc::new(move || start + clock.now().boot.saturating_sub(booted)));
    cloud.add_fault(Fault::new(Trouble::Slow { before_ms: LATENCY_MS, after_ms: 0 }));
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
    cloud
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

fn world(clock: &Arc<SimulatedClock>, cloud: &Cloud, plugged: &Arc<AtomicBool>) -> World {
    let (serving, plugged) = (cloud.clone(), plugged.clone());
    let http = SimulatedHttp::new(move |_, io| {
        if !plugged.load(Ordering::Relaxed) {
            return Err("the network is down".to_owned());
        }
        tokio::spawn(serving.serve(io));
        Ok(())
    });
    World {
        clock: clock.clone(),
        files: Arc::new(files(cloud)),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/u"), ("USER", "u")])),
        http: Arc::new(http),
        processes: Arc::new(NoProcesses),
        random: Arc::new(Dice(AtomicU64::new(1))),
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
struct Dice(AtomicU64);

impl Random for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let step = |last: u64| last.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |last| Some(step(last)));
            *byte = (last.unwrap_or_default() >> 56) as u8;
        }
    }
}
