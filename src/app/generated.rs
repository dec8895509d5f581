//! [`Generated`]: the files that one child of `exec` reads: its AWS files, and its token where that is to be in a file.
//!
//! They lie in `STATE/run`, which neither a logout nor a cleaner empties, and go with the child. What a killed `exec` left
//! behind is swept by the next one: each owner holds a lock as long as it lives.

use std::path::PathBuf;

use thiserror::Error;

use crate::config::child_files::ChildFiles;
use crate::secret::Secret;
use crate::world::Random;
use crate::world::folder::{Folder, FolderError, Lock, Permission};

/// One child's files, removed when this is dropped.
#[derive(Debug)]
pub struct Generated {
    folder: Folder,
    stem: String,
    _lock: Lock,
}

/// Why they could not be written. The exit code for it is 3.
#[derive(Debug, Error)]
pub enum GeneratedError {
    /// The folder, or a file in it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Every name that was tried is in use, which cannot be chance.
    #[error("no free name for generated files in {0}: remove what begins with `wired-` there")]
    NoName(PathBuf),
}

impl Generated {
    /// Takes a name in a private folder, having swept what dead owners left there.
    pub fn in_folder(folder: Folder, random: &dyn Random) -> Result<Self, GeneratedError> {
        sweep(&folder)?;
        for _ in 0..TRIES {
            let mut noise = [0; 8];
            random.fill(&mut noise);
            let stem = format!("{BEGINNING}{:016x}", u64::from_le_bytes(noise));
            if let Some(lock) = folder.try_lock(&format!("{stem}{LOCK}"))? {
                return Ok(Self { folder, stem, _lock: lock });
            }
        }
        Err(GeneratedError::NoName(folder.path().to_owned()))
    }

    /// Writes both AWS files (0400), or writes them anew: readers see the old ones or the new ones, whole.
    pub fn write(&self, files: &ChildFiles) -> Result<(), GeneratedError> {
        for (file, text) in [(CONFIG, &files.config), (CREDENTIALS, &files.credentials)] {
            self.folder.write_passing(&self.name(file), text.as_bytes(), Permission::ReadOnly)?;
        }
        Ok(())
    }

    /// Writes the token (0600), without a line feed at its end: most clients would send it along and be refused.
    pub fn write_token(&self, token: &Secret) -> Result<PathBuf, GeneratedError> {
        self.folder.write_passing(&self.name(TOKEN), token.expose().as_bytes(), Permission::Write)?;
        Ok(self.path(TOKEN))
    }

    /// For `AWS_CONFIG_FILE`.
    pub fn config_file(&self) -> PathBuf {
        self.path(CONFIG)
    }

    /// For `AWS_SHARED_CREDENTIALS_FILE`.
    pub fn credentials_file(&self) -> PathBuf {
        self.path(CREDENTIALS)
    }

    fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join(self.name(file))
    }

    fn name(&self, file: &str) -> String {
        format!("{}{file}", self.stem)
    }
}

impl Drop for Generated {
    fn drop(&mut self) {
        remove(&self.folder, &self.stem);
    }
}

/// Removes the files whose owner is dead: nobody holds their lock.
fn sweep(folder: &Folder) -> Result<(), FolderError> {
    for name in folder.names()? {
        let stem = name.strip_suffix(LOCK).filter(|stem| stem.starts_with(BEGINNING));
        // a lock that cannot be tried is somebody else's trouble: their files stay
        if let Some((stem, _lock)) = stem.and_then(|stem| Some((stem, folder.try_lock(&name).ok()??))) {
            remove(folder, stem);
        }
    }
    Ok(())
}

/// The lock goes last: a sweep that is cut short is taken up by the next.
fn remove(folder: &Folder, stem: &str) {
    for file in [CONFIG, CREDENTIALS, TOKEN, LOCK] {
        // what cannot be removed now is swept later; nobody could do more about it here
        let _ = folder.remove(&format!("{stem}{file}"));
    }
}

/// How the names of generated files begin: what `cli/child` knows them by.
pub const BEGINNING: &str = "wired-";
const CONFIG: &str = ".config";
const CREDENTIALS: &str = ".credentials";
const TOKEN: &str = ".token";
const LOCK: &str = ".lock";
const TRIES: usize = 8;

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::Path;

    use super::*;
    use crate::world::random::SystemRandom;

    fn folder(at: &Path) -> Folder {
        Folder::open_or_make(&at.join("run")).unwrap()
    }

    fn texts(text: &str) -> ChildFiles {
        ChildFiles { config: format!("config {text}"), credentials: format!("credentials {text}") }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn the_aws_files_are_0400_and_can_be_written_anew() {
        let home = tempfile::tempdir().unwrap();
        let files = Generated::in_folder(folder(home.path()), &SystemRandom).unwrap();
        for text in ["one", "two"] {
            files.write(&texts(text)).unwrap();
            assert_eq!(std::fs::read_to_string(files.config_file()).unwrap(), format!("config {text}"));
            assert_eq!(std::fs::read_to_string(files.credentials_file()).unwrap(), format!("credentials {text}"));
        }
        assert_eq!((mode(&files.config_file()), mode(&files.credentials_file())), (0o400, 0o400));
    }

    #[test]
    fn c33_the_token_file_is_0600_without_a_line_feed_and_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let files = Generated::in_folder(folder(home.path()), &SystemRandom).unwrap();
        let path = files.write_token(&Secret::new("first")).unwrap();
        let mut reader = std::fs::File::open(&path).unwrap();
        assert_eq!(files.write_token(&Secret::new("second")).unwrap(), path);
        assert_eq!(mode(&path), 0o600);
        assert_eq!(std::fs::read(&path).unwrap(), b"second");
        // who had it open reads the old one to its end: it was renamed over, not written into
        let mut old = String::new();
        std::io::Read::read_to_string(&mut reader, &mut old).unwrap();
        assert_eq!(old, "first");
    }

    #[test]
    fn they_go_with_their_owner() {
        let home = tempfile::tempdir().unwrap();
        let files = Generated::in_folder(folder(home.path()), &SystemRandom).unwrap();
        files.write(&texts("")).unwrap();
        files.write_token(&Secret::new("token")).unwrap();
        drop(files);
        assert_eq!(folder(home.path()).names().unwrap(), [""; 0]);
    }

    #[test]
    fn what_a_dead_owner_left_is_swept_and_the_living_keep_theirs() {
        let home = tempfile::tempdir().unwrap();
        let living = Generated::in_folder(folder(home.path()), &SystemRandom).unwrap();
        living.write(&texts("")).unwrap();
        for left in
            ["wired-dead.config", "wired-dead.credentials", "wired-dead.token", "wired-dead.lock", "grants.json"]
        {
            std::fs::write(home.path().join("run").join(left), "").unwrap();
        }
        let next = Generated::in_folder(folder(home.path()), &SystemRandom).unwrap();
        let names = folder(home.path()).names().unwrap();
        assert!(!names.iter().any(|name| name.contains("dead")), "{names:?}");
        assert!(names.contains(&"grants.json".to_owned()), "{names:?}");
        assert!(living.config_file().exists());
        drop(next);
        assert!(living.config_file().exists());
    }
}
