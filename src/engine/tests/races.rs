//! On threads, in real time: a definition changes while many clients ask.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use super::stage::*;
use crate::credential::{Ask, AwsKeys, ClockOffset, Failure, Issued, Made, Now, Outcome, Renewed, SessionKey};
use crate::engine::{Engine, Settings};
use crate::secret::{Digest, Secret};
use crate::source::{Ingredient, Need, Recipe, Recipes, Renewal, Source};
use crate::world::simulated::SimulatedClock;
use crate::world::{BoxFuture, Clock as _};

/// A definition whose credentials bear its number.
struct Version {
    number: u32,
    clock: Arc<SimulatedClock>,
}

impl Source for Version {
    fn needs(&self) -> Need {
        Need::Session { key: key("keys:prod"), freshly: false, no_older_than: None, ahead: false }
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        let issued = self.issued();
        Box::pin(async move { Ok(Renewed::Keys(issued)) })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let issued = self.issued();
        Box::pin(async move {
            tokio::task::yield_now().await;
            let Ingredient::Session(session) = ingredient else { panic!("it needs a session") };
            let base = session.keys().expect("keys");
            assert_eq!(base.keys.access_key_id, issued.keys.access_key_id, "a session of another definition");
            Ok(issued.into())
        })
    }

    fn limited_by(&self) -> SessionKey {
        key("keys:prod")
    }
}

impl Version {
    fn issued(&self) -> Issued {
        Issued {
            keys: AwsKeys {
                access_key_id: format!("ASIA-{}", self.number),
                secret_access_key: Secret::new("secret"),
                session_token: Some(Secret::new("token")),
            },
            expiration: Some(self.clock.now().wall + HOUR),
            server_offset: ClockOffset::None,
            account_id: None,
            role_arn: None,
            warnings: Vec::new(),
            received: None,
        }
    }
}

struct Versions(Arc<Version>);

impl Recipes for Versions {
    fn recipe(&self, _: &Ask) -> Result<Recipe, Failure> {
        let digest = Digest::of(&self.0.number.to_be_bytes());
        Ok(Recipe { source: self.0.clone(), digest, keep_warm: false, max_hold: None, min_life: None })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn once_a_definition_is_replaced_no_client_gets_what_the_old_one_made() {
    let clock = Arc::new(SimulatedClock::new(cloud_time(Now { wall: UNIX_EPOCH, boot: HOUR })));
    let version = |number| Arc::new(Versions(Arc::new(Version { number, clock: clock.clone() })));
    let engine = Engine::start(world(clock.clone()), version(0), Settings::default());
    let crowd: Vec<_> = (0..8)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for _ in 0..2000 {
                    get(&engine).await.expect("a credential");
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for number in 1..=300 {
        engine.replace(version(number));
        assert_eq!(key_id(&get(&engine).await.expect("a credential")), format!("ASIA-{number}"));
    }
    for client in crowd {
        client.await.expect("no panic");
    }
    engine.stop().await;
}

async fn get(engine: &Engine) -> Outcome {
    match engine.ready(&ask("prod")) {
        Some(credential) => Ok(credential),
        None => engine.get(&ask("prod"), HOUR).await,
    }
}
