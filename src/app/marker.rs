//! [`Marker`]: the daemon of a state folder, its socket and its process: for who looks for it with another runtime folder,
//! and for ending one that does not answer. A file that says nothing to us costs that, and nothing else.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::world::folder::{Folder, FolderError, Permission};
use crate::world::ourselves;
use crate::world::running::{self, Running};

/// What the file says.
#[derive(Serialize, Deserialize)]
pub(super) struct Marker {
    version: u32,
    /// The control socket.
    pub(super) socket: PathBuf,
    #[serde(default)]
    pid: Option<u32>,
    /// [`Running::started`]: another process with the same number is not meant.
    #[serde(default)]
    started: Option<String>,
}

impl Marker {
    /// Our own marker, with this socket.
    pub(super) fn of(socket: &Path) -> Self {
        let (pid, us) = (std::process::id(), running::find(std::process::id()).ok());
        Self { version: VERSION, socket: socket.to_owned(), pid: Some(pid), started: us.map(|us| us.started) }
    }

    pub(super) fn write(&self, state: &Folder) -> Result<(), FolderError> {
        let text = serde_json::to_string(self).unwrap_or_default();
        state.write_passing(FILE, text.as_bytes(), Permission::Write)
    }

    /// What a daemon wrote, if it is at most one version apart.
    pub(super) fn read(state: &Folder) -> Option<Self> {
        let marker: Self = serde_json::from_slice(&state.read(FILE).ok()?).ok()?;
        (marker.version <= VERSION + 1).then_some(marker)
    }

    /// The process that wrote it, if it is ours and still runs.
    pub(super) fn process(&self) -> Option<Running> {
        let found = running::find(self.pid?).ok()?;
        (self.started.as_ref() == Some(&found.started) && found.uid == ourselves::uid()).then_some(found)
    }

    pub(super) fn remove(state: &Folder) -> Result<(), FolderError> {
        state.remove(FILE)
    }
}

const FILE: &str = "daemon.json";
const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_later_version_wrote_is_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let state = Folder::open_or_make(&root.path().join("state")).unwrap();
        assert!(Marker::read(&state).is_none());
        Marker::of(Path::new("/run/control.sock")).write(&state).unwrap();
        assert_eq!(Marker::read(&state).unwrap().socket, Path::new("/run/control.sock"));
        for (version, known) in [(2, true), (3, false)] {
            let text = format!(r#"{{"version":{version},"socket":"/s","more":1}}"#);
            state.write(FILE, text.as_bytes(), Permission::Write).unwrap();
            assert_eq!(Marker::read(&state).is_some(), known, "{version}");
        }
    }

    #[test]
    fn only_the_process_that_wrote_it_is_meant() {
        let marker = Marker::of(Path::new("/s"));
        assert_eq!(marker.process().unwrap().pid, std::process::id());
        let earlier = Marker { started: Some("earlier".to_owned()), ..marker };
        assert_eq!(earlier.process(), None);
        assert_eq!(Marker { started: None, ..earlier }.process(), None, "a daemon of before wrote none");
    }
}
