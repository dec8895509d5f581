//! Signals that are sent to us, without a terminal.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::support::Home;

/// A child that names each signal that it gets, and ends at TERM with 7; run by `exec`, without a terminal.
struct Listening {
    exec: Child,
    out: BufReader<ChildStdout>,
}

impl Listening {
    fn start(home: &Home, before: &[&str]) -> Self {
        // ends by itself after a minute: whoever waits for a signal in vain reads the end instead
        let script = "for s in HUP INT QUIT USR1 USR2; do trap \"echo got-$s\" $s; done; trap 'echo got-TERM; exit 7' TERM; \
                      echo ready; for i in {1..1200}; do sleep 0.05; done";
        let words = ["credenza", "exec", "my-role", "--", "bash", "-c", script];
        let all = [&["setsid", "--wait"], before, &words].concat();
        let mut exec = home.command(all[0], &all[1..]).stdout(Stdio::piped()).spawn().unwrap();
        let out = BufReader::new(exec.stdout.take().unwrap());
        let mut listening = Self { exec, out };
        assert_eq!(listening.line(), "ready");
        listening
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Sends a signal to `credenza`, which `setsid` and `env` have become, and to nobody else.
    fn send(&self, signal: &str) {
        let pid = self.exec.id().to_string();
        assert_eq!(std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap(), "credenza\n");
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
    }

    fn code(&mut self) -> Option<i32> {
        self.exec.wait().unwrap().code()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        // of a test that failed: the child goes first, since nobody passes KILL on
        let children = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", self.exec.id()));
        for pid in children.unwrap_or_default().split_whitespace() {
            let _ = Command::new("kill").args(["-KILL", pid]).status();
        }
        let _ = self.exec.kill();
        let _ = self.exec.wait();
    }
}

#[test]
fn term_hup_usr1_and_usr2_are_passed_on() {
    let home = Home::new();
    let mut child = Listening::start(&home, &[]);
    for signal in ["HUP", "USR1", "USR2", "TERM"] {
        child.send(signal);
        assert_eq!(child.line(), format!("got-{signal}"));
    }
    assert_eq!(child.code(), Some(7));
    assert_eq!(home.generated(), [""; 0]);
}

#[test]
fn without_a_terminal_int_and_quit_are_passed_on_too() {
    let home = Home::new();
    let mut child = Listening::start(&home, &[]);
    for signal in ["INT", "QUIT", "TERM"] {
        child.send(signal);
        assert_eq!(child.line(), format!("got-{signal}"));
    }
    assert_eq!(child.code(), Some(7));
}

#[test]
fn what_was_ignored_when_we_were_started_is_not_passed_on() {
    let home = Home::new();
    let mut child = Listening::start(&home, &["env", "--ignore-signal=HUP"]);
    child.send("HUP");
    child.send("TERM");
    assert_eq!(child.line(), "got-TERM");
    assert_eq!(child.code(), Some(7));
}

#[test]
fn a_child_that_does_not_mind_term_is_waited_for() {
    let home = Home::new();
    let script = "trap '' TERM; echo ready; read line; echo \"$line\"; exit 9";
    let words = ["exec", "my-role", "--", "bash", "-c", script];
    let mut exec = home.credenza(&words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut input = exec.stdin.take().unwrap();
    let out = BufReader::new(exec.stdout.take().unwrap());
    let mut child = Listening { exec, out };
    assert_eq!(child.line(), "ready");
    child.send("TERM");
    std::io::Write::write_all(&mut input, b"still here\n").unwrap();
    assert_eq!(child.line(), "still here");
    assert_eq!(child.code(), Some(9));
}
