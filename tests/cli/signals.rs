//! Signals that whoever calls us ignores.

use std::process::{Command, Stdio};

use crate::home::{Home, Said};
use crate::wire::key;

/// The same command, started by somebody who ignores SIGCHLD: to the system that means that no child is waited for.
fn deaf(home: &Home, words: &[&str]) -> Said {
    let plain = home.credenza(words);
    let mut command = Command::new("env");
    command.arg("--ignore-signal=CHLD").arg(plain.get_program()).args(plain.get_args()).stdin(Stdio::null());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    Said::of(command.output().unwrap())
}

#[cfg(target_os = "linux")]
#[test]
fn who_ignores_the_end_of_children_can_still_use_every_command() {
    let home = Home::new();
    let said = deaf(&home, &["credential", "prod"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("ASIAPROD"), "{said:?}");
    let said = deaf(&home, &["env", "prod", "--format", "json"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let granted = home.grant(&["dev"]);
    assert_eq!(key(&granted), "ASIADEV", "the daemon that it started");
    home.good(&["down"]);
    let said = deaf(&home, &["up"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(key(&home.grant(&["prod"])), "ASIAPROD");
}
