//! `~/.aws/config`, read to be changed and written as a whole. What becomes of it is decided in `config/import`; called by
//! `import`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;

use thiserror::Error;

use crate::config::{Places, import};
use crate::world::World;

/// The file as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsConfig {
    /// Its name.
    pub path: Arc<Path>,
    /// What stands in it; `None` where there is none.
    text: Option<String>,
    /// The names that the credentials file has in use.
    pub taken: BTreeSet<String>,
}

/// Why the file was not changed. What was there stays.
#[derive(Debug, Error)]
pub enum AwsConfigError {
    /// It, or the credentials file, cannot be read.
    #[error("{path} cannot be read: {reason}")]
    Unreadable {
        /// Its name.
        path: String,
        /// The system's words.
        reason: io::Error,
    },
    /// It holds what is no text.
    #[error("{path}:{line}: this is not UTF-8, and would not stay as it is: save the file as UTF-8 first")]
    NotUtf8 {
        /// Its name.
        path: String,
        /// The first such line, from 1.
        line: usize,
    },
    /// Somebody wrote it since it was read.
    #[error("{path} changed while we worked; run it again")]
    Changed {
        /// Its name.
        path: String,
    },
    /// It cannot be written.
    #[error("{path} cannot be written: {reason}")]
    Unwritable {
        /// Its name.
        path: String,
        /// The system's words.
        reason: io::Error,
    },
}

impl AwsConfig {
    /// Reads it, and which names the credentials file has in use. Files that are not there are empty.
    ///
    /// # Errors
    ///
    /// Where one of them cannot be read, or the config file is not UTF-8.
    pub fn read(world: &World, places: &Places) -> Result<Self, AwsConfigError> {
        let path = Arc::clone(&places.aws_config);
        let text = match content(world, &path)? {
            Some(bytes) => Some(String::from_utf8(bytes).map_err(|error| {
                let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                let line = 1 + good.iter().filter(|byte| **byte == b'\n').count();
                AwsConfigError::NotUtf8 { path: path.display().to_string(), line }
            })?),
            None => None,
        };
        let credentials = content(world, &places.aws_credentials)?.unwrap_or_default();
        // keys are none of our business here, and names that are no text nobody can take
        let taken = import::taken_in_credentials(&String::from_utf8_lossy(&credentials));
        Ok(Self { path, text, taken })
    }

    /// What stands in it.
    pub fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    /// Writes it whole or not at all, with the mode that it has; a new one is 0600.
    ///
    /// # Errors
    ///
    /// Where somebody changed it since it was read, or it cannot be written.
    pub fn write(&self, text: &str, world: &World) -> Result<(), AwsConfigError> {
        let path = self.path.display().to_string();
        if content(world, &self.path)?.as_deref() != self.text.as_deref().map(str::as_bytes) {
            return Err(AwsConfigError::Changed { path });
        }
        let written = world.files.rewrite(&self.path, text.as_bytes());
        written.map_err(|reason| AwsConfigError::Unwritable { path, reason })
    }
}

fn content(world: &World, path: &Path) -> Result<Option<Vec<u8>>, AwsConfigError> {
    match world.files.read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(reason) => Err(AwsConfigError::Unreadable { path: path.display().to_string(), reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::simulated::MemoryFiles;
    use crate::world::{Environment, Files as _};

    const CONFIG: &str = "/home/ada/.aws/config";

    fn world(files: &MemoryFiles) -> World {
        let environment = Arc::new(Environment::from_iter([("HOME", "/home/ada")]));
        World { files: Arc::new(files.clone()), environment, ..World::system() }
    }

    fn read(files: &MemoryFiles) -> Result<AwsConfig, AwsConfigError> {
        let world = world(files);
        AwsConfig::read(&world, &Places::from(&world.environment).unwrap())
    }

    #[test]
    fn what_somebody_wrote_meanwhile_is_not_written_over() {
        let files = MemoryFiles::default();
        let missing = read(&files).unwrap();
        assert_eq!(missing.text(), "");
        missing.write("[default]\n", &world(&files)).unwrap();
        let there = read(&files).unwrap();
        for (stale, theirs) in [(&missing, "[default]\n"), (&there, "[default]\nregion = x\n"), (&missing, "")] {
            files.replace(Path::new(CONFIG), theirs.as_bytes()).unwrap();
            assert!(
                matches!(stale.write("[new]\n", &world(&files)), Err(AwsConfigError::Changed { .. })),
                "{theirs:?}"
            );
            assert_eq!(files.read(Path::new(CONFIG)).unwrap(), theirs.as_bytes());
        }
        files.remove(Path::new(CONFIG)).unwrap();
        assert!(matches!(there.write("[new]\n", &world(&files)), Err(AwsConfigError::Changed { .. })));
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let files = MemoryFiles::default().with(CONFIG, b"[default]\nregion = x\n# caf\xe9\n".as_slice());
        assert_eq!(
            read(&files).unwrap_err().to_string(),
            format!("{CONFIG}:3: this is not UTF-8, and would not stay as it is: save the file as UTF-8 first")
        );
    }

    #[test]
    fn names_of_the_credentials_file_are_in_use() {
        let files = MemoryFiles::default().with("/home/ada/.aws/credentials", "[prod-Admin]\naws_access_key_id = x\n");
        assert_eq!(read(&files).unwrap().taken, BTreeSet::from(["prod-Admin".to_owned()]));
    }
}
