//! [`Marker`]: where the daemon of a state folder has its socket, for the message to one that was started with another
//! runtime folder. A file that says nothing to us costs that message its best part, and nothing else.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::world::folder::{Folder, FolderError, Permission};

/// What the file says.
#[derive(Serialize, Deserialize)]
pub(super) struct Marker {
    version: u32,
    /// The control socket.
    pub(super) socket: PathBuf,
}

impl Marker {
    /// The marker of who has this socket.
    pub(super) fn of(socket: &Path) -> Self {
        Self { version: VERSION, socket: socket.to_owned() }
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
}
