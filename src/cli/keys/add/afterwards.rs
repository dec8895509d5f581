//! What our configuration would say once the keys of a profile are gone from `~/.aws/credentials`, found out before they are:
//! nobody is to be left without keys by it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::cli::keys::name_in_keyring;
use crate::config::{Config, KeysOrigin, keys_line};
use crate::world::{Files, World};

/// The configuration afterwards.
pub(super) struct Afterwards {
    /// The identities that rest on the profile's keys now.
    pub(super) resting: Vec<String>,
    /// Those of them that would have no keys of the keyring, each with the identity that must say it.
    pub(super) left_without: Vec<String>,
    /// What is to be written into our configuration; `None`: it says all that is needed, or is its owner's to change.
    pub(super) written: Option<String>,
}

/// Reads all files as they would be. `rest`: the credentials file without the keys; `name`: what they are called in the keyring.
pub(super) fn afterwards(
    config: &Config,
    world: &World,
    profile: &str,
    name: &str,
    rest: &Zeroizing<Vec<u8>>,
) -> Result<Afterwards, String> {
    let path = &config.places.config;
    let before = match world.files.read(path) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| format!("{} is no text", path.display()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(format!("{} cannot be read: {error}", path.display())),
    };
    let rests = |identity: &&str| {
        let below = config.keys_below(identity);
        below.is_some_and(
            |below| matches!(below.origin, KeysOrigin::Static { profile: found, .. } if **found == *profile),
        )
    };
    let resting: Vec<&str> = config.identities.keys().map(|name| &**name).filter(rests).collect();
    let written = if resting.is_empty() { None } else { keys_line::with_keys(&before, profile, name) };

    let files = AsTheyWouldBe {
        now: Arc::clone(&world.files),
        config: (path.to_path_buf(), written.clone().unwrap_or(before)),
        credentials: (config.places.aws_credentials.to_path_buf(), rest.clone()),
    };
    let world = World { files: Arc::new(files), ..world.clone() };
    let then = Config::load(&world).map_err(|error| error.to_string())?;
    let is_left = |identity: &&&str| {
        let below = then.keys_below(identity);
        below.and_then(|below| name_in_keyring(below.origin)) != Some(name)
    };
    Ok(Afterwards {
        left_without: resting.iter().filter(is_left).map(|identity| (**identity).to_owned()).collect(),
        resting: resting.into_iter().map(str::to_owned).collect(),
        written,
    })
}

/// The files of now, but for two of them.
struct AsTheyWouldBe {
    now: Arc<dyn Files>,
    config: (PathBuf, String),
    credentials: (PathBuf, Zeroizing<Vec<u8>>),
}

impl Files for AsTheyWouldBe {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        match path {
            path if path == self.config.0 => Ok(self.config.1.clone().into_bytes()),
            path if path == self.credentials.0 => Ok(self.credentials.1.to_vec()),
            path => self.now.read(path),
        }
    }
}
