//! Waits until identities can be used: what `credenza wait` does.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use super::sign_ins::SignIns;
use super::supply::Supply;
use super::user_sessions::Follower;
use crate::config::{Config, Identity};
use crate::credential::{Failure, FailureClass, IdentityName};
use crate::engine::{Engine, Reset, Settings};
use crate::world::World;

/// Returns when a credential of each identity is at hand, from a daemon that runs or from sources of our own; `timeout`:
/// when nobody waits any longer. Nobody is asked to sign in, but one who does so elsewhere ends the waiting.
///
/// # Errors
///
/// The failure that stands when the time is over.
pub async fn wait(
    world: &World,
    config: Arc<Config>,
    identities: Vec<IdentityName>,
    timeout: Option<Duration>,
) -> Result<(), (IdentityName, Failure)> {
    let (news, heard) = mpsc::unbounded_channel();
    let mut supply = Supply {
        world: world.clone(),
        config: Arc::clone(&config),
        identities: identities.clone(),
        own: Vec::new(),
        command: "wait".to_owned(),
        address: String::new(),
        news,
        generation: 0,
    };
    let supplier = supply.seek().await.supplier;
    let engine = Engine::start(world.clone(), Arc::new(supply.book(supplier.as_ref())), Settings::default());
    let supplied = supplier.is_some();
    let supplying = tokio::spawn(supply.keep(engine.clone(), supplier, heard));
    let (_configs, followed) = watch::channel(Arc::clone(&config));
    let sign_ins = SignIns {
        world: world.clone(),
        engine: engine.clone(),
        config: followed,
        identities: Some(identities.clone()),
        supplied: true,
        watch_after: Duration::ZERO,
    };
    let user_sessions = Follower {
        world: world.clone(),
        engine: engine.clone(),
        config: sign_ins.config.clone(),
        identities: identities.clone(),
        watch_after: Duration::ZERO,
    };
    let following = tokio::spawn(async move { tokio::join!(sign_ins.run(), user_sessions.run()) });
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let waited = wait_for(&engine, &config, &identities, supplied, deadline).await;
    supplying.abort();
    following.abort();
    engine.stop().await;
    waited
}

async fn wait_for(
    engine: &Engine,
    config: &Config,
    identities: &[IdentityName],
    supplied: bool,
    deadline: Option<Instant>,
) -> Result<(), (IdentityName, Failure)> {
    for name in identities {
        let Some(ask) = config.identities.get(name).map(Identity::ask) else { continue };
        // whoever waits wants it now, whatever failed before; the daemon's own waits stay
        engine.reset(Reset::Command(Arc::clone(name)));
        loop {
            let Err(failure) = engine.get(&ask, LOOK).await else { break };
            let over = async {
                match deadline {
                    Some(deadline) => timeout_at(deadline, sleep(LOOK)).await.is_err(),
                    None => {
                        sleep(LOOK).await;
                        false
                    }
                }
            };
            if over.await {
                return Err((Arc::clone(name), failure));
            }
            // a daemon that had not seen a login yet has by now, and keeps its own waits
            if supplied && failure.class == FailureClass::NeedsPerson {
                engine.reset(Reset::Person(Arc::clone(name)));
            }
        }
    }
    Ok(())
}

/// How often is looked.
const LOOK: Duration = Duration::from_millis(500);
