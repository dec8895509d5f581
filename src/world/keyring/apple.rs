//! The Keychain of macOS: generic passwords of the service `credenza`. Each is for the program that wrote it; another one, and
//! a build of ours that is not signed as the last was, makes the system ask its person.

use security_framework::base::Error;
use security_framework::passwords::{PasswordOptions, delete_generic_password, generic_password, set_generic_password};
use zeroize::Zeroizing;

use super::{Keyring, KeyringError};
use crate::secret::Secret;
use crate::world::BoxFuture;

/// The Keychain of who is logged in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keychain;

const SERVICE: &str = "credenza";

/// `errSecItemNotFound` (Security framework, `SecBase.h`).
const NOT_FOUND: i32 = -25300;

impl Keyring for Keychain {
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Secret>, KeyringError>> {
        let name = name.to_owned();
        aside(move || match generic_password(PasswordOptions::new_generic_password(SERVICE, &name)) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(text) => Ok(Some(Secret::new(text))),
                Err(error) => {
                    drop(Zeroizing::new(error.into_bytes()));
                    Err(KeyringError::Failed(format!("its entry {name} is no text")))
                }
            },
            Err(error) if error.code() == NOT_FOUND => Ok(None),
            Err(error) => Err(failed(&error)),
        })
    }

    fn write(&self, name: &str, _: &str, secret: Secret) -> BoxFuture<'static, Result<(), KeyringError>> {
        let name = name.to_owned();
        aside(move || {
            let written = set_generic_password(SERVICE, &name, secret.expose().as_bytes());
            written.map_err(|error| failed(&error))
        })
    }

    fn remove(&self, name: &str) -> BoxFuture<'static, Result<bool, KeyringError>> {
        let name = name.to_owned();
        aside(move || match delete_generic_password(SERVICE, &name) {
            Ok(()) => Ok(true),
            Err(error) if error.code() == NOT_FOUND => Ok(false),
            Err(error) => Err(failed(&error)),
        })
    }
}

/// On a thread of its own: the system may ask a person meanwhile.
fn aside<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, KeyringError> + Send + 'static,
) -> BoxFuture<'static, Result<T, KeyringError>> {
    Box::pin(async {
        let asked = tokio::task::spawn_blocking(ask).await;
        asked.unwrap_or_else(|_| Err(KeyringError::Failed("we are ending".to_owned())))
    })
}

fn failed(error: &Error) -> KeyringError {
    KeyringError::Failed(format!("{error} (code {})", error.code()))
}
