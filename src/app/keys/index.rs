//! `STATE/keys.json`: which keys `credenza keys` put into the keyring. No secret: a keyring cannot be asked for a list by all of
//! its tools, and a person wants to see what there is without unlocking it.
//!
//! ```json
//! {"schema": 1, "keys": {"ada": {"ends": "MPLE", "added": "2027-01-15T08:00:00Z"}}, "seeds": {}}
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::world::Files;

/// The file.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Index {
    #[serde(default)]
    schema: u32,
    /// Access keys, by their names.
    #[serde(default)]
    pub(super) keys: BTreeMap<String, Entry>,
    /// Seeds of one-time codes, by their names.
    #[serde(default)]
    pub(super) seeds: BTreeMap<String, Entry>,
}

/// What is known of an entry of the keyring.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The last four characters of the access key's id; nothing for a seed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub ends: String,
    /// When it was put there: `2027-01-15T08:00:00Z`.
    pub added: String,
}

pub(super) const FILE: &str = "keys.json";

impl Index {
    /// What stands there; empty where nothing does.
    pub(super) fn read(path: &Path, files: &dyn Files) -> io::Result<Self> {
        match files.read_private(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn write(mut self, path: &Path, files: &dyn Files) -> io::Result<()> {
        self.schema = 1;
        files.replace_private(path, &serde_json::to_vec_pretty(&self)?)
    }
}
