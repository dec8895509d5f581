//! [`KeyStore`]: long-term keys and seeds in the keyring, each written, read back and noted.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::index::{Entry, FILE, Index};
use super::rotation::Journal;
use crate::config::Places;
use crate::credential::AwsKeys;
use crate::secret::Secret;
use crate::source::keys::{end_of, kept};
use crate::world::World;
use crate::world::files::FileLock;
use crate::world::keyring::KeyringError;

/// The keys and seeds that `credenza keys` keeps.
#[derive(Clone)]
pub struct KeyStore {
    world: World,
    state: PathBuf,
}

/// Why keys were not kept, or not found.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The keyring did not do it.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// What was written is not what is read.
    #[error("the keyring gave something else back than was put into it, for {0}")]
    Differs(String),
    /// An entry that is not ours.
    #[error("the keyring's entry {0} was not written by credenza")]
    Garbled(String),
    /// A file of ours.
    #[error("{path} cannot be read or written: {reason}")]
    File {
        /// Its path.
        path: String,
        /// The system's words.
        reason: io::Error,
    },
    /// Another of our commands is at the same keys.
    #[error("another credenza works on the keys {0} at the moment")]
    Busy(String),
    /// A rotation was cut off.
    #[error("a rotation of the keys {0} is unfinished")]
    Unfinished(String),
}

impl KeyStore {
    /// Opens nothing.
    pub fn new(world: &World, places: &Places) -> Self {
        Self { world: world.clone(), state: places.state.clone() }
    }

    /// What was put there, by name; perhaps not there any more.
    pub fn keys(&self) -> Result<Vec<(String, Entry)>, KeysError> {
        Ok(self.index()?.keys.into_iter().collect())
    }

    /// The same of seeds.
    pub fn seeds(&self) -> Result<Vec<(String, Entry)>, KeysError> {
        Ok(self.index()?.seeds.into_iter().collect())
    }

    /// The keys of a name, if there are any.
    pub async fn read(&self, name: &str) -> Result<Option<AwsKeys>, KeysError> {
        self.read_entry(&kept::entry(name)).await
    }

    /// Keeps keys under a name, in place of others. Fails where a rotation is unfinished, whose new key would be lost.
    pub async fn add(&self, name: &str, keys: &AwsKeys) -> Result<(), KeysError> {
        let _lock = self.lock(name)?;
        self.refuse_unfinished(name)?;
        self.write(name, keys).await
    }

    /// Keeps a seed of one-time codes under a name.
    pub async fn add_seed(&self, name: &str, seed: Secret) -> Result<(), KeysError> {
        let index = self.hold_index().await?;
        let entry = kept::seed_entry(name);
        self.world.keyring.write(&entry, &format!("Credenza: seed {name}"), seed.clone()).await?;
        let back = self.world.keyring.read(&entry).await?;
        if !back.is_some_and(|back| back.same_as(seed.expose().as_bytes())) {
            return Err(KeysError::Differs(entry));
        }
        let added = self.now();
        self.change(&index, |index| drop(index.seeds.insert(name.to_owned(), Entry { ends: String::new(), added })))
    }

    /// Removes keys. False where there were none.
    pub async fn remove(&self, name: &str) -> Result<bool, KeysError> {
        let _lock = self.lock(name)?;
        self.refuse_unfinished(name)?;
        let index = self.hold_index().await?;
        let was_there = self.world.keyring.remove(&kept::entry(name)).await?;
        self.change(&index, |index| drop(index.keys.remove(name)))?;
        Ok(was_there)
    }

    /// Removes a seed. False where there was none.
    pub async fn remove_seed(&self, name: &str) -> Result<bool, KeysError> {
        let index = self.hold_index().await?;
        let was_there = self.world.keyring.remove(&kept::seed_entry(name)).await?;
        self.change(&index, |index| drop(index.seeds.remove(name)))?;
        Ok(was_there)
    }

    /// The rotation of these keys that is unfinished, if there is one.
    pub fn journal(&self, name: &str) -> Result<Option<Journal>, KeysError> {
        let path = self.journal_path(name);
        match self.world.files.read_private(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| file(path)(error.into())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(reason) => Err(file(path)(reason)),
        }
    }

    pub(super) fn write_journal(&self, name: &str, journal: &Journal) -> Result<(), KeysError> {
        let path = self.journal_path(name);
        let text = serde_json::to_vec_pretty(journal).map_err(|error| file(path.clone())(error.into()))?;
        self.world.files.replace_private(&path, &text).map_err(file(path))
    }

    pub(super) fn remove_journal(&self, name: &str) -> Result<(), KeysError> {
        let path = self.journal_path(name);
        self.world.files.remove(&path).map(|_| ()).map_err(file(path))
    }

