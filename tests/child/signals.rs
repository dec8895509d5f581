//! Signals that are sent to us, without a terminal.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::Home;

/// A child that names each signal that it gets, and ends at TERM with 7; run by `exec`, without a terminal.
fn listening(home: &Home, before: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let script = "for s in HUP INT QUIT USR1 USR2; do trap \"echo got-$s\" $s; done; trap 'echo got-TERM; exit 7' TERM; \
                  echo ready; while :; do sleep 0.05; done";
    let words = ["credenza", "exec", "my-role", "--", "bash", "-c", script];
    let all = [&["setsid", "--wait"], before, &words].concat();
    let mut exec = home.command(all[0], &all[1..]).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(exec.stdout.take().unwrap());
    assert_eq!(line(&mut out), "ready");
    (exec, out)
}

fn line(out: &mut BufReader<ChildStdout>) -> String {
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// Sends a signal to `credenza` itself, below `setsid`.
fn send(exec: &Child, signal: &str) {
    let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", exec.id())).unwrap();
    let ours = children.split_whitespace().next().map_or_else(|| exec.id().to_string(), str::to_owned);
    assert_eq!(std::fs::read_to_string(format!("/proc/{ours}/comm")).unwrap(), "credenza\n");
    assert!(Command::new("kill").args([&format!("-{signal}"), &ours]).status().unwrap().success());
}

#[test]
fn term_hup_usr1_and_usr2_are_passed_on() {
    let home = Home::new();
    let (mut exec, mut out) = listening(&home, &[]);
    for signal in ["HUP", "USR1", "USR2", "TERM"] {
        send(&exec, signal);
        assert_eq!(line(&mut out), format!("got-{signal}"));
    }
    assert_eq!(exec.wait().unwrap().code(), Some(7));
    assert_eq!(home.generated(), [""; 0]);
}

#[test]
fn without_a_terminal_int_and_quit_are_passed_on_too() {
    let home = Home::new();
    let (mut exec, mut out) = listening(&home, &[]);
    for signal in ["INT", "QUIT", "TERM"] {
        send(&exec, signal);
        assert_eq!(line(&mut out), format!("got-{signal}"));
    }
    assert_eq!(exec.wait().unwrap().code(), Some(7));
}

#[test]
fn what_was_ignored_when_we_were_started_is_not_passed_on() {
    let home = Home::new();
    let (mut exec, mut out) = listening(&home, &["env", "--ignore-signal=HUP"]);
    send(&exec, "HUP");
    send(&exec, "TERM");
    assert_eq!(line(&mut out), "got-TERM");
    assert_eq!(exec.wait().unwrap().code(), Some(7));
}

#[test]
fn a_child_that_does_not_mind_term_is_waited_for() {
    let home = Home::new();
    let script = "trap '' TERM; echo ready; read line; echo \"$line\"; exit 9";
    let words = ["exec", "my-role", "--", "bash", "-c", script];
    let mut exec = home.credenza(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(exec.stdout.take().unwrap());
    assert_eq!(line(&mut out), "ready");
    assert!(Command::new("kill").arg(exec.id().to_string()).status().unwrap().success());
    std::io::Write::write_all(&mut exec.stdin.take().unwrap(), b"still here\n").unwrap();
    assert_eq!(line(&mut out), "still here");
    assert_eq!(exec.wait().unwrap().code(), Some(9));
}
