//! [`Book`]: where a device's record lies, `STATE/otp/DIGEST.json`, and the locks of our processes around it.
//!
//! The record's lock is held for a moment, never while AWS or a person is waited for; the lock for who begins a session is
//! held for all of that. Called by whoever begins sessions and whoever sends for them.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::record::{self, DeviceRecord, TooNew};
use crate::config::Places;
use crate::credential::{Failure, FailureClass};
use crate::secret::Digest;
use crate::world::files::FileLock;
use crate::world::{Files, World};

/// What is remembered of a device, for all our processes.
#[derive(Clone)]
pub(super) struct Book {
    files: Arc<dyn Files>,
    /// Without an ending.
    path: PathBuf,
}

impl Book {
    /// The book of a device, or of whatever else has a name for all our processes. Opens nothing.
    pub(super) fn of(name: &str, world: &World) -> Result<Self, Failure> {
        let state = Places::from(&world.environment)
            .map_err(|error| Failure::new(FailureClass::NeedsPerson, "SurroundingsUnusable", error.to_string()))?
            .state;
        let mut digits = Digest::of(name.as_bytes()).to_hex();
        digits.truncate(32);
        Ok(Self { files: world.files.clone(), path: state.join("otp").join(digits) })
    }

    /// What is remembered now.
    pub(super) fn record(&self) -> Result<DeviceRecord, Failure> {
        let path = self.path.with_extension("json");
        let bytes = match self.files.read_private(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(DeviceRecord::default()),
            Err(error) => return Err(unreachable("read", &path, &error)),
        };
        record::read(&bytes).map_err(|TooNew| {
            let text = format!(
                "{} is of a later version of Credenza, which knows what codes are spent: use that version",
                path.display()
            );
            Failure::new(FailureClass::NeedsPerson, UNREACHABLE, text)
        })
    }

    /// Changes what is remembered, alone among all our processes. Where `change` fails, nothing is written.
    pub(super) async fn change<T>(
        &self,
        change: impl FnOnce(&mut DeviceRecord) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let lock = self.lock("lock", A_MOMENT).await?;
        let path = self.path.with_extension("json");
        if lock.is_none() {
            let reason = io::Error::new(io::ErrorKind::WouldBlock, "somebody holds its lock");
            return Err(unreachable("change", &path, &reason));
        }
        let before = self.record()?;
        let mut record = before.clone();
        let changed = change(&mut record)?;
        if record != before {
            let written = self.files.replace_private(&path, &record::write(&record));
            written.map_err(|error| unreachable("write", &path, &error))?;
        }
        Ok(changed)
    }

    /// The turn to begin a session, if it is free.
    pub(super) fn try_turn(&self) -> Result<Option<FileLock>, Failure> {
        self.try_lock("login.lock")
    }

    /// The same, waiting for it up to `patience`; `None`: somebody has it still.
    pub(super) async fn turn(&self, patience: Duration) -> Result<Option<FileLock>, Failure> {
        self.lock("login.lock", patience).await
    }

    async fn lock(&self, ending: &str, patience: Duration) -> Result<Option<FileLock>, Failure> {
        let deadline = Instant::now() + patience;
        loop {
            let held = self.try_lock(ending)?;
            if held.is_some() || Instant::now() >= deadline {
                return Ok(held);
            }
            sleep(TRY_EVERY).await;
        }
    }

    fn try_lock(&self, ending: &str) -> Result<Option<FileLock>, Failure> {
        let path = self.path.with_extension(ending);
        self.files.try_lock(&path).map_err(|error| unreachable("lock", &path, &error))
    }
}

/// How long the record's lock is waited for: nobody holds it for longer than a file is written.
const A_MOMENT: Duration = Duration::from_secs(5);

const TRY_EVERY: Duration = Duration::from_millis(50);

/// The code of a failure that says: what is remembered of a device cannot be read or kept, so no code is sent.
const UNREACHABLE: &str = "CodeRecordUnreachable";

fn unreachable(what: &str, path: &Path, reason: &io::Error) -> Failure {
    let text = format!("cannot {what} {}: {reason}; without it no one-time code is sent", path.display());
    let class = match reason.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::StorageFull | io::ErrorKind::Interrupted => FailureClass::TryLater,
        _ => FailureClass::NeedsPerson,
    };
    Failure::new(class, UNREACHABLE, text)
}
