//! A daemon that lives and does not answer: named, never taken for none, and ended by a signal.

use std::fs;
use std::time::{Duration, Instant};

use crate::home::{Home, until};

/// A command gives up within this, on a machine under load.
const SOON: Duration = Duration::from_secs(14);

#[test]
fn a_stopped_daemon_is_named_by_every_command_and_ended_by_down() {
    let home = Home::new();
    let mut daemon = home.serve();
    daemon.signal("STOP");
    let named = format!("the daemon (process {}) does not answer", daemon.pid());
    let commands: [&[&str]; 5] = [&["status"], &["grant", "list"], &["up"], &["env", "prod"], &["serve"]];
    let (home_of, named_of) = (&home, &named);
    std::thread::scope(|scope| {
        for command in commands {
            scope.spawn(move || {
                let began = Instant::now();
                home_of.run(command).failed(1, &[named_of, "try: credenza down"]);
                assert!(began.elapsed() < SOON, "{command:?}: {:?}", began.elapsed());
            });
        }
    });
    let said = home.run(&["down"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    assert_eq!(daemon.ended(), Some(0));
}

#[test]
fn a_process_that_the_record_does_not_name_is_not_signalled() {
    let home = Home::new();
    let mut daemon = home.serve();
    let record = fs::read_to_string(home.state("daemon.json")).unwrap();
    let mut changed: serde_json::Value = serde_json::from_str(&record).unwrap();
    changed["started"] = "at another time".into();
    fs::write(home.state("daemon.json"), changed.to_string()).unwrap();
    daemon.signal("STOP");
    let words = ["does not answer, and no record", &format!("try: kill {}", daemon.pid())];
    home.run(&["down"]).failed(1, &words);
    daemon.signal("CONT");
    assert!(daemon.child.try_wait().unwrap().is_none(), "it lives");
    until("it answers again", || home.run(&["status"]).code == Some(0));
}

#[test]
fn down_is_idempotent_while_the_daemon_starts_and_ends() {
    let home = Home::new();
    for _ in 0..5 {
        let mut daemon = home.serve();
        daemon.signal("TERM");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| home.good(&["down"]));
            }
        });
        daemon.ended();
    }
    for _ in 0..5 {
        let mut daemon = home.serve();
        daemon.signal("TERM");
        home.good(&["env", "prod", "--format", "json"]);
        daemon.ended();
        home.good(&["down"]);
    }
}
