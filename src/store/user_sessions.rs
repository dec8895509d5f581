//! [`SessionStore`]: user sessions, which a person began and which serve until their end: in memory, and where the user says
//! so, sealed on disk too, so that a new start needs no new code. Nothing here asks an upstream or a person.
//!
//! Called by whoever keeps them for all processes: the daemon.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::at_rest::{self, AtRest, Found};
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
    at_rest: Option<AtRest>,
    trouble: Mutex<Option<String>>,
}

impl SessionStore {
    /// In memory: nothing outlives the process.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// As `[server] sessions` says, with what lies at rest and lives still; and what a person should be told of it, once, in
    /// whole sentences. Whatever is wrong, there is a store: in memory. A locked keyring is waited for, up to a minute, and the
    /// key of a passphrase takes a good part of a second. In memory where that is what is wanted: what lay at rest before
    /// is removed.
    pub async fn open(world: &World, mode: SessionsAtRest, passphrase: Option<Secret>) -> (Self, Vec<String>) {
        Self::with(at_rest::open(world, mode, passphrase).await)
    }

    fn with(Found { at_rest, sessions, note }: Found) -> (Self, Vec<String>) {
        let trouble = note.clone().filter(|_| at_rest.is_none());
        let store =
            Self { sessions: Mutex::new(sessions.into_iter().collect()), at_rest, trouble: Mutex::new(trouble) };
        (store, note.into_iter().collect())
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
        self.written(self.at_rest.as_ref().map(|at_rest| at_rest.write(&sessions)));
    }

    /// Forgets a session, at rest too. False where there was none.
    pub async fn forget(&self, key: &SessionKey) -> bool {
        let mut sessions = self.sessions();
        let was_there = sessions.remove(key).is_some();
        if was_there {
            self.written(self.at_rest.as_ref().map(|at_rest| at_rest.write_rest(&sessions)));
        }
        was_there
    }

    /// All that are kept, by their keys.
    pub fn all(&self) -> Vec<(SessionKey, KeptSession)> {
        self.sessions().iter().map(|(key, session)| (key.clone(), session.clone())).collect()
    }

    /// Why sessions would not outlive the process now, though they were to: one sentence, for `credenza status`.
    pub fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn written(&self, written: Option<Result<(), String>>) {
        let Some(written) = written else { return };
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match written {
            Ok(()) => *trouble = None,
            Err(reason) => {
                if trouble.is_none() {
                    tracing::warn!(reason, "sessions are in memory only");
                }
                *trouble = Some(reason);
            }
        }
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
