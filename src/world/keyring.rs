//! The system's keyring: secrets that the system keeps sealed while nobody is logged in.
//!
//! Called by the store: of sign-ins, for `cache = "private"`, and of user sessions, for the key that they are sealed under.

use std::sync::Arc;

use thiserror::Error;

use super::{BoxFuture, Environment, Processes};
use crate::secret::Secret;

#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(not(target_vendor = "apple"))]
mod secret_tool;

/// Keeps secrets by their names, such as `sso/0ad374308c5a4e22f723adf10145eafad7c4031c`: letters, digits, `/`, `.`, `-`.
pub trait Keyring: Send + Sync {
    /// The secret of that name; `None` where there is none.
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Secret>, KeyringError>>;

    /// Keeps a secret under a name, in place of what was there. `label`: what a person sees in the keyring's own window, such
    /// as `Credenza: sign-in of corp`.
    fn write(&self, name: &str, label: &str, secret: Secret) -> BoxFuture<'static, Result<(), KeyringError>>;

    /// Removes the secret of that name. False where there was none.
    fn remove(&self, name: &str) -> BoxFuture<'static, Result<bool, KeyringError>>;
}

/// Why the keyring did not do it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum KeyringError {
    /// There is none, or what we speak to it with is missing. The text ends with what mends it.
    #[error("there is no keyring here: {0}")]
    Missing(String),
    /// It is there, and did not do it: it is locked, a person refused, or it is out of order.
    #[error("the keyring did not answer: {0}")]
    Failed(String),
}

/// The keyring of this system: the Keychain of macOS; elsewhere the Secret Service, by way of `secret-tool`. Opens nothing.
pub fn system(processes: &Arc<dyn Processes>, environment: &Arc<Environment>) -> Arc<dyn Keyring> {
    #[cfg(target_vendor = "apple")]
    {
        let _ = (processes, environment);
        Arc::new(apple::Keychain)
    }
    #[cfg(not(target_vendor = "apple"))]
    Arc::new(secret_tool::SecretTool::new(processes.clone(), environment))
}

/// Where there is no keyring.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoKeyring;

impl NoKeyring {
    fn missing<T: Send + 'static>() -> BoxFuture<'static, Result<T, KeyringError>> {
        Box::pin(async { Err(KeyringError::Missing("this system has none".to_owned())) })
    }
}

impl Keyring for NoKeyring {
    fn read(&self, _: &str) -> BoxFuture<'static, Result<Option<Secret>, KeyringError>> {
        Self::missing()
    }

    fn write(&self, _: &str, _: &str, _: Secret) -> BoxFuture<'static, Result<(), KeyringError>> {
        Self::missing()
    }

    fn remove(&self, _: &str) -> BoxFuture<'static, Result<bool, KeyringError>> {
        Self::missing()
    }
}
