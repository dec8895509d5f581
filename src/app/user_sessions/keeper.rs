//! [`Keeper`]: the daemon's own user sessions: kept for every process, begun by one call each, and written down (without
//! their secrets) for those who follow.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::watch;

use super::{absence, news, views};
use crate::config::Config;
use crate::control::daemon::{AtRest, SessionDesk};
use crate::control::view;
use crate::credential::{Failure, FailureClass, IdentityName, SessionKey};
use crate::engine::{Engine, Reset};
use crate::secret::Secret;
use crate::source::Learnt;
use crate::source::mfa::{Exchange, Here, KeptSession, UserSessions, Wanted, write_kept};
use crate::store::{SessionStore, Standing};
use crate::world::{BoxFuture, World};

/// Who keeps user sessions. Clones are the same.
#[derive(Clone)]
pub(in crate::app) struct Keeper {
    world: World,
    state: PathBuf,
    store: Arc<SessionStore>,
    here: Arc<Here>,
    config: watch::Receiver<Arc<Config>>,
    /// When a person had one forgotten that was not begun again. Held while it is written down with what is kept.
    forgotten: Arc<Mutex<BTreeMap<SessionKey, SystemTime>>>,
    /// The engine that uses them: its recipes are made with this keeper, so it comes after.
    engine: Arc<OnceLock<Engine>>,
}

impl Keeper {
    pub(in crate::app) fn new(world: &World, store: SessionStore, config: watch::Receiver<Arc<Config>>) -> Self {
        let store = Arc::new(store);
        let state = config.borrow().places.state.clone();
        let here = Arc::new(Here::new(world.clone(), Learnt::default(), Arc::clone(&store)));
        Self { world: world.clone(), state, store, here, config, forgotten: Arc::default(), engine: Arc::default() }
    }

    /// Takes back what lies at rest. A keyring that is long in coming is waited for while the daemon serves.
    pub(in crate::app) async fn begin_with_what_lies_at_rest(&self) {
        // it goes on by itself
        let taken_up = tokio::spawn(self.clone().take_up(None));
        if tokio::time::timeout(KEYRING_PATIENCE, taken_up).await.is_err() {
            tracing::warn!("the key of sessions at rest is long in coming: they are in memory only until it is there");
        }
        self.write_down(|_| {});
    }

    async fn take_up(self, passphrase: Option<Secret>) -> Result<(), String> {
        for note in self.store.take_up(passphrase).await {
            tracing::warn!(reason = %note, "of sessions at rest");
        }
        if let Some(trouble) = self.store.trouble() {
            return Err(trouble);
        }
        if let Some(engine) = self.engine.get() {
            for (session, _) in self.store.all() {
                engine.reset(Reset::Login { identities: self.resting(&session), session });
            }
            self.write_down(|_| {});
        }
        Ok(())
    }

    /// Whose waits are forgotten when a session begins.
    pub(in crate::app) fn serves(&self, engine: &Engine) {
        let _ = self.engine.set(engine.clone());
    }

    /// What rests on the same session as this identity.
    pub(super) fn resting_with(&self, identity: &str) -> Vec<IdentityName> {
        let config = self.config.borrow();
        let wanted = config.identities.get(identity).and_then(Wanted::of);
        wanted.map(|wanted| config.identities_resting_on(&wanted.key)).unwrap_or_default()
    }

    fn resting(&self, key: &SessionKey) -> Vec<IdentityName> {
        self.config.borrow().identities_resting_on(key)
    }

    async fn begun(self, exchange: Exchange) -> Result<KeptSession, Failure> {
        let session = exchange.session.clone();
        let kept = self.here.begin(exchange).await?;
        tracing::info!(session = %session, "a user session was begun");
        if let Some(engine) = self.engine.get() {
            engine.reset(Reset::Login { identities: self.resting(&session), session: session.clone() });
        }
        // only now: who follows asks us at once
        self.write_down(|forgotten| {
            forgotten.remove(&session);
        });
        Ok(kept)
    }

