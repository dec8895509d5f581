//! Books under an engine, against the simulated cloud.

use std::time::{Duration, SystemTime};

use simcloud::{Cloud, Trust};

use super::*;
use crate::engine::{Engine, Settings};
use crate::source::mfa::NoSessions;
use crate::world::simulated::{MemoryFiles, SimulatedClock, SimulatedHttp};
use crate::world::{Clock as _, Environment};

const ACCOUNT: &str = "111122223333";
const ROLE: &str = "arn:aws:iam::111122223333:role/short";
const HOUR: Duration = Duration::from_secs(3600);

/// A cloud with a role of an hour at most.
fn cloud(clock: &Arc<SimulatedClock>) -> Cloud {
    let time = clock.clone();
    let cloud = Cloud::new(Arc::new(move || time.now().wall));
    cloud.add_role(ROLE, Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]), HOUR);
    cloud
}

/// A world in which the role is asked for so long.
fn world(clock: &Arc<SimulatedClock>, cloud: &Cloud, keys: &str, asked: Duration) -> World {
    let serving = cloud.clone();
    let secs = asked.as_secs();
    let role = format!("[profile role]\nrole_arn = {ROLE}\nsource_profile = base\nduration_seconds = {secs}\n");
    World {
        clock: clock.clone(),
        files: Arc::new(MemoryFiles::default().with("/home/ada/.aws/config", format!("[profile base]\n{keys}{role}"))),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/ada"), ("USER", "ada")])),
        http: Arc::new(SimulatedHttp::new(move |_, io| {
            tokio::spawn(serving.serve(io));
            Ok(())
        })),
        ..World::system()
    }
}

fn book(world: &World) -> Arc<Book> {
    Arc::new(Book::of(Arc::new(Config::load(world).unwrap()), world.clone(), Arc::new(NoSessions)))
}

/// What the cloud answered since the last time, once the role was fetched.
async fn answers(engine: &Engine, cloud: &Cloud) -> Vec<String> {
    engine.get(&Ask::aws("role"), HOUR).await.unwrap();
    let answers = cloud.calls().into_iter().map(|call| call.outcome).collect();
    cloud.forget_calls();
    answers
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_was_learnt_is_known_after_the_configuration_was_read_again() {
    let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
    let cloud = cloud(&clock);
    let keys = cloud.add_user("ada", ACCOUNT);
    let keys =
        format!("aws_access_key_id = {}\naws_secret_access_key = {}\n", keys.access_key_id, keys.secret_access_key);
    let world_asking = |asked| world(&clock, &cloud, &keys, asked);
    let world = world_asking(2 * HOUR);
    let engine = Engine::start(world.clone(), book(&world), Settings::default());
    assert_eq!(answers(&engine, &cloud).await, ["ValidationError", "ok"]);
    for _ in 0..3 {
        engine.replace(book(&world));
        engine.replace(book(&world));
        // another one is due
        clock.suspend(HOUR);
        assert_eq!(answers(&engine, &cloud).await, ["ok"]);
    }
    // another duration may be allowed
    engine.replace(book(&world_asking(3 * HOUR)));
    assert_eq!(answers(&engine, &cloud).await, ["ValidationError", "ok"]);
    engine.replace(book(&world));
    assert_eq!(answers(&engine, &cloud).await, ["ok"], "what was learnt before is still known");
    engine.stop().await;
}

#[test]
fn what_a_client_thinks_of_asking_for_is_not_kept_warm() {
    let graph = "[identity.graph]\nkeep_warm = true\n[identity.graph.azure]\nsource = \"azd\"\n";
    let files = MemoryFiles::default().with("/home/ada/.config/credenza/config.toml", graph);
    let world = World {
        files: Arc::new(files),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/ada"), ("USER", "ada")])),
        ..World::system()
    };
    let book = book(&world);
    let own = book.config.identities.get("graph").unwrap().ask();
    assert!(book.recipe(&own).unwrap().keep_warm);
    for number in 0..3 {
        let another = Ask::token("graph", format!("https://{number}.example"));
        assert!(!book.recipe(&another).unwrap().keep_warm, "{another}");
    }
}
