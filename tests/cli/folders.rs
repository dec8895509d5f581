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
        for (command, code) in EVERY {
            home.run(command).failed(code, &[&home.path(name).display().to_string(), "is a link", "remove the link"]);
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
        for (command, code) in EVERY {
            home.run(command).failed(code, &["chmod 700", &home.path(name).display().to_string()]);
        }
    }
}

#[test]
fn the_folder_of_a_running_daemons_socket_is_looked_at_by_every_command() {
    let mut home = Home::new();
    make(&home.path("xdg"), 0o700);
    home.variables.push(("XDG_RUNTIME_DIR", home.path("xdg").display().to_string()));
    let _daemon = home.serve();
    make(&home.path("xdg/credenza"), 0o755);
    let more = [(&["status"][..], 3), (&["grant", "list"], 3), (&["credential", "prod"], 3), (&["down"], 3)];
    for (command, code) in EVERY.into_iter().chain(more) {
        let said = home.run(command);
        said.failed(code, &["xdg/credenza is open to others (mode 0755)", "chmod 700"]);
    }
    make(&home.path("xdg/credenza"), 0o700);
    home.good(&["down"]);
}

#[test]
fn a_daemon_whose_state_folder_is_gone_is_ended_by_its_socket_alone() {
    let mut home = Home::new();
    make(&home.path("xdg"), 0o700);
    home.variables.push(("XDG_RUNTIME_DIR", home.path("xdg").display().to_string()));
    let mut daemon = home.serve();
    fs::remove_dir_all(home.path(".local")).unwrap();
    let said = home.run(&["down"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(daemon.ended(), Some(0));
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
        for (command, code) in EVERY {
            home.run(command).failed(code, &["belongs to user 65534", &home.path(name).display().to_string()]);
        }
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
        said.failed(3, &[name.rsplit('/').next().unwrap(), "is a link", "remove the link"]);
        assert_eq!(fs::read_to_string(home.path("precious")).unwrap(), "precious", "{name}");
    }
}

#[test]
fn a_file_of_another_user_is_refused() {
    if !root() {
        println!("skipped: only root can give a file away");
        return;
    }
    for name in ["daemon.log", "audit.jsonl", "grants.json", "state.lock", "run/daemon.lock"] {
        let home = Home::new();
        make(&home.path(".local/state/credenza"), 0o700);
        make(&home.state("run"), 0o700);
        fs::write(home.state(name), "theirs").unwrap();
        std::os::unix::fs::chown(home.state(name), Some(65_534), Some(65_534)).unwrap();
        home.run(&["up"]).failed(3, &["belongs to user 65534", &home.state(name).display().to_string()]);
        assert_eq!(fs::read_to_string(home.state(name)).unwrap(), "theirs", "{name}");
    }
}

/// What needs our folders, and the code with which it fails without them.
const EVERY: [(&[&str], i32); 5] = [
    (&["serve"], 3),
    (&["up"], 3),
    (&["env", "prod"], 3),
    (&["grant", "new", "prod"], 3),
    (&["exec", "prod", "--", "true"], 125),
];

/// What does not.
const NEITHER: [&[&str]; 2] = [&["list"], &["credential", "prod"]];

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
    for (command, code) in EVERY {
        let said = as_a_user_without_rights(&home, command);
        said.failed(code, &[".local/state", "ermission denied", "CREDENZA_STATE_DIR"]);
    }
    for command in NEITHER {
        let said = as_a_user_without_rights(&home, command);
        assert_eq!(said.code, Some(0), "what needs no folder works: {said:?}");
    }
}

#[test]
fn a_runtime_folder_that_cannot_be_made_is_named_and_a_job_does_without() {
    for (name, mode) in [("closed", 0o555), ("closed/missing", 0o555)] {
        let mut home = Home::new();
        make(&home.path("closed"), mode);
        make(&home.path("state"), 0o700);
        if root() {
            std::os::unix::fs::chown(home.path("state"), Some(65_534), Some(65_534)).unwrap();
        }
        let (xdg, state) = (home.path(name).display().to_string(), home.path("state").display().to_string());
        home.variables.extend([("XDG_RUNTIME_DIR", xdg.clone()), ("CREDENZA_STATE_DIR", state)]);
        for (command, code) in EVERY.into_iter().filter(|(_, code)| *code == 3) {
            let said = as_a_user_without_rights(&home, command);
            said.failed(code, &[&xdg, "ermission denied", "CREDENZA_RUNTIME_DIR"]);
        }
        for command in [&["exec", "prod", "--", "true"][..], &["credential", "prod"], &["list"]] {
            let said = as_a_user_without_rights(&home, command);
            assert_eq!(said.code, Some(0), "{said:?}");
        }
    }
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
    for (command, code) in EVERY.into_iter().chain(NEITHER.map(|command| (command, 0))) {
        let Some(said) = with_mounts(&home, script, command) else { return };
        assert_eq!(said.code, Some(code), "{command:?}: {said:?}");
        if code != 0 {
            said.failed(code, &["ead-only file system", ".local", "CREDENZA_STATE_DIR"]);
        }
    }
}

