//! Reading what the user wrote. What we write ourselves goes through the private folders, not through here.

use std::io;
use std::path::Path;

/// Reads files.
pub trait Files: Send + Sync {
    /// The whole file. Bounded: a file over 16 MiB is an error of kind `FileTooLarge`.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
}
