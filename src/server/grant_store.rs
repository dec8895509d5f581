//! Grants at rest: one JSON file in a private folder, digests of tokens only, written whole and renamed into place.
//!
//! Holders that end with a connection are not kept: their grants end with us. Called by [`super::grant::Grants`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::grant::{Grant, Holder, Kept, Scope};
use crate::credential::IdentityName;
use crate::secret::Digest;
use crate::world::folder::{Folder, FolderError, Permission};

/// Where grants are kept: `grants.json` in a private folder.
#[derive(Debug)]
pub struct GrantStore {
    folder: Arc<Folder>,
}

/// Why grants could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file could not be read or written.
    #[error("the grants: {0}")]
    File(#[from] FolderError),
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
        Self { folder }
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

    /// Writes all of these, and forgets all others.
    pub(super) fn save<'g>(&self, grants: impl Iterator<Item = &'g Arc<Grant>>) -> Result<(), StoreError> {
        let lasting = grants.filter(|grant| grant.holder != Holder::Connection);
        let file = File { version: WRITES, grants: lasting.map(|grant| Record::of(grant.kept())).collect() };
        // names, numbers and digits always have a form in JSON
        let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
        text.push(b'\n');
        Ok(self.folder.write(NAME, &text, Permission::Write)?)
    }
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
            created: time(self.created_unix_ms),
            created_boot: Duration::from_millis(self.created_boot_ms),
            ends: self.ends_unix_ms.map(time),
            holder: self.holder,
            address: self.address,
        })
    }
}

fn unix_ms(time: SystemTime) -> u64 {
    whole_ms(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn time(unix_ms: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)).unwrap_or(UNIX_EPOCH)
}
