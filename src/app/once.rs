//! One credential and no more: what `credenza credential` prints where no daemon runs.

use std::sync::Arc;
use std::time::Duration;

use super::recipes::Book;
use crate::config::Config;
use crate::credential::{Ask, IdentityName, Outcome};
use crate::engine::{Engine, Settings};
use crate::world::World;

/// Fetches one credential from the identity's own sources, waiting up to `patience`.
pub async fn once(world: &World, config: Arc<Config>, identity: IdentityName, patience: Duration) -> Outcome {
    let engine = Engine::start(world.clone(), Arc::new(Book::of(config, world.clone())), Settings::default());
    let outcome = engine.get(&Ask::aws(identity), patience).await;
    engine.stop().await;
    outcome
}
