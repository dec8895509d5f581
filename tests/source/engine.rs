//! Sources as the engine runs them: how often they are asked over hours, and what becomes of what the cloud should not
//! have sent.

use std::sync::Arc;
use std::time::Duration;

use credenza::config::Config;
use credenza::credential::{Ask, Failure, FailureClass, Outcome};
use credenza::engine::{Engine, Settings};
use credenza::source::{self, Means, Recipe, Recipes};
use credenza::world::Clock as _;
use credenza::world::simulated::Step;
use simcloud::{Fault, Keys, Trouble};

use crate::stage::*;

const MINUTE: Duration = Duration::from_secs(60);

/// The stage's profiles as the engine sees them.
struct Profiles {
    config: Config,
    means: Means,
}

impl Recipes for Profiles {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        let refused = |text: String| Failure::new(FailureClass::Refused, "Unusable", text);
        let identity = self.config.identities.get(&ask.identity).ok_or_else(|| refused(format!("no {ask}")))?;
        let definition = identity.definition.as_ref().map_err(|unusable| refused(unusable.to_string()))?;
        let source = source::build(definition, identity, &ask.want, &self.means)?;
        Ok(Recipe { source, digest: identity.digest, keep_warm: false, max_hold: None, min_life: None })
    }
}

pub(crate) struct Running {
    pub(crate) stage: Stage,
    pub(crate) engine: Engine,
}

impl Running {
    pub(crate) fn start(stage: Stage) -> Self {
        let world = stage.world();
        let profiles = Profiles { config: Config::load(&world).unwrap(), means: Means::of(world.clone()) };
        let engine = Engine::start(world.clone(), Arc::new(profiles), Settings::default());
        Self { stage, engine }
    }

    async fn ask(&self, name: &str) -> Outcome {
        match self.engine.ready(&Ask::aws(name)) {
            Some(credential) => Ok(credential),
            None => self.engine.get(&Ask::aws(name), Duration::from_millis(800)).await,
        }
    }

    /// A client that asks every minute; how many of its requests failed.
    async fn ask_for(&self, name: &str, time: Duration) -> usize {
        let mut failed = 0;
        for _ in 0..time.as_secs() / 60 {
            tokio::time::sleep(MINUTE).await;
            failed += usize::from(self.ask(name).await.is_err());
        }
        failed
    }
}

#[tokio::test(start_paused = true)]
async fn a_program_is_not_run_again_because_the_cloud_is_down() {
    for keys in [Keys::long_term(), Keys::temporary()] {
        let stage = Stage::new();
        stage.cloud.add_user_with_keys("ada", ACCOUNT, keys.clone());
        let stage =
            stage.config("[profile base]\ncredential_process = printing\n").program("printing", &printed(&keys, None));
        let running = Running::start(stage);
        running.stage.cloud.add_fault(Fault::outage());
        let failed = running.ask_for("base", 40 * MINUTE).await;
        assert_eq!((failed, running.stage.runs()), (40, 1));
        running.stage.cloud.clear_faults();
        assert_eq!(running.ask_for("base", 15 * MINUTE).await, 0);
        assert_eq!(running.stage.runs(), 1, "nor because it is back");
        running.ask_for("base", 8 * HOUR).await;
        assert!(
            (5..=9).contains(&running.stage.runs()),
            "an hour later a key may be another: {}",
            running.stage.runs()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_role_and_the_process_it_is_assumed_from_can_be_wanted_together() {
    let stage = Stage::new();
    let (_, role) = stage.user_and_role("deploy");
    let keys = Keys::temporary();
    stage.cloud.add_user_with_keys("ada", ACCOUNT, keys.clone());
    let stage = stage
        .config(&format!(
            "[profile base]\ncredential_process = printing\n[profile role]\nrole_arn = {role}\nsource_profile = base\n"
        ))
        .program("printing", &printed(&keys, None));
    let running = Running::start(stage);
    running.ask("role").await.unwrap();
    let base = running.ask("base").await.unwrap();
    assert_eq!(running.stage.runs(), 1);
    assert_eq!(running.stage.cloud.count("GetCallerIdentity"), 1, "its end is not made up");
    assert_eq!(base.expiration, start() + 30 * MINUTE);
}

#[tokio::test(start_paused = true)]
async fn keys_that_leave_as_they_are_live_from_when_the_program_printed_them_whatever_the_clock_was_set_to() {
    let stage = Stage::new();
    let (_, role) = stage.user_and_role("deploy");
    let keys = Keys::temporary();
    stage.cloud.add_user_with_keys("ada", ACCOUNT, keys.clone());
    let profiles = format!(
        "[profile base]\ncredential_process = printing\n[profile role]\nrole_arn = {role}\nsource_profile = base\n"
    );
    let stage = stage.config(&profiles).program("printing", &printed(&keys, Some(start() + HOUR)));
    let running = Running::start(stage);
    running.ask("role").await.unwrap();
    tokio::time::sleep(Duration::from_secs(30)).await;
    running.stage.clock.step_wall(Step::Back(HOUR));
    let base = running.ask("base").await.unwrap();
    assert_eq!(running.stage.runs(), 1);
    assert_eq!((base.expiration, base.lifetime()), (start() + HOUR, HOUR));
    let left = base.remaining(running.stage.clock.now());
    assert!(left <= HOUR - Duration::from_secs(30), "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn keys_that_ended_before_they_came_are_never_handed_out() {
    let stage = Stage::new();
    let (keys, role) = stage.user_and_role("deploy");
    let config =
        format!("[profile base]\n{}[profile role]\nrole_arn = {role}\nsource_profile = base\n", key_lines(&keys));
    let running = Running::start(stage.config(&config));
    running.stage.cloud.add_fault(Fault::new(Trouble::Expired { ago_secs: 60 }));
    for identity in ["role", "base"] {
        let failure = running.ask(identity).await.unwrap_err();
        assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UnusableCredential"), "{identity}");
    }
    running.stage.cloud.clear_faults();
    assert!(running.ask_for("role", 5 * MINUTE).await <= 1, "it is asked again soon");
}
