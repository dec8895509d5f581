//! User sessions at rest: one file in our state folder, sealed under a key that lies elsewhere.
//!
//! Whatever is wrong with the file or the key is told and stops nobody: sessions are in memory then, and a person enters one
//! code more. A file whose key is out of reach for now is left as it is. Called by [`super::SessionStore`] alone.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::sealed::{self, Key, LOG_N, Making, Seal};
use super::{KeptSession, kept};
use crate::config::{Places, SessionsAtRest};
use crate::credential::SessionKey;
use crate::secret::Secret;
use crate::world::{Clock, Files, Random, World};

/// The file, and the key that it is sealed under.
pub(super) struct AtRest {
    path: PathBuf,
    seal: Seal,
    key: Key,
    files: Arc<dyn Files>,
    random: Arc<dyn Random>,
    clock: Arc<dyn Clock>,
}

/// What was found at the start.
#[derive(Default)]
pub(super) struct Found {
    /// Where sessions are written from now on; `None`: they are in memory only.
    pub(super) at_rest: Option<AtRest>,
    /// Those that live still.
    pub(super) sessions: Vec<(SessionKey, KeptSession)>,
    /// What a person should know.
    pub(super) note: Option<String>,
}

impl Found {
    /// Sessions are in memory only, though they were to outlive the daemon.
    fn in_memory(why: impl std::fmt::Display) -> Self {
        Self { note: Some(format!("sessions are in memory only: {why}")), ..Self::default() }
    }
}

/// Takes back what lies there, as far as it can be.
pub(super) async fn open(world: &World, mode: SessionsAtRest, passphrase: Option<Secret>) -> Found {
    let path = match Places::from(&world.environment) {
        Ok(places) => places.state.join(NAME),
        Err(_) if mode == SessionsAtRest::Memory => return Found::default(),
        Err(error) => return Found::in_memory(error),
    };
    match mode {
        SessionsAtRest::Memory => {
            // what was wanted at rest before is not wanted any more
            let _ = world.files.remove(&path);
            Found::default()
        }
        SessionsAtRest::Keyring => with_keyring(world, path).await,
        SessionsAtRest::Passphrase => with_passphrase(world, path, passphrase, LOG_N).await,
    }
}

async fn with_keyring(world: &World, path: PathBuf) -> Found {
    let file = match read(world, &path) {
        Ok(file) => file,
        Err(error) => return Found::in_memory(error),
    };
    let lies_there = match world.keyring.read(ENTRY).await {
        Ok(text) => text,
        Err(error) => return Found::in_memory(error),
    };
    let key = match lies_there.and_then(|text| Key::from_text(&text)) {
        Some(key) => key,
        None => {
            let key = Key::new(&*world.random);
            let Some(text) = key.to_text() else { return Found::in_memory("there is no memory left") };
            if let Err(error) = world.keyring.write(ENTRY, LABEL, text).await {
                return Found::in_memory(error);
            }
            key
        }
    };
    let at_rest = AtRest::new(world, path, Seal::Keyring, key);
    match file {
        None => Found { at_rest: Some(at_rest), ..Found::default() },
        Some(file) => match at_rest.take(&file) {
            Some(sessions) => Found { at_rest: Some(at_rest), sessions, note: None },
            None => at_rest.anew(),
        },
    }
}

/// `log_n`: what the key of a new file costs.
pub(super) async fn with_passphrase(world: &World, path: PathBuf, passphrase: Option<Secret>, log_n: u8) -> Found {
    let Some(passphrase) = passphrase.filter(|passphrase| !passphrase.is_empty()) else {
        return Found::in_memory(
            "`sessions = \"passphrase\"` wants one, and none was given: start the daemon at a terminal, or name a file \
             with it in CREDENZA_PASSPHRASE_FILE",
        );
    };
    let file = match read(world, &path) {
        Ok(file) => file,
        Err(error) => return Found::in_memory(error),
    };
    let making = match file.as_deref().and_then(sealed::seal_of) {
        Some(Seal::Passphrase(making)) => making,
        Some(Seal::Keyring) | None => Making::new(log_n, &*world.random),
    };
    let seal = Seal::Passphrase(making.clone());
    // it would hold up everybody else
    let Ok(Some(key)) = tokio::task::spawn_blocking(move || making.key(&passphrase)).await else {
        return Found::in_memory("no key can be made of the passphrase here");
    };
    let at_rest = AtRest::new(world, path, seal, key);
    let Some(file) = file else { return Found { at_rest: Some(at_rest), ..Found::default() } };
    match at_rest.take(&file) {
        Some(sessions) => Found { at_rest: Some(at_rest), sessions, note: None },
        // mistyped, as far as anybody can tell: what is sealed with the right one stays
        None if sealed::seal_of(&file).as_ref() == Some(&at_rest.seal) => Found::in_memory(format!(
            "{} does not open with this passphrase: start the daemon again with the right one, or remove the file",
            at_rest.path.display()
        )),
        None => at_rest.anew(),
    }
}

impl AtRest {
    fn new(world: &World, path: PathBuf, seal: Seal, key: Key) -> Self {
        let (files, random, clock) = (world.files.clone(), world.random.clone(), world.clock.clone());
        Self { path, seal, key, files, random, clock }
    }

    /// Those that live still of a file; `None` where it does not open.
    fn take(&self, file: &[u8]) -> Option<Vec<(SessionKey, KeptSession)>> {
        let text = sealed::open(file, &self.seal, &self.key)?;
        kept::read(&text, self.clock.now())
    }

    /// What lies there is of no use.
    fn anew(self) -> Found {
        let note = format!(
            "{} does not open, as it was damaged or sealed otherwise: sessions begin anew",
            self.path.display()
        );
        Found { at_rest: Some(self), sessions: Vec::new(), note: Some(note) }
    }

    /// Writes down all that live, and nothing else; without any the file goes. The error is for a person.
    pub(super) fn write(&self, sessions: &BTreeMap<SessionKey, KeptSession>) -> Result<(), String> {
        let failed = |error: io::Error| format!("sessions cannot be written to {}: {error}", self.path.display());
        let Some(text) = kept::write(sessions.iter(), self.clock.now()) else {
            return self.files.remove(&self.path).map(drop).map_err(failed);
        };
        let file = sealed::seal(&self.seal, &self.key, &text, &*self.random);
        let file = file.ok_or_else(|| failed(io::Error::other("they cannot be sealed")))?;
        self.files.replace_private(&self.path, &file).map_err(failed)
    }

    /// The same after something was forgotten, which must not come back: where the rest cannot be written, all of it goes.
    pub(super) fn write_rest(&self, sessions: &BTreeMap<SessionKey, KeptSession>) -> Result<(), String> {
        self.write(sessions).inspect_err(|_| {
            let _ = self.files.remove(&self.path);
        })
    }
}

fn read(world: &World, path: &std::path::Path) -> Result<Option<Vec<u8>>, String> {
    match world.files.read_private(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// Below the state folder.
const NAME: &str = "sessions.sealed";

/// The keyring's entry with the key, and what a person sees of it.
const ENTRY: &str = "data-key";
const LABEL: &str = "Credenza: key of the sessions at rest";
