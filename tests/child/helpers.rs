//! Helper programs that lead back to us, and paths that are written relative.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{Home, Said, until};

fn script(home: &Home, name: &str, text: &str) {
    home.write(name, &format!("#!/bin/sh\n{text}\n"));
    std::fs::set_permissions(home.path(name), std::fs::Permissions::from_mode(0o700)).unwrap();
}

/// A home whose profile `me` has this process beside the others.
fn with_process(process: &str) -> Home {
    let home = Home::new();
    let text = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    let role = crate::support::role("my-role");
    home.write(
        ".aws/config",
        &format!(
            "{text}[profile me]\ncredential_process = {process}\n[profile of-me]\nrole_arn = {role}\nsource_profile = me\n"
        ),
    );
    home
}

#[test]
fn a_process_that_leads_back_to_us_is_run_in_no_circle() {
    let home = with_process("HOME/wrapper");
    let text = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    home.write(".aws/config", &text.replace("HOME/wrapper", &home.path("wrapper").display().to_string()));
    symlink(env!("CARGO_BIN_EXE_credenza"), home.path("cz")).unwrap();
    let runs = home.path("runs");
    let link = home.path("cz");
    for asks in [
        format!("exec {} credential me", link.display()),
        format!("exec {} credential of-me", link.display()),
        "sh -c 'credenza -v credential me' || sh -c 'credenza credential me'".to_owned(),
        "exec credenza exec of-me -- credenza credential me --from-endpoint".to_owned(),
    ] {
        for daemon in [false, true] {
            let _ = std::fs::remove_file(&runs);
            script(&home, "wrapper", &format!("echo run >> {}\n{asks}", runs.display()));
            home.run(&[if daemon { "up" } else { "down" }]).good();
            let said = home.run(&["credential", "me"]);
            assert_eq!(said.code, Some(4), "{asks}: {said:?}");
            assert!(said.err.contains("started by the credential_process of profile `me`"), "{asks}: {said:?}");
            // what fails where the daemon runs it is tried once more where we are: never in a circle
            let expected = if daemon { "run\nrun\n" } else { "run\n" };
            assert_eq!(std::fs::read_to_string(&runs).unwrap(), expected, "{asks}");
        }
    }
}

#[test]
fn a_command_that_is_ended_while_it_waits_takes_its_helper_with_it() {
    let home = with_process("sh -c 'echo $$ > $HOME/helper; exec sleep 600'");
    for words in [&["credential", "me"][..], &["exec", "me", "--", "true"]] {
        for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
            let _ = std::fs::remove_file(home.path("helper"));
            let mut command = home.credenza(words).stdin(Stdio::null()).spawn().unwrap();
            let helper = || std::fs::read_to_string(home.path("helper")).unwrap_or_default().trim().parse().ok();
            until("its helper runs", || helper().is_some());
            let helper = Pid::from_raw(helper().unwrap()).unwrap();
            kill_process(Pid::from_child(&command), signal).unwrap();
            assert_eq!(command.wait().unwrap().signal(), Some(signal.as_raw()), "{words:?}");
            until("the helper has ended too", || test_kill_process(helper).is_err());
        }
    }
}

#[test]
fn a_process_may_ask_us_for_something_else() {
    let home = with_process("sh -c 'exec $HOME/cz credential my-role'");
    symlink(env!("CARGO_BIN_EXE_credenza"), home.path("cz")).unwrap();
    let said = home.run(&["credential", "me"]).good();
    assert!(said.contains("SessionToken"), "{said}");
}

/// A command of this home that is started in it.
fn inside(home: &Home, words: &[&str]) -> Said {
    Said::of(home.credenza(words).current_dir(home.path("")).output().unwrap())
}

#[test]
fn a_relative_command_is_found_from_where_we_are_started_with_a_daemon_or_without() {
    let home = with_process("./get --for me");
    script(&home, "get", "exec credenza credential my-role");
    for daemon in [false, true] {
        if daemon {
            home.run(&["up"]).good();
        }
        let said = inside(&home, &["credential", "me"]);
        assert!(said.out.contains("SessionToken"), "{said:?}");
        let said = inside(&home, &["exec", "me", "--", "credenza", "credential", "me", "--from-endpoint"]);
        assert!(said.out.contains("SessionToken"), "{said:?}");
    }
    let listed = home.run(&["list"]).good();
    assert!(listed.contains("credential_process is ./get, seen from the folder that each command is started in"));
}

#[test]
fn a_relative_ca_bundle_of_the_environment_is_the_same_to_the_daemon_that_it_starts() {
    let home = Home::new();
    home.write("ca.pem", "");
    let relative = |words: &[&str]| {
        let mut command = home.credenza(words);
        Said::of(command.env("AWS_CA_BUNDLE", "ca.pem").current_dir(home.path("")).output().unwrap())
    };
    let said = relative(&["env", "my-role", "--format", "dotenv", "--for", "1h"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let said = relative(&["exec", "my-role", "--", "true"]);
    assert!(said.code == Some(0) && !said.err.contains("something else"), "{said:?}");
}
