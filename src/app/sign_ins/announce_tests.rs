//! What is said of a sign-in that ends, and how often: in simulated time, with a desktop that remembers.

use std::sync::{Arc, Mutex};

use simcloud::{Cloud, sso};

use super::*;
use crate::app::recipes::Book;
use crate::config::Config;
use crate::credential::Ask;
use crate::engine::Settings;
use crate::source::mfa::NoSessions;
use crate::store::TokenStore;
use crate::world::process::{Ran, Run, RunError};
use crate::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use crate::world::{BoxFuture, Clock as _, Environment, Processes};

const START: &str = "https://d-1234567890.awsapps.com/start";
const ADA: &str = "ada@example.com";
const ACCOUNT: &str = "111122223333";
const MINUTE: Duration = Duration::from_secs(60);

/// A desktop: keeps the last argument of whatever is run on it.
#[derive(Default)]
struct Desktop(Mutex<Vec<String>>);

impl Processes for Desktop {
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>> {
        let shown = run.argv.last().unwrap().to_string_lossy().into_owned();
        self.0.lock().unwrap().push(shown);
        Box::pin(async { Ok(Ran { code: Some(0), stdout: Vec::new().into(), stderr: Vec::new() }) })
    }
}

struct Stage {
    cloud: Cloud,
    world: World,
    engine: Engine,
    followed: Followed,
    desktop: Arc<Desktop>,
}

/// Ada works with a role of a sign-in that lasts for two hours, as `session_length` says.
async fn stage() -> Stage {
    let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
    let time = clock.clone();
    let cloud = Cloud::new(Arc::new(move || time.now().wall));
    let session = Duration::from_secs(2 * 3600);
    cloud.add_instance(sso::Instance { session, ..sso::Instance::new(START, "eu-central-1") });
    cloud.add_person(ADA);
    cloud.add_account(sso::Account { id: ACCOUNT.into(), name: "dev".into(), email: ADA.into(), start_url: None });
    cloud.assign(ADA, ACCOUNT, "Admin", Duration::from_secs(3600));
    let config = format!(
        "[sso-session corp]\nsso_start_url = {START}\nsso_region = eu-central-1\n[profile my-dev]\nsso_session = corp\n\
         sso_account_id = {ACCOUNT}\nsso_role_name = Admin\nregion = eu-central-1\n"
    );
    let files = MemoryFiles::default()
        .with("/home/ada/.aws/config", config)
        .with("/home/ada/.config/credenza/config.toml", "[sso.corp]\nsession_length = \"2h\"\n");
    let (serving, desktop) = (cloud.clone(), Arc::new(Desktop::default()));
    let world = World {
        clock,
        files: Arc::new(files),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
        processes: desktop.clone(),
        http: Arc::new(SimulatedHttp::new(move |_, io| {
            tokio::spawn(serving.serve(io));
            Ok(())
        })),
        ..World::system()
    };
    let config = Arc::new(Config::load(&world).unwrap());
    let session = config.sso_session_of("my-dev").unwrap().clone();
    let store = TokenStore::of(&session, &world).unwrap();
    store.save(&cloud.sign_in(START, ADA).unwrap().into()).await.unwrap();
    let signed_in = Some(world.clock.now().wall);
    store.save_record(&SignInRecord { signed_in, ..SignInRecord::default() }).await.unwrap();
    let engine = Engine::start(
        world.clone(),
        Arc::new(Book::of(config, world.clone(), Arc::new(NoSessions))),
        Settings::default(),
    );
    engine.get(&Ask::aws("my-dev"), Duration::from_secs(5)).await.unwrap();
    let followed = Followed::begin(session, vec!["my-dev".into()], &world).await.unwrap();
    Stage { cloud, world, engine, followed, desktop }
}

impl Stage {
    async fn look(&self, announcer: &mut Announcer) -> Vec<String> {
        announcer.look(&self.world, &self.engine, &self.followed).await;
        std::mem::take(&mut *self.desktop.0.lock().unwrap())
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_announced_fifteen_minutes_ahead_by_one_process_and_once() {
    let stage = stage().await;
    let (mut daemon, mut job) = (Announcer::default(), Announcer::default());
    tokio::time::sleep(104 * MINUTE).await;
    assert!(stage.look(&mut daemon).await.is_empty());
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(stage.look(&mut daemon).await, ["The sign-in ends in 14 min: credenza login corp"]);
    assert!(stage.look(&mut daemon).await.is_empty());
    assert!(stage.look(&mut job).await.is_empty(), "another process has said it");
    // the end itself is no news within the hour
    tokio::time::sleep(20 * MINUTE).await;
    assert!(stage.look(&mut daemon).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_sign_in_that_is_over_before_its_time_is_told_of_once() {
    let stage = stage().await;
    let (mut daemon, mut job) = (Announcer::default(), Announcer::default());
    stage.cloud.end_sign_ins(ADA);
    tokio::time::sleep(45 * MINUTE).await;
    assert_eq!(stage.look(&mut daemon).await, ["The sign-in is over: credenza login corp"]);
    assert!(stage.look(&mut daemon).await.is_empty());
    assert!(stage.look(&mut job).await.is_empty(), "another process has said it");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_uses_is_nobodys_concern() {
    let stage = stage().await;
    let mut announcer = Announcer::default();
    stage.engine.forget(&["my-dev".into()]);
    let idle = Stage { engine: Engine::start(stage.world.clone(), Arc::new(Nothing), Settings::default()), ..stage };
    tokio::time::sleep(110 * MINUTE).await;
    assert!(idle.look(&mut announcer).await.is_empty());
}

/// An engine that was asked for nothing.
struct Nothing;

impl crate::source::Recipes for Nothing {
    fn recipe(&self, ask: &Ask) -> Result<crate::source::Recipe, crate::credential::Failure> {
        let class = crate::credential::FailureClass::Refused;
        Err(crate::credential::Failure::new(class, "UnknownIdentity", format!("{ask} is unknown")))
    }
}
