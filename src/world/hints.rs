//! [`Hints`]: the system's word that something may have happened to a file. Only a hint: whoever gets one looks.
//!
//! Folders are watched, not files: editors write a new file and rename it. A file that is not there yet is watched for in
//! the nearest folder above, a link also where it leads. Called by `config::watch`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Hints about some files.
pub struct Hints {
    paths: Arc<[PathBuf]>,
    hints: mpsc::Receiver<()>,
    /// Kept, so that the hints never end where the system watches nothing.
    _hinter: mpsc::Sender<()>,
    watcher: Option<RecommendedWatcher>,
}

impl Hints {
    /// Asks the system for hints. Where it has none to give (its watches are used up), none ever come.
    pub fn about(paths: &[PathBuf]) -> Self {
        // one hint says as much as many
        let (hinter, hints) = mpsc::channel(1);
        let paths: Arc<[PathBuf]> = paths.into();
        let mut these = Self { watcher: watcher(&paths, hinter.clone()), _hinter: hinter, hints, paths };
        these.renew();
        these
    }

    /// Waits for a hint. May be dropped and called again: none is lost.
    pub async fn next(&mut self) {
        if self.hints.recv().await.is_none() {
            std::future::pending().await
        }
    }

    /// Watches the folders that are there now: they come and go. To be called after a hint, before looking.
    pub fn renew(&mut self) {
        for folder in folders(&self.paths) {
            if let Some(watcher) = &mut self.watcher {
                // fails where the folder has gone meanwhile, or the watches are used up
                let _ = watcher.watch(&folder, RecursiveMode::NonRecursive);
            }
        }
    }
}

fn watcher(paths: &Arc<[PathBuf]>, hinter: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let paths = Arc::clone(paths);
    notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // an error means that events were lost
        if event.map_or(true, |event| is_change(event.kind) && concerns(&paths, &event.paths)) {
            let _ = hinter.try_send(());
        }
    })
    .ok()
}

/// Reading is no change; we do it ourselves.
fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

/// Whether an event is about a file, what it links to, or a folder on the way to it. One without a path may be.
fn concerns(paths: &[PathBuf], event: &[PathBuf]) -> bool {
    event.is_empty()
        || paths.iter().any(|path| {
            let target = path.canonicalize().ok();
            event.iter().any(|event| path.starts_with(event) || target.as_ref() == Some(event))
        })
}

/// The folders to watch.
fn folders(paths: &[PathBuf]) -> BTreeSet<PathBuf> {
    let targets = paths.iter().filter_map(|path| path.canonicalize().ok());
    let nearest = |path: PathBuf| path.ancestors().skip(1).find(|folder| folder.is_dir()).map(Path::to_owned);
    paths.iter().cloned().chain(targets).filter_map(nearest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_watched_for_above_and_a_link_where_it_leads() {
        let folder = tempfile::tempdir().unwrap();
        let base = folder.path().canonicalize().unwrap();
        let path = |below: &str| base.join(below);
        std::fs::create_dir(path("dotfiles")).unwrap();
        std::fs::write(path("dotfiles/aws"), "").unwrap();
        std::fs::create_dir(path("home")).unwrap();
        std::os::unix::fs::symlink(path("dotfiles/aws"), path("home/config")).unwrap();
        let wanted = BTreeSet::from([base.clone(), path("home"), path("dotfiles")]);
        assert_eq!(folders(&[path("home/config"), path("none/yet/config")]), wanted);
    }

    #[test]
    fn what_concerns_a_file_is_itself_and_the_way_to_it() {
        let paths = [PathBuf::from("/h/.aws/config")];
        let concerned = |event: &str| concerns(&paths, &[event.into()]);
        assert!(concerned("/h/.aws/config") && concerned("/h/.aws") && concerns(&paths, &[]));
        assert!(!concerned("/h/.aws/cli") && !concerned("/h/.bash_history") && !concerned("/h/.aws/config.swp"));
    }

    #[test]
    fn reading_is_no_change() {
        use notify::event::{CreateKind, ModifyKind};
        assert!(!is_change(EventKind::Access(AccessKind::Open(AccessMode::Any))));
        assert!(!is_change(EventKind::Access(AccessKind::Close(AccessMode::Read))));
        assert!(is_change(EventKind::Access(AccessKind::Close(AccessMode::Write))));
        assert!(is_change(EventKind::Create(CreateKind::File)) && is_change(EventKind::Modify(ModifyKind::Any)));
    }
}
