//! The server: sockets, and who may ask for what on them.
//!
//! A request goes through [`gate`] (may it be answered at all?), [`grant`] (whose token is it, and for which
//! identities?), a dialect's `read`, the engine, the dialect's `write`, the audit trail, and leaves.

mod admit;
mod admit_azure;
mod answer;
mod bind_error;
pub mod conn;
pub mod crowd;
pub mod data;
mod desk;
pub mod gate;
pub mod grant;
pub mod grant_store;
pub mod health;
pub mod hello;
pub mod issuer_keys;
pub mod listener;
pub mod neighbours;
mod passing;
mod peers;
mod pulse;
pub mod relay;
mod right;
pub mod service;
pub mod terms;
