//! A private file that lines are appended to, and that never grows beyond bounds: at its cap it is renamed to `NAME.1`, in
//! place of the one before, and begun anew.
//!
//! Several processes may append to one file: the daemon and every `exec` keep the same audit trail. Each line goes out in
//! one write to a file opened for appending; whoever meets the cap renames the file under a lock, and the others notice
//! that its name leads elsewhere. Called by [`super::audit`] and by the daemon's log.

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::Arc;

use crate::world::file_id::FileId;
use crate::world::folder::{Folder, FolderError};

/// A private file with a cap.
#[derive(Debug)]
pub struct CappedFile {
    folder: Arc<Folder>,
    name: String,
    cap: u64,
    file: File,
    /// A write failed, perhaps in the middle of a line.
    torn: bool,
}

impl CappedFile {
    /// Opens the file for appending (0600), making it where it is missing. It and the one before hold `cap` bytes each at
    /// most, and what is appended at once; twice that while something keeps it from being renamed.
    pub fn open(folder: Arc<Folder>, name: &str, cap: u64) -> Result<Self, FolderError> {
        let file = folder.append(name)?;
        Ok(Self { folder, name: name.to_owned(), cap, file, torn: false })
    }

    /// The name of the file that came before `name`.
    pub fn earlier(name: &str) -> String {
        format!("{name}.1")
    }

    /// Appends one or more whole lines. Errors: the system's; and, once it has twice its cap, what keeps it from being
    /// renamed.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        let open = FileId::of_open(&self.file)?;
        match FileId::of_link(&self.folder.path().join(&self.name)) {
            Ok(named) if named == open => {
                let length = self.file.metadata()?.len();
                // Some lines too many are better than one too few: what prevents it now may be gone at the next. A file
                // without bounds is not.
                if length >= self.cap
                    && let Err(error) = self.begin_anew()
                    && length >= self.cap.saturating_mul(2)
                {
                    return Err(error);
                }
            }
            // another process began it anew, or somebody removed it
            _ => self.reopen()?,
        }
        let torn = if self.torn { "\n".as_bytes() } else { &[] };
        let result = self.file.write_all(&[torn, lines].concat());
        self.torn = result.is_err();
        result
    }

    /// Whoever gets the lock renames; the others write on, and follow at their next line.
    fn begin_anew(&mut self) -> io::Result<()> {
        let Some(_lock) = self.folder.try_lock(&format!("{}.lock", self.name)).map_err(io::Error::other)? else {
            return Ok(());
        };
        let path = self.folder.path().join(&self.name);
        if FileId::of_link(&path)? == FileId::of_open(&self.file)? {
            std::fs::rename(&path, self.folder.path().join(Self::earlier(&self.name)))?;
        }
        self.reopen()
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.torn = false;
        self.file = self.folder.append(&self.name).map_err(io::Error::other)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    struct Place {
        _root: tempfile::TempDir,
        folder: Arc<Folder>,
    }

    fn place() -> Place {
        let root = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open_or_make(&root.path().join("state")).unwrap());
        Place { _root: root, folder }
    }

    impl Place {
        fn open(&self, cap: u64) -> CappedFile {
            CappedFile::open(self.folder.clone(), "trail", cap).unwrap()
        }

        fn text(&self, name: &str) -> String {
            std::fs::read_to_string(self.folder.path().join(name)).unwrap_or_default()
        }
    }

    #[test]
    fn it_is_private_and_goes_on_where_it_was() {
        let place = place();
        place.open(100).append(b"one\n").unwrap();
        place.open(100).append(b"two\n").unwrap();
        assert_eq!(place.text("trail"), "one\ntwo\n");
        let mode = std::fs::metadata(place.folder.path().join("trail")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn at_its_cap_it_is_renamed_once_and_begun_anew() {
        let place = place();
        let mut file = place.open(20);
        for number in 0..9 {
            file.append(format!("line {number}\n").as_bytes()).unwrap();
        }
        assert_eq!((place.text("trail.1"), place.text("trail")), (lines(3..6), lines(6..9)));
        let mode = std::fs::metadata(place.folder.path().join("trail")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_processes_keep_one_file_and_lose_no_line() {
        let place = place();
        let (mut one, mut other) = (place.open(20), place.open(20));
        for number in 0..6 {
            let file = if number % 2 == 0 { &mut one } else { &mut other };
            file.append(format!("line {number}\n").as_bytes()).unwrap();
        }
        assert_eq!((place.text("trail.1"), place.text("trail")), (lines(0..3), lines(3..6)));
    }

    #[test]
    fn a_file_that_somebody_removed_is_made_again() {
        let place = place();
        let mut file = place.open(1000);
        file.append(b"one\n").unwrap();
        std::fs::remove_file(place.folder.path().join("trail")).unwrap();
        file.append(b"two\n").unwrap();
        assert_eq!(place.text("trail"), "two\n");
    }

    #[test]
    fn a_lock_that_cannot_be_had_loses_no_line_below_twice_the_cap() {
        let place = place();
        let mut file = place.open(10);
        std::fs::create_dir(place.folder.path().join("trail.lock")).unwrap();
        for number in 0..3 {
            file.append(format!("line {number}\n").as_bytes()).unwrap();
        }
        assert_eq!(place.text("trail"), lines(0..3));
        let error = file.append(b"without bounds\n").unwrap_err();
        assert!(error.to_string().contains("trail.lock"), "{error}");
        assert_eq!(place.text("trail"), lines(0..3), "twice its cap is enough");
        std::fs::remove_dir(place.folder.path().join("trail.lock")).unwrap();
        file.append(b"line 3\n").unwrap();
        assert_eq!((place.text("trail.1"), place.text("trail")), (lines(0..3), lines(3..4)));
    }

    #[test]
    fn a_line_after_a_torn_one_stands_alone() {
        let place = place();
        let mut file = place.open(1000);
        file.append(b"one\n").unwrap();
        // what a disk that fills up within a line does
        (&file.file).write_all(b"half a li").unwrap();
        let whole = std::mem::replace(&mut file.file, File::open(place.folder.path().join("trail")).unwrap());
        file.append(b"lost\n").unwrap_err();
        file.file = whole;
        file.append(b"whole\n").unwrap();
        assert_eq!(place.text("trail"), "one\nhalf a li\nwhole\n");
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let place = place();
        let elsewhere = place._root.path().join("elsewhere");
        std::os::unix::fs::symlink(&elsewhere, place.folder.path().join("trail")).unwrap();
        assert!(CappedFile::open(place.folder.clone(), "trail", 100).is_err());
        assert!(!elsewhere.exists());
    }

    fn lines(numbers: std::ops::Range<u32>) -> String {
        numbers.map(|number| format!("line {number}\n")).collect()
    }
}
