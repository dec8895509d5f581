//! Grants at rest: one JSON file in a private folder, digests of tokens only, written whole and renamed into place.
//!
//! Holders that end with a connection are not kept: their grants end with us. Called by [`super::grant::Grants`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::grant::{Grant, Holder, Kept, Scope};
use crate::credential::IdentityName;
use crate::credential::millis::{time, unix_ms, whole_ms};
use crate::secret::Digest;
use crate::world::folder::{Folder, FolderError, Permission};

/// Where grants are kept: `grants.json` in a private folder.
#[derive(Debug)]
pub struct GrantStore {
    folder: Arc<Folder>,
    /// The last end of a grant is not written down yet.
    behind: bool,
}

/// Why grants could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file could not be read or written.
    #[error("the grants: {0}")]
    File(#[from] FolderError),
    /// A list without those that ended could not be written, so it is gone whole: of those that live, none would outlive
    /// a restart.
    #[error("the grants: {0}; until there is room they are in memory only")]
    Forgotten(#[source] FolderError),
    /// The file holds something else.
    #[error(
        "{path} is not a list of grants ({reason}): remove it, and take new grants with `credenza env` and `credenza grant new`"
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where it goes wrong.
        reason: String,
    },
    /// The file is of a Credenza that is too new.
    #[error(
        "{path} was written by a newer Credenza (version {version}, this one reads up to {READS}): update this one"
    )]
    TooNew {
        /// The file.
        path: PathBuf,
        /// The file's version.
        version: u32,
    },
}

/// What we write, and the newest that we can make sense of: fields that a neighbour adds are passed over.
const WRITES: u32 = 1;
const READS: u32 = WRITES + 1;

const NAME: &str = "grants.json";

impl GrantStore {
    /// Grants kept in this folder.
    pub fn new(folder: Arc<Folder>) -> Self {
        Self { folder, behind: false }
    }

    /// What was kept. No file: nothing was.
    pub(super) fn load(&self) -> Result<Vec<Kept>, StoreError> {
        let bytes = match self.folder.read(NAME) {
            Ok(bytes) => bytes,
            Err(error) if error.not_found() => return Ok(Vec::new()),
            Err(error) => return Err(error.into()),
        };
        let path = || self.folder.path().join(NAME);
        let malformed = |reason: String| StoreError::Malformed { path: path(), reason };
        let head: Version = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        if head.version > READS {
            return Err(StoreError::TooNew { path: path(), version: head.version });
        }
        let file: File = serde_json::from_slice(&bytes).map_err(|error| malformed(error.to_string()))?;
        let kept = file.grants.into_iter().map(Record::into_kept);
        kept.collect::<Option<_>>().ok_or_else(|| malformed("a token_sha256 of other than 64 digits".into()))
    }

    /// Whether what is written down is not what was to be: it is to be written again.
    pub(super) fn behind(&self) -> bool {
        self.behind
    }

    /// Writes all of these, and forgets all others; with an error what was written down before stays.
    pub(super) fn save<'g>(&mut self, grants: impl Iterator<Item = &'g Arc<Grant>>) -> Result<(), StoreError> {
        self.folder.write(NAME, &text(grants), Permission::Write)?;
        self.behind = false;
        Ok(())
    }

    /// Writes what is left after an end, which must not come back for want of room: where there is none for a fresh file,
    /// the list shrinks in its place, and where that cannot be either, it goes whole.
    ///
    /// # Errors
    ///
    /// [`StoreError::Forgotten`] where it went: none of those that ended comes back. With any other they do after a
    /// restart, unless it is written by then.
    pub(super) fn save_rest<'g>(&mut self, grants: impl Iterator<Item = &'g Arc<Grant>>) -> Result<(), StoreError> {
        let text = text(grants);
        let written = self.folder.write(NAME, &text, Permission::Write);
        let Err(why) = written.or_else(|why| self.folder.write_in_place(NAME, &text).map_err(|_| why)) else {
            self.behind = false;
            return Ok(());
        };
        self.behind = true;
        Err(match self.folder.remove(NAME) {
            Ok(()) => StoreError::Forgotten(why),
            Err(_) => StoreError::File(why),
        })
    }
}

fn text<'g>(grants: impl Iterator<Item = &'g Arc<Grant>>) -> Vec<u8> {
    let lasting = grants.filter(|grant| grant.holder != Holder::Connection);
    let file = File { version: WRITES, grants: lasting.map(|grant| Record::of(grant.kept())).collect() };
    // names, numbers and digits always have a form in JSON
    let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
    text.push(b'\n');
    text
}

#[derive(Deserialize)]
struct Version {
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    grants: Vec<Record>,
}

#[derive(Serialize, Deserialize)]
struct Record {
    name: String,
    token_sha256: String,
    identities: Scope,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_aws: Option<IdentityName>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    azure_client_id: Option<String>,
    created_unix_ms: u64,
    /// Time since the machine's start, then.
    created_boot_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ends_unix_ms: Option<u64>,
    holder: Holder,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<SocketAddr>,
}

impl Record {
    fn of(kept: Kept) -> Self {
        Self {
            name: kept.name,
            token_sha256: kept.digest.to_hex(),
            identities: kept.scope,
            default_aws: kept.default_aws,
            azure_client_id: kept.azure_client_id,
            created_unix_ms: unix_ms(kept.created),
            created_boot_ms: whole_ms(kept.created_boot),
            ends_unix_ms: kept.ends.map(unix_ms),
            holder: kept.holder,
            address: kept.address,
        }
    }

    fn into_kept(self) -> Option<Kept> {
        Some(Kept {
            name: self.name,
            digest: Digest::from_hex(&self.token_sha256)?,
            scope: self.identities,
            default_aws: self.default_aws,
            azure_client_id: self.azure_client_id,
            created: time(self.created_unix_ms),
            created_boot: Duration::from_millis(self.created_boot_ms),
            ends: self.ends_unix_ms.map(time),
            holder: self.holder,
            address: self.address,
        })
    }
}
