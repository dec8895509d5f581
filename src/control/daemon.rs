//! [`Daemon`]: what the control routes speak about.
//!
//! The configuration and the engine's recipes change together, under one lock: a credential is never handed over under
//! the digest of another definition. Made by `app`, which also reads the configuration again.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot, watch};

use super::holders::Holders;
use super::jobs::Jobs;
use super::view;
use crate::config::{Config, ConfigError};
use crate::credential::Failure;
use crate::engine::Engine;
use crate::log::audit::Audit;
use crate::secret::{Digest, Secret};
use crate::server::grant::Grants;
use crate::world::{BoxFuture, Clock};

/// Tells how the sign-ins of IAM Identity Center stand now.
pub type SignIns = Box<dyn Fn() -> BoxFuture<'static, Vec<view::SignIn>> + Send + Sync>;

/// Tells how the `[[listener]]`s stand now.
pub type Listeners = Box<dyn Fn() -> Vec<view::Listener> + Send + Sync>;

/// Tells what is left of fixed addresses that nobody serves any more, one sentence each.
pub type Leftovers = Box<dyn Fn(&Config) -> Vec<String> + Send + Sync>;

/// Where relays come that do not mount the data socket.
pub trait Entrance: Send + Sync {
    /// Opens it unless it is open; says where it is, and by which certificate it is known. The error is one sentence.
    ///
    /// # Errors
    ///
    /// Where the address cannot be had, or the certificate cannot be kept.
    fn open(&self) -> Result<(SocketAddr, Digest), String>;
}

/// Keeps user sessions, and begins them: what the routes about them speak with. What goes in and out is whole JSON, which
/// only the two ends understand: it holds keys and codes.
pub trait SessionDesk: Send + Sync {
    /// The session of this key.
    fn held(&self, key: &str) -> BoxFuture<'static, Option<Secret>>;

    /// Begins the session that an exchange says, and answers it. Goes on to its end where whoever asked has gone.
    fn begin(&self, exchange: Bytes) -> BoxFuture<'static, Result<Secret, Failure>>;

    /// Forgets a session, with what was made of it. False where there was none.
    fn forget(&self, key: &str) -> BoxFuture<'static, bool>;

    /// How they stand.
    fn views(&self) -> Vec<view::UserSession>;

    /// How it stands with sessions at rest.
    fn at_rest(&self) -> AtRest;

    /// Takes back what lies at rest, with a passphrase or what the system's keyring says by now. The error is one sentence.
    fn unlock(&self, passphrase: Option<Secret>) -> BoxFuture<'static, Result<(), String>>;
}

/// How it stands with sessions at rest.
#[derive(Clone, Debug)]
pub struct AtRest {
    /// [`view::Status::sessions_at_rest`].
    pub state: &'static str,
    /// Why sessions would not outlive the daemon, though they were to.
    pub trouble: Option<String>,
}

/// A daemon that runs.
pub struct Daemon {
    /// What keeps credentials fresh.
    pub engine: Engine,
    /// Who may have them.
    pub grants: Arc<Grants>,
    /// What ends grants.
    pub holders: Holders,
    /// Who is connected.
    pub jobs: Arc<Jobs>,
    /// Where it is written down who had what.
    pub audit: Audit,
    /// Where clients are answered.
    pub address: SocketAddr,
    /// The generated AWS files of shells: for `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`.
    pub shell_files: (PathBuf, PathBuf),
    /// Both clocks.
    pub clock: Arc<dyn Clock>,
    /// When it started.
    pub started: SystemTime,
    /// Turns true when it is to end.
    pub stop: watch::Sender<bool>,
    /// How the `[[listener]]`s stand.
    pub listeners: Listeners,
    /// Where relays come over TLS.
    pub entrance: Arc<dyn Entrance>,
    /// What is left of fixed addresses.
    pub leftovers: Leftovers,
    /// How the sign-ins of IAM Identity Center stand.
    pub sign_ins: SignIns,
    /// Who keeps user sessions.
    pub user_sessions: Arc<dyn SessionDesk>,
    /// What is served.
    pub config: RwLock<Arc<Config>>,
    /// Has whoever reads the configuration look at its files at once, and tell when it has.
    pub looks: mpsc::UnboundedSender<oneshot::Sender<()>>,
    /// Why what the files say by now is not: for who asks how things are.
    pub unusable: RwLock<Option<ConfigError>>,
}

impl Daemon {
    /// The configuration as it is now.
    pub fn config(&self) -> Arc<Config> {
        self.config.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Has the configuration read again if a file of it changed since it was read.
    pub(super) async fn look_again(&self) {
        let (tell, looked) = oneshot::channel();
        if self.looks.send(tell).is_ok() {
            // who looks may be ending: then there is nothing to wait for
            let _ = looked.await;
        }
    }

    /// Changes the configuration, and with it what the engine makes of it.
    pub fn replace(&self, config: Arc<Config>, change_engine: impl FnOnce(&Engine)) {
        let mut current = self.config.write().unwrap_or_else(PoisonError::into_inner);
        change_engine(&self.engine);
        *current = config;
        *self.unusable.write().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The files say what cannot be used, and the configuration stays as it is; `false`: as before.
    pub fn stay(&self, error: ConfigError) -> bool {
        let mut unusable = self.unusable.write().unwrap_or_else(PoisonError::into_inner);
        let new = unusable.as_ref() != Some(&error);
        *unusable = Some(error);
        new
    }

    /// What is wrong with the configuration: what keeps it from being read again comes first; what is left of fixed
    /// addresses; and what is wrong with sessions at rest.
    pub(super) fn warnings(&self) -> Vec<String> {
        let unusable = self.unusable.read().unwrap_or_else(PoisonError::into_inner).clone();
        let unusable = unusable.into_iter().flat_map(|error| error.complaints);
        let stays = unusable.map(|complaint| format!("the configuration stays as it was: {complaint}"));
        let config = self.config();
        let complaints = config.complaints.iter().map(ToString::to_string);
        let leftovers = (self.leftovers)(&config);
        stays.chain(complaints).chain(leftovers).chain(self.user_sessions.at_rest().trouble).collect()
    }

    /// The base of every URL that a client is given.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl std::fmt::Debug for Daemon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Daemon({})", self.address)
    }
}

/// The digest of an identity that can be served, and that is what the asking side thinks it is: as that side has it.
pub(super) fn agreed(config: &Config, name: &str, digest: Option<&str>) -> Result<Digest, Disagreed> {
    let identity = config.identities.get(name).ok_or(Disagreed::Unknown)?;
    if let Err(unusable) = &identity.definition {
        return Err(Disagreed::Unusable(unusable.to_string()));
    }
    let Some(theirs) = digest else { return Ok(identity.digest) };
    let mut same = [Some(identity.digest), identity.digest_without].into_iter().flatten();
    same.find(|ours| ours.to_hex() == theirs).ok_or(Disagreed::Differs)
}

/// Why an identity is not what the asking side wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Disagreed {
    /// There is none of this name.
    Unknown,
    /// It is there, but cannot be served.
    Unusable(String),
    /// The name means something else to the asking side: other files, another role.
    Differs,
}

impl Disagreed {
    /// One word for machines.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "UnknownIdentity",
            Self::Unusable(_) => "Unusable",
            Self::Differs => "DefinitionDiffers",
        }
    }
}
