//! Logins of Entra ID accounts at rest: two files each in a private folder of our state folder.
//!
//! `NAME.json` says who logged in and when, nothing secret: it changes with a login, a logout and the end of a login, and is what
//! others follow. `NAME.token` holds the refresh token: sealed under a key that lies in the system's keyring where there is one,
//! else in clear, 0600. Whoever writes holds the lock, and looks first whose login lies there by then: a token that an earlier
//! login brought never takes the place of a newer one's. Nothing here asks an upstream or a person.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::time::{Instant, sleep};
use zeroize::Zeroizing;

use super::sealed::{self, Key, Seal};
use super::{Lock, LockFor, TRY_EVERY};
use crate::config::places::PlaceError;
use crate::config::{EntraAccount, Places};
use crate::credential::millis::{time, unix_ms};
use crate::credential::{Failure, FailureClass};
use crate::secret::Secret;
use crate::world::keyring::KeyringError;
use crate::world::{Files, Keyring, Random, World};

/// The place of one login.
#[derive(Clone)]
pub struct AccountStore {
    files: Arc<dyn Files>,
    keyring: Arc<dyn Keyring>,
    random: Arc<dyn Random>,
    /// `STATE/accounts/DIGEST`, without an ending.
    at: PathBuf,
}

/// Who logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAccount {
    /// Which login: whoever logs in again makes another one of it.
    pub login: Arc<str>,
    /// Whose, such as `ada@contoso.com`, where it is known.
    pub name: Option<String>,
    /// The tenant that it was at, by its id.
    pub tenant: Option<String>,
    /// When.
    pub signed_in: SystemTime,
    /// It is over: the AADSTS number that Entra ID ended it with, 0 where it said none.
    pub ended_by: Option<u32>,
}

/// What a login left.
#[derive(Clone, Debug)]
pub struct KeptToken {
    /// Of which login.
    pub login: Arc<str>,
    /// What tokens are asked for with.
    pub refresh_token: Secret,
}

/// How a token lies there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lies {
    /// Sealed, under a key that is in the keyring.
    Sealed,
    /// In clear, for the user alone: why there is no key.
    InClear(KeyringError),
}

