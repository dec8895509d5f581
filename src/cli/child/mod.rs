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

use crate::world::Environment;

/// What a child is wired to, cloud by cloud.
#[derive(Clone, Debug, Default)]
pub struct Wirings {
    /// AWS, where an identity of it is meant.
    pub aws: Option<Wiring>,
    /// Azure, likewise.
    pub azure: Option<AzureWiring>,
}

impl Wirings {
    /// What becomes of an environment, wired already or not.
    pub fn changes(&self, environment: &Environment) -> Changes {
        let aws = self.aws.as_ref().map(|aws| aws.changes(environment)).unwrap_or_default();
        let azure = self.azure.as_ref().map(|azure| azure.changes(environment)).unwrap_or_default();
        aws.and(azure)
    }
}
