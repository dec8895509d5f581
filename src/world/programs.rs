//! Programs that are run or changed with root's rights: where the system has them, and who else could change them.
//!
//! Called by `app::link_local`, and by the server for its words. Helper programs that a user names are looked for in the user's `PATH` instead
//! ([`super::process`]).

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The path of a program of the system, such as `/usr/sbin/ip` of `ip`: never by anybody's `PATH`.
pub fn of_the_system(name: &str) -> Option<PathBuf> {
    FOLDERS.split(':').map(|folder| Path::new(folder).join(name)).find(|path| path.is_file())
}

/// Whether whoever types a program's name as root finds it in this folder: `secure_path` of sudoers(5), as distributions
/// ship it.
pub fn is_found_by_root(path: &Path) -> bool {
    let folders = ["/usr/local/sbin", "/usr/local/bin"].into_iter().chain(FOLDERS.split(':'));
    path.parent().is_some_and(|parent| folders.map(Path::new).any(|folder| folder == parent))
}

/// How our own program is called behind `sudo`, for a shell: by its name where root finds it so, else by its path.
pub fn as_root_calls(program: &Path) -> String {
    if is_found_by_root(program) && program.file_name().is_some_and(|name| name == "credenza") {
        return "credenza".to_owned();
    }
    let path = program.to_string_lossy();
    shlex::try_quote(&path).map_or_else(|_| path.to_string(), Into::into)
}

/// Where programs of the system are, as a `PATH`.
pub const FOLDERS: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What lets others than root and the user `owner` put another program in the place of this one: the file itself, or a
/// folder above it. `None`: nothing does.
pub fn open_to_others(program: &Path, owner: u32) -> io::Result<Option<PathBuf>> {
    let program = program.canonicalize()?;
    for (above, path) in program.ancestors().enumerate() {
        let it = path.symlink_metadata()?;
        let others_write = it.mode() & OTHERS_WRITE != 0;
        // of a folder like /tmp, nobody takes away what is not theirs
        let only_adds = above > 0 && it.mode() & STICKY != 0;
        if ![0, owner].contains(&it.uid()) || others_write && !only_adds {
            return Ok(Some(path.to_owned()));
        }
    }
    Ok(None)
}

/// `S_IWGRP | S_IWOTH`
const OTHERS_WRITE: u32 = 0o022;
/// `S_ISVTX`
const STICKY: u32 = 0o1000;

#[cfg(test)]
mod tests {
    use std::fs::{Permissions, create_dir, set_permissions, write};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::world::ourselves;

    #[test]
    fn the_systems_own_programs_are_found() {
        assert!(of_the_system("sh").is_some_and(|path| path.is_absolute() && is_found_by_root(&path)));
        assert_eq!(of_the_system("no-such-program"), None);
        assert!(!is_found_by_root(Path::new("/home/ada/.cargo/bin/credenza")));
    }

    #[test]
    fn root_calls_by_its_path_what_it_does_not_find() {
        let called = |path: &str| as_root_calls(Path::new(path));
        assert_eq!(called("/usr/local/bin/credenza"), "credenza");
        assert_eq!(called("/home/ada/.cargo/bin/credenza"), "/home/ada/.cargo/bin/credenza");
        assert_eq!(called("/usr/bin/cz"), "/usr/bin/cz");
        assert_eq!(called("/home/ada/my bin/credenza"), "'/home/ada/my bin/credenza'");
    }

    #[test]
    fn what_others_can_change_is_named() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path().canonicalize().unwrap();
        let (folder, program) = (base.join("bin"), base.join("bin/credenza"));
        create_dir(&folder).unwrap();
        write(&program, "").unwrap();
        let mode = |path: &Path, mode| set_permissions(path, Permissions::from_mode(mode)).unwrap();
        let open = || open_to_others(&program, ourselves::uid()).unwrap();
        for (of_folder, of_program, expected) in [
            (0o755, 0o755, None),
            (0o755, 0o775, Some(&program)),
            (0o755, 0o757, Some(&program)),
            (0o775, 0o755, Some(&folder)),
            (0o1777, 0o755, None),
            (0o1777, 0o1777, Some(&program)),
        ] {
            mode(&folder, of_folder);
            mode(&program, of_program);
            assert_eq!(open().as_ref(), expected, "{of_folder:o} {of_program:o}");
        }
        if ourselves::uid() == 0 {
            mode(&folder, 0o755);
            mode(&program, 0o755);
            std::os::unix::fs::chown(&program, Some(65_534), None).unwrap();
            assert_eq!(open().as_ref(), Some(&program), "another user's");
            assert_eq!(open_to_others(&program, 65_534).unwrap(), None, "its own user's");
        }
    }
}
