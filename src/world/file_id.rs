//! Which file a name leads to: tells a file from another that took its place.
//!
//! Called by whoever keeps a file open that others may move away: the log, the audit trail, the control socket.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// What tells one file from another on this machine, as long as it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

impl FileId {
    /// The file that a name leads to, links followed.
    ///
    /// # Errors
    ///
    /// Where there is none, or it may not be looked at.
    pub fn of(path: &Path) -> io::Result<Self> {
        std::fs::metadata(path).map(|data| Self::from(&data))
    }

    /// The file of that name itself, be it a link.
    ///
    /// # Errors
    ///
    /// Where there is none, or it may not be looked at.
    pub fn of_link(path: &Path) -> io::Result<Self> {
        std::fs::symlink_metadata(path).map(|data| Self::from(&data))
    }

    /// A file that is open.
    ///
    /// # Errors
    ///
    /// Where the system does not tell.
    pub fn of_open(file: &File) -> io::Result<Self> {
        file.metadata().map(|data| Self::from(&data))
    }
}

impl From<&Metadata> for FileId {
    fn from(data: &Metadata) -> Self {
        Self { device: data.dev(), inode: data.ino() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_itself_by_every_name_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let [one, other, link] = ["one", "other", "link"].map(|name| folder.path().join(name));
        let file = File::create(&one).unwrap();
        std::fs::write(&other, "").unwrap();
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let id = FileId::of(&one).unwrap();
        assert_eq!(FileId::of(&link).unwrap(), id);
        assert_eq!(FileId::of_open(&file).unwrap(), id);
        assert_ne!(FileId::of_link(&link).unwrap(), id);
        assert_ne!(FileId::of(&other).unwrap(), id);
        std::fs::rename(&other, &one).unwrap();
        assert_ne!(FileId::of(&one).unwrap(), id);
        assert_eq!(FileId::of_open(&file).unwrap(), id, "what is open stays open");
    }
}
