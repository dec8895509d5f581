//! One thing at rest: a file in the folder of the AWS CLI, or an entry in the keyring. Called by [`super::TokenStore`] alone.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::StoreError;
use super::settle::settled;
use crate::secret::Secret;
use crate::world::{Files, Keyring, World};

/// Where one thing lies.
#[derive(Clone)]
pub(super) enum Place {
    File { path: PathBuf, files: Arc<dyn Files> },
    Keyring { name: String, label: String, keyring: Arc<dyn Keyring> },
}

impl Place {
    /// A file, by its folder and its name without an ending.
    pub(super) fn file(folder: PathBuf, name: &str, world: &World) -> Self {
        Self::File { path: folder.join(format!("{name}.json")), files: world.files.clone() }
    }

    /// An entry, by its name and what a person sees of it.
    pub(super) fn keyring(name: String, label: String, world: &World) -> Self {
        Self::Keyring { name, label, keyring: world.keyring.clone() }
    }

    /// What lies there, wiped when dropped. `was_there`: it was when it was last looked for, so it may only be on its way.
    pub(super) async fn load(&self, was_there: bool) -> Result<Option<Zeroizing<Vec<u8>>>, StoreError> {
        match self {
            Self::File { path, files } => {
                settled(&**files, path, was_there).await.map_err(|reason| StoreError::file("read", path, reason))
            }
            Self::Keyring { name, keyring, .. } => {
                let found = keyring.read(name).await?;
                Ok(found.map(|secret| Zeroizing::new(secret.expose().as_bytes().to_vec())))
            }
        }
    }

    pub(super) async fn store(&self, text: Secret) -> Result<(), StoreError> {
        match self {
            Self::File { path, files } => {
                let written = files.replace(path, text.expose().as_bytes());
                written.map_err(|reason| StoreError::file("write", path, reason))
            }
            Self::Keyring { name, label, keyring } => Ok(keyring.write(name, label, text).await?),
        }
    }

    /// False where nothing was there.
    pub(super) async fn remove(&self) -> Result<bool, StoreError> {
        match self {
            Self::File { path, files } => files.remove(path).map_err(|reason| StoreError::file("remove", path, reason)),
            Self::Keyring { name, keyring, .. } => Ok(keyring.remove(name).await?),
        }
    }

    /// Its path, if it is a file.
    pub(super) fn path(&self) -> Option<PathBuf> {
        match self {
            Self::File { path, .. } => Some(path.clone()),
            Self::Keyring { .. } => None,
        }
    }
}

/// What a person finds it by.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, .. } => write!(f, "{}", path.display()),
            Self::Keyring { name, .. } => write!(f, "the keyring's entry {name}"),
        }
    }
}
