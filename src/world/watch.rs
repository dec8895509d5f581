//! Files that others change: says when one of them may be another than before.
//!
//! The system tells of most changes at once (inotify, kqueue), behind links too; what it does not tell of (a file system
//! over the network, a folder that is not there yet) is found by a look now and again. Called by a running daemon.

use std::ffi::OsString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until, timeout};

/// Watches some files.
pub struct FileWatch {
    paths: Vec<PathBuf>,
    seen: Vec<Option<Mark>>,
    /// A change was seen and not yet told of.
    news: bool,
    /// From then on a look is told of, whatever it sees.
    doubt_at: Option<Instant>,
    told: Arc<Notify>,
    /// When the system is asked to tell; `None` once it was.
    ask_at: Option<Instant>,
    /// The names of the files, and of those that links lead to: in their folders others change all the time.
    names: Arc<Mutex<Vec<OsString>>>,
    watcher: Option<RecommendedWatcher>,
    watched: Vec<Folder>,
    /// A change is told of when nothing more has happened for so long.
    settled: Duration,
}

/// A folder that is watched, and what tells it from another that was made in its place: the system forgets to watch one
/// that was removed, and its inode may be taken again at once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Folder {
    path: PathBuf,
    device: u64,
    inode: u64,
    made: Option<SystemTime>,
}

impl Folder {
    fn at(path: &Path) -> Option<Self> {
        let data = std::fs::metadata(path).ok().filter(Metadata::is_dir)?;
        Some(Self { path: path.to_owned(), device: data.dev(), inode: data.ino(), made: data.created().ok() })
    }
}

impl FileWatch {
    /// Begins to watch. Files that are not there are waited for.
    pub fn on(paths: Vec<PathBuf>) -> Self {
        let mut watch = Self::later(paths, Duration::ZERO);
        watch.ask();
        watch
    }

    /// The same, but the system is asked only after `delay`; no change is missed by that, it is only told of later. For
    /// commands that may be over by then: an inotify instance that is closed holds up the end of its process for about ten
    /// milliseconds (Linux, `fs/notify/mark.c`: its marks are destroyed by delayed work).
    pub fn later(paths: Vec<PathBuf>, delay: Duration) -> Self {
        let seen = paths.iter().map(|path| mark(path)).collect();
        let ask_at = Some(Instant::now() + delay);
        Self {
            paths,
            seen,
            news: false,
            doubt_at: None,
            told: Arc::default(),
            names: Arc::default(),
            ask_at,
            watcher: None,
            watched: Vec::new(),
            settled: SETTLED,
        }
    }

    /// The same, but a change is told of while others may still be writing: for files whose reader waits until they hold
    /// still, and whose news somebody waits for.
    pub fn unsettled(self) -> Self {
        Self { settled: Duration::ZERO, ..self }
    }

    fn ask(&mut self) {
        self.ask_at = None;
        let tell = Arc::clone(&self.told);
        let listed = Arc::clone(&self.names);
        let watcher = notify::recommended_watcher(move |event: Result<notify::Event, notify::Error>| {
            let listed = listed.lock().unwrap_or_else(PoisonError::into_inner);
            let concerns =
                |path: &PathBuf| path.file_name().is_none_or(|name| listed.iter().any(|other| other == name));
            // an error is a reason to look; so is a folder that went away
            let worth = event.is_ok_and(|event| {
                !event.kind.is_access() && (event.kind.is_remove() || event.paths.iter().any(concerns))
            });
            if worth {
                tell.notify_one();
            }
        });
        // without a watcher (no inotify instances left) the look now and again must do
        self.watcher = watcher.ok();
        self.watch_folders();
    }

    /// Returns when a file is another than before, after a moment in which nothing more happens. May be dropped and called
    /// again without missing a change.
    pub async fn changed(&mut self) {
        loop {
            if self.changed_by_now().await {
                return;
            }
            if let Some(at) = self.ask_at {
                sleep_until(at.min(Instant::now() + LOOK_UNTOLD)).await;
                if Instant::now() >= at {
                    self.ask();
                }
                continue;
            }
            let next = self.doubt_at.map_or(LOOK, |at| at.saturating_duration_since(Instant::now()).min(LOOK));
            let _ = timeout(next, self.told.notified()).await;
            self.watch_folders();
        }
    }

    /// Whether a file is another than before, found out at once; if so, after a moment in which nothing more happens.
    pub async fn changed_by_now(&mut self) -> bool {
        self.look();
        if self.news || self.doubt_at.is_some_and(|at| at <= Instant::now()) {
            self.settled().await;
            (self.news, self.doubt_at) = (false, None);
            self.watch_folders();
            return true;
        }
        false
    }

