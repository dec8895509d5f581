//! Sources against the simulated cloud: what a user's `~/.aws` says, through the real SDK's client code, to an STS that
//! verifies every signature, token and end.
//!
//! In simulated time over pipes in memory; over real sockets and TLS in `tls.rs`.

#![allow(clippy::unwrap_used)] // tests, helpers included

mod contract;
mod engine;
mod entra;
mod errors;
mod federated;
mod keys;
mod mfa;
mod roles;
mod skew;
mod sso_login;
mod stage;
mod time;
mod tls;
mod way_back;
mod web_identity;
