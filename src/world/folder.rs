//! Private folders: ours alone, entered without following links, written to by fresh file and rename.
//!
//! A [`Folder`] holds the folder open, so what happens to its path later (a rename, a link put in its place) cannot lead a
//! read or a write elsewhere. Called by whatever keeps state: grants, generated files, the audit trail, the daemon's start.

use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{AtFlags, CWD, FileType, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use thiserror::Error;

use super::ourselves::uid;

/// A folder that only our user can read or write.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    descriptor: OwnedFd,
}

/// What is wrong with a private folder, or with a file in it.
#[derive(Debug, Error)]
pub enum FolderError {
    /// It, or a file in it, is a link: somebody may have put it there.
    #[error("{path} is a link, and nothing of ours: remove the link")]
    Link {
        /// The path.
        path: PathBuf,
    },
    /// It is something else.
    #[error("{path} is no folder: move it away")]
    NoFolder {
        /// The path.
        path: PathBuf,
    },
    /// Another user owns it.
    #[error("{path} belongs to user {owner}, not to us (user {us}): move it away, or chown it")]
    Foreign {
        /// The path.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Our user.
        us: u32,
    },
    /// Others may enter it.
    #[error("{path} is open to others (mode {mode:04o}): chmod 700 {path}")]
    Open {
        /// The path.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The system said no.
    #[error("cannot {what} {path}: {reason}{}", mend(.reason))]
    System {
        /// What was tried, such as `write`.
        what: &'static str,
        /// The path.
        path: PathBuf,
        /// The system's words.
        reason: io::Error,
    },
}

/// What helps where the system says no because of the place itself.
fn mend(reason: &io::Error) -> &'static str {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    match reason.kind() {
        ReadOnlyFilesystem | PermissionDenied => {
            "; set CREDENZA_STATE_DIR and CREDENZA_RUNTIME_DIR to folders that you may write"
        }
        StorageFull | QuotaExceeded => "; make room there, or set CREDENZA_STATE_DIR to a folder elsewhere",
        _ => "",
    }
}

impl FolderError {
    /// Whether there is no such file or folder.
    pub fn not_found(&self) -> bool {
        matches!(self, Self::System { reason, .. } if reason.kind() == io::ErrorKind::NotFound)
    }
}

impl Folder {
    /// Opens a private folder, making it (0700) and the folders above it where they are missing.
    pub fn open_or_make(path: &Path) -> Result<Self, FolderError> {
        match Self::open(path) {
            Err(error) if error.not_found() => {}
            other => return other,
        }
        if let Some(above) = path.parent() {
            use std::os::unix::fs::DirBuilderExt as _;
            let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(above);
            made.map_err(|reason| FolderError::System { what: "make", path: above.to_owned(), reason })?;
        }
        Self::make_at(CWD, path, path.to_owned())
    }

    /// Opens a private folder that is there.
    pub fn open(path: &Path) -> Result<Self, FolderError> {
        Self::open_at(CWD, path, path.to_owned())
    }