    /// What the files hold could not be had: in 15 s a change is told of even if they look the same by then, however often
    /// is asked before. A file that could not be opened for want of descriptors is no other file when it can be.
    pub fn doubt(&mut self) {
        self.doubt_at = Some(Instant::now() + LOOK);
    }

    /// What became of a file just now was our own doing, and is no change.
    pub fn ours(&mut self, path: &Path) {
        for (_, seen) in self.paths.iter().zip(&mut self.seen).filter(|(watched, _)| *watched == path) {
            *seen = mark(path);
        }
    }

    async fn settled(&mut self) {
        if self.settled.is_zero() {
            return;
        }
        let deadline = Instant::now() + SETTLED_AT_LATEST;
        loop {
            sleep(self.settled).await;
            if !self.look() || Instant::now() >= deadline {
                return;
            }
        }
    }

    fn look(&mut self) -> bool {
        let now: Vec<_> = self.paths.iter().map(|path| mark(path)).collect();
        let changed = now != self.seen;
        self.seen = now;
        self.news |= changed;
        changed
    }

    /// Watches the folders that the files are in, and those that links lead to, as far as they are there by now.
    fn watch_folders(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let behind: Vec<PathBuf> = self.paths.iter().filter_map(|path| path.canonicalize().ok()).collect();
        let names = self.paths.iter().chain(&behind).filter_map(|path| path.file_name().map(ToOwned::to_owned));
        *self.names.lock().unwrap_or_else(PoisonError::into_inner) = names.collect();
        let parents = self.paths.iter().filter_map(|path| Folder::at(path.parent()?));
        let targets = behind.iter().filter_map(|path| Folder::at(path.parent()?));
        let mut folders: Vec<Folder> = parents.chain(targets).collect();
        folders.sort();
        folders.dedup();
        if folders == self.watched {
            return;
        }
        for gone in self.watched.iter().filter(|folder| !folders.contains(folder)) {
            let _ = watcher.unwatch(&gone.path);
        }
        let mut watch = |folder: &Folder| {
            self.watched.contains(folder) || watcher.watch(&folder.path, RecursiveMode::NonRecursive).is_ok()
        };
        folders.retain(|folder| watch(folder));
        self.watched = folders;
    }
}

/// Editors write in several steps.
const SETTLED: Duration = Duration::from_millis(50);
const SETTLED_AT_LATEST: Duration = Duration::from_secs(1);

/// How often is looked, told or not.
const LOOK: Duration = Duration::from_secs(15);

/// How often is looked before the system is asked to tell.
const LOOK_UNTOLD: Duration = Duration::from_millis(200);

