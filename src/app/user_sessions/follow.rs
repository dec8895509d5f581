//! Follows the user sessions that identities rest on, for a command that runs: one that is begun at another terminal is used
//! at once, and one that is forgotten takes along what was made of it.
//!
//! The daemon writes down what it keeps ([`news`]); the file system tells of it. Called by `exec` and `wait`.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::news::{self, News};
use crate::config::Config;
use crate::credential::{IdentityName, SessionKey};
use crate::engine::{Engine, Reset};
use crate::source::mfa::Wanted;
use crate::world::World;
use crate::world::watch::FileWatch;

/// What follows user sessions.
pub(in crate::app) struct Follower {
    pub(in crate::app) world: World,
    pub(in crate::app) engine: Engine,
    pub(in crate::app) config: watch::Receiver<Arc<Config>>,
    /// Of which identities.
    pub(in crate::app) identities: Vec<IdentityName>,
    /// When the system is asked to tell of changes: most commands are over by then.
    pub(in crate::app) watch_after: Duration,
}

impl Follower {
    /// Follows them for ever.
    pub(in crate::app) async fn run(mut self) {
        loop {
            let config = self.config.borrow_and_update().clone();
            let keys = self.keys(&config);
            if keys.is_empty() {
                match self.config.changed().await {
                    Ok(()) => continue,
                    Err(_) => return pending().await,
                }
            }
            let state = config.places.state.clone();
            let mut known = news::read(&state, &*self.world.files);
            let mut file = FileWatch::later(vec![news::path(&state)], self.watch_after).unsettled();
            loop {
                tokio::select! {
                    changed = self.config.changed() => match changed {
                        Ok(()) => break,
                        Err(_) => return pending().await,
                    },
                    () = file.changed() => {
                        let now = news::read(&state, &*self.world.files);
                        self.tell(&keys, &known, &now, &config);
                        known = now;
                    }
                }
            }
        }
    }

    /// The sessions that the identities rest on.
    fn keys(&self, config: &Config) -> Vec<SessionKey> {
        let mut keys: Vec<SessionKey> = Vec::new();
        for name in &self.identities {
            let wanted = config.user_session_of(name).and_then(|(identity, _)| Wanted::of(identity));
            keys.extend(wanted.map(|wanted| wanted.key).filter(|key| !keys.contains(key)));
        }
        keys
    }

    fn tell(&self, keys: &[SessionKey], before: &News, now: &News, config: &Config) {
        for key in keys {
            let kept = [before, now].map(|news| news.kept.get(&*key.0));
            let forgotten = [before, now].map(|news| news.forgotten.get(&*key.0));
            let resting_now = || {
                let resting = config.identities_resting_on(key);
                resting.into_iter().filter(|name| self.identities.contains(name)).collect::<Vec<_>>()
            };
            // one that is not there any more may only be a daemon's that ended: what was made of it is good to its end
            if forgotten[1].is_some() && forgotten[0] != forgotten[1] {
                self.engine.forget(&resting_now());
            }
            if kept[1].is_some() && kept[0] != kept[1] {
                self.engine.reset(Reset::Login { session: key.clone(), identities: resting_now() });
            }
        }
    }
}
