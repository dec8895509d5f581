//! One contract for all who write files, and what only the machine's own have: links, modes, folders.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::world::simulated::MemoryFiles;

/// What whoever writes files keeps to, below `root`.
fn contract(files: &dyn Files, root: &Path) {
    let missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
    let path = root.join("aws/sso/cache/one.json");
    assert!(missing(files.read(&path).unwrap_err()));
    assert!(!files.remove(&path).unwrap());
    files.replace(&path, b"long content").unwrap();
    files.replace(&path, b"short").unwrap();
    assert_eq!(files.read(&path).unwrap(), b"short");
    assert!(files.remove(&path).unwrap());
    assert!(missing(files.read(&path).unwrap_err()));

    let ours = root.join("state/sso/one.json");
    assert!(missing(files.read_private(&ours).unwrap_err()));
    files.replace_private(&ours, b"{}").unwrap();
    assert_eq!(files.read_private(&ours).unwrap(), b"{}");
    assert_eq!(files.read(&ours).unwrap(), b"{}");

    let [lock, other] = ["a.lock", "b.lock"].map(|name| root.join("state/locks").join(name));
    let held = files.try_lock(&lock).unwrap().unwrap();
    assert!(files.try_lock(&lock).unwrap().is_none());
    assert!(files.try_lock(&other).unwrap().is_some(), "another lock is another's");
    drop(held);
    // a program that another test starts has the file open too, until it is what it is to become
    while files.try_lock(&lock).unwrap().is_none() {
        std::thread::yield_now();
    }
}

#[test]
fn all_files_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    contract(&SystemFiles, folder.path());
    let files = MemoryFiles::default();
    contract(&files, Path::new("/home/ada"));
    contract(&files.clone(), Path::new("/home/bob"));
    assert_eq!(files.read(Path::new("/home/bob/state/sso/one.json")).unwrap(), b"{}", "a clone has the same files");
}

#[test]
fn who_only_reads_refuses_to_write() {
    struct Reader;
    impl Files for Reader {
        fn read(&self, _: &Path) -> io::Result<Vec<u8>> {
            Ok(Vec::new())
        }
    }
    let path = Path::new("/x");
    let refused = [
        Reader.replace(path, b"").unwrap_err(),
        Reader.remove(path).unwrap_err(),
        Reader.read_private(path).unwrap_err(),
        Reader.replace_private(path, b"").unwrap_err(),
        Reader.try_lock(path).unwrap_err(),
    ];
    assert!(refused.iter().all(|error| error.kind() == io::ErrorKind::Unsupported));
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn what_is_written_is_for_its_owner_alone_and_a_folder_stays_as_it_is() {
    let root = tempfile::tempdir().unwrap();
    let aws = root.path().join(".aws");
    std::fs::create_dir(&aws).unwrap();
    std::fs::set_permissions(&aws, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = aws.join("sso/cache/one.json");
    SystemFiles.replace(&path, b"{}").unwrap();
    assert_eq!(mode(&path), 0o600);
    assert_eq!([mode(&aws.join("sso/cache")), mode(&aws.join("sso"))], [0o700, 0o700]);
    assert_eq!(mode(&aws), 0o755);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    SystemFiles.replace(&path, b"{}").unwrap();
    assert_eq!(mode(&path), 0o600);
    let left = std::fs::read_dir(aws.join("sso/cache")).unwrap().count();
    assert_eq!(left, 1, "nothing is left beside it");
}

#[test]
fn what_a_user_wrote_keeps_its_mode_and_its_links() {
    let root = tempfile::tempdir().unwrap();
    let [link, path] = ["link", "dotfiles/config"].map(|name| root.path().join(name));
    symlink(&path, &link).unwrap();
    SystemFiles.rewrite(&link, b"1").unwrap();
    assert_eq!(mode(&path), 0o600, "a new one is for its owner alone");
    for wanted in [0o644, 0o600, 0o660] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(wanted)).unwrap();
        SystemFiles.rewrite(&link, b"2").unwrap();
        assert_eq!((mode(&path), link.is_symlink()), (wanted, true));
    }
    assert_eq!(std::fs::read(&path).unwrap(), b"2");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    assert_eq!(SystemFiles.rewrite(&link, b"3").unwrap_err().kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(std::fs::read(&path).unwrap(), b"2");
    assert_eq!(std::fs::read_dir(root.path().join("dotfiles")).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_written_and_removed() {
    let root = tempfile::tempdir().unwrap();
    let [link, middle, target] = ["link", "dotfiles/middle", "dotfiles/deep/target"].map(|name| root.path().join(name));
    std::fs::create_dir_all(root.path().join("dotfiles")).unwrap();
    symlink(&middle, &link).unwrap();
    symlink("deep/target", &middle).unwrap();
    assert!(!SystemFiles.remove(&link).unwrap(), "it leads nowhere");
    SystemFiles.replace(&link, b"1").unwrap();
    SystemFiles.replace(&link, b"2").unwrap();
    assert!(link.is_symlink() && middle.is_symlink() && !target.is_symlink());
    assert_eq!(std::fs::read(&target).unwrap(), b"2");
    assert!(SystemFiles.remove(&link).unwrap());
    assert!(link.is_symlink() && !target.exists());
    let circle = root.path().join("circle");
    symlink(&circle, &circle).unwrap();
    assert!(SystemFiles.replace(&circle, b"").is_err());
}

#[test]
fn what_is_no_file_is_not_replaced() {
    let root = tempfile::tempdir().unwrap();
    let pipe = root.path().join("pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR).unwrap();
    assert_eq!(SystemFiles.replace(&pipe, b"").unwrap_err().kind(), io::ErrorKind::InvalidInput);
    let folder = root.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    assert_eq!(SystemFiles.replace(&folder, b"").unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn a_folder_of_ours_that_others_may_enter_is_refused_with_the_command_that_mends_it() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("state");
    std::fs::create_dir(&folder).unwrap();
    std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o750)).unwrap();
    let path = folder.join("x");
    for error in [
        SystemFiles.read_private(&path).unwrap_err(),
        SystemFiles.replace_private(&path, b"").unwrap_err(),
        SystemFiles.try_lock(&path).unwrap_err(),
    ] {
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        assert!(error.to_string().contains("chmod 700"), "{error}");
    }
}

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

#[test]
fn a_file_for_its_owner_alone_is_refused_where_others_may_use_it() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("passphrase");
    std::fs::write(&path, "secret").unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for (mode, good) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false), (0o620, false), (0o601, false)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        for path in [&path, &link] {
            let read = SystemFiles.read_owners(path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            if let Err(error) = read {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
        }
    }
    assert!(SystemFiles.read_owners(folder.path()).is_err());
}
