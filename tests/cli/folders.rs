//! Our folders in hostile or broken surroundings: exit code 3, the path, and what mends it. Nothing is followed, opened
//! wider or written elsewhere.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;

use crate::home::{Home, Said, root};

fn make(path: &Path, mode: u32) {
    fs::create_dir_all(path).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

#[test]
fn a_link_in_a_folders_place_is_not_followed() {
    for name in [".local/state/credenza", ".local/state/credenza/run"] {
        let home = Home::new();
        let elsewhere = home.path("elsewhere");
        make(&elsewhere, 0o700);
        make(home.path(name).parent().unwrap(), 0o700);
        symlink(&elsewhere, home.path(name)).unwrap();
        for command in ["serve", "up"] {
            home.run(&[command]).failed(3, &[&home.path(name).display().to_string(), "is a link", "remove the link"]);
        }
        assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), 0, "{name}");
    }
}

#[test]
fn a_folder_that_others_may_enter_is_refused() {
    for name in [".local/state/credenza", ".local/state/credenza/run"] {
        let home = Home::new();
        make(&home.path(".local/state/credenza"), 0o700);
        make(&home.path(name), 0o755);
        home.run(&["up"]).failed(3, &["chmod 700", &home.path(name).display().to_string()]);
    }
}

#[test]
fn a_folder_of_another_user_is_refused() {
    if !root() {
        println!("skipped: only root can give a folder away");
        return;
    }
    for name in [".local/state/credenza", ".local/state/credenza/run"] {
        let home = Home::new();
        make(&home.path(".local/state/credenza"), 0o700);
        make(&home.path(name), 0o700);
        std::os::unix::fs::chown(home.path(name), Some(65_534), Some(65_534)).unwrap();
        home.run(&["up"]).failed(3, &["belongs to user 65534", &home.path(name).display().to_string()]);
        // what is in the way goes before the home does
        std::os::unix::fs::chown(home.path(name), Some(0), Some(0)).unwrap();
    }
}

#[test]
fn a_file_in_a_folders_place_is_named() {
    let home = Home::new();
    make(&home.path(".local/state"), 0o700);
    home.write(".local/state/credenza", "a file");
    home.run(&["up"]).failed(3, &["is no folder"]);
}

#[test]
fn a_link_in_a_files_place_is_not_followed() {
    for name in ["daemon.log", "audit.jsonl", "grants.json", "state.lock", "run/daemon.lock", "run/start.lock"] {
        let home = Home::new();
        make(&home.path(".local/state/credenza"), 0o700);
        make(&home.state("run"), 0o700);
        home.write("precious", "precious");
        symlink(home.path("precious"), home.state(name)).unwrap();
        let said = home.run(&["up"]);
        said.failed(3, &[name.rsplit('/').next().unwrap()]);
        assert_eq!(fs::read_to_string(home.path("precious")).unwrap(), "precious", "{name}");
    }
}

/// Runs a command as a user who owns the home but may not write it.
fn as_a_user_without_rights(home: &Home, words: &[&str]) -> Said {
    let mut command = home.credenza(words);
    if root() {
        command.uid(65_534).gid(65_534);
    }
    Said::of(command.output().unwrap())
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let home = Home::new();
    make(&home.path(".local"), 0o555);
    as_a_user_without_rights(&home, &["up"]).failed(3, &[".local/state", "ermission denied"]);
    as_a_user_without_rights(&home, &["serve"]).failed(3, &[".local/state", "ermission denied"]);
    let said = as_a_user_without_rights(&home, &["list"]);
    assert_eq!(said.code, Some(0), "what needs no folder works: {said:?}");
}

#[test]
fn a_file_system_that_cannot_be_written_is_named() {
    if !root() {
        println!("skipped: only root can mount");
        return;
    }
    let home = Home::new();
    make(&home.path(".local"), 0o755);
    // in a mount namespace of its own, so that nothing of it is left
    let script = r#"mount -t tmpfs -o ro none "$HOME/.local" || exit 99; exec "$0" "$@""#;
    for (command, code) in [("up", 3), ("serve", 3), ("list", 0)] {
        let plain = home.credenza(&[command]);
        let mut unshared = std::process::Command::new("unshare");
        unshared.args(["-m", "/bin/sh", "-c", script]).arg(plain.get_program()).args(plain.get_args());
        unshared.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let said = Said::of(unshared.output().unwrap());
        if said.code == Some(99) || said.err.contains("unshare:") {
            println!("skipped: no mount namespaces here: {}", said.err);
            return;
        }
        assert_eq!(said.code, Some(code), "{command}: {said:?}");
        if code == 3 {
            said.failed(3, &["ead-only file system", ".local"]);
        }
    }
}

#[test]
fn grants_that_cannot_be_read_are_kept_and_named() {
    for (text, word) in [("{", "is not a list of grants"), (r#"{"version":9,"grants":[]}"#, "newer Credenza")] {
        let home = Home::new();
        make(&home.path(".local/state/credenza"), 0o700);
        fs::write(home.state("grants.json"), text).unwrap();
        home.run(&["serve"]).failed(3, &[word, "grants.json"]);
        assert_eq!(fs::read_to_string(home.state("grants.json")).unwrap(), text);
    }
}
