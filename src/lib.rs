//! Credenza: a local metadata-endpoint emulator and credential proxy.
//!
//! The map of the house, from the roof down; arrows between rooms only point downwards (`tests/house.rs`):
//!
//! - [`cli`]: what was typed, one file a command
//! - [`app`]: the only place that builds everything
//! - [`control`]: the person's side, a Unix socket
//! - [`server`]: sockets, the gate, grants; answers clients
//! - [`engine`]: keeps every ask fresh; the only caller of sources
//! - [`source`]: how credentials are made
//! - [`store`]: sign-ins at rest: the AWS CLI's cache, the system's keyring
//! - [`config`]: what the user wrote and what it means
//! - [`dialect`]: how a kind of client speaks; pure
//! - [`log`]: the log and the audit trail
//! - [`world`]: the outside
//! - [`credential`], [`secret`]: what moves through the house

pub mod app;
pub mod cli;
pub mod config;
pub mod control;
pub mod credential;
pub mod dialect;
pub mod engine;
pub mod log;
pub mod secret;
pub mod server;
pub mod source;
pub mod store;
pub mod world;
