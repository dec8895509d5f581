//! [`SessionStore`]: user sessions, which a person began and which serve until their end: in memory. Nothing here asks an
//! upstream or a person.
//!
//! Called by whoever keeps them for all processes: the daemon.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::credential::{Issued, Now, SessionKey};

/// A session that is kept.
#[derive(Clone, Debug)]
pub struct KeptSession {
    /// Its keys and its end.
    pub issued: Issued,
    /// When it began, by both clocks.
    pub began: Now,
}

/// User sessions by their keys.
#[derive(Debug, Default)]
pub struct SessionStore {
    sessions: Mutex<BTreeMap<SessionKey, KeptSession>>,
}

impl SessionStore {
    /// In memory: nothing outlives the process.
    pub fn in_memory() -> Self {
        Self::default()
    }

    /// The session of this key; it may have ended.
    pub fn held(&self, key: &SessionKey) -> Option<KeptSession> {
        self.lock().get(key).cloned()
    }

    /// Keeps a session in place of what was kept under the key.
    pub async fn keep(&self, key: &SessionKey, session: KeptSession) {
        self.lock().insert(key.clone(), session);
    }

    /// Forgets a session. False where there was none.
    pub async fn forget(&self, key: &SessionKey) -> bool {
        self.lock().remove(key).is_some()
    }

    /// All that are kept, by their keys.
    pub fn all(&self) -> Vec<(SessionKey, KeptSession)> {
        self.lock().iter().map(|(key, session)| (key.clone(), session.clone())).collect()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SessionKey, KeptSession>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
