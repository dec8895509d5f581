//! User sessions at rest: one file in our state folder, sealed under a key that lies elsewhere.
//!
//! Whatever is wrong with the file or the key is told and stops nobody: sessions are in memory then, and a person enters one
//! code more. A file whose key is out of reach for now is left as it is. Called by [`super::SessionStore`] alone.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use super::sealed::{self, Key, LOG_N, Making, Seal};
use super::{KeptSession, kept};
use crate::config::{Places, SessionsAtRest};
use crate::credential::SessionKey;
use crate::secret::Secret;
use crate::world::{Clock, Files, Random, World};

/// How it stands with sessions at rest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// None are wanted there.
    #[default]
    Memory,
    /// They are written as they begin.
    Open,
    /// A passphrase opens them.
    Locked,
    /// Nothing lies there, and a passphrase is to be chosen.
    WithoutPassphrase,
    /// Their key, or their file, is out of reach.
    OutOfReach,
}

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
    /// How it stands now.
    pub(super) standing: Standing,
}

impl Found {
    /// Sessions are in memory only, though they were to outlive the daemon.
    fn in_memory(why: impl std::fmt::Display) -> Self {
        let note = Some(format!("sessions are in memory only: {why}"));
        Self { note, standing: Standing::OutOfReach, ..Self::default() }
    }

    /// Until a person says the passphrase.
    fn locked(standing: Standing, why: impl std::fmt::Display) -> Self {
        Self { standing, ..Self::in_memory(why) }
    }

    fn open(at_rest: AtRest, sessions: Vec<(SessionKey, KeptSession)>) -> Self {
        Self { at_rest: Some(at_rest), sessions, note: None, standing: Standing::Open }
    }
}

/// Takes back what lies there, as far as it can be. Without a passphrase, the one in the file that
/// `CREDENZA_PASSPHRASE_FILE` names.
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

/// Removes what lies there, which nobody could open. False where nothing did.
pub(super) fn remove(world: &World) -> bool {
    Places::from(&world.environment).is_ok_and(|places| world.files.remove(&places.state.join(NAME)).unwrap_or(false))
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
        None => Found::open(at_rest, Vec::new()),
        Some(file) => match at_rest.take(&file) {
            Some(sessions) => Found::open(at_rest, sessions),
            None => at_rest.anew(),
        },
    }
}

/// `log_n`: what the key of a new file costs.
pub(super) async fn with_passphrase(world: &World, path: PathBuf, passphrase: Option<Secret>, log_n: u8) -> Found {
    let file = match read(world, &path) {
        Ok(file) => file,
        Err(error) => return Found::in_memory(error),
    };
    let (standing, making) = match file.as_deref().and_then(sealed::seal_of) {
        Some(Seal::Passphrase(making)) => (Standing::Locked, making),
        Some(Seal::Keyring) | None => (Standing::WithoutPassphrase, Making::new(log_n, &*world.random)),
    };
    let passphrase = match passphrase.filter(|passphrase| !passphrase.is_empty()) {
        Some(passphrase) => Ok(Some(passphrase)),
        None => passphrase_in_file(world),
    };
    let passphrase = match passphrase {
        Ok(Some(passphrase)) => passphrase,
        Ok(None) => {
            let what =
                if standing == Standing::Locked { "what lies at rest is locked" } else { "there is no passphrase yet" };
            return Found::locked(
                standing,
                format!(
                    "{what}; run `credenza up` at a terminal, or name a file with the passphrase in {PASSPHRASE_FILE}"
                ),
            );
        }
        Err(error) => return Found::locked(standing, error),
    };
    let seal = Seal::Passphrase(making.clone());
    // it would hold up everybody else
    let Ok(Some(key)) = tokio::task::spawn_blocking(move || making.key(&passphrase)).await else {
        return Found::in_memory("no key can be made of the passphrase here");
    };
    let at_rest = AtRest::new(world, path, seal, key);
    let Some(file) = file else { return Found::open(at_rest, Vec::new()) };
    match at_rest.take(&file) {
        Some(sessions) => Found::open(at_rest, sessions),
        // mistyped, as far as anybody can tell: what is sealed with the right one stays
        None if standing == Standing::Locked => Found::locked(
            standing,
            format!(
                "{} does not open with this passphrase; run `credenza up` with the right one, or remove the file",
                at_rest.path.display()
            ),
        ),
        None => at_rest.anew(),
    }
}

/// The passphrase in the file that is named for it, without the end of its line.
fn passphrase_in_file(world: &World) -> Result<Option<Secret>, String> {
    let Some(path) = world.environment.raw(PASSPHRASE_FILE).filter(|path| !path.is_empty()) else { return Ok(None) };
    let path = Path::new(path);
    let unusable = |why: &dyn std::fmt::Display| format!("{PASSPHRASE_FILE} is {}: {why}", path.display());
    let bytes = Zeroizing::new(world.files.read_owners(path).map_err(|error| unusable(&error))?);
    let text = std::str::from_utf8(&bytes).map_err(|_| unusable(&"it holds no text"))?;
    let line = text.strip_suffix('\n').map_or(text, |line| line.strip_suffix('\r').unwrap_or(line));
    if line.is_empty() { Err(unusable(&"it is empty")) } else { Ok(Some(Secret::new(line))) }
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
        Found { note: Some(note), ..Found::open(self, Vec::new()) }
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

fn read(world: &World, path: &Path) -> Result<Option<Vec<u8>>, String> {
    match world.files.read_private(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// Names a file with the passphrase, for where nobody is there to say it.
const PASSPHRASE_FILE: &str = "CREDENZA_PASSPHRASE_FILE";

/// Below the state folder.
const NAME: &str = "sessions.sealed";

/// The keyring's entry with the key, and what a person sees of it.
const ENTRY: &str = "data-key";
const LABEL: &str = "Credenza: key of the sessions at rest";