    async fn forgotten(self, session: SessionKey) -> bool {
        let was_there = self.store.forget(&session).await;
        tracing::info!(session = %session, "a user session was forgotten");
        if let Some(engine) = self.engine.get() {
            engine.forget(&self.resting(&session));
        }
        let at = self.world.clock.now().wall;
        self.write_down(|forgotten| {
            forgotten.insert(session.clone(), at);
        });
        was_there
    }

    fn write_down(&self, change: impl FnOnce(&mut BTreeMap<SessionKey, SystemTime>)) {
        let mut forgotten = self.forgotten.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut forgotten);
        if let Err(error) = news::write(&self.state, &*self.world.files, &self.store.all(), &forgotten) {
            tracing::warn!(error = %error, "commands that run are not told of user sessions");
        }
    }
}

impl UserSessions for Keeper {
    fn held(&self, key: &SessionKey) -> BoxFuture<'static, Result<Option<KeptSession>, Failure>> {
        self.here.held(key)
    }

    fn begin(&self, exchange: Exchange) -> BoxFuture<'static, Result<KeptSession, Failure>> {
        let begun = tokio::spawn(self.clone().begun(exchange));
        Box::pin(async move { begun.await.unwrap_or_else(|_| Err(broken())) })
    }

    fn forget(&self, key: &SessionKey) -> BoxFuture<'static, Result<bool, Failure>> {
        let forgotten = self.clone().forgotten(key.clone());
        Box::pin(async move { Ok(forgotten.await) })
    }
}

impl SessionDesk for Keeper {
    fn held(&self, key: &str) -> BoxFuture<'static, Option<Secret>> {
        let held = self.store.held(&SessionKey(key.into())).map(|kept| write_kept(&kept));
        Box::pin(async move { held })
    }

    fn begin(&self, exchange: Bytes) -> BoxFuture<'static, Result<Secret, Failure>> {
        let begun = Exchange::read(&exchange).map(|exchange| UserSessions::begin(self, exchange));
        Box::pin(async move {
            match begun {
                Ok(begun) => begun.await.map(|kept| write_kept(&kept)),
                Err(why) => {
                    let text = format!("the daemon does not understand what it is to begin: {why}");
                    Err(Failure::new(FailureClass::TryLater, "InternalError", text))
                }
            }
        })
    }

    fn forget(&self, key: &str) -> BoxFuture<'static, bool> {
        Box::pin(self.clone().forgotten(SessionKey(key.into())))
    }

    fn at_rest(&self) -> AtRest {
        let state = match self.store.standing() {
            Standing::Memory => view::IN_MEMORY,
            Standing::Open => view::OPEN,
            Standing::Locked => view::LOCKED,
            Standing::WithoutPassphrase => view::WITHOUT_PASSPHRASE,
            Standing::OutOfReach => view::OUT_OF_REACH,
        };
        AtRest { state, trouble: self.store.trouble() }
    }

    fn unlock(&self, passphrase: Option<Secret>) -> BoxFuture<'static, Result<(), String>> {
        let taken_up = tokio::spawn(self.clone().take_up(passphrase));
        Box::pin(async move { taken_up.await.unwrap_or_else(|_| Err("that failed inside Credenza".to_owned())) })
    }

    fn views(&self) -> Vec<view::UserSession> {
        views::views(&self.config.borrow(), &self.store, &self.world)
    }
}

/// How long a start waits for the keyring: less than commands wait for a daemon that holds its lock and does not answer yet.
const KEYRING_PATIENCE: Duration = Duration::from_secs(3);

/// Whether a kept session ends while its person is away.
pub(super) fn ends_while_away(kept: &KeptSession, world: &World) -> bool {
    let ends: Option<SystemTime> = kept.issued.expiration;
    ends.is_some_and(|ends| {
        absence::ends_while_away(kept.began.wall, ends, world.clock.now().wall, &world.clock.zone())
    })
}

fn broken() -> Failure {
    let text = "beginning the session failed inside Credenza: please report it with the output of `credenza logs`";
    Failure::new(FailureClass::TryLater, "InternalError", text)
}
