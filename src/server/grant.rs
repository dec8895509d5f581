//! Grants: the right of one shell, job or container to some identities. A token opens it, a name ends it.
//!
//! Only digests of tokens are kept, in memory and at rest: a token is known to who holds the grant, and to nobody else.
//! Called by the control socket (issue, list, revoke), by `exec` for its own endpoint, and by [`super::service`]
//! (admit), for which a revoked grant is dead from the next request on.

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::grant_store::{GrantStore, StoreError};
use crate::credential::{IdentityName, Now};
use crate::secret::{Digest, Secret};
use crate::world::{Clock, Random, pinned};

/// What is asked for when a grant is made.
#[derive(Clone, Debug)]
pub struct GrantSpec {
    /// The name it is to be listed and revoked by, such as `nightly-sync`. `None`: one is made, such as `shell-4711`.
    pub name: Option<String>,
    /// What it opens.
    pub scope: Scope,
    /// The identity meant where a request names none, and by the child's `AWS_PROFILE`-less tools.
    pub default_aws: Option<IdentityName>,
    /// The client id that its holder's environment names (`AZURE_CLIENT_ID`), such as a GUID: DefaultAzureCredential sends it
    /// unasked, to whichever identity's address it was given.
    pub azure_client_id: Option<String>,
    /// How long it lasts at most. `None`: as long as its holder.
    pub life: Option<Duration>,
    /// Who holds it, and so when it ends.
    pub holder: Holder,
}

/// Which identities a grant opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// Every identity that there is, also those to come.
    Every,
    /// These and no others.
    Only(BTreeSet<IdentityName>),
}

impl Scope {
    /// The scope of exactly these identities.
    pub fn of<N: Into<IdentityName>>(names: impl IntoIterator<Item = N>) -> Self {
        Self::Only(names.into_iter().map(Into::into).collect())
    }

    /// Whether the identity is in it.
    pub fn covers(&self, identity: &str) -> bool {
        match self {
            Self::Every => true,
            Self::Only(names) => names.contains(identity),
        }
    }
}

/// Who holds a grant. It ends with its holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holder {
    /// A shell that took `credenza env`: its process id, and when it started, since ids are used again.
    Shell {
        /// The process id.
        pid: u32,
        /// When the process started, as [`Running`](crate::world::running::Running) has it.
        started: String,
    },
    /// A shell that has not said yet which one it is: the grant is short, until [`Grants::attach`].
    ShellToCome,
    /// A control connection, or the process that asked: nothing is left of it at rest.
    Connection,
    /// A job or a container that reads its token from a file, which is removed with the grant.
    Job {
        /// The file that holds the token; `None`: it was shown once.
        token_file: Option<PathBuf>,
    },
    /// A relay that was invited.
    Relay {
        /// The SHA-256 of its certificate, 64 digits: it comes over TLS with just that, or gets nothing. `None`: it comes by the data
        /// socket.
        certificate: Option<String>,
    },
}

impl Holder {
    /// The certificate without which its token opens nothing.
    fn certificate(&self) -> Option<Digest> {
        match self {
            // what was written there and is none is nobody's
            Self::Relay { certificate: Some(written) } => Some(Digest::from_hex(written).unwrap_or(Digest([0; 32]))),
            _ => None,
        }
    }
}

/// The right to some identities.
#[derive(Debug)]
pub struct Grant {
    /// Its name: unique among those that live.
    pub name: Arc<str>,
    /// What it opens.
    pub scope: Scope,
    /// The identity meant where a request names none.
    pub default_aws: Option<IdentityName>,
    /// The client id that stands for whichever identity's address it is sent to.
    pub azure_client_id: Option<String>,
    /// When it was made.
    pub created: Now,
    /// When it ends by itself. `None`: with its holder only.
    pub ends: Option<SystemTime>,
    /// Who holds it.
    pub holder: Holder,
    /// The address that its token is shown to, such as `127.0.0.1:9711`, where it is kept at rest.
    pub address: Option<SocketAddr>,
    digest: Digest,
    /// Another token has taken the place of its own ([`Grants::renew`]): it opens for a while yet, and is not listed.
    former: bool,
    /// `ends` by the clock that cannot be set back.
    ends_boot: Option<Duration>,
    /// Opens nothing any more: it was ended, or another took its place ([`Grants::attach`]).
    revoked: AtomicBool,
    /// Seconds since 1970; zero: not since we started. One for all its tokens.
    used: Arc<AtomicU64>,
}

impl Grant {
    /// Whether it still opens anything: not revoked, and not past its end by either clock.
    pub fn lives(&self, now: Now) -> bool {
        !self.revoked.load(Ordering::Acquire)
            && self.ends.is_none_or(|end| now.wall < end)
            && self.ends_boot.is_none_or(|end| now.boot < end)
    }

