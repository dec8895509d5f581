//! Which files `credenza keys scan` reads, and what it finds in them: the shared AWS files, `.env` files below a folder, and
//! what shells read when they start. Follows no link to a folder, and is bounded.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::leaks::{Leak, leaks};
use crate::config::Places;
use crate::world::World;

/// What was found where.
#[derive(Clone, Debug, Default)]
pub struct Scan {
    /// In the order of files and lines.
    pub found: Vec<(PathBuf, Leak)>,
    /// What is there and cannot be read, with the reason.
    pub unread: Vec<(PathBuf, String)>,
    /// How many files were read.
    pub files: usize,
}

/// Reads them. `folder`: where `.env` files are looked for, and three levels below.
pub fn scan(world: &World, places: &Places, folder: &Path) -> Scan {
    let mut scan = Scan::default();
    let home = world.environment.raw("HOME").map(PathBuf::from).filter(|home| home.is_absolute());
    let mut paths = BTreeSet::from([places.aws_config.to_path_buf(), places.aws_credentials.to_path_buf()]);
    if let Some(home) = &home {
        paths.extend(AT_START.iter().map(|name| home.join(name)));
        for (folder, of_interest) in [(".aws", is_any as fn(&OsStr) -> bool), (".config/fish/conf.d", is_any)] {
            scan.list(world, &home.join(folder), 0, of_interest, &mut paths);
        }
    }
    scan.list(world, folder, LEVELS, is_env_file, &mut paths);
    for path in paths {
        scan.read(world, path);
    }
    scan
}

/// What shells read when they start, below the home.
const AT_START: &[&str] = &[
    ".bash_login",
    ".bash_profile",
    ".bashrc",
    ".config/fish/config.fish",
    ".config/powershell/Microsoft.PowerShell_profile.ps1",
    ".config/powershell/profile.ps1",
    ".profile",
    ".zlogin",
    ".zprofile",
    ".zshenv",
    ".zshrc",
];

/// How many levels below a folder are looked at.
const LEVELS: usize = 3;

/// Folders of others' files, and of many.
const SKIPPED: &[&str] = &[".git", ".venv", "node_modules", "target", "vendor", "venv"];

/// No `.env` file is as long.
const MOST_BYTES: usize = 1 << 20;

/// So many entries are looked at, and no more: whoever scans `/` is told what was found so far.
const MOST_ENTRIES: usize = 50_000;

fn is_any(_: &OsStr) -> bool {
    true
}

/// `.env`, `.env.prod`, `.envrc`, `prod.env`
fn is_env_file(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    name.starts_with(".env") || name.ends_with(".env")
}

impl Scan {
    /// Adds the files of a folder that are of interest, and of those below it.
    fn list(
        &mut self,
        world: &World,
        folder: &Path,
        levels: usize,
        of_interest: fn(&OsStr) -> bool,
        paths: &mut BTreeSet<PathBuf>,
    ) {
        let mut folders = vec![(folder.to_owned(), levels)];
        let mut looked_at = 0;
        while let Some((folder, levels)) = folders.pop() {
            let entries = match world.files.entries(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.cannot(folder, &error);
                    continue;
                }
            };
            for entry in entries {
                looked_at += 1;
                if looked_at > MOST_ENTRIES {
                    let why = format!("more than {MOST_ENTRIES} files: name a smaller folder");
                    return self.unread.push((folder, why));
                }
                let path = folder.join(&entry.name);
                let skipped = SKIPPED.iter().any(|name| entry.name == *name);
                match entry.is_folder {
                    true if levels > 0 && !skipped => folders.push((path, levels - 1)),
                    false if of_interest(&entry.name) => drop(paths.insert(path)),
                    _ => {}
                }
            }
        }
    }

    fn read(&mut self, world: &World, path: PathBuf) {
        match world.files.read(&path).map(Zeroizing::new) {
            Ok(bytes) if bytes.len() > MOST_BYTES => self.unread.push((path, "it is over 1 MiB".to_owned())),
            Ok(bytes) => {
                self.files += 1;
                let text = Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned());
                self.found.extend(leaks(&text).into_iter().map(|leak| (path.clone(), leak)));
            }
            Err(error) => self.cannot(path, &error),
        }
    }

    /// What is not there is none of our business; nor what is no file, such as a link to a folder.
    fn cannot(&mut self, path: PathBuf, error: &io::Error) {
        use io::ErrorKind::{InvalidInput, IsADirectory, NotADirectory, NotFound};
        if !matches!(error.kind(), NotFound | NotADirectory | IsADirectory | InvalidInput) {
            self.unread.push((path, error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;

    use super::*;
    use crate::world::Environment;

    const LEAK: &str =
        "AWS_ACCESS_KEY_ID=AKIAQ3EGUZ7XKTLQ5B2C\nAWS_SECRET_ACCESS_KEY=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\n";

    #[test]
    fn files_of_interest_are_read_and_no_others() {
        let home = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = home.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, LEAK).unwrap();
        };
        let found = [
            ".aws/config",
            ".aws/credentials",
            ".aws/credentials.old",
            ".bashrc",
            ".config/fish/conf.d/aws.fish",
            "work/.env",
            "work/.env.prod",
            "work/a/b/c/prod.env",
        ];
        let left = [
            ".aws/sso/cache/x.json",
            "work/notes.txt",
            "work/a/b/c/d/.env",
            "work/node_modules/x/.env",
            "work/.git/.env",
            "other/.env",
        ];
        found.iter().chain(&left).for_each(|path| write(path));
        // links to folders are not followed, and one to a file is read
        std::os::unix::fs::symlink(home.path().join("other"), home.path().join("work/link")).unwrap();
        std::os::unix::fs::symlink(home.path().join("work"), home.path().join("work/a/circle")).unwrap();
        fs::write(home.path().join("work/big.env"), LEAK.repeat(20_000)).unwrap();

        let environment = Arc::new(Environment::from_iter([("HOME", home.path())]));
        let world = World { environment: environment.clone(), ..World::system() };
        let scan = scan(&world, &Places::from(&environment).unwrap(), &home.path().join("work"));
        let below = |path: &PathBuf| path.strip_prefix(home.path()).unwrap().to_str().unwrap().to_owned();
        let told: Vec<String> = scan.found.iter().map(|(path, _)| below(path)).collect();
        assert_eq!(told, found);
        assert!(scan.found.iter().all(|(_, leak)| leak.line == 1));
        let unread: Vec<String> = scan.unread.iter().map(|(path, _)| below(path)).collect();
        assert_eq!((scan.files, unread), (found.len(), vec!["work/big.env".to_owned()]));
    }
}