/// Runs a script in a mount namespace of its own, so that nothing of it is left; it is given our program and words.
/// `None`, which is told, where that cannot be.
fn with_mounts(home: &Home, script: &str, words: &[&str]) -> Option<Said> {
    let plain = home.credenza(words);
    let mut unshared = std::process::Command::new("unshare");
    unshared.args(["-m", "/bin/sh", "-c", script]).arg(plain.get_program()).args(plain.get_args());
    unshared.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let said = Said::of(unshared.output().unwrap());
    if said.code == Some(99) || said.err.contains("unshare:") {
        println!("skipped: no mount namespaces here: {}", said.err);
        return None;
    }
    Some(said)
}

/// The same with `~/.local` on a file system of 512 KiB, and a port of our own for a daemon.
fn on_a_small_disk(script: &str) -> Option<Said> {
    if !root() {
        println!("skipped: only root can mount");
        return None;
    }
    let home = Home::new();
    make(&home.path(".local"), 0o755);
    let address = crate::home::a_port_of_our_own();
    home.configure(&format!("[server]\nlisten = \"{address}\"\n"));
    let mount = r#"mount -t tmpfs -o size=512k,mode=755 none "$HOME/.local" || exit 99"#;
    with_mounts(&home, &format!("{mount}\n{script}"), &[])
}

/// A file system that turns read-only is like it, but cannot be had in a test: the kernel refuses while a file of it is
/// open for writing, and a daemon's log is.
#[test]
fn a_file_system_that_fills_up_costs_a_running_daemon_no_answer_and_no_grant() {
    let script = r#"
        ask() { env $job "$0" credential prod --from-endpoint; }
        state="$HOME/.local/state/credenza"
        "$0" up >/dev/null || exit 10
        job=$("$0" grant new prod --name before) || exit 11
        ask >/dev/null || exit 12
        kept=$(cat "$state/grants.json")
        dd if=/dev/zero of="$HOME/.local/full" bs=1k 2>/dev/null
        ask || exit 13
        "$0" grant new dev --name above; echo "code $?"
        [ "$(cat "$state/grants.json")" = "$kept" ] || exit 14
        ls -A "$state" | grep '^\.' && exit 15
        rm "$HOME/.local/full"
        "$0" grant new dev --name later >/dev/null || exit 16
        "$0" down && "$0" up >/dev/null || exit 17
        ask >/dev/null || exit 18
        "$0" grant list
        "$0" down
    "#;
    let Some(said) = on_a_small_disk(script) else { return };
    said.failed(0, &["grants.json", "No space left", "make room there"]);
    for word in ["ASIAPROD", "code 1", "before", "later"] {
        assert!(said.out.contains(word), "no {word} in {said:?}");
    }
    assert!(!said.out.contains("above"), "{said:?}");
}

#[test]
fn a_grant_that_is_revoked_on_a_full_file_system_does_not_come_back() {
    let script = r#"
        ask() { env $1 "$0" credential prod --from-endpoint >/dev/null 2>&1; }
        "$0" up >/dev/null || exit 10
        gone=$("$0" grant new prod --name gone 2>/dev/null) || exit 11
        stays=$("$0" grant new prod --name stays 2>/dev/null) || exit 12
        sleep 600 >/dev/null 2>&1 & shell=$!
        trap 'kill $shell 2>/dev/null; "$0" down >/dev/null 2>&1' EXIT
        "$0" env prod --format bash | sed "s/--pid .*/--pid $shell/" > "$HOME/wiring" || exit 13
        token=$(sed -n "s/export AWS_CONTAINER_AUTHORIZATION_TOKEN='\(.*\)'/\1/p" "$HOME/wiring")
        eval "$(tail -n 1 "$HOME/wiring")" || exit 14
        ask "$gone" && ask "$stays" || exit 15
        dd if=/dev/zero of="$HOME/.local/full" bs=1k 2>/dev/null
        "$0" grant revoke gone || exit 16
        kill $shell; wait
        tries=100
        while "$0" grant list | grep -q shell; do
            tries=$((tries - 1)); [ $tries -gt 0 ] || exit 21
            sleep 0.1
        done
        "$0" down && rm "$HOME/.local/full" && "$0" up >/dev/null || exit 17
        ask "$gone" && exit 18
        shell=$(printf '%s\n' "$stays" | sed "s/TOKEN=.*/TOKEN=$token/")
        ask "$shell" && exit 19
        ask "$stays" || exit 20
        "$0" grant list
        "$0" down
    "#;
    let Some(said) = on_a_small_disk(script) else { return };
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.out.contains("stays") && !said.out.contains("gone"), "{said:?}");
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