/// Why a login could not be read or kept.
#[derive(Debug, Error)]
pub enum AccountError {
    /// It cannot be said where it lies.
    #[error("{0}")]
    Place(#[from] PlaceError),
    /// A file could not be read, written, removed or locked.
    #[error("cannot {what} {path}: {reason}")]
    File {
        /// What was tried, such as `write`.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
    /// What is there is none of ours, or was written by a later version.
    #[error("{path} is no login that this version knows, or was damaged; log in again")]
    Unusable {
        /// The file.
        path: PathBuf,
    },
    /// The keyring did not give the key.
    #[error("{0}; unlock it, or log in again")]
    Keyring(KeyringError),
    /// Another process has been at it for too long.
    #[error("another process has been writing to {path} for a while; it is tried again soon")]
    Locked {
        /// The lock.
        path: PathBuf,
    },
}

impl AccountError {
    /// The same for who asked for a token of an identity.
    pub fn failure(&self, identity: &str) -> Failure {
        let (class, code) = match self {
            Self::Place(_) => (FailureClass::NeedsPerson, "SurroundingsUnusable"),
            Self::File { reason, .. } if super::error::stays_so(reason.kind()) => {
                (FailureClass::NeedsPerson, "SignInUnreachable")
            }
            Self::File { .. } | Self::Locked { .. } => (FailureClass::TryLater, "SignInUnreachable"),
            Self::Unusable { .. } => (FailureClass::NeedsPerson, "LoginRequired"),
            Self::Keyring(KeyringError::Missing(_)) => (FailureClass::NeedsPerson, "KeyringMissing"),
            Self::Keyring(KeyringError::Failed(_)) => (FailureClass::NeedsPerson, "KeyringFailed"),
        };
        let command = crate::config::sso::login_command(identity);
        let text = match self {
            Self::Unusable { .. } | Self::Keyring(_) => format!("the login of {identity}: {self} (`{command}`)"),
            _ => format!("the login of {identity}: {self}"),
        };
        Failure::new(class, code, text)
    }

    fn file(what: &'static str, path: &Path, reason: io::Error) -> Self {
        Self::File { what, path: path.to_owned(), reason }
    }
}

impl AccountStore {
    /// The place of a login. Opens nothing.
    ///
    /// # Errors
    ///
    /// [`AccountError::Place`] where HOME is not set, or what it says cannot be used.
    pub fn of(account: &EntraAccount, world: &World) -> Result<Self, AccountError> {
        let state = Places::from(&world.environment)?.state;
        Ok(Self {
            files: Arc::clone(&world.files),
            keyring: Arc::clone(&world.keyring),
            random: Arc::clone(&world.random),
            at: state.join("accounts").join(account.digest()),
        })
    }

    /// Who logged in; `None`: nobody, or somebody logged out.
    ///
    /// # Errors
    ///
    /// Where it cannot be read, or what is there is no login.
    pub fn account(&self) -> Result<Option<KeptAccount>, AccountError> {
        let path = self.record_path();
        let Some(bytes) = self.load(&path)? else { return Ok(None) };
        let record: Record =
            serde_json::from_slice(&bytes).map_err(|_| AccountError::Unusable { path: path.clone() })?;
        if record.version > READS {
            return Err(AccountError::Unusable { path });
        }
        Ok(Some(KeptAccount {
            login: record.login.into(),
            name: record.name,
            tenant: record.tenant,
            signed_in: time(record.signed_in_unix_ms),
            ended_by: record.ended_by,
        }))
    }

    /// What the login left.
    ///
    /// # Errors
    ///
    /// Where it cannot be read or opened, or what is there is none.
    pub async fn token(&self) -> Result<Option<KeptToken>, AccountError> {
        let path = self.token_path();
        let Some(bytes) = self.load(&path)? else { return Ok(None) };
        let unusable = || AccountError::Unusable { path: path.clone() };
        let text = match sealed::seal_of(&bytes) {
            Some(seal) => {
                let key = self.key().await.map_err(AccountError::Keyring)?.ok_or_else(unusable)?;
                sealed::open(&bytes, &seal, &key).ok_or_else(unusable)?
            }
            None => bytes,
        };
        let read: ReadToken = serde_json::from_slice(&text).map_err(|_| unusable())?;
        if read.version > READS {
            return Err(unusable());
        }
        Ok(Some(KeptToken { login: read.login.into(), refresh_token: read.refresh_token }))
    }

    /// Keeps a login in place of whatever was there. The record comes last: who follows it finds the token.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub async fn begin(&self, account: &KeptAccount, refresh_token: &Secret) -> Result<Lies, AccountError> {
        let _lock = self.write_lock().await?;
        let (key, lies) = match self.key_or_new().await {
            Ok(key) => (Some(key), Lies::Sealed),
            Err(error) => (None, Lies::InClear(error)),
        };
        let token = KeptToken { login: Arc::clone(&account.login), refresh_token: refresh_token.clone() };
        self.write_token(&token, key.as_ref())?;
        self.write_account(account)?;
        Ok(lies)
    }

    /// Keeps what the use of a token brought, as that lay there, and that its login is not over, whatever another use of the same
    /// token was told meanwhile. What somebody else's login left stays.
    ///
    /// # Errors
    ///
    /// Where it cannot be written: the token from before goes on to work.
    pub async fn rotate(&self, used: &KeptToken, refresh_token: &Secret) -> Result<(), AccountError> {
        let _lock = self.write_lock().await?;
        let path = self.token_path();
        let Some(bytes) = self.load(&path)? else { return Ok(()) };
        if self.token().await?.is_none_or(|there| there.login != used.login) {
            return Ok(());
        }
        let key = match sealed::seal_of(&bytes) {
            Some(_) => self.key().await.map_err(AccountError::Keyring)?,
            None => None,
        };
        let token = KeptToken { login: Arc::clone(&used.login), refresh_token: refresh_token.clone() };
        self.write_token(&token, key.as_ref())?;
        match self.account()? {
            Some(account) if account.login == used.login && account.ended_by.is_some() => {
                self.write_account(&KeptAccount { ended_by: None, ..account })
            }
            _ => Ok(()),
        }
    }

    /// Writes down that Entra ID takes a login no more, if it is that one which lies there, with the token that was refused.
    /// `false`: there is another token, which may do.
    ///
    /// # Errors
    ///
    /// Where it cannot be written.
    pub async fn note_end(&self, dead: &KeptToken, number: Option<u32>) -> Result<bool, AccountError> {
        let _lock = self.write_lock().await?;
        let is_dead = |there: &KeptToken| there.refresh_token.same_as(dead.refresh_token.expose().as_bytes());
        if self.token().await?.is_some_and(|there| !is_dead(&there)) {
            return Ok(false);
        }
        if let Some(account) = self.account()?.filter(|account| account.login == dead.login) {
            self.write_account(&KeptAccount { ended_by: Some(number.unwrap_or(0)), ..account })?;
        }
        Ok(true)
    }

    /// Forgets the login. `false`: there was none.
    ///
    /// # Errors
    ///
    /// Where it cannot be removed.
    pub async fn forget(&self) -> Result<bool, AccountError> {
        let _lock = self.write_lock().await?;
        let remove =
            |path: PathBuf| self.files.remove(&path).map_err(|reason| AccountError::file("remove", &path, reason));
        let token = remove(self.token_path())?;
        Ok(remove(self.record_path())? || token)
    }

    /// Takes the lock of who asks a person to log in, if nobody holds it, in this process or another.
    ///
    /// # Errors
    ///
    /// Where the state folder cannot be used.
    pub fn try_login(&self) -> Result<Option<Lock>, AccountError> {
        self.try_lock(LockFor::Login)
    }

    /// The file that changes with each login, each logout, and the end of a login.
    pub fn record_path(&self) -> PathBuf {
        self.at.with_extension("json")
    }

    /// Whether the token is sealed under a key in the keyring.
    pub fn is_sealed(&self) -> bool {
        self.load(&self.token_path()).is_ok_and(|bytes| bytes.is_some_and(|bytes| sealed::seal_of(&bytes).is_some()))
    }

    fn token_path(&self) -> PathBuf {
        self.at.with_extension("token")
    }

    fn try_lock(&self, lock: LockFor) -> Result<Option<Lock>, AccountError> {
        let path = self.lock_path(lock);
        let held = self.files.try_lock(&path).map_err(|reason| AccountError::file("lock", &path, reason))?;
        Ok(held.map(|held| Lock { _held: held }))
    }

    fn lock_path(&self, lock: LockFor) -> PathBuf {
        self.at.with_extension(match lock {
            LockFor::Refresh => "write.lock",
            LockFor::Login => "login.lock",
        })
    }

    async fn write_lock(&self) -> Result<Lock, AccountError> {
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            if let Some(lock) = self.try_lock(LockFor::Refresh)? {
                return Ok(lock);
            }
            if Instant::now() >= deadline {
                return Err(AccountError::Locked { path: self.lock_path(LockFor::Refresh) });
            }
            sleep(TRY_EVERY).await;
        }
    }

