//! The files that a wired child or shell reads: its AWS files, and its token where that is to be in a file.
//!
//! They lie in `STATE/run`, which neither a logout nor a cleaner empties. A child of `exec` has its own ([`Generated`]),
//! which go with it; what a killed `exec` left behind is swept by the next one or by the next daemon, since each owner
//! holds a lock as long as it lives. The shells of `env` share one set ([`AwsFiles::of_shells`]), which a daemon keeps in
//! step.

use std::collections::BTreeSet;
use std::path::PathBuf;

use thiserror::Error;

use crate::config::child_files::{ChildFiles, child_files};
use crate::config::{Config, Places};
use crate::secret::Secret;
use crate::world::folder::{Folder, FolderError, Lock, Permission};
use crate::world::{Random, ourselves};

/// Two AWS files: what `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name.
#[derive(Debug)]
pub struct AwsFiles {
    folder: Folder,
    stem: String,
}

/// One child's files, removed when this is dropped.
#[derive(Debug)]
pub struct Generated {
    /// Its AWS files.
    pub aws: AwsFiles,
    _lock: Lock,
}

/// Why they could not be written. The exit code for it is 3.
#[derive(Debug, Error)]
pub enum GeneratedError {
    /// The folder, or a file in it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The files name our own program, and its path is not known or cannot be said.
    #[error("our own program: {0}")]
    Ourselves(String),
    /// Every name that was tried is in use, which cannot be chance.
    #[error("no free name for generated files in {0}: remove what begins with `wired-` there")]
    NoName(PathBuf),
}

impl AwsFiles {
    /// Those of every shell that takes `env`: their names stay the same for ever. For a daemon, which alone writes them,
    /// and which begins by sweeping what dead owners left there.
    pub fn of_shells(places: &Places) -> Result<Self, FolderError> {
        let this = Self { folder: run_folder(places)?, stem: SHELLS.to_owned() };
        sweep(&this.folder)?;
        for name in this.folder.names()? {
            if Folder::left_over(&name).is_some_and(|file| stem_of(file) == Some(SHELLS)) {
                let _ = this.folder.remove(&name);
            }
        }
        Ok(this)
    }

    /// Writes both (0400), or writes them anew: readers see the old ones or the new ones, whole.
    pub fn write(&self, config: &Config) -> Result<(), GeneratedError> {
        let program = ourselves::executable().map_err(|error| GeneratedError::Ourselves(error.to_string()))?;
        let files = child_files(&config.shared, &config.identities, &program);
        let unspeakable = || format!("{} cannot be written into a file", program.display());
        self.write_texts(&files.ok_or_else(|| GeneratedError::Ourselves(unspeakable()))?)
    }

