//! One credential and no more: what `credenza credential` prints where no daemon runs.

use std::sync::Arc;
use std::time::Duration;

use super::notes;
use super::recipes::Book;
use super::trail::{self, HandedOut};
use super::user_sessions::AtDaemon;
use crate::config::Config;
use crate::credential::{Ask, IdentityName, Outcome, Want};
use crate::engine::{Engine, Settings};
use crate::server::service;
use crate::world::{World, ourselves};

/// What came of it.
#[derive(Debug)]
pub struct Once {
    /// The credential, or why there is none.
    pub outcome: Outcome,
    /// What the person should know, one line each.
    pub notes: Vec<String>,
}

/// Fetches one credential from the identity's own sources, waiting up to `patience`, and writes down that it was handed
/// out. A trail that cannot be written is told of, and no reason to hand out nothing: a daemon goes on as well.
pub async fn once(world: &World, config: Arc<Config>, identity: IdentityName, want: Want, patience: Duration) -> Once {
    let since = world.clock.now();
    let trail = trail::open(world, &config.places, "credential");
    let known = config.identities.get(&identity).map(service::known).unwrap_or_default();
    let ask = Ask { identity, want };
    let engine = Engine::start(
        world.clone(),
        Arc::new(Book::of(config, world.clone(), Arc::new(AtDaemon::of(world, Vec::new())))),
        Settings { renew_ahead: false, ..Settings::default() },
    );
    let outcome = engine.get(&ask, patience).await;
    let mut notes = notes::of(&engine.snapshot(), &[]);
    engine.stop().await;
    match trail {
        Ok(audit) => {
            let to = ourselves::parent().ok().map(|parent| parent.pid);
            let dialect = "process";
            let handed_out = HandedOut { dialect, ask: &ask, known, outcome: &outcome, to, since };
            handed_out.note(&audit, world.clock.now());
            audit.close().await;
        }
        Err(error) => notes.push(format!("the audit trail cannot be written: {error}")),
    }
    Once { outcome, notes }
}
