//! [`Book`]: every identity of a configuration as the engine needs it: how its credentials are made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{Config, Identity, Unusable};
use crate::credential::{Ask, Failure, FailureClass, IdentityName, Want};
use crate::engine;
use crate::server::service::{Names, named};
use crate::source::mfa::UserSessions;
use crate::source::{self, Learnt, Means, Recipe, Recipes, Source};
use crate::world::World;
use crate::world::process::Withholding;

/// The source that makes what is wanted of an identity in place of the identity's own.
pub(super) type Instead = Arc<dyn Fn(&Want) -> Arc<dyn Source> + Send + Sync>;

/// How each identity's credentials are made.
pub(super) struct Book {
    config: Arc<Config>,
    world: World,
    sessions: Arc<dyn UserSessions>,
    /// Sources that take the place of an identity's own: a daemon's.
    instead: BTreeMap<IdentityName, Instead>,
    /// What sources learnt, those of the books before included.
    learnt: Mutex<Learnt>,
}

impl Book {
    /// The identities of a configuration, each from its own source.
    pub(super) fn of(config: Arc<Config>, world: World, sessions: Arc<dyn UserSessions>) -> Self {
        let world = Withholding::of(&world, config.variables_of_keys());
        Self { config, world, sessions, instead: BTreeMap::new(), learnt: Mutex::default() }
    }

    /// The same with other sources for some.
    pub(super) fn with(self, instead: BTreeMap<IdentityName, Instead>) -> Self {
        Self { instead, ..self }
    }

    fn means(&self) -> Means {
        Means { world: self.world.clone(), learnt: self.learnt(), sessions: Arc::clone(&self.sessions) }
    }
}

impl Recipes for Book {
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure> {
        let refused = |text: String| Failure::new(FailureClass::Refused, "UnknownIdentity", text);
        let identity = self.config.identities.get(&ask.identity);
        let identity: &Identity = identity.ok_or_else(|| refused(unknown(&ask.identity)))?;
        let unusable =
            |why: &Unusable| Failure::new(FailureClass::Refused, "Unusable", format!("{}: {why}", identity.name));
        let definition = identity.definition.as_ref().map_err(unusable)?;
        // what else of it a client thinks of asking for stays no longer than it is used: it would fill the table for good
        let keep_warm = identity.keep_warm && identity.ask() == *ask;
        let max_hold = self.config.sso_session_of(&ask.identity).and_then(|session| session.max_hold);
        let min_life = definition.azure().and_then(|azure| azure.min_life);
        if let Some(instead) = self.instead.get(&ask.identity) {
            let source = instead(&ask.want);
            // what a daemon supplies is made by the same definitions: what is held stays when the daemon goes
            let own = Self::of(Arc::clone(&self.config), self.world.clone(), Arc::clone(&self.sessions));
            return Ok(Recipe { source, digest: engine::stamp(&own, ask)?, keep_warm, max_hold, min_life });
        }
        let source = source::build(definition, identity, &ask.want, &self.means())?;
        Ok(Recipe { source, digest: identity.digest, keep_warm, max_hold, min_life })
    }

    fn learnt(&self) -> Learnt {
        self.learnt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn go_on_with(&self, learnt: Learnt) {
        *self.learnt.lock().unwrap_or_else(PoisonError::into_inner) = learnt;
    }
}

fn unknown(name: &str) -> String {
    format!("there is no identity {name}: `credenza list` shows those that there are")
}

/// The names that a server knows.
pub(super) fn names(config: &Config) -> Names {
    Arc::new(config.identities.iter().map(|(name, identity)| (Arc::clone(name), named(identity))).collect())
}

#[cfg(test)]
#[path = "recipes_tests.rs"]
mod tests;
