//! The daemon's record of the user sessions that it keeps: when each began and ends, and nothing secret. Commands that run
//! follow the file, so that a session which is begun at one terminal is used at once in all.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::credential::SessionKey;
use crate::store::KeptSession;
use crate::world::Files;

/// When a session began, and ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Known {
    pub(super) began: String,
    pub(super) ends: String,
}

/// What a daemon tells of its sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct News {
    /// Those that it keeps, by their keys. A daemon that starts anew keeps none, which tells nothing of those before.
    pub(super) kept: BTreeMap<String, Known>,
    /// When a person had one forgotten, by its key: what was made of it is to be forgotten too.
    pub(super) forgotten: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    #[serde(default)]
    sessions: BTreeMap<String, Known>,
    #[serde(default)]
    forgotten: BTreeMap<String, String>,
}

/// Where it lies.
pub(super) fn path(state: &Path) -> PathBuf {
    state.join("user-sessions.json")
}

/// What it says; nothing where it is not there, or of a later version than the next.
pub(super) fn read(state: &Path, files: &dyn Files) -> News {
    let document = files.read_private(&path(state)).ok();
    let document: Option<Document> = document.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let document = document.filter(|document| document.version <= VERSION + 1);
    document.map(|document| News { kept: document.sessions, forgotten: document.forgotten }).unwrap_or_default()
}

/// Writes down what is kept, and what was forgotten when.
pub(super) fn write(
    state: &Path,
    files: &dyn Files,
    kept: &[(SessionKey, KeptSession)],
    forgotten: &BTreeMap<SessionKey, SystemTime>,
) -> std::io::Result<()> {
    let known = |(key, kept): &(SessionKey, KeptSession)| {
        let known = Known { began: whole(kept.began.wall)?, ends: whole(kept.issued.expiration?)? };
        Some((key.to_string(), known))
    };
    let document = Document {
        version: VERSION,
        sessions: kept.iter().filter_map(known).collect(),
        forgotten: forgotten.iter().filter_map(|(key, at)| Some((key.to_string(), whole(*at)?))).collect(),
    };
    // texts and numbers always have a form in JSON
    files.replace_private(&path(state), &serde_json::to_vec_pretty(&document).unwrap_or_default())
}

const VERSION: u32 = 1;

fn whole(time: SystemTime) -> Option<String> {
    Some(Timestamp::try_from(time).ok()?.to_string())
}