    /// When its token last opened something since we started, to the second.
    pub fn last_used(&self) -> Option<SystemTime> {
        let used = self.used.load(Ordering::Relaxed);
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(used)).filter(|_| used > 0)
    }

    /// Whether this is its token: for who wants to remove a file only if it holds that.
    pub fn opened_by(&self, token: &[u8]) -> bool {
        self.digest == Digest::of(token)
    }

    pub(super) fn use_at(&self, now: Now) {
        let secs = now.wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        // read first: who writes takes the cache line from everyone else
        if self.used.load(Ordering::Relaxed) != secs {
            self.used.store(secs, Ordering::Relaxed);
        }
    }

    /// A grant as it was kept. A boot clock that shows less than it did then is another boot's: only the wall clock
    /// can tell then, and what it says is counted from now on by both.
    pub(super) fn restored(kept: Kept, now: Now) -> Self {
        let created = Now { wall: kept.created, boot: kept.created_boot };
        let same_boot = now.boot >= created.boot;
        let ends_boot = kept.ends.map(|end| {
            let by_wall = now.boot.saturating_add(end.duration_since(now.wall).unwrap_or_default());
            let by_boot = created.boot.saturating_add(end.duration_since(created.wall).unwrap_or_default());
            if same_boot { by_wall.min(by_boot) } else { by_wall }
        });
        Self {
            name: kept.name.into(),
            scope: kept.scope,
            default_aws: kept.default_aws,
            azure_client_id: kept.azure_client_id,
            created,
            ends: kept.ends,
            holder: kept.holder,
            address: kept.address,
            digest: kept.digest,
            former: false,
            ends_boot,
            revoked: AtomicBool::new(false),
            used: Arc::default(),
        }
    }

    /// The same right, opened by another token.
    fn opened_with(&self, digest: Digest) -> Self {
        Self {
            name: Arc::clone(&self.name),
            scope: self.scope.clone(),
            default_aws: self.default_aws.clone(),
            azure_client_id: self.azure_client_id.clone(),
            created: self.created,
            ends: self.ends,
            holder: self.holder.clone(),
            address: self.address,
            digest,
            former: false,
            ends_boot: self.ends_boot,
            revoked: AtomicBool::new(false),
            used: Arc::clone(&self.used),
        }
    }

    /// The same right by a token of before, which is left until `now + overlap`, by both clocks, and no longer than it was.
    fn formerly(&self, digest: Digest, now: Now, overlap: Duration) -> Self {
        let (ends, ends_boot) = (now.wall.checked_add(overlap), now.boot.saturating_add(overlap));
        Self {
            ends: self.ends.into_iter().chain(ends).min(),
            ends_boot: Some(self.ends_boot.map_or(ends_boot, |end| end.min(ends_boot))),
            former: true,
            ..self.opened_with(digest)
        }
    }

    pub(super) fn kept(&self) -> Kept {
        Kept {
            name: self.name.to_string(),
            digest: self.digest,
            scope: self.scope.clone(),
            default_aws: self.default_aws.clone(),
            azure_client_id: self.azure_client_id.clone(),
            created: self.created.wall,
            created_boot: self.created.boot,
            ends: self.ends,
            holder: self.holder.clone(),
            address: self.address,
        }
    }
}

/// A grant at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) name: String,
    pub(super) digest: Digest,
    pub(super) scope: Scope,
    pub(super) default_aws: Option<IdentityName>,
    pub(super) azure_client_id: Option<String>,
    pub(super) created: SystemTime,
    pub(super) created_boot: Duration,
    pub(super) ends: Option<SystemTime>,
    pub(super) holder: Holder,
    pub(super) address: Option<SocketAddr>,
}

/// Why a grant could not be made or ended.
#[derive(Debug, Error)]
pub enum GrantError {
    /// The name is in use.
    #[error("a grant called {0} is there already: choose another name, or `credenza grant revoke {0}` first")]
    NameTaken(String),
    /// The name is no name.
    #[error("{0:?} is no name for a grant: use 1 to 64 letters, digits, '-', '_', '.' and '@'")]
    BadName(String),
    /// The default identity is not one of those that are opened.
    #[error("the default identity {0} is not among the identities of the grant: name it too")]
    DefaultOutside(String),
    /// None of this name lives.
    #[error("there is no grant called {0}: `credenza grant list` shows those that there are")]
    Unknown(String),
    /// It could not be written down.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Every living grant, by the digest of its token.
pub struct Grants {
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Where their tokens are shown.
    address: Option<SocketAddr>,
    by_digest: RwLock<HashMap<Digest, Arc<Grant>>>,
    /// Held over every change, so that the file never goes back to an older state.
    store: Mutex<Option<GrantStore>>,
}

impl Grants {
    /// Grants that are nowhere at rest: those of `exec`'s own endpoint.
    pub fn in_memory(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self { clock, random, address: None, by_digest: RwLock::default(), store: Mutex::new(None) }
    }