/// What tells one state of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// The file's mark, links followed; `None` where there is none.
fn mark(path: &Path) -> Option<Mark> {
    let of = |data: Metadata| Mark {
        device: data.dev(),
        inode: data.ino(),
        size: data.size(),
        modified: (data.mtime(), data.mtime_nsec()),
        changed: (data.ctime(), data.ctime_nsec()),
    };
    std::fs::metadata(path).ok().map(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Long enough for a slow machine, short enough to tell the system's word from the look now and again.
    const SOON: Duration = Duration::from_secs(10);

    async fn seen(watch: &mut FileWatch) -> bool {
        timeout(SOON, watch.changed()).await.is_ok()
    }

    /// Whether a change is told of that is made while somebody waits: the look that every waiting begins with is over then.
    async fn told(watch: &mut FileWatch, change: impl FnOnce()) -> bool {
        // what happened before may be told of late
        while timeout(SETTLED * 2, watch.changed()).await.is_ok() {}
        let (told, ()) = tokio::join!(seen(watch), async { change() });
        told
    }

    #[tokio::test]
    async fn changes_of_every_kind_are_seen() {
        let folder = tempfile::tempdir().unwrap();
        let (file, other) = (folder.path().join("config"), folder.path().join("other"));
        let mut watch = FileWatch::on(vec![file.clone()]);
        let write: fn(&Path) = |path| std::fs::write(path, "one").unwrap();
        let append: fn(&Path) = |path| {
            use std::io::Write as _;
            std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"two").unwrap();
        };
        let rename: fn(&Path) = |path| {
            let fresh = path.with_extension("fresh");
            std::fs::write(&fresh, "three").unwrap();
            std::fs::rename(fresh, path).unwrap();
        };
        let remove: fn(&Path) = |path| std::fs::remove_file(path).unwrap();
        for (what, change) in [("made", write), ("appended", append), ("renamed", rename), ("removed", remove)] {
            assert!(told(&mut watch, || change(&file)).await, "{what}");
        }
        std::fs::write(&other, "nothing to us").unwrap();
        assert!(timeout(Duration::from_millis(300), watch.changed()).await.is_err(), "another file");
    }

    #[tokio::test]
    async fn who_asks_the_system_later_misses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let mut watch = FileWatch::later(vec![file.clone()], Duration::from_millis(200));
        std::fs::write(&file, "before it was asked").unwrap();
        assert!(seen(&mut watch).await);
        assert!(watch.watcher.is_none(), "what is seen by a look needs no system");
        assert!(timeout(Duration::from_millis(400), watch.changed()).await.is_err());
        assert!(watch.watcher.is_some());
        std::fs::write(&file, "after").unwrap();
        assert!(seen(&mut watch).await);
    }

    #[tokio::test]
    async fn who_stops_waiting_misses_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let mut watch = FileWatch::on(vec![file.clone()]);
        std::fs::write(&file, "one").unwrap();
        assert!(timeout(SETTLED / 2, watch.changed()).await.is_err(), "it has not settled yet");
        assert!(seen(&mut watch).await);
    }

    #[tokio::test]
    async fn who_waits_for_no_silence_is_told_while_others_write() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        let mut watch = FileWatch::on(vec![file.clone()]).unsettled();
        std::fs::write(&file, "torn").unwrap();
        assert!(timeout(Duration::ZERO, watch.changed()).await.is_ok(), "at once");
        std::fs::write(&file, "whole").unwrap();
        assert!(seen(&mut watch).await, "and again");
    }

    #[tokio::test]
    async fn who_does_not_wait_is_told_what_is_so_by_now() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let mut watch = FileWatch::on(vec![file.clone()]);
        assert!(!watch.changed_by_now().await);
        std::fs::write(&file, "one").unwrap();
        assert!(watch.changed_by_now().await);
        assert!(!watch.changed_by_now().await, "once");
    }

    #[tokio::test]
    async fn a_change_behind_a_link_is_seen() {
        let (folder, away) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, target) = (folder.path().join("config"), away.path().join("dotfile"));
        std::fs::write(&target, "one").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let mut watch = FileWatch::on(vec![link]);
        assert!(told(&mut watch, || std::fs::write(&target, "two, longer").unwrap()).await);
    }

    #[tokio::test]
    async fn a_folder_that_is_made_again_is_watched_again() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join(".aws");
        let file = inner.join("config");
        std::fs::create_dir(&inner).unwrap();
        std::fs::write(&file, "one").unwrap();
        let mut watch = FileWatch::on(vec![file.clone()]);
        let anew = |text: &str| {
            std::fs::remove_dir_all(&inner).unwrap();
            std::fs::create_dir(&inner).unwrap();
            std::fs::write(&file, text).unwrap();
        };
        for round in ["two", "three", "four"] {
            assert!(told(&mut watch, || anew(round)).await, "{round}");
            assert!(told(&mut watch, || std::fs::write(&file, format!("{round}, longer")).unwrap()).await, "{round}");
        }
    }

    #[tokio::test]
    async fn what_we_did_ourselves_is_no_change() {
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (folder.path().join("socket"), folder.path().join("config"));
        let mut watch = FileWatch::on(vec![ours.clone(), theirs.clone()]);
        std::fs::write(&ours, "").unwrap();
        watch.ours(&ours);
        assert!(timeout(Duration::from_millis(300), watch.changed()).await.is_err());
        std::fs::write(&theirs, "").unwrap();
        assert!(seen(&mut watch).await);
        std::fs::remove_file(&ours).unwrap();
        assert!(seen(&mut watch).await, "from then on it is watched as the others are");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_doubt_is_told_of_once_at_the_next_look() {
        let mut watch = FileWatch::on(vec!["/nowhere/config".into()]);
        assert!(timeout(LOOK * 3, watch.changed()).await.is_err());
        watch.doubt();
        assert!(timeout(LOOK * 2, watch.changed()).await.is_ok());
        assert!(timeout(LOOK * 3, watch.changed()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_in_doubt_is_told_of_however_often_is_asked_before() {
        let mut watch = FileWatch::on(vec!["/nowhere/config".into()]);
        watch.doubt();
        let begun = Instant::now();
        // what a daemon does when commands come in all the time: each of them interrupts its waiting
        while !(watch.changed_by_now().await || timeout(Duration::from_secs(2), watch.changed()).await.is_ok()) {
            assert!(begun.elapsed() < LOOK * 2, "never told");
        }
        assert!(begun.elapsed() >= LOOK);
    }

    #[tokio::test]
    async fn a_folder_that_goes_away_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("run");
        std::fs::create_dir(&inner).unwrap();
        let file = inner.join("control.sock");
        std::fs::write(&file, "").unwrap();
        let mut watch = FileWatch::on(vec![file]);
        assert!(told(&mut watch, || std::fs::remove_dir_all(&inner).unwrap()).await);
    }
}
