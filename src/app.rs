//! The only place that builds everything: the configuration and the world become something that serves.
//!
//! - [`App`]: the daemon: its address, its control socket, its grants
//! - [`Endpoint`]: what `exec` gives its child: an address, an engine and one grant of its own
//! - [`generated`]: the AWS files that a child or a shell reads
//! - [`background`]: the daemon started, found and ended by commands
//! - [`user_sessions`]: sessions of IAM users, which a person begins and the daemon keeps
//! - [`keys`]: long-term keys in the keyring, and how they are rotated
//! - [`federation`]: the trust that a federated identity needs, as a real token shows it
//! - [`link_local`]: the fixed addresses of metadata services, on this machine's loopback
//! - [`portal`], [`aws_config`]: what a sign-in gives, and the file that it is written into
//!
//! Called by the commands.

use thiserror::Error;

use crate::config::{ConfigError, PlaceError};
use crate::log::LogError;
use crate::server::grant::GrantError;
use crate::server::grant_store::StoreError;
use crate::world::folder::FolderError;

pub mod accounts;
mod address;
pub mod assertion_file;
pub mod aws_config;
pub mod background;
mod beside;
mod cli_logins;
mod daemon;
mod endpoint;
pub mod federation;
pub mod generated;
pub mod keys;
pub mod link_local;
mod listeners;
pub mod logging;
pub mod login;
mod marker;
mod neighbours;
mod notes;
mod once;
pub mod portal;
mod recipes;
pub mod relay;
mod relay_entrance;
mod relay_spares;
mod relay_way;
mod relayed;
mod reload;
mod seals;
mod sign_ins;
mod smallness;
mod supply;
mod terms;
pub mod token_rotation;
mod trail;
pub mod user_sessions;
mod wait;

pub use crate::server::listener::BindError;
pub use beside::Metadata;
pub use daemon::{AUDIT, App};
pub use endpoint::{Endpoint, EndpointOptions};
pub use once::{Once, once};
pub use wait::wait;

/// The URL of an identity's credential, such as `http://127.0.0.1:9711/creds/prod`.
pub fn url(base: &str, identity: &str) -> String {
    format!("{base}{}", crate::dialect::ecs::path(identity))
}

/// The name of the file that came before one of the daemon's log or of the audit trail.
pub fn earlier_log(name: &str) -> String {
    crate::log::capped::CappedFile::earlier(name)
}

/// Why nothing was built.
#[derive(Debug, Error)]
pub enum AppError {
    /// What the user wrote cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// It cannot be said where something lies.
    #[error(transparent)]
    Place(#[from] PlaceError),
    /// A folder of ours is not as it must be.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The address cannot be had.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The grants of an earlier daemon cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No grant could be made.
    #[error(transparent)]
    Grant(#[from] GrantError),
    /// The generated files cannot be written.
    #[error(transparent)]
    Generated(#[from] generated::GeneratedError),
    /// What is to be said of a machine or a task cannot be.
    #[error("{0}")]
    Metadata(String),
    /// A socket of ours cannot be bound.
    #[error("the socket {path} cannot be bound: {reason}")]
    Control {
        /// Its path.
        path: String,
        /// The system's words.
        reason: std::io::Error,
    },
    /// A relay has no grant, or none that is good for anything, or nothing to listen at.
    #[error("{0}")]
    Relay(String),
    /// The log cannot be kept.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A daemon runs already.
    #[error("a daemon runs already, as process {pid}, with its socket in {folder}")]
    Running {
        /// Its process.
        pid: u32,
        /// The runtime folder that it was started with.
        folder: String,
    },
    /// A part of the daemon ended before its time.
    #[error("a part of it ended before its time, which is a fault of ours")]
    Broken,
    /// A daemon holds on to the lock, and does not answer.
    #[error("the daemon{} does not answer: it holds {lock}", .pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    Locked {
        /// Its process, where that is known.
        pid: Option<u32>,
        /// The lock file.
        lock: String,
    },
}