    fn write_texts(&self, files: &ChildFiles) -> Result<(), GeneratedError> {
        for (file, text) in [(CONFIG, &files.config), (CREDENTIALS, &files.credentials)] {
            self.folder.write_passing(&self.name(file), text.as_bytes(), Permission::ReadOnly)?;
        }
        Ok(())
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

impl Generated {
    /// Takes a name in `STATE/run`, having swept what dead owners left there.
    pub fn new(places: &Places, random: &dyn Random) -> Result<Self, GeneratedError> {
        Self::in_folder(run_folder(places)?, random)
    }

    fn in_folder(folder: Folder, random: &dyn Random) -> Result<Self, GeneratedError> {
        sweep(&folder)?;
        for _ in 0..TRIES {
            let mut noise = [0; 8];
            random.fill(&mut noise);
            let stem = format!("{BEGINNING}{:016x}", u64::from_le_bytes(noise));
            if let Some(lock) = folder.try_lock(&format!("{stem}{LOCK}"))? {
                return Ok(Self { aws: AwsFiles { folder, stem }, _lock: lock });
            }
        }
        Err(GeneratedError::NoName(folder.path().to_owned()))
    }

    /// Writes the token (0600), without a line feed at its end: most clients would send it along and be refused.
    pub fn write_token(&self, token: &Secret) -> Result<PathBuf, GeneratedError> {
        self.aws.folder.write_passing(&self.aws.name(TOKEN), token.expose().as_bytes(), Permission::Write)?;
        Ok(self.aws.path(TOKEN))
    }

    /// Writes what the child shows to Entra ID (0600), in the place of the one before: readers see either, whole.
    pub fn write_assertion(&self, assertion: &Secret) -> Result<PathBuf, GeneratedError> {
        let content = assertion.expose().as_bytes();
        self.aws.folder.write_passing(&self.aws.name(ASSERTION), content, Permission::Write)?;
        Ok(self.aws.path(ASSERTION))
    }
}

fn run_folder(places: &Places) -> Result<Folder, FolderError> {
    Folder::open_or_make(&places.state)?.inside(RUN)
}

impl Drop for Generated {
    fn drop(&mut self) {
        remove(&self.aws.folder, &self.aws.stem);
    }
}

/// Removes the files whose owner is dead: nobody holds their lock. Those of shells have none, and stay.
fn sweep(folder: &Folder) -> Result<(), FolderError> {
    let names = folder.names()?;
    let files = names.iter().map(|name| Folder::left_over(name).unwrap_or(name));
    let stems: BTreeSet<&str> = files.filter_map(stem_of).filter(|stem| *stem != SHELLS).collect();
    for stem in stems {
        // a lock that cannot be tried is somebody else's trouble: their files stay
        if let Ok(Some(_lock)) = folder.try_lock(&format!("{stem}{LOCK}")) {
            remove(folder, stem);
        }
    }
    Ok(())
}

/// `wired-4711` of `wired-4711.config`.
fn stem_of(file: &str) -> Option<&str> {
    file.split_once('.').map(|(stem, _)| stem).filter(|stem| stem.starts_with(BEGINNING))
}

/// The lock goes last: a sweep that is cut short is taken up by the next.
fn remove(folder: &Folder, stem: &str) {
    let names = folder.names().unwrap_or_default();
    let fresh = names.iter().filter(|name| Folder::left_over(name).and_then(stem_of) == Some(stem)).cloned();
    for name in fresh.chain([CONFIG, CREDENTIALS, TOKEN, ASSERTION, LOCK].map(|file| format!("{stem}{file}"))) {
        // what cannot be removed now is swept later; nobody could do more about it here
        let _ = folder.remove(&name);
    }
}

/// How the names of generated files begin: what `cli/child` knows them by.
pub const BEGINNING: &str = "wired-";
/// The same of the set that the shells of `env` share.
pub const SHELLS: &str = "wired-shells";
const RUN: &str = "run"; // below the state folder, as `Places::state_run` has it
const CONFIG: &str = ".config";
const CREDENTIALS: &str = ".credentials";
const TOKEN: &str = ".token";
const ASSERTION: &str = ".assertion";
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
            files.aws.write_texts(&texts(text)).unwrap();
            assert_eq!(std::fs::read_to_string(files.aws.config_file()).unwrap(), format!("config {text}"));
            assert_eq!(std::fs::read_to_string(files.aws.credentials_file()).unwrap(), format!("credentials {text}"));
        }
        assert_eq!((mode(&files.aws.config_file()), mode(&files.aws.credentials_file())), (0o400, 0o400));
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
        files.aws.write_texts(&texts("")).unwrap();
        files.write_token(&Secret::new("token")).unwrap();
        files.write_assertion(&Secret::new("assertion")).unwrap();
        drop(files);
        assert_eq!(folder(home.path()).names().unwrap(), [""; 0]);
    }

    #[test]
    fn a_daemon_sweeps_too_and_what_its_own_kind_left_as_well() {
        let home = tempfile::tempdir().unwrap();
        let environment = crate::world::Environment::from_iter([("HOME", home.path())]);
        let places = Places::from(&environment).unwrap();
        let run = run_folder(&places).unwrap();
        let living = Generated::new(&places, &SystemRandom).unwrap();
        living.aws.write_texts(&texts("")).unwrap();
        for left in
            ["wired-dead.token", "wired-dead.lock", ".wired-shells.config.0123456789abcdef", "wired-shells.config"]
        {
            std::fs::write(run.path().join(left), "").unwrap();
        }
        let kept =
            [living.aws.name(CONFIG), living.aws.name(CREDENTIALS), living.aws.name(LOCK), format!("{SHELLS}{CONFIG}")];
        AwsFiles::of_shells(&places).unwrap();
        assert_eq!(run.names().unwrap().into_iter().collect::<BTreeSet<_>>(), BTreeSet::from(kept));
    }

    #[test]
    fn what_a_dead_owner_left_is_swept_and_the_living_keep_theirs() {
        let home = tempfile::tempdir().unwrap();
        let living = Generated::in_folder(folder(home.path()), &SystemRandom).unwrap();
        living.aws.write_texts(&texts("")).unwrap();
        for left in [
            "wired-dead.config",
            "wired-dead.credentials",
            "wired-dead.token",
            "wired-dead.lock",
            ".wired-dead.config.0123456789abcdef",
            ".wired-dead-too.token.0123456789abcdef",
            ".wired-shells.config.0123456789abcdef",
            "grants.json",
            "wired-shells.config",
        ] {
            std::fs::write(home.path().join("run").join(left), "").unwrap();
        }
        let next = Generated::in_folder(folder(home.path()), &SystemRandom).unwrap();
        let names = folder(home.path()).names().unwrap();
        assert!(!names.iter().any(|name| name.contains("dead")), "{names:?}");
        for kept in ["grants.json", "wired-shells.config", ".wired-shells.config.0123456789abcdef"] {
            assert!(names.contains(&kept.to_owned()), "{names:?}");
        }
        assert!(living.aws.config_file().exists());
        drop(next);
        assert!(living.aws.config_file().exists());
    }
}