    /// Looks whether a private folder is there, without entering it: for whoever connects to a socket in it.
    pub fn check(path: &Path) -> Result<(), FolderError> {
        let found = rustix::fs::lstat(path).map_err(failed("look at", path))?;
        match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => private(found.st_uid, found.st_mode as u32, path),
            _ => Err(not_a_folder(path)),
        }
    }

    /// A private folder inside this one, made where it is missing.
    pub fn inside(&self, name: &str) -> Result<Self, FolderError> {
        Self::make_at(self.descriptor.as_fd(), Path::new(name), self.path_of(name)?)
    }

    /// A folder inside this one that others may enter who are given it, such as a container by a mount: nobody else gets past this
    /// one. Nobody but us may write there.
    pub fn open_inside(&self, name: &str) -> Result<PathBuf, FolderError> {
        let path = self.path_of(name)?;
        match rustix::fs::mkdirat(&self.descriptor, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(failed("make", &path)(error)),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let folder =
            rustix::fs::openat(&self.descriptor, name, flags, Mode::empty()).map_err(|_| not_a_folder(&path))?;
        let (owner, us) = (rustix::fs::fstat(&folder).map_err(failed("look at", &path))?.st_uid, uid());
        if owner != us {
            return Err(FolderError::Foreign { path, owner, us });
        }
        rustix::fs::fchmod(&folder, Mode::RWXU | Mode::RGRP | Mode::XGRP | Mode::ROTH | Mode::XOTH)
            .map_err(failed("open to others", &path))?;
        Ok(path)
    }

    fn make_at(at: BorrowedFd<'_>, name: &Path, path: PathBuf) -> Result<Self, FolderError> {
        match rustix::fs::mkdirat(at, name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Self::open_at(at, name, path),
            Err(error) => Err(failed("make", &path)(error)),
        }
    }

    fn open_at(at: BorrowedFd<'_>, name: &Path, path: PathBuf) -> Result<Self, FolderError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::RDONLY;
        let descriptor = rustix::fs::openat(at, name, flags, Mode::empty()).map_err(|error| {
            // Linux calls a link that is not to be followed no folder, macOS a loop
            if matches!(error, Errno::NOTDIR | Errno::LOOP) {
                not_a_folder(&path)
            } else {
                failed("open", &path)(error)
            }
        })?;
        let found = rustix::fs::fstat(&descriptor).map_err(failed("look at", &path))?;
        private(found.st_uid, found.st_mode as u32, &path)?;
        Ok(Self { path, descriptor })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The path of a file in it. `name` is one plain name: a separator or a dot name is an error.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, FolderError> {
        if name.is_empty() || name.contains(['/', '\0']) || [".", ".."].contains(&name) {
            let reason = io::Error::new(io::ErrorKind::InvalidFilename, "it is no plain file name");
            return Err(FolderError::System { what: "name", path: self.path.join("?"), reason });
        }
        Ok(self.path.join(name))
    }

    /// Whether its path still leads to it: false once it was deleted, renamed or replaced.
    pub fn still_there(&self) -> bool {
        let same =
            |one: rustix::fs::Stat, other: rustix::fs::Stat| (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino);
        match (rustix::fs::fstat(&self.descriptor), rustix::fs::lstat(&self.path)) {
            (Ok(ours), Ok(theirs)) => same(ours, theirs),
            _ => false,
        }
    }

    /// Writes a file whole or not at all: a fresh file, then a rename over the old one. Readers see the one or the other.
    pub fn write(&self, name: &str, content: &[u8], permission: Permission) -> Result<(), FolderError> {
        self.replace(name, content, permission, |file| file.sync_all())
    }

    /// The same for what a crash of the machine may take: readers see no difference, and nobody waits for the disk.
    pub fn write_passing(&self, name: &str, content: &[u8], permission: Permission) -> Result<(), FolderError> {
        self.replace(name, content, permission, |_| Ok(()))
    }

    /// Writes a file that is there anew, in its own place: for what must not wait until there is room for a fresh one.
    /// `content` is text that may be followed by blanks, such as JSON, and no longer than what is there: then nothing is
    /// asked of the disk, and a crash halfway leaves the old text's length, filled up with blanks.
    pub fn write_in_place(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let path = self.path_of(name)?;
        let mut file = self.open_file(name, OFlags::WRONLY).map_err(unopened("write", &path))?;
        self.check_file(&file, &path)?;
        let written = (|| {
            let length = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX).min(MOST_BYTES as usize);
            let mut filled = content.to_vec();
            filled.resize(length.max(content.len()), b' ');
            file.write_all(&filled)?;
            file.set_len(content.len() as u64)?;
            file.sync_all()
        })();
        written.map_err(|reason| FolderError::System { what: "write", path, reason })
    }

    fn replace(
        &self,
        name: &str,
        content: &[u8],
        permission: Permission,
        settle: impl Fn(&std::fs::File) -> io::Result<()>,
    ) -> Result<(), FolderError> {
        let path = self.path_of(name)?;
        let fresh = self.fresh_name(name)?;
        let to_errno = |error: io::Error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
        let written = self
            .write_fresh(&fresh, content, permission)
            .and_then(|file| settle(&file))
            .map_err(to_errno)
            .and_then(|()| rustix::fs::renameat(&self.descriptor, fresh.as_str(), &self.descriptor, name));
        written.map_err(|error| {
            let _ = rustix::fs::unlinkat(&self.descriptor, fresh.as_str(), AtFlags::empty());
            failed("write", &path)(error)
        })
    }

    fn write_fresh(&self, fresh: &str, content: &[u8], permission: Permission) -> io::Result<std::fs::File> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mode = match permission {
            Permission::Write => Mode::RUSR | Mode::WUSR,
            Permission::ReadOnly => Mode::RUSR,
        };
        let file = std::fs::File::from(rustix::fs::openat(&self.descriptor, fresh, flags, mode)?);
        (&file).write_all(content)?;
        Ok(file)
    }

    fn fresh_name(&self, name: &str) -> Result<String, FolderError> {
        let mut noise = [0_u8; 8];
        getrandom::fill(&mut noise).map_err(|error| FolderError::System {
            what: "write",
            path: self.path.join(name),
            reason: io::Error::other(error.to_string()),
        })?;
        Ok(format!(".{name}.{:016x}", u64::from_le_bytes(noise)))
    }

    /// The file that a fresh one was to become, by the fresh one's name: a crash between the writing and the rename leaves
    /// it behind. `None` for every other name.
    pub fn left_over(name: &str) -> Option<&str> {
        let (file, noise) = name.strip_prefix('.')?.rsplit_once('.')?;
        (!file.is_empty() && noise.len() == 16 && noise.bytes().all(|byte| byte.is_ascii_hexdigit())).then_some(file)
    }

    /// Opens a file of ours for appending (0600), making it where it is missing: for logs.
    pub fn append(&self, name: &str) -> Result<std::fs::File, FolderError> {
        let path = self.path_of(name)?;
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE;
        let file = self.open_file(name, flags).map_err(unopened("open", &path))?;
        self.check_file(&file, &path)?;
        Ok(file)
    }

    /// The whole of a file of ours, 16 MiB at most; links and other users' files are refused.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, FolderError> {
        let path = self.path_of(name)?;
        let file = self.open_file(name, OFlags::RDONLY).map_err(unopened("read", &path))?;
        self.check_file(&file, &path)?;
        let mut content = Vec::new();
        let read = file.take(MOST_BYTES + 1).read_to_end(&mut content);
        let read =
            read.and_then(
                |length| {
                    if length as u64 > MOST_BYTES { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
                },
            );
        read.map_err(|reason| FolderError::System { what: "read", path, reason })?;
        Ok(content)
    }

    fn open_file(&self, name: &str, flags: OFlags) -> Result<std::fs::File, Errno> {
        // NONBLOCK: a pipe in a file's place is refused, not waited for
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(rustix::fs::openat(&self.descriptor, name, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    fn check_file(&self, file: &std::fs::File, path: &Path) -> Result<(), FolderError> {
        let found = rustix::fs::fstat(file).map_err(failed("look at", path))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            let reason = io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file");
            return Err(FolderError::System { what: "read", path: path.to_owned(), reason });
        }
        if found.st_uid != uid() {
            return Err(FolderError::Foreign { path: path.to_owned(), owner: found.st_uid, us: uid() });
        }
        Ok(())
    }

    /// Removes a file; one that is not there is no error.
    pub fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path_of(name)?;
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(failed("remove", &path)(error)),
        }
    }

    /// The names of what lies in it, in no order; names that are not UTF-8 are left out.
    pub fn names(&self) -> Result<Vec<String>, FolderError> {
        let listed = rustix::fs::Dir::read_from(&self.descriptor).and_then(|entries| {
            entries.map(|entry| entry.map(|entry| entry.file_name().to_str().ok().map(str::to_owned))).collect()
        });
        let names: Vec<Option<String>> = listed.map_err(failed("list", &self.path))?;
        Ok(names.into_iter().flatten().filter(|name| name != "." && name != "..").collect())
    }

    /// Takes the lock file `name` (flock(2)) if nobody holds it. It is held until the [`Lock`] is dropped or we end.
    pub fn try_lock(&self, name: &str) -> Result<Option<Lock>, FolderError> {
        let path = self.path_of(name)?;
        loop {
            let file = self.open_file(name, OFlags::RDWR | OFlags::CREATE).map_err(unopened("lock", &path))?;
            self.check_file(&file, &path)?;
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(failed("lock", &path)(error)),
            }
            // a cleaner may have removed the file between the opening and the locking: then another may hold its successor
            let ours = rustix::fs::fstat(&file).map_err(failed("lock", &path))?;
            match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(there) if there.st_ino == ours.st_ino => return Ok(Some(Lock { _file: file })),
                Ok(_) | Err(Errno::NOENT) if self.still_there() => {}
                _ => {
                    let reason = io::Error::new(io::ErrorKind::NotFound, "its folder was deleted");
                    return Err(FolderError::System { what: "lock", path, reason });
                }
            }
        }
    }

    /// Whether somebody holds the lock file `name`. Who looks is in nobody's way but for a moment.
    pub fn is_locked(&self, name: &str) -> Result<bool, FolderError> {
        let path = self.path_of(name)?;
        let file = match self.open_file(name, OFlags::RDONLY).map_err(unopened("lock", &path)) {
            Err(error) if error.not_found() => return Ok(false),
            opened => opened?,
        };
        self.check_file(&file, &path)?;
        // shared: two who look do not take each other for a holder
        match rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared) {
            Ok(()) => Ok(false),
            Err(Errno::WOULDBLOCK) => Ok(true),
            Err(error) => Err(failed("lock", &path)(error)),
        }
    }

    /// Takes the lock file `name`, waiting for it up to `patience`; `None` when it is still held then.
    pub async fn lock(&self, name: &str, patience: Duration) -> Result<Option<Lock>, FolderError> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            if let Some(lock) = self.try_lock(name)? {
                return Ok(Some(lock));
            }
            if tokio::time::Instant::now() >= deadline {
                return Ok(None);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Who may do what with a file: only ever its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// 0600.
    Write,
    /// 0400: for files that programs in a job should not change.
    ReadOnly,
}

