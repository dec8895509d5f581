//! Private folders on a real file system.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

use super::*;

fn made() -> (tempfile::TempDir, Folder) {
    let outer = tempfile::tempdir().unwrap();
    let folder = Folder::open_or_make(&outer.path().join("a/b/state")).unwrap();
    (outer, folder)
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_folder_is_made_for_us_alone_and_so_are_those_above() {
    let (outer, folder) = made();
    for part in ["a", "a/b", "a/b/state"] {
        assert_eq!(mode(&outer.path().join(part)), 0o700, "{part}");
    }
    let inner = folder.inside("run").unwrap();
    assert_eq!((mode(inner.path()), inner.path()), (0o700, outer.path().join("a/b/state/run").as_path()));
    assert!(Folder::open_or_make(folder.path()).is_ok(), "again");
}

#[test]
fn a_link_in_a_folders_place_is_not_followed() {
    let (outer, folder) = made();
    let link = outer.path().join("link");
    symlink(folder.path(), &link).unwrap();
    assert!(matches!(Folder::open(&link), Err(FolderError::Link { .. })));
    assert!(matches!(Folder::open_or_make(&link), Err(FolderError::Link { .. })));
    let dangling = outer.path().join("dangling");
    symlink(outer.path().join("nowhere"), &dangling).unwrap();
    assert!(matches!(Folder::open_or_make(&dangling), Err(FolderError::Link { .. })));
    assert!(!outer.path().join("nowhere").exists());
}

#[test]
fn a_folder_that_is_open_to_others_is_refused_with_the_command_that_mends_it() {
    let (_outer, folder) = made();
    for wrong in [0o755, 0o750, 0o701, 0o500] {
        chmod(folder.path(), wrong);
        let error = Folder::open_or_make(folder.path()).unwrap_err();
        assert!(matches!(error, FolderError::Open { mode, .. } if mode == wrong), "{error}");
        assert!(error.to_string().contains("chmod 700 "), "{error}");
    }
    chmod(folder.path(), 0o700);
}

#[test]
fn a_file_in_a_folders_place_is_refused() {
    let (outer, _folder) = made();
    let file = outer.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert!(matches!(Folder::open_or_make(&file), Err(FolderError::NoFolder { .. })));
    assert!(matches!(Folder::open_or_make(&file.join("below")), Err(FolderError::System { .. })));
    assert!(Folder::open(&outer.path().join("none")).unwrap_err().not_found());
}

#[test]
#[allow(clippy::print_stdout)] // tests/run counts these lines
fn another_users_folder_is_refused() {
    if uid() != 0 {
        println!("skipped: another_users_folder_is_refused: only root can make a folder of another user");
        return;
    }
    let (_outer, folder) = made();
    std::os::unix::fs::chown(folder.path(), Some(65_534), None).unwrap();
    let error = Folder::open_or_make(folder.path()).unwrap_err();
    assert!(matches!(error, FolderError::Foreign { owner: 65_534, us: 0, .. }), "{error}");
}

#[test]
#[allow(clippy::print_stdout)] // tests/run counts these lines
fn another_users_file_is_refused() {
    if uid() != 0 {
        println!("skipped: another_users_file_is_refused: only root can make a file of another user");
        return;
    }
    let (_outer, folder) = made();
    folder.write("file", b"theirs", Permission::Write).unwrap();
    std::os::unix::fs::chown(folder.path().join("file"), Some(65_534), None).unwrap();
    let foreign = |error: FolderError| assert!(matches!(error, FolderError::Foreign { owner: 65_534, .. }), "{error}");
    foreign(folder.read("file").unwrap_err());
    foreign(folder.append("file").unwrap_err());
    foreign(folder.try_lock("file").unwrap_err());
}

#[test]
fn a_place_that_cannot_be_written_names_the_variables_that_name_another() {
    for (errno, word) in
        [(Errno::ROFS, "CREDENZA_RUNTIME_DIR"), (Errno::ACCESS, "CREDENZA_STATE_DIR"), (Errno::NOSPC, "room")]
    {
        let error = failed("make", Path::new("/x"))(errno).to_string();
        assert!(error.starts_with("cannot make /x: ") && error.contains(word), "{error}");
    }
    assert!(!failed("make", Path::new("/x"))(Errno::IO).to_string().contains("CREDENZA_"));
}

#[test]
fn what_a_crash_left_is_known_by_its_name() {
    let (_outer, folder) = made();
    let fresh = folder.fresh_name("grants.json").unwrap();
    assert_eq!(Folder::left_over(&fresh), Some("grants.json"));
    for name in
        ["grants.json", ".grants.json", ".0123456789abcdef", "a.0123456789abcdef", ".a.0123456789abcdeg", ".", ""]
    {
        assert_eq!(Folder::left_over(name), None, "{name}");
    }
}

#[test]
fn a_file_is_written_whole_with_its_permissions_whatever_was_there() {
    let (outer, folder) = made();
    let elsewhere = outer.path().join("elsewhere");
    std::fs::write(&elsewhere, "theirs").unwrap();
    symlink(&elsewhere, folder.path().join("grants.json")).unwrap();

    folder.write("grants.json", b"one", Permission::Write).unwrap();
    let path = folder.path().join("grants.json");
    assert_eq!((mode(&path), folder.read("grants.json").unwrap()), (0o600, b"one".to_vec()));
    assert_eq!(std::fs::read(&elsewhere).unwrap(), b"theirs", "the link was replaced, not followed");

    folder.write("grants.json", b"two", Permission::ReadOnly).unwrap();
    assert_eq!((mode(&path), folder.read("grants.json").unwrap()), (0o400, b"two".to_vec()));
    folder.write("grants.json", b"three", Permission::Write).unwrap();
    assert_eq!(folder.names().unwrap(), ["grants.json"], "no fresh file is left over");
}

#[test]
fn a_failed_write_leaves_the_old_content_and_nothing_else() {
    let (_outer, folder) = made();
    std::fs::create_dir(folder.path().join("taken")).unwrap();
    std::fs::write(folder.path().join("taken/inside"), "").unwrap();
    let error = folder.write("taken", b"new", Permission::Write).unwrap_err();
    assert!(matches!(error, FolderError::System { what: "write", .. }), "{error}");
    assert_eq!(folder.names().unwrap(), ["taken"]);
}

#[test]
fn reading_follows_no_link_and_waits_for_no_pipe() {
    let (outer, folder) = made();
    let elsewhere = outer.path().join("elsewhere");
    std::fs::write(&elsewhere, "theirs").unwrap();
    symlink(&elsewhere, folder.path().join("link")).unwrap();
    assert!(matches!(folder.read("link"), Err(FolderError::Link { .. })));
    assert!(matches!(folder.append("link"), Err(FolderError::Link { .. })));
    assert!(matches!(folder.try_lock("link"), Err(FolderError::Link { .. })));
    rustix::fs::mkfifoat(CWD, folder.path().join("pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    assert!(matches!(folder.read("pipe"), Err(FolderError::System { what: "read", .. })));
    assert!(folder.read("none").unwrap_err().not_found());
}

#[test]
fn a_name_cannot_leave_the_folder() {
    let (_outer, folder) = made();
    for name in ["", ".", "..", "../x", "a/b", "a\0b"] {
        assert!(folder.write(name, b"", Permission::Write).is_err(), "{name:?}");
        assert!(folder.read(name).is_err(), "{name:?}");
        assert!(folder.remove(name).is_err(), "{name:?}");
        assert!(folder.inside(name).is_err(), "{name:?}");
    }
}

#[test]
fn what_is_appended_stays_and_is_ours_alone() {
    let (_outer, folder) = made();
    for line in ["one\n", "two\n"] {
        folder.append("audit.jsonl").unwrap().write_all(line.as_bytes()).unwrap();
    }
    assert_eq!(folder.read("audit.jsonl").unwrap(), b"one\ntwo\n");
    assert_eq!(mode(&folder.path().join("audit.jsonl")), 0o600);
}

#[test]
fn removing_twice_is_no_error() {
    let (_outer, folder) = made();
    folder.write("x", b"", Permission::ReadOnly).unwrap();
    folder.remove("x").unwrap();
    folder.remove("x").unwrap();
    assert_eq!(folder.names().unwrap(), Vec::<String>::new());
}

#[test]
fn one_lock_is_held_once_and_a_removed_lock_file_is_made_anew() {
    let (_outer, folder) = made();
    let held = folder.try_lock("lock").unwrap().unwrap();
    assert!(folder.try_lock("lock").unwrap().is_none());
    drop(held);
    // a program that another test starts has the file open too, until it is what it is to become
    let held = loop {
        match folder.try_lock("lock").unwrap() {
            Some(held) => break held,
            None => std::thread::yield_now(),
        }
    };
    folder.remove("lock").unwrap();
    let other = folder.try_lock("lock").unwrap();
    assert!(other.is_some(), "a removed lock file is nobody's");
    drop(held);
}

#[tokio::test]
async fn a_lock_is_waited_for() {
    let (_outer, folder) = made();
    let held = folder.try_lock("lock").unwrap().unwrap();
    assert!(folder.lock("lock", Duration::from_millis(30)).await.unwrap().is_none());
    let waiting = folder.lock("lock", Duration::from_secs(10));
    let mut waiting = std::pin::pin!(waiting);
    assert!(tokio::time::timeout(Duration::from_millis(30), &mut waiting).await.is_err());
    drop(held);
    assert!(waiting.await.unwrap().is_some());
}

#[test]
fn a_deleted_folder_is_noticed() {
    let (_outer, folder) = made();
    assert!(folder.still_there());
    std::fs::remove_dir_all(folder.path()).unwrap();
    assert!(!folder.still_there());
    assert!(folder.try_lock("lock").is_err());
    assert!(folder.write("x", b"", Permission::Write).is_err());
    std::fs::create_dir(folder.path()).unwrap();
    assert!(!folder.still_there(), "another folder took its place");
}

#[test]
fn a_file_that_shrinks_in_its_place_is_the_same_file() {
    use std::os::unix::fs::MetadataExt as _;
    let (_outer, folder) = made();
    folder.write("x", b"[1, 2, 3]\n", Permission::Write).unwrap();
    let path = folder.path().join("x");
    let before = std::fs::metadata(&path).unwrap().ino();
    folder.write_in_place("x", b"[1]\n").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"[1]\n");
    assert_eq!(std::fs::metadata(&path).unwrap().ino(), before);
    assert!(folder.write_in_place("y", b"").unwrap_err().not_found(), "it is made by no one");
    std::os::unix::fs::symlink(&path, folder.path().join("link")).unwrap();
    assert!(matches!(folder.write_in_place("link", b""), Err(FolderError::Link { .. })));
}