    /// The new keys of a rotation that have not taken the old ones' place yet.
    pub(super) async fn next(&self, name: &str) -> Result<Option<AwsKeys>, KeysError> {
        self.read_entry(&kept::next_entry(name)).await
    }

    pub(super) async fn write_next(&self, name: &str, keys: &AwsKeys) -> Result<(), KeysError> {
        self.write_entry(&kept::next_entry(name), &format!("Credenza: new keys {name}"), keys).await
    }

    pub(super) async fn remove_next(&self, name: &str) -> Result<(), KeysError> {
        Ok(self.world.keyring.remove(&kept::next_entry(name)).await.map(|_| ())?)
    }

    /// Writes keys and notes that they are there.
    pub(super) async fn write(&self, name: &str, keys: &AwsKeys) -> Result<(), KeysError> {
        let index = self.hold_index().await?;
        self.write_entry(&kept::entry(name), &format!("Credenza: keys {name}"), keys).await?;
        self.note_in(&index, name, &keys.access_key_id)
    }

    /// Notes which keys are there now.
    pub(super) async fn note(&self, name: &str, access_key_id: &str) -> Result<(), KeysError> {
        self.note_in(&self.hold_index().await?, name, access_key_id)
    }

    fn note_in(&self, index: &FileLock, name: &str, access_key_id: &str) -> Result<(), KeysError> {
        let entry = Entry { ends: end_of(access_key_id).to_owned(), added: self.now() };
        self.change(index, |index| drop(index.keys.insert(name.to_owned(), entry)))
    }

    /// Held by whoever changes the keys of a name.
    pub(super) fn lock(&self, name: &str) -> Result<FileLock, KeysError> {
        let path = self.folder().join(format!("{name}.lock"));
        let lock = self.world.files.try_lock(&path).map_err(file(path))?;
        lock.ok_or_else(|| KeysError::Busy(name.to_owned()))
    }

    async fn read_entry(&self, entry: &str) -> Result<Option<AwsKeys>, KeysError> {
        match self.world.keyring.read(entry).await? {
            Some(secret) => kept::read(&secret).map(Some).ok_or_else(|| KeysError::Garbled(entry.to_owned())),
            None => Ok(None),
        }
    }

    async fn write_entry(&self, entry: &str, label: &str, keys: &AwsKeys) -> Result<(), KeysError> {
        let text = kept::written(keys).ok_or_else(|| KeysError::Differs(entry.to_owned()))?;
        self.world.keyring.write(entry, label, text).await?;
        let back = self.read_entry(entry).await?;
        let same = back.is_some_and(|back| {
            back.access_key_id == keys.access_key_id
                && back.secret_access_key.same_as(keys.secret_access_key.expose().as_bytes())
        });
        if same { Ok(()) } else { Err(KeysError::Differs(entry.to_owned())) }
    }

    fn refuse_unfinished(&self, name: &str) -> Result<(), KeysError> {
        match self.journal(name)? {
            Some(_) => Err(KeysError::Unfinished(name.to_owned())),
            None => Ok(()),
        }
    }

    fn index(&self) -> Result<Index, KeysError> {
        let path = self.state.join(FILE);
        Index::read(&path, &*self.world.files).map_err(file(path))
    }

    /// The index is held before the keyring is written: what could not be noted would be found by nobody. Another command has it
    /// for a moment as a rule, which is waited for.
    async fn hold_index(&self) -> Result<FileLock, KeysError> {
        let path = self.folder().join("index.lock");
        let until = tokio::time::Instant::now() + INDEX_PATIENCE;
        loop {
            if let Some(held) = self.world.files.try_lock(&path).map_err(file(path.clone()))? {
                return Ok(held);
            }
            if tokio::time::Instant::now() >= until {
                return Err(KeysError::Busy("of all names".to_owned()));
            }
            tokio::time::sleep(INDEX_PAUSE).await;
        }
    }

    fn change(&self, _held: &FileLock, change: impl FnOnce(&mut Index)) -> Result<(), KeysError> {
        let mut index = self.index()?;
        change(&mut index);
        let path = self.state.join(FILE);
        index.write(&path, &*self.world.files).map_err(file(path))
    }

    fn folder(&self) -> PathBuf {
        self.state.join("keys")
    }

    fn journal_path(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.rotation.json"))
    }

    fn now(&self) -> String {
        jiff::Timestamp::try_from(self.world.clock.now().wall)
            .ok()
            .and_then(|now| jiff::Timestamp::from_second(now.as_second()).ok())
            .map(|now| now.to_string())
            .unwrap_or_default()
    }
}

const INDEX_PATIENCE: Duration = Duration::from_secs(2);
const INDEX_PAUSE: Duration = Duration::from_millis(50);

fn file(path: PathBuf) -> impl FnOnce(io::Error) -> KeysError {
    move |reason| KeysError::File { path: path.display().to_string(), reason }
}
