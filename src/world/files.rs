//! Files by their paths: what the user wrote, what the tools of AWS share with us, and what is ours alone.
//!
//! What everybody reads goes through [`Files::read`] and [`Files::replace`], which follow links as every program does. What is
//! ours alone lies in private folders ([`Folder`]), by the methods that say so. Called by the readers of the configuration and
//! by the store of sign-ins; what is kept open for long (logs, grants) has its own `Folder`.

use std::ffi::OsString;
use std::fmt;
use std::fs::{Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::folder::{Folder, FolderError, Permission};
use super::ourselves;

/// Reads and writes files. Whoever only stands in for reading leaves the writing as it is: it is refused as unsupported.
pub trait Files: Send + Sync {
    /// The whole file, behind links if need be. Bounded: a file over 16 MiB is an error of kind `FileTooLarge`; what is
    /// no file (a folder, a pipe, a terminal) is refused rather than waited for. `/dev/null` is an empty file: people
    /// point `AWS_CONFIG_FILE` there.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// What lies in a folder, in the order of names. Links are told as what they are, and are not followed.
    fn entries(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        let _ = folder;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Writes a file whole or not at all, 0600 from its first byte: readers see the old one or the new one. A link at `path`
    /// stays, and what it leads to is replaced, even where nothing is there yet. Missing folders are made, 0700; the mode of
    /// one that is there is its owner's affair.
    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let _ = (path, content);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The same for a file that its user wrote: the mode, the owner and the group of one that is there stay. One that its
    /// owner may not write is refused, though its folder would let it be replaced; a new one is 0600.
    fn rewrite(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.replace(path, content)
    }

    /// Removes a file: what a link leads to, and never the link. False where there was none.
    fn remove(&self, path: &Path) -> io::Result<bool> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The whole of a file of ours in a private folder: links and other users' files and folders are refused.
    fn read_private(&self, path: &Path) -> io::Result<Vec<u8>> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// The whole of a file that its user wrote for themself alone, wherever it lies, and behind links: one that is not ours,
    /// or that others may read or write, is refused.
    fn read_owners(&self, path: &Path) -> io::Result<Vec<u8>> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Writes a file of ours in a private folder, whole or not at all; the folder is made where it is missing.
    fn replace_private(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let _ = (path, content);
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Takes the lock file `path` in a private folder, which is made where it is missing. `None` where somebody holds it, in
    /// this process or another.
    fn try_lock(&self, path: &Path) -> io::Result<Option<FileLock>> {
        let _ = path;
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// Something in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// Its name.
    pub name: OsString,
    /// Whether it is a folder itself, and no link to one.
    pub is_folder: bool,
}

/// A lock that is held until this is dropped, or the process ends.
pub struct FileLock {
    _held: Box<dyn Send + Sync>,
}

impl FileLock {
    /// A lock that ends when `held` is dropped.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self { _held: Box::new(held) }
    }
}

impl fmt::Debug for FileLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FileLock")
    }
}

/// The machine's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

const MOST_BYTES: u64 = 16 << 20;

impl Files for SystemFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        read(path, |_| Ok(()))
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<FolderEntry>> {
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let entry = entry?;
            entries.push(FolderEntry { name: entry.file_name(), is_folder: entry.file_type()?.is_dir() });
        }
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let (target, fresh) = fresh(path, content)?;
        fresh.persist(target)?;
        Ok(())
    }

    fn rewrite(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let (target, fresh) = fresh(path, content)?;
        if let Ok(there) = std::fs::metadata(&target) {
            if there.permissions().mode() & OWNER_WRITES == 0 {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
            }
            let made = fresh.as_file().metadata()?;
            if (made.uid(), made.gid()) != (there.uid(), there.gid()) {
                std::os::unix::fs::fchown(fresh.as_file(), Some(there.uid()), Some(there.gid()))?;
            }
            fresh.as_file().set_permissions(Permissions::from_mode(there.permissions().mode() & 0o777))?;
        }
        fresh.persist(target)?;
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        match std::fs::remove_file(behind_links(path)?) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn read_private(&self, path: &Path) -> io::Result<Vec<u8>> {
        let (folder, name) = split(path)?;
        Folder::open(folder).and_then(|folder| folder.read(name)).map_err(into_io)
    }

    fn read_owners(&self, path: &Path) -> io::Result<Vec<u8>> {
        read(path, |there| {
            let mode = there.permissions().mode() & 0o777;
            if there.uid() != ourselves::uid() {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is another user's"));
            }
            if mode & OTHERS != 0 {
                let why = format!("others may use it (mode {mode:04o}): chmod 600 {}", path.display());
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, why));
            }
            Ok(())
        })
    }

    fn replace_private(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let (folder, name) = split(path)?;
        let folder = Folder::open_or_make(folder).map_err(into_io)?;
        folder.write(name, content, Permission::Write).map_err(into_io)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<FileLock>> {
        let (folder, name) = split(path)?;
        let folder = Folder::open_or_make(folder).map_err(into_io)?;
        Ok(folder.try_lock(name).map_err(into_io)?.map(FileLock::new))
    }
}

/// The whole of a file that is as it `must` be: the one that is open, whatever becomes of its name.
fn read(path: &Path, must: impl FnOnce(&Metadata) -> io::Result<()>) -> io::Result<Vec<u8>> {
    // without NONBLOCK, opening a pipe that nobody writes to would wait for ever
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder, not a file"));
    }
    if kind.is_char_device() && path == Path::new("/dev/null") {
        return Ok(Vec::new());
    }
    if !kind.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    must(&metadata)?;
    let mut content = Vec::with_capacity(metadata.len().min(MOST_BYTES) as usize);
    file.take(MOST_BYTES + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MOST_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is over 16 MiB"));
    }
    Ok(content)
}

/// Where a file is to be, and beside it a new one with its content that is not there yet by its name.
fn fresh(path: &Path, content: &[u8]) -> io::Result<(PathBuf, NamedTempFile)> {
    let target = behind_links(path)?;
    let folder = target.parent().ok_or(io::ErrorKind::InvalidInput)?;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    // a pipe or a device would be gone, and who reads it would wait for ever
    if std::fs::symlink_metadata(&target).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    // not `.json`: the AWS CLI takes every such file of its folder for a sign-in
    let mut fresh = tempfile::Builder::new().prefix(name).suffix(".tmp").tempfile_in(folder)?;
    fresh.write_all(content)?;
    fresh.as_file().sync_all()?;
    Ok((target, fresh))
}

/// Every right of the group and of others.
const OTHERS: u32 = 0o077;

/// `S_IWUSR`
const OWNER_WRITES: u32 = 0o200;

/// Where the links at a path end, be there a file or not.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            // InvalidInput: it is there and no link (readlink(2), EINVAL)
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidInput) => {
                return Ok(path);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("its links lead in a circle"))
}

/// What Linux follows itself (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// The folder and the name of a file of ours.
fn split(path: &Path) -> io::Result<(&Path, &str)> {
    let name = path.file_name().and_then(|name| name.to_str());
    path.parent().zip(name).ok_or_else(|| io::ErrorKind::InvalidFilename.into())
}

/// The same for who knows no folders: the kind is kept, and so are the words, which say what mends it.
fn into_io(error: FolderError) -> io::Error {
    let kind = match &error {
        FolderError::System { reason, .. } => reason.kind(),
        FolderError::Link { .. } | FolderError::NoFolder { .. } => io::ErrorKind::NotADirectory,
        FolderError::Foreign { .. } | FolderError::Open { .. } => io::ErrorKind::PermissionDenied,
    };
    io::Error::new(kind, error)
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