    /// Grants that outlive us: those that are still alive open again what they opened; the others wait for
    /// [`Grants::sweep`]. New ones are for `address`.
    pub fn kept_in(
        store: GrantStore,
        address: SocketAddr,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self, StoreError> {
        let now = clock.now();
        let restored = store.load()?.into_iter().map(|kept| Arc::new(Grant::restored(kept, now)));
        let by_digest = restored.map(|grant| (grant.digest, grant)).collect();
        let (by_digest, store) = (RwLock::new(by_digest), Mutex::new(Some(store)));
        Ok(Self { clock, random, address: Some(address), by_digest, store })
    }

    /// Makes a grant. The token is given out here, once; whoever loses it asks for another grant.
    pub fn issue(&self, spec: GrantSpec) -> Result<(Secret, Arc<Grant>), GrantError> {
        if let Some(default) = spec.default_aws.as_deref().filter(|name| !spec.scope.covers(name)) {
            return Err(GrantError::DefaultOutside(default.into()));
        }
        let mut store = self.changing();
        let now = self.clock.now();
        let token = self.random.token();
        let grant = Arc::new(Grant {
            name: self.name_for(&spec)?.into(),
            scope: spec.scope,
            default_aws: spec.default_aws,
            azure_client_id: spec.azure_client_id,
            created: now,
            ends: spec.life.and_then(|life| now.wall.checked_add(life)),
            ends_boot: spec.life.map(|life| now.boot.saturating_add(life)),
            holder: spec.holder,
            address: self.address,
            digest: token.digest(),
            former: false,
            revoked: AtomicBool::new(false),
            used: Arc::default(),
        });
        if let Some(store) = store.as_mut() {
            store.save(self.list().iter().chain([&grant]).filter(|grant| grant.lives(now)))?;
        }
        self.write().insert(grant.digest, Arc::clone(&grant));
        Ok((token, grant))
    }

    /// Another token for the grant of this name. Every one of before that opens still does so for `overlap` from now, by
    /// both clocks: whoever could not hand out the last one asks again, and the one that is in use stays good. The grant is
    /// listed once, and ends with all its tokens. At rest only the newest is kept.
    ///
    /// # Errors
    ///
    /// Where no grant of this name lives, or it cannot be written down: then all is as before.
    pub fn renew(&self, name: &str, overlap: Duration) -> Result<Secret, GrantError> {
        let mut store = self.changing();
        let now = self.clock.now();
        let listed = self.list();
        let unknown = || GrantError::Unknown(name.to_owned());
        let before = listed.iter().find(|grant| &*grant.name == name).ok_or_else(unknown)?;
        let token = self.random.token();
        let after = Arc::new(before.opened_with(token.digest()));
        if let Some(store) = store.as_mut() {
            store.save(listed.iter().filter(|grant| grant.digest != before.digest).chain([&after]))?;
        }
        let mut by_digest = self.write();
        by_digest.retain(|_, grant| &*grant.name != name || grant.lives(now));
        for grant in by_digest.values_mut().filter(|grant| &*grant.name == name) {
            let former = Arc::new(before.formerly(grant.digest, now, overlap));
            // a connection that it opened asks again, and finds its end
            std::mem::replace(grant, former).revoked.store(true, Ordering::Release);
        }
        by_digest.insert(after.digest, after);
        Ok(token)
    }

    /// The grant that a token opens, if it lives. Which digest is looked for is nothing that a client can steer, so
    /// the time that the look takes tells nothing of the tokens that are there.
    pub fn admit(&self, token: &[u8]) -> Option<Arc<Grant>> {
        self.admit_with(token, None)
    }

    /// The same for who came over TLS, with this certificate. One that was made for a certificate opens nothing without it.
    pub fn admit_with(&self, token: &[u8], certificate: Option<&Digest>) -> Option<Arc<Grant>> {
        let now = self.clock.now();
        let grant = self.read().get(&Digest::of(token)).cloned().filter(|grant| grant.lives(now))?;
        let wanted = grant.holder.certificate();
        if wanted.is_some_and(|wanted| !certificate.is_some_and(|shown| pinned::same(&wanted, shown))) {
            return None;
        }
        grant.use_at(now);
        Some(grant)
    }

    /// Whether a certificate is one that a living grant was made for.
    pub fn knows(&self, certificate: &Digest) -> bool {
        let certificates = self.list().into_iter().filter_map(|grant| grant.holder.certificate());
        certificates.fold(false, |known, one| known | pinned::same(&one, certificate))
    }

    /// Whether there is one that was made for a certificate.
    pub fn with_certificates(&self) -> bool {
        self.list().iter().any(|grant| grant.holder.certificate().is_some())
    }

    /// Gives the grant of this name to a holder, from now on for `life` at most. Its token stays the same. `None`: there
    /// is no such grant.
    pub fn attach(&self, name: &str, holder: Holder, life: Option<Duration>) -> Result<Option<Arc<Grant>>, StoreError> {
        let mut store = self.changing();
        let now = self.clock.now();
        let Some(before) = self.list().into_iter().find(|grant| &*grant.name == name) else { return Ok(None) };
        let ends = life.and_then(|life| now.wall.checked_add(life));
        let kept = Kept { holder, ends, created: now.wall, created_boot: now.boot, ..before.kept() };
        let after = Arc::new(Grant::restored(kept, now));
        if let Some(store) = store.as_mut() {
            let others = self.list();
            store.save(others.iter().filter(|grant| grant.digest != after.digest).chain([&after]))?;
        }
        self.write().insert(after.digest, Arc::clone(&after));
        // a connection that was opened by the one before asks again, and finds this one
        before.revoked.store(true, Ordering::Release);
        Ok(Some(after))
    }

    /// Ends the grant of this name, from the next request on. `false`: there is none. With an error it is ended too, but
    /// may be there again after a restart.
    pub fn revoke(&self, name: &str) -> Result<bool, StoreError> {
        let (ended, kept) = self.end(|grant| &*grant.name == name);
        kept.map(|()| !ended.is_empty())
    }

    /// Ends every grant that `dead` picks or that is past its end, and hands them back: their token files are to be
    /// removed. For the start of a daemon, the end of a shell, and now and then. With an error they are ended too, but may
    /// be there again after a restart.
    pub fn sweep(&self, dead: impl Fn(&Grant) -> bool) -> (Vec<Arc<Grant>>, Result<(), StoreError>) {
        let now = self.clock.now();
        self.end(|grant| dead(grant) || !grant.lives(now))
    }

    /// Every living grant, by name.
    pub fn list(&self) -> Vec<Arc<Grant>> {
        let now = self.clock.now();
        let listed = |grant: &&Arc<Grant>| grant.lives(now) && !grant.former;
        let mut grants: Vec<_> = self.read().values().filter(listed).cloned().collect();
        grants.sort_by(|a, b| a.name.cmp(&b.name));
        grants
    }

    fn end(&self, picked: impl Fn(&Grant) -> bool) -> (Vec<Arc<Grant>>, Result<(), StoreError>) {
        let mut store = self.changing();
        let mut ended = Vec::new();
        self.write().retain(|_, grant| {
            let ends = picked(grant);
            if ends {
                grant.revoked.store(true, Ordering::Release);
                ended.extend((!grant.former).then(|| Arc::clone(grant)));
            }
            !ends
        });
        // an end that could not be written down is tried again at each change, and at each sweep
        let kept = match store.as_mut().filter(|store| !ended.is_empty() || store.behind()) {
            Some(store) => store.save_rest(self.list().iter()),
            None => Ok(()),
        };
        (ended, kept)
    }

    fn name_for(&self, spec: &GrantSpec) -> Result<String, GrantError> {
        let living = self.list();
        let taken = |name: &str| living.iter().any(|grant| &*grant.name == name);
        if let Some(name) = &spec.name {
            let fits = (1..=64).contains(&name.len())
                && name.chars().all(|letter| letter.is_ascii_alphanumeric() || "-_.@".contains(letter));
            return match name {
                name if !fits => Err(GrantError::BadName(name.chars().take(64).collect())),
                name if taken(name) => Err(GrantError::NameTaken(name.clone())),
                name => Ok(name.clone()),
            };
        }
        let stem = match &spec.holder {
            Holder::Shell { pid, .. } => format!("shell-{pid}"),
            Holder::ShellToCome => "shell".into(),
            Holder::Connection => "exec".into(),
            Holder::Job { .. } => "job".into(),
            Holder::Relay { .. } => "relay".into(),
        };
        let numbered = (2_u64..).map(|number| format!("{stem}-{number}"));
        Ok([stem.clone()].into_iter().chain(numbered).find(|name| !taken(name)).unwrap_or(stem))
    }

    fn changing(&self) -> MutexGuard<'_, Option<GrantStore>> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Digest, Arc<Grant>>> {
        self.by_digest.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Digest, Arc<Grant>>> {
        self.by_digest.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Grants {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Grants({})", self.read().len())
    }
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
