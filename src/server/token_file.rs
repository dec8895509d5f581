//! Token files: what `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE` points at.
//!
//! The file holds the token and nothing else. A newline at its end would go out in a header: botocore, Go, Rust, CRT and
//! object_store refuse that, and JS sends no token at all. It is a fresh file of mode 0600 that is renamed into place, so
//! that a client that reads it at any moment reads a whole token. Called for grants of jobs and containers, and by `exec`.

use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use thiserror::Error;

use super::grant::Grant;
use crate::secret::Secret;

/// Why a token file could not be written.
#[derive(Debug, Error)]
#[error("cannot write the token to {path}: {reason}")]
pub struct TokenFileError {
    /// The file.
    pub path: PathBuf,
    /// The system's words.
    pub reason: io::Error,
}

/// Writes a token where somebody wants it, in place of what is there. The folder must be there.
pub fn write(path: &Path, token: &Secret) -> Result<(), TokenFileError> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let written = || {
        if std::fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is no file is there"));
        }
        let mut fresh = tempfile::NamedTempFile::new_in(folder)?;
        fresh.write_all(token.expose().as_bytes())?;
        fresh.as_file().sync_data()?;
        fresh.persist(path)?;
        Ok(())
    };
    written().map_err(|reason| TokenFileError { path: path.to_owned(), reason })
}

/// Removes the token file of a grant that has ended, if that token is still what it holds: what somebody put there since
/// is theirs. A file that is not there any more is no error.
pub fn remove(path: &Path, grant: &Grant) -> io::Result<()> {
    let there = match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        there => there?,
    };
    // a token has 43 bytes: whatever is much larger is not read
    if there.is_file() && there.size() <= 256 && grant.opened_by(&std::fs::read(path)?) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::Arc;

    use super::super::grant::{GrantSpec, Grants, Holder, Scope};
    use super::*;
    use crate::world::clock::SystemClock;
    use crate::world::random::SystemRandom;

    fn grant() -> (Secret, Arc<Grant>) {
        let grants = Grants::in_memory(Arc::new(SystemClock), Arc::new(SystemRandom));
        let holder = Holder::Job { token_file: None };
        grants.issue(GrantSpec { name: None, scope: Scope::Every, default_aws: None, life: None, holder }).unwrap()
    }

    #[test]
    fn c33_the_file_is_0600_without_a_newline_and_replaced_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let ((first, _), (second, _)) = (grant(), grant());
        write(&path, &first).unwrap();
        let (mode, inode) = {
            let there = std::fs::metadata(&path).unwrap();
            (there.permissions().mode() & 0o777, there.ino())
        };
        assert_eq!(mode, 0o600);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), first.expose());
        let reader = std::fs::File::open(&path).unwrap();
        write(&path, &second).unwrap();
        assert_ne!(std::fs::metadata(&path).unwrap().ino(), inode, "another file under the same name");
        assert_eq!(io::read_to_string(reader).unwrap(), first.expose(), "who reads the old one reads it whole");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), second.expose());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        std::os::unix::fs::symlink(&target, &link).unwrap();
        for path in [link.as_path(), folder.path(), &folder.path().join("none/token")] {
            let error = write(path, &grant().0).unwrap_err().to_string();
            assert!(error.contains(&path.display().to_string()), "{error}");
        }
        assert!(!target.exists());
    }

    #[test]
    fn only_the_grants_own_token_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        let ((token, dead), (other, _)) = (grant(), grant());
        write(&path, &other).unwrap();
        remove(&path, &dead).unwrap();
        assert!(path.exists(), "somebody else's by now");
        write(&path, &token).unwrap();
        remove(&path, &dead).unwrap();
        assert!(!path.exists());
        remove(&path, &dead).unwrap();
    }
}
