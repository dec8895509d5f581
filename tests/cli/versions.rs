//! Commands and daemons of different versions: one apart they understand each other, further apart they say so.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixListener;
use std::thread::JoinHandle;

use crate::home::{Home, Said};
use crate::stand_in::{StandIn, make_run_folder};
use crate::wire::control;

/// The version that this build speaks.
const OURS: u32 = 1;

#[test]
fn a_daemon_understands_commands_one_version_apart() {
    let home = Home::new();
    let _daemon = home.serve();
    for (theirs, status) in [(OURS - 1, 200), (OURS, 200), (OURS + 1, 200), (OURS + 2, 426), (77, 426)] {
        let answer = control(&home.socket(), Some(theirs), "GET", "/v1/status", "").unwrap();
        assert_eq!(answer.status, status, "{theirs}: {answer:?}");
        assert!(answer.head.contains(&format!("credenza-protocol: {OURS}")), "{answer:?}");
        if status == 426 {
            let refusal = answer.json();
            assert_eq!(refusal["code"], "ProtocolVersion");
            assert_eq!(refusal["mend"], "credenza down && credenza up");
            let said = refusal["message"].as_str().unwrap().to_owned();
            assert!(said.contains(&format!("version {theirs}")) && !said.contains('\n'), "{said}");
        }
    }
    let answer = control(&home.socket(), None, "GET", "/v1/status", "").unwrap();
    assert_eq!(answer.status, 400, "{answer:?}");
}

#[test]
fn members_of_a_later_version_are_passed_over() {
    let home = Home::new();
    let _daemon = home.serve();
    let wanted = r#"{"identity":"prod","invented_later":{"a":1}}"#;
    let answer = control(&home.socket(), Some(OURS + 1), "POST", "/v1/credential", wanted).unwrap();
    assert_eq!((answer.status, &answer.json()["access_key_id"]), (200, &"ASIAPROD".into()));
}

#[test]
fn stop_is_understood_from_every_version() {
    let home = Home::new();
    let mut daemon = home.serve();
    let answer = control(&home.socket(), Some(99), "POST", "/v1/stop", "").unwrap();
    assert_eq!(answer.status, 200);
    assert_eq!(daemon.ended(), Some(0));
}

/// A daemon that speaks another version, and answers each request of one connection with a status of its own time. It
/// hands back the heads that came.
fn daemon_of(home: &Home, version: u32) -> JoinHandle<Vec<String>> {
    make_run_folder(home);
    let _ = std::fs::remove_file(home.socket());
    let listener = UnixListener::bind(home.socket()).unwrap();
    let body = serde_json::json!({
        "schema": 1, "version": "7.0.0", "protocol": version, "pid": 1, "started": "2026-11-21T22:00:00Z",
        "address": "http://127.0.0.1:1", "asks": [], "grants": [], "jobs": [], "warnings": [], "invented_later": 1,
    })
    .to_string();
    std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut lines = BufReader::new(&stream).lines();
        let mut heads = Vec::new();
        loop {
            let head: Vec<String> = lines.by_ref().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
            if head.is_empty() {
                return heads;
            }
            heads.push(head.join("\n").to_lowercase());
            let length = body.len();
            let head = format!("HTTP/1.1 200 OK\r\ncredenza-protocol: {version}\r\ncontent-length: {length}\r\n\r\n");
            let _ = write!(&stream, "{head}{body}");
        }
    })
}

#[test]
fn a_command_understands_a_daemon_one_version_apart() {
    let home = Home::new();
    for version in [OURS - 1, OURS + 1] {
        let daemon = daemon_of(&home, version);
        assert_eq!(home.json(&["status", "--json"])["version"], "7.0.0", "{version}");
        let heads = daemon.join().unwrap();
        assert!(!heads.is_empty());
        assert!(heads.iter().all(|head| head.contains(&format!("credenza-protocol: {OURS}"))), "{heads:?}");
    }
    std::fs::remove_file(home.socket()).unwrap();
}

#[test]
fn a_command_that_is_too_far_apart_says_so_in_one_sentence_with_the_command() {
    let home = Home::new();
    let daemon = daemon_of(&home, OURS + 2);
    let said = home.run(&["status"]);
    said.failed(1, &["the daemon speaks version 3", "this command version 1", "try: credenza down && credenza up"]);
    assert_eq!(said.err.lines().count(), 2, "{}", said.err);
    daemon.join().unwrap();
    std::fs::remove_file(home.socket()).unwrap();
}

const CREDENZA: &str = env!("CARGO_BIN_EXE_credenza");

/// The key that a child of `exec` is given.
fn under_exec(home: &Home) -> Said {
    home.run(&["exec", "prod", "--", CREDENZA, "credential", "prod", "--from-endpoint"])
}

#[test]
fn exec_env_and_credential_take_from_a_daemon_one_version_apart() {
    let home = Home::new();
    for version in [OURS - 1, OURS + 1] {
        let daemon = StandIn::of(&home, version);
        assert!(home.good(&["credential", "prod"]).contains("ASIASTANDIN"), "{version}");
        let said = under_exec(&home);
        assert!(said.out.contains("ASIASTANDIN") && said.err.is_empty(), "{version}: {said:?}");
        let wired = home.json(&["env", "prod", "--format", "json"]);
        assert!(wired.to_string().contains("http://127.0.0.1:1/creds/prod"), "{version}: {wired}");
        let asked = daemon.asked();
        for route in ["post /v1/credential ", "post /v1/job ", "post /v1/grant "] {
            assert!(asked.iter().any(|line| line.starts_with(route)), "{version}: {route}: {asked:?}");
        }
    }
}

#[test]
fn exec_and_credential_do_without_a_daemon_that_is_too_far_apart_and_env_cannot() {
    let home = Home::new();
    let _daemon = StandIn::of(&home, OURS + 2);
    for said in [home.run(&["credential", "prod"]), under_exec(&home)] {
        assert!(said.code == Some(0) && said.out.contains("ASIAPROD"), "{said:?}");
        assert!(said.err.contains("the daemon speaks version 3"), "{said:?}");
        assert!(said.err.contains("try: credenza down && credenza up"), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
    let said = home.run(&["env", "prod", "--format", "json"]);
    said.failed(1, &["the daemon speaks version 3", "try: credenza down && credenza up"]);
    assert_eq!((said.out.as_str(), said.err.lines().count()), ("", 2), "{said:?}");
}

#[test]
fn a_command_that_begins_has_the_daemon_forgive_first_also_one_that_cannot() {
    let home = Home::new();
    let daemon = StandIn::of(&home, OURS);
    let said = home.run(&["exec", "prod", "--", "true"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    let asked: Vec<String> = daemon.asked().iter().map(|head| head.replace(" http/1.1", "")).collect();
    assert_eq!(asked, ["post /v1/job", "post /v1/reset", "post /v1/credential"]);
    // a pipe is read by an SDK, which asks again and again
    let said = home.run(&["credential", "prod"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert_eq!(daemon.asked().len(), asked.len() + 1);
}
