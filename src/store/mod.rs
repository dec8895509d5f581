//! Sign-ins at rest: the folder of the AWS CLI, which all its friends share, or the system's keyring. And user sessions
//! ([`SessionStore`]) and the logins of Entra ID accounts ([`AccountStore`]), which are ours alone.
//!
//! Who signed in with `aws sso login` needs no login here, and the other way round. Nothing here asks an upstream or a
//! person. Called by the source that renews sign-ins, and by the commands that begin and end them.
//!
//! Nobody else takes a lock in that folder, and the AWS CLI writes in place (awscli/botocore/utils.py, `JSONFileCache`). So
//! what is read is believed only when it holds still ([`settle`]), what is written appears whole, and what others put into a
//! file stays in it ([`token::merge`]). A file is opened by the name that was computed for it, and the folder is never
//! searched: other tools keep tokens of other things there. Files that others may read or write are used as the AWS CLI uses
//! them, without a look at their mode: to refuse them would part us from what `aws` sees, and ours are 0600.

mod accounts;
mod at_rest;
mod error;
mod kept;
mod members;
mod names;
mod place;
mod record;
mod registration;
mod sealed;
mod settle;
mod token;
mod user_sessions;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

pub use accounts::{AccountError, AccountStore, KeptAccount, KeptToken, Lies};
pub use at_rest::Standing;
pub use error::StoreError;
pub use record::SignInRecord;
pub use registration::{Flow, Registration};
pub use token::StoredToken;
pub use user_sessions::{KeptSession, SessionStore};

use crate::config::Places;
use crate::config::sso::{SsoCache, SsoSession};
use crate::world::files::FileLock;
use crate::world::{Files, World};
use place::Place;

/// A sign-in's place: the file of the AWS CLI, or the keyring.
#[derive(Clone)]
pub struct TokenStore {
    session: SsoSession,
    token: Place,
    registration: Place,
    files: Arc<dyn Files>,
    /// `STATE/sso/SHA1`, without an ending: what is ours alone, and nothing secret.
    ours: PathBuf,
    /// Whether there was a token when it was last looked for.
    seen: Arc<AtomicBool>,
}

/// What a lock is for. Each session has one of each, for all our processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockFor {
    /// Using the refresh token.
    Refresh,
    /// Asking a person to sign in.
    Login,
}

/// A lock that is held until this is dropped, or the process ends.
#[derive(Debug)]
pub struct Lock {
    _held: FileLock,
}

/// How often a lock is tried that somebody holds.
const TRY_EVERY: Duration = Duration::from_millis(50);

impl TokenStore {
    /// The place of a session's sign-in. Opens nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Place`] where HOME is not set, or what it says cannot be used.
    pub fn of(session: &SsoSession, world: &World) -> Result<Self, StoreError> {
        let state = Places::from(&world.environment)?.state;
        let name = names::token(session);
        let place = |name: &str, what: &str| {
            Ok::<_, StoreError>(match session.cache {
                SsoCache::Shared => Place::file(names::folder(&world.environment)?, name, world),
                SsoCache::Private => {
                    Place::keyring(format!("sso/{name}"), format!("Credenza: {what} of {}", session.label()), world)
                }
            })
        };
        Ok(Self {
            token: place(&name, "sign-in")?,
            registration: place(&names::registration(session), "registration")?,
            files: world.files.clone(),
            ours: state.join("sso").join(name),
            seen: Arc::default(),
            session: session.clone(),
        })
    }

    /// The sign-in, if there is one; it may have ended. A file that is being written is waited for, about 300 ms; so is one
    /// that was there when this store or a clone of it looked last, and is missing. One that was never there costs no wait.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or what is there is no sign-in.
    pub async fn token(&self) -> Result<Option<StoredToken>, StoreError> {
        let found = self.token.load(self.seen.load(Ordering::Relaxed)).await?;
        self.seen.store(found.is_some(), Ordering::Relaxed);
        let Some(bytes) = found else { return Ok(None) };
        token::read(&bytes).map(Some).map_err(|reason| self.unusable(reason))
    }

