//! [`SessionStore`]: user sessions, which a person began and which serve until their end: in memory, and where the user says
//! so, sealed on disk too, so that a new start needs no new code. Nothing here asks an upstream or a person.
//!
//! Called by whoever keeps them for all processes: the daemon.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use super::at_rest::{self, AtRest, Found, Standing};
use crate::config::SessionsAtRest;
use crate::credential::{Issued, Now, SessionKey};
use crate::secret::Secret;
use crate::world::World;

/// A session that is kept.
#[derive(Clone, Debug)]
pub struct KeptSession {
    /// Its keys and its end.
    pub issued: Issued,
    /// When it began, by both clocks.
    pub began: Now,
}

/// User sessions by their keys.
#[derive(Default)]
pub struct SessionStore {
    sessions: Mutex<BTreeMap<SessionKey, KeptSession>>,
    /// Where they are to lie, in which way; `None`: in memory.
    wanted: Option<(World, SessionsAtRest)>,
    at_rest: OnceLock<AtRest>,
    told: Mutex<Told>,
    /// One at a time: a keyring asks its person once.
    taking_up: tokio::sync::Mutex<()>,
}

/// How it stands, and what was forgotten before it was known what lies at rest.
#[derive(Default)]
struct Told {
    standing: Standing,
    trouble: Option<String>,
    forgotten: BTreeSet<SessionKey>,
}

impl SessionStore {
    /// In memory: nothing outlives the process.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// As `[server] sessions` says; in memory until [`SessionStore::take_up`].
    pub fn closed(world: &World, mode: SessionsAtRest) -> Self {
        let mut told = Told::default();
        if mode != SessionsAtRest::Memory {
            told.standing = Standing::OutOfReach;
            told.trouble = Some("sessions are in memory only so far: what lies at rest is not open yet".to_owned());
        }
        Self { wanted: Some((world.clone(), mode)), told: Mutex::new(told), ..Self::default() }
    }

    /// Takes back what lies at rest and lives still, and keeps it there from now on; answers what a person should be told of
    /// it, once, in whole sentences. Whatever is wrong, sessions are in memory, and it may be tried again. A locked keyring is
    /// waited for, up to a minute, and the key of a passphrase takes a good part of a second. In memory where that is what is
    /// wanted: what lay at rest before is removed.
    pub async fn take_up(&self, passphrase: Option<Secret>) -> Vec<String> {
        let Some((world, mode)) = &self.wanted else { return Vec::new() };
        let _one = self.taking_up.lock().await;
        if self.at_rest.get().is_some() {
            return Vec::new();
        }
        self.took_up(at_rest::open(world, *mode, passphrase).await)
    }

    /// What began meanwhile is newer than what lay there.
    fn took_up(&self, Found { at_rest, sessions: lay_there, note, standing }: Found) -> Vec<String> {
        let mut sessions = self.sessions();
        let mut told = self.told();
        let differs = !sessions.is_empty() || !told.forgotten.is_empty();
        for (key, session) in lay_there {
            if !told.forgotten.contains(&key) {
                sessions.entry(key).or_insert(session);
            }
        }
        (told.standing, told.trouble) = (standing, note.clone().filter(|_| at_rest.is_none()));
        drop(told);
        if let Some(at_rest) = at_rest {
            let at_rest = self.at_rest.get_or_init(|| at_rest);
            if differs {
                self.written(at_rest.write_rest(&sessions));
            }
        }
        note.into_iter().collect()
    }

    /// The session of this key; it may have ended.
    pub fn held(&self, key: &SessionKey) -> Option<KeptSession> {
        self.sessions().get(key).cloned()
    }

    /// Keeps a session in place of what was kept under the key. Where it cannot be written it is in memory all the same:
    /// that is logged once, and [`SessionStore::trouble`] says it.
    pub async fn keep(&self, key: &SessionKey, session: KeptSession) {
        let mut sessions = self.sessions();
        sessions.insert(key.clone(), session);
        // under the lock: nobody writes what was before
        if let Some(at_rest) = self.at_rest.get() {
            self.written(at_rest.write(&sessions));
        }
    }

    /// Forgets a session, at rest too: where it cannot be seen what lies there, all of it goes, since what was forgotten must
    /// not come back. False where there was none.
    pub async fn forget(&self, key: &SessionKey) -> bool {
        let mut sessions = self.sessions();
        let was_there = sessions.remove(key).is_some();
        match (self.at_rest.get(), &self.wanted) {
            (Some(at_rest), _) if was_there => self.written(at_rest.write_rest(&sessions)),
            (None, Some((world, mode))) if *mode != SessionsAtRest::Memory => {
                self.told().forgotten.insert(key.clone());
                return at_rest::remove(world) || was_there;
            }
            _ => {}
        }
        was_there
    }

    /// All that are kept, by their keys.
    pub fn all(&self) -> Vec<(SessionKey, KeptSession)> {
        self.sessions().iter().map(|(key, session)| (key.clone(), session.clone())).collect()
    }

    /// Why sessions would not outlive the process now, though they were to: one sentence, for `credenza status`.
    pub fn trouble(&self) -> Option<String> {
        self.told().trouble.clone()
    }

    /// How it stands with sessions at rest.
    pub fn standing(&self) -> Standing {
        self.told().standing
    }

    fn written(&self, written: Result<(), String>) {
        let mut told = self.told();
        match written {
            Ok(()) => told.trouble = None,
            Err(reason) => {
                if told.trouble.is_none() {
                    tracing::warn!(reason, "sessions are in memory only");
                }
                told.trouble = Some(reason);
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<SessionKey, KeptSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SessionStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sessions().keys()).finish()
    }
}

#[cfg(test)]
#[path = "user_sessions_tests.rs"]
mod tests;
