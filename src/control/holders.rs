//! Grants end with their holders: a shell's with the shell, a job's token file with its grant.
//!
//! Called by the daemon: [`Holders::take_up`] when it starts, [`Holders::watch`] when a shell says who it is, and
//! [`Holders::tidy`] for as long as it runs. A dead grant opens nothing even before it is tidied away.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::server::grant::{Grant, Grants, Holder};
use crate::server::grant_store::StoreError;
use crate::world::running::{self, Running, Watch};

/// Ends grants with their holders. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Holders {
    grants: Arc<Grants>,
}

impl Holders {
    /// The holders of these grants.
    pub fn of(grants: Arc<Grants>) -> Self {
        Self { grants }
    }

    /// Ends what `dead` picks, and what an earlier daemon left whose shell is gone; watches the other shells.
    pub fn take_up(&self, dead: impl Fn(&Grant) -> bool) {
        let _ = self.end(|grant| dead(grant) || matches!(shell_of(grant), Some(Err(Gone))));
        for grant in self.grants.list() {
            if let Some(Ok(shell)) = shell_of(&grant) {
                self.watch(&grant.name, shell);
            }
        }
    }

    /// Ends the grant of this name when the process ends.
    pub fn watch(&self, name: &str, process: Running) {
        let (this, name) = (self.clone(), name.to_owned());
        tokio::spawn(async move {
            // an error: it has ended already
            if let Ok(watch) = Watch::new(&process) {
                watch.ended().await;
            }
            // the name may be another grant's by now
            let _ = this.end(|grant| {
                let same = |pid: u32, started: &str| pid == process.pid && started == process.started;
                *grant.name == *name && matches!(&grant.holder, Holder::Shell { pid, started } if same(*pid, started))
            });
        });
    }

    /// Ends the oldest grants of a shell that has too many: a prompt's hook may take one at every prompt.
    pub fn bound(&self, holder: &Holder) {
        let mut same: Vec<_> = self.grants.list().into_iter().filter(|grant| grant.holder == *holder).collect();
        same.sort_by_key(|grant| grant.created.wall);
        same.truncate(same.len().saturating_sub(MOST_OF_A_SHELL));
        if !same.is_empty() {
            let _ = self.end(|grant| same.iter().any(|one| one.name == grant.name));
        }
    }

    /// Ends the grant of this name; `false`: there is none. With an error it is ended too, but a restart may know it
    /// again.
    pub fn revoke(&self, name: &str) -> Result<bool, StoreError> {
        let (ended, kept) = self.end(|grant| *grant.name == *name);
        match kept {
            // it does not come back, whatever becomes of the others
            Ok(()) | Err(StoreError::Forgotten(_)) => Ok(ended > 0),
            Err(error) => Err(error),
        }
    }

    /// Tidies away what is past its end, now and again, for ever.
    pub async fn tidy(self) {
        loop {
            tokio::time::sleep(TIDY).await;
            let _ = self.end(|_| false);
        }
    }

    /// Writes down what could not be written until now: the last occasion before the daemon ends.
    pub fn settle(&self) {
        let _ = self.end(|_| false);
    }

    /// Ends what is picked and what is past its end, with its token files; tells how many that were.
    fn end(&self, picked: impl Fn(&Grant) -> bool) -> (usize, Result<(), StoreError>) {
        let (ended, kept) = self.grants.sweep(picked);
        match &kept {
            Err(error) if ended.is_empty() => tracing::debug!(reason = %error, "the grants are still not written down"),
            Err(error @ StoreError::Forgotten(_)) => {
                tracing::error!(reason = %error, "no grant outlives a restart until they are written down again");
            }
            Err(error) => {
                tracing::error!(reason = %error, "a grant ended, but a restart would bring it back until that is written down");
            }
            Ok(()) => {}
        }
        for grant in &ended {
            tracing::info!(grant = %grant.name, "grant ended");
            if let Holder::Job { token_file: Some(file) } = &grant.holder {
                remove_token_file(file, grant);
            }
        }
        (ended.len(), kept)
    }
}

const MOST_OF_A_SHELL: usize = 64;

const TIDY: Duration = Duration::from_secs(60);

struct Gone;

/// The shell that a grant is for, unless it is gone. One that cannot be told of now is watched on.
fn shell_of(grant: &Grant) -> Option<Result<Running, Gone>> {
    let Holder::Shell { pid, started } = &grant.holder else { return None };
    let shell = Running { pid: *pid, parent: 0, uid: 0, started: started.clone(), program: String::new() };
    Some(if running::runs(&shell) == Some(false) { Err(Gone) } else { Ok(shell) })
}

/// Removes the file only if it still holds this grant's token: its owner may have put something else there.
fn remove_token_file(file: &Path, grant: &Grant) {
    let small = std::fs::symlink_metadata(file).is_ok_and(|data| data.is_file() && data.len() <= TOKEN_FILE_BYTES);
    let ours = small && std::fs::read(file).is_ok_and(|content| grant.opened_by(content.trim_ascii_end()));
    if ours && let Err(error) = std::fs::remove_file(file) {
        tracing::warn!(grant = %grant.name, file = %file.display(), reason = %error, "its token file could not be removed");
    }
}

/// A token has 43 bytes, and perhaps a line's end that an editor added.
const TOKEN_FILE_BYTES: u64 = 64;