    /// Keeps a sign-in in place of what is there. What we do not know of stays as it is, and so do the start URL, the region
    /// and the registration's end as somebody wrote them, where they say the same. Times are cut to whole seconds.
    ///
    /// # Errors
    ///
    /// Where what is there cannot be read, or ours not written; what was there stays.
    pub async fn save(&self, token: &StoredToken) -> Result<(), StoreError> {
        let existing = match self.token.load(false).await {
            // there is nothing in it that somebody would miss
            Err(StoreError::File { reason, .. }) if reason.kind() == io::ErrorKind::FileTooLarge => None,
            other => other?,
        };
        let mut token = token.clone();
        token.start_url.get_or_insert_with(|| self.session.start_url.clone());
        token.region.get_or_insert_with(|| self.session.region.clone());
        let text = token::merge(existing.as_deref().map(Vec::as_slice), &token);
        self.token.store(text).await?;
        self.seen.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Forgets the sign-in. False where there was none. The registration stays, as with `aws sso logout`.
    ///
    /// # Errors
    ///
    /// Where it cannot be removed.
    pub async fn forget(&self) -> Result<bool, StoreError> {
        let was_there = self.token.remove().await?;
        self.seen.store(false, Ordering::Relaxed);
        Ok(was_there)
    }

    /// The registration that a login by this flow may use: one for that flow and these scopes that lives 15 min more, as the
    /// AWS CLI has it (awscli/botocore/utils.py, `BaseSSOTokenFetcher`). What is there and unusable counts as none: the next
    /// [`TokenStore::save_registration`] replaces it.
    ///
    /// # Errors
    ///
    /// Where it cannot be read.
    pub async fn registration(&self, flow: Flow, now: SystemTime) -> Result<Option<Registration>, StoreError> {
        let found = self.registration.load(false).await?;
        Ok(found.and_then(|bytes| registration::read(&bytes, flow, &self.session.scopes, now)))
    }

    /// Keeps a registration for that flow, in place of the one that was there: there is one file for both flows.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub async fn save_registration(&self, flow: Flow, registration: &Registration) -> Result<(), StoreError> {
        self.registration.store(registration::write(registration, flow, &self.session.scopes)).await
    }

    /// Takes a lock if nobody holds it, in this process or another of ours. Other programs know of none.
    ///
    /// # Errors
    ///
    /// Where the state folder cannot be used.
    pub async fn try_lock(&self, lock: LockFor) -> Result<Option<Lock>, StoreError> {
        let path = self.ours.with_extension(match lock {
            LockFor::Refresh => "refresh.lock",
            LockFor::Login => "login.lock",
        });
        let held = self.files.try_lock(&path).map_err(|reason| StoreError::file("lock", &path, reason))?;
        Ok(held.map(|held| Lock { _held: held }))
    }

    /// Takes a lock, waiting for it up to `patience`; `None` where it is still held then.
    ///
    /// # Errors
    ///
    /// Where the state folder cannot be used.
    pub async fn lock(&self, lock: LockFor, patience: Duration) -> Result<Option<Lock>, StoreError> {
        let deadline = Instant::now() + patience;
        loop {
            let held = self.try_lock(lock).await?;
            if held.is_some() || Instant::now() >= deadline {
                return Ok(held);
            }
            sleep(TRY_EVERY).await;
        }
    }

    /// The file whose change means news, which others may write; `None` for the keyring, which is ours alone.
    pub fn watched(&self) -> Option<PathBuf> {
        self.token.path()
    }

    /// What is remembered of the sign-in; nothing where there is no record, or none that can be read.
    pub async fn record(&self) -> SignInRecord {
        self.files.read_private(&self.record_path()).ok().and_then(|bytes| record::read(&bytes)).unwrap_or_default()
    }

    /// Remembers of the sign-in.
    ///
    /// # Errors
    ///
    /// Where the state folder cannot be used.
    pub async fn save_record(&self, record: &SignInRecord) -> Result<(), StoreError> {
        let path = self.record_path();
        let written = self.files.replace_private(&path, &record::write(record));
        written.map_err(|reason| StoreError::file("write", &path, reason))
    }

    /// Forgets what is remembered of the sign-in, but for how long it lasts.
    ///
    /// # Errors
    ///
    /// Where the state folder cannot be used.
    pub async fn forget_record(&self) -> Result<(), StoreError> {
        let SignInRecord { length, .. } = self.record().await;
        self.save_record(&SignInRecord { length, ..SignInRecord::default() }).await
    }

    /// The file of the record: it changes with each login and logout by us, also where the token lies in the keyring.
    pub fn record_path(&self) -> PathBuf {
        self.ours.with_extension("json")
    }

    fn unusable(&self, reason: String) -> StoreError {
        StoreError::Unusable { place: self.token.to_string(), reason, label: self.session.label().to_owned() }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
