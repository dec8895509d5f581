//! Reading what the user wrote. What we write ourselves goes through the private folders, not through here.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Reads files.
pub trait Files: Send + Sync {
    /// The whole file, behind links if need be. Bounded: a file over 16 MiB is an error of kind `FileTooLarge`; what is
    /// no file (a folder, a pipe, a terminal) is refused rather than waited for. `/dev/null` is an empty file: people
    /// point `AWS_CONFIG_FILE` there.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}

/// The machine's own files.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemFiles;

const MOST_BYTES: u64 = 16 << 20;

impl Files for SystemFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
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
        let mut content = Vec::with_capacity(metadata.len().min(MOST_BYTES) as usize);
        file.take(MOST_BYTES + 1).read_to_end(&mut content)?;
        if content.len() as u64 > MOST_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is over 16 MiB"));
        }
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_whole_and_behind_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config");
        std::fs::write(&path, "[default]\n").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert_eq!(SystemFiles.read(&path).unwrap(), b"[default]\n");
        assert_eq!(SystemFiles.read(&link).unwrap(), b"[default]\n");
        assert_eq!(SystemFiles.read(Path::new("/dev/null")).unwrap(), b"");
    }

    #[test]
    fn what_is_no_file_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
        assert_eq!(SystemFiles.read(&pipe).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(SystemFiles.read(folder.path()).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(SystemFiles.read(Path::new("/dev/zero")).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(SystemFiles.read(&folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_file_over_the_limit_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("huge");
        let file = std::fs::File::create(&path).unwrap();
        file.set_len(MOST_BYTES).unwrap();
        assert_eq!(SystemFiles.read(&path).unwrap().len() as u64, MOST_BYTES);
        file.set_len(MOST_BYTES + 1).unwrap();
        assert_eq!(SystemFiles.read(&path).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}
