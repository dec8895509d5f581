//! What is wired into a child of `exec` and into a shell that takes `env`: variables, and how they are undone.
//!
//! Pure: nothing here reads the machine or writes to it. Called by `exec`, `env` and, to see the environment as it was
//! before us, by every command.

pub mod address;
pub mod azure;
pub mod changes;
pub mod dialects;
pub mod no_proxy;
pub mod original;
pub mod wiring;

pub use azure::{AzureStyle, AzureWiring};
pub use changes::{Change, Changes};
pub use dialects::Dialects;
pub use original::original;
pub use wiring::{StaticKeys, Token, Wiring};
