//! A command that runs follows the session that it rests on, wherever somebody begins or forgets one.

use std::fs;
use std::io::Write as _;
use std::process::{Child, ChildStdin, Stdio};

use super::stage::Stage;
use crate::support::until;

/// A command that asks for `one` whenever it is told to, and writes down what it was told.
struct Job {
    child: Child,
    asks: ChildStdin,
    asked: usize,
}

impl Job {
    fn start(stage: &Stage) -> Self {
        let ask = "credenza credential one --from-endpoint > ~/told 2>&1; echo $? >> ~/told; mv ~/told ~/answer.$1";
        let job = format!("while read number; do set -- $number; {ask}; done");
        let mut child = stage.command(&["exec", "one", "--", "sh", "-c", &job]).stdin(Stdio::piped()).spawn().unwrap();
        let asks = child.stdin.take().unwrap();
        Self { child, asks, asked: 0 }
    }

    fn is_told(&mut self, stage: &Stage) -> String {
        self.asked += 1;
        self.asks.write_all(format!("{}\n", self.asked).as_bytes()).unwrap();
        let file = stage.home.path(&format!("answer.{}", self.asked));
        until("an answer", || file.exists());
        fs::read_to_string(file).unwrap()
    }

    fn is_served(&mut self, stage: &Stage) -> bool {
        self.is_told(stage).ends_with("\n0\n")
    }

    fn end(mut self) {
        drop(self.asks);
        assert!(self.child.wait().unwrap().success());
    }
}

#[test]
fn a_running_command_goes_on_with_a_session_that_is_begun_elsewhere() {
    let stage = Stage::new();
    stage.login("one");
    let mut job = Job::start(&stage);
    assert!(job.is_served(&stage));
    assert_eq!(stage.run(&["logout", "one", "--yes"]).code, Some(0));
    until("what was forgotten is handed out no more", || job.is_told(&stage).contains("credenza login one"));
    stage.next_code();
    stage.login("five");
    until("another session is used", || job.is_served(&stage));
    job.end();
    assert_eq!(stage.codes(), 2);
}

#[test]
fn a_daemon_that_starts_anew_takes_nothing_from_a_running_command() {
    let stage = Stage::new();
    stage.login("one");
    let mut job = Job::start(&stage);
    assert!(job.is_served(&stage));
    stage.run(&["down"]).good();
    assert!(job.is_served(&stage));
    stage.run(&["up"]).good();
    stage.run(&["credential", "two"]).failed(4, &["credenza login two"]);
    for _ in 0..20 {
        assert!(job.is_served(&stage), "its role is good for an hour");
    }
    // and what the new daemon keeps is followed as before
    stage.next_code();
    stage.login("two");
    assert_eq!(stage.run(&["logout", "one", "--yes"]).code, Some(0));
    until("what was forgotten is handed out no more", || job.is_told(&stage).contains("credenza login one"));
    job.end();
}