/// A lock that is held. Close-on-exec, so no child of ours goes on holding it.
#[derive(Debug)]
pub struct Lock {
    _file: std::fs::File,
}

const MOST_BYTES: u64 = 16 << 20;

fn failed(what: &'static str, path: &Path) -> impl FnOnce(Errno) -> FolderError {
    let path = path.to_owned();
    move |error| FolderError::System { what, path, reason: error.into() }
}

/// Why a file was not opened: what is not followed is a link (open(2), `O_NOFOLLOW`).
fn unopened(what: &'static str, path: &Path) -> impl FnOnce(Errno) -> FolderError {
    let (link, failed) = (FolderError::Link { path: path.to_owned() }, failed(what, path));
    move |error| if error == Errno::LOOP { link } else { failed(error) }
}

fn private(owner: u32, mode: u32, path: &Path) -> Result<(), FolderError> {
    let us = uid();
    if owner != us {
        return Err(FolderError::Foreign { path: path.to_owned(), owner, us });
    }
    let mode = mode & 0o777;
    if mode != 0o700 {
        return Err(FolderError::Open { path: path.to_owned(), mode });
    }
    Ok(())
}

fn not_a_folder(path: &Path) -> FolderError {
    match rustix::fs::lstat(path) {
        Ok(found) if FileType::from_raw_mode(found.st_mode) == FileType::Symlink => {
            FolderError::Link { path: path.to_owned() }
        }
        Ok(_) => FolderError::NoFolder { path: path.to_owned() },
        Err(error) => failed("open", path)(error),
    }
}

/// A folder for a test that is private, which a temporary one need not be.
#[cfg(test)]
pub fn temporary() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    tempfile::Builder::new().permissions(std::fs::Permissions::from_mode(0o700)).tempdir().expect("a folder")
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
