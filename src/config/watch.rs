//! [`Watch`]: notices that a file was written, replaced, made or removed. Called by the daemon, which then reads
//! everything again.
//!
//! The system's hints only say when to look; whether something changed is decided by what the files hold, so a file that
//! was touched has not changed. Where no hint comes (a network file system, a folder shared into a virtual machine), a
//! look every minute finds it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout, timeout_at};
use zeroize::Zeroizing;

use crate::secret::Digest;
use crate::world::Files;
use crate::world::hints::Hints;

/// Watches files.
pub struct Watch {
    files: Arc<dyn Files>,
    paths: Arc<[PathBuf]>,
    hints: Hints,
    seen: Digest,
    /// Somebody gave a reason to look, and nobody has yet.
    due: bool,
}

/// A writer is often not done with its first write.
const QUIET: Duration = Duration::from_millis(200);
/// Somebody who never stops writing is not waited for longer.
const PATIENCE: Duration = Duration::from_secs(2);
/// Where no hint comes.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

impl Watch {
    /// Watches these files, from what they hold now on: make it before they are read, and no change falls between.
    pub fn new(files: &Arc<dyn Files>, paths: &[PathBuf]) -> Self {
        let hints = Hints::about(paths);
        let seen = look(&**files, paths);
        Self { files: Arc::clone(files), paths: paths.into(), hints, seen, due: false }
    }

    /// Returns when some file holds something else than before. May be dropped and called again: no change is lost.
    pub async fn changed(&mut self) {
        loop {
            if !self.due {
                let _ = timeout(LOOK_ANYWAY, self.hints.next()).await;
                self.due = true;
            }
            self.quiet().await;
            self.hints.renew();
            let (files, paths) = (Arc::clone(&self.files), Arc::clone(&self.paths));
            // a file system may hang
            let Ok(now) = tokio::task::spawn_blocking(move || look(&*files, &paths)).await else { continue };
            self.due = false;
            if now != self.seen {
                self.seen = now;
                return;
            }
        }
    }

    /// Waits until nobody writes any more.
    async fn quiet(&mut self) {
        let until = Instant::now() + PATIENCE;
        loop {
            let quiet = (Instant::now() + QUIET).min(until);
            if timeout_at(quiet, self.hints.next()).await.is_err() {
                return;
            }
        }
    }
}

/// What the files hold, as one digest; one that cannot be read counts by the reason.
fn look(files: &dyn Files, paths: &[PathBuf]) -> Digest {
    let mut all = Vec::new();
    for path in paths {
        match files.read(path).map(Zeroizing::new) {
            Ok(content) => all.extend_from_slice(&Digest::of(&content).0),
            Err(error) => all.extend_from_slice(error.kind().to_string().as_bytes()),
        }
        all.push(0);
    }
    Digest::of(&all)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Mutex;

    use super::*;
    use crate::world::files::SystemFiles;
    use crate::world::simulated::MemoryFiles;

    /// A real folder with a watched file `.aws/config` in it.
    struct Home {
        folder: tempfile::TempDir,
        config: PathBuf,
    }

    impl Home {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let config = folder.path().join(".aws/config");
            Self { folder, config }
        }

        fn write(&self, text: &str) {
            std::fs::create_dir_all(self.config.parent().unwrap()).unwrap();
            std::fs::write(&self.config, text).unwrap();
        }

        fn watch(&self) -> Watch {
            let files: Arc<dyn Files> = Arc::new(SystemFiles);
            Watch::new(&files, &[self.config.clone(), self.folder.path().join("other")])
        }
    }

    /// Fails where the change is found only by the look that is taken anyway.
    async fn noticed(watch: &mut Watch) {
        timeout(LOOK_ANYWAY / 2, watch.changed()).await.expect("a hint came");
    }

    #[tokio::test]
    async fn a_write_a_rename_and_a_removal_are_noticed() {
        let home = Home::new();
        home.write("one");
        let mut watch = home.watch();
        home.write("two");
        noticed(&mut watch).await;
        let fresh = home.folder.path().join(".aws/config.new");
        std::fs::write(&fresh, "three").unwrap();
        std::fs::rename(&fresh, &home.config).unwrap();
        noticed(&mut watch).await;
        std::fs::remove_file(&home.config).unwrap();
        noticed(&mut watch).await;
    }

    #[tokio::test]
    async fn a_folder_that_comes_and_goes_is_noticed() {
        let home = Home::new();
        let mut watch = home.watch();
        for round in ["one", "two"] {
            home.write(round);
            noticed(&mut watch).await;
            std::fs::remove_dir_all(home.config.parent().unwrap()).unwrap();
            noticed(&mut watch).await;
        }
    }

    #[tokio::test]
    async fn what_a_link_leads_to_is_noticed() {
        let home = Home::new();
        let target = home.folder.path().join("dotfiles");
        std::fs::create_dir(&target).unwrap();
        std::fs::create_dir(home.folder.path().join(".aws")).unwrap();
        std::fs::write(target.join("aws"), "one").unwrap();
        std::os::unix::fs::symlink(target.join("aws"), &home.config).unwrap();
        let mut watch = home.watch();
        std::fs::write(target.join("aws"), "two").unwrap();
        noticed(&mut watch).await;
    }

    /// Files that change without a hint.
    struct Silent(Mutex<MemoryFiles>);

    impl Files for Silent {
        fn read(&self, path: &Path) -> std::io::Result<Vec<u8>> {
            self.0.lock().unwrap().read(path)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_hint_the_change_is_found_within_a_minute_and_once() {
        let silent = Arc::new(Silent(Mutex::new(MemoryFiles::default().with("/nowhere/config", "one"))));
        let files: Arc<dyn Files> = Arc::clone(&silent) as _;
        let mut watch = Watch::new(&files, &["/nowhere/config".into()]);
        let start = Instant::now();
        assert!(timeout(LOOK_ANYWAY * 5, watch.changed()).await.is_err(), "nothing has changed");
        *silent.0.lock().unwrap() = MemoryFiles::default().with("/nowhere/config", "two");
        watch.changed().await;
        assert!(start.elapsed() < LOOK_ANYWAY * 7);
        assert!(timeout(LOOK_ANYWAY * 5, watch.changed()).await.is_err(), "it was told already");
    }
}
