//! The log as a daemon writes it: its form and its level, by flag and by `CREDENZA_LOG`.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::Value;

use crate::home::Home;
use crate::shown::documented;
use crate::wire::key;

/// What a daemon that was started so logs until it ends, a fetch among it.
fn logged(level: Option<&str>, flags: &[&str]) -> String {
    let mut home = Home::new();
    home.variables.extend(level.map(|level| ("CREDENZA_LOG", level.to_owned())));
    let log = home.path("log");
    let mut daemon = serve(&home, flags, File::create(&log).unwrap().into());
    key(&home.grant(&["prod"]));
    home.good(&["down"]);
    assert!(daemon.wait().unwrap().success());
    std::fs::read_to_string(log).unwrap()
}

/// A daemon that is ready.
fn serve(home: &Home, flags: &[&str], log: Stdio) -> Child {
    let mut command = home.credenza(&[&["serve"], flags].concat());
    let mut daemon = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
    let mut ready = String::new();
    BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut ready).unwrap();
    assert!(ready.starts_with("ready http://"), "{ready}");
    daemon
}

#[test]
fn json_is_an_object_a_line_with_the_documented_members() {
    let log = logged(None, &["--log-format", "json", "--log-level", "debug"]);
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    assert!(!lines.is_empty());
    for line in &lines {
        for member in documented("credenza serve --log-format json") {
            assert!(line[&member].is_string(), "{member}: {line}");
        }
        assert!(["error", "warn", "info", "debug"].contains(&line["level"].as_str().unwrap()), "{line}");
    }
    let said = |message: &str| lines.iter().find(|line| line["message"] == message).expect(message);
    assert_eq!((&said("serving")["level"], &said("serving")["room"]), (&"info".into(), &"app".into()));
    assert_eq!(said("fetching")["level"], "debug");
}

#[test]
fn the_level_is_the_flags_else_the_variables_else_info() {
    for (variable, flags, info, debug) in [
        (None, &[][..], true, false),
        (Some("debug"), &[], true, true),
        (Some("error"), &[], false, false),
        (Some("error"), &["--log-level", "info"], true, false),
        (Some("error"), &["-vv"], true, true),
        (Some("debug"), &["-v"], true, false),
    ] {
        let log = logged(variable, flags);
        let told = (log.contains("INFO  app: serving"), log.contains("DEBUG engine: fetching"));
        assert_eq!(told, (info, debug), "{variable:?} {flags:?}: {log}");
    }
}

#[test]
fn a_level_that_is_none_is_refused_with_those_that_are() {
    let mut home = Home::new();
    home.variables.push(("CREDENZA_LOG", "loud".into()));
    home.run(&["serve"]).failed(3, &["CREDENZA_LOG=loud", "off, error, warn, info, debug and trace"]);
}

#[test]
fn a_terminal_gets_colours_and_a_pipe_does_not() {
    let home = Home::new();
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let theirs = rustix::fs::open(ptsname(&ours, Vec::new()).unwrap(), flags, Mode::empty()).unwrap();
    let mut daemon = serve(&home, &[], theirs.into());
    home.good(&["down"]);
    daemon.wait().unwrap();
    let (mut screen, mut bytes) = (String::new(), [0; 4096]);
    // the other end is closed by now, which the system calls an error
    while let Ok(length @ 1..) = File::from(ours.try_clone().unwrap()).read(&mut bytes) {
        screen.push_str(&String::from_utf8_lossy(&bytes[..length]));
    }
    assert!(screen.contains("\x1b[32mINFO \x1b[0m app: serving"), "{screen:?}");
    assert!(!logged(None, &[]).contains('\x1b'));
}