    fn load(&self, path: &Path) -> Result<Option<Zeroizing<Vec<u8>>>, AccountError> {
        match self.files.read_private(path) {
            Ok(bytes) => Ok(Some(Zeroizing::new(bytes))),
            Err(reason) if reason.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(AccountError::file("read", path, reason)),
        }
    }

    fn store(&self, path: &Path, content: &[u8]) -> Result<(), AccountError> {
        self.files.replace_private(path, content).map_err(|reason| AccountError::file("write", path, reason))
    }

    fn write_account(&self, account: &KeptAccount) -> Result<(), AccountError> {
        let record = Record {
            version: WRITES,
            login: account.login.to_string(),
            name: account.name.clone(),
            tenant: account.tenant.clone(),
            signed_in_unix_ms: unix_ms(account.signed_in),
            ended_by: account.ended_by,
        };
        // numbers and texts always have a form in JSON
        let mut text = serde_json::to_vec_pretty(&record).unwrap_or_default();
        text.push(b'\n');
        self.store(&self.record_path(), &text)
    }

    fn write_token(&self, token: &KeptToken, key: Option<&Key>) -> Result<(), AccountError> {
        let path = self.token_path();
        let written =
            WrittenToken { version: WRITES, login: &token.login, refresh_token: token.refresh_token.expose() };
        let text = Secret::written(|out| Ok(serde_json::to_writer(out, &written)?));
        let text = text.map_err(|reason| AccountError::file("write", &path, reason))?;
        match key {
            None => self.store(&path, text.expose().as_bytes()),
            Some(key) => {
                let file = sealed::seal(&Seal::Keyring, key, &text, &*self.random);
                let unsealed = || AccountError::file("write", &path, io::Error::other("it cannot be sealed"));
                self.store(&path, &file.ok_or_else(unsealed)?)
            }
        }
    }

    async fn key(&self) -> Result<Option<Key>, KeyringError> {
        Ok(self.keyring.read(ENTRY).await?.and_then(|text| Key::from_text(&text)))
    }

    /// The key in the keyring, made where there is none. One entry for all accounts: who makes it holds a lock for all of them.
    async fn key_or_new(&self) -> Result<Key, KeyringError> {
        if let Some(key) = self.key().await? {
            return Ok(key);
        }
        let path = self.at.with_file_name("key.lock");
        let failed = |why: String| KeyringError::Failed(why);
        let deadline = Instant::now() + LOCK_PATIENCE;
        let _lock = loop {
            match self.files.try_lock(&path).map_err(|error| failed(error.to_string()))? {
                Some(lock) => break lock,
                None if Instant::now() >= deadline => {
                    return Err(failed("another process has been making its key for a while".to_owned()));
                }
                None => sleep(TRY_EVERY).await,
            }
        };
        // whoever held the lock may have made it
        if let Some(key) = self.key().await? {
            return Ok(key);
        }
        let key = Key::new(&*self.random);
        let text = key.to_text().ok_or_else(|| failed("there is no memory left".to_owned()))?;
        self.keyring.write(ENTRY, LABEL, text).await?;
        Ok(key)
    }
}

/// A write takes a moment; a keyring that asks its person takes longer.
const LOCK_PATIENCE: Duration = Duration::from_secs(10);

/// The keyring's entry with the key, and what a person sees of it.
const ENTRY: &str = "accounts-key";
const LABEL: &str = "Credenza: key of the logins at Entra ID";

/// What we write, and the newest that we can make sense of: fields that a neighbour adds are passed over.
const WRITES: u32 = 1;
const READS: u32 = WRITES + 1;

#[derive(Serialize, Deserialize)]
struct Record {
    version: u32,
    login: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    signed_in_unix_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ended_by: Option<u32>,
}

#[derive(Serialize)]
struct WrittenToken<'s> {
    version: u32,
    login: &'s str,
    refresh_token: &'s str,
}

#[derive(Deserialize)]
struct ReadToken {
    version: u32,
    login: String,
    refresh_token: Secret,
}

#[cfg(test)]
#[path = "accounts_tests.rs"]
mod tests;
