//! `exec` and a daemon that dies, hangs, cannot make it, or reads other files: what then.

use std::process::Command;
use std::time::{Duration, Instant};

use simcloud::{Fault, Trouble};

use crate::support::{Home, Said, ask, role, until};
use crate::waiting::Waiting;

fn daemon(home: &Home) -> String {
    let status: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"]).good()).unwrap();
    status["pid"].to_string()
}

fn signal(pid: &str, signal: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

fn slow(role: String, times: Option<u32>, before_ms: u64) -> Fault {
    let trouble = Trouble::Slow { before_ms, after_ms: 0 };
    Fault { action: Some("AssumeRole".into()), role: Some(role), principal: None, times, trouble }
}

#[test]
fn c70_a_daemon_killed_while_a_cold_request_is_in_the_air_costs_the_child_nothing() {
    for round in 0..10 {
        let home = Home::new();
        home.run(&["up"]).good();
        home.run(&["credential", "my-role"]).good();
        home.cloud.forget_calls();
        // the daemon would wait for longer than the client does; we wait for 0.3 s
        home.cloud.add_fault(slow(role("my-dev"), Some(1), 5000));
        home.cloud.add_fault(slow(role("my-dev"), None, 300));
        let job = Waiting::start(&home, &["my-role", "my-dev"]);
        until("the daemon asks for the second", || home.cloud.count("AssumeRole") == 1);
        let pid = daemon(&home);
        let (url, token) = (job.url.replace("my-role", "my-dev"), job.token.clone());
        let client = std::thread::spawn(move || ask(&url, &token).unwrap());
        signal(&pid, "-KILL");
        let (status, body) = client.join().unwrap();
        assert_eq!(status, 200, "round {round}: {body}");
    }
}

#[test]
fn a_daemon_that_hangs_keeps_nobody_waiting() {
    let home = Home::new();
    home.run(&["up"]).good();
    let pid = daemon(&home);
    signal(&pid, "-STOP");
    // the signal is heard when it runs next: it may answer once more before
    let stat = || std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    until("it has stopped", || stat().contains(") T "));
    let before = Instant::now();
    let said = home.exec(&["my-role", "--", "true"]);
    let took = before.elapsed();
    let credential = home.run(&["credential", "my-role"]);
    let both_took = before.elapsed();
    signal(&pid, "-CONT");
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(
        said.err.contains("the daemon is not asked: ") && said.err.contains("does not answer; try: credenza down"),
        "{said:?}"
    );
    assert_eq!(credential.code, Some(0), "{credential:?}");
    assert!(took < Duration::from_secs(6) && both_took < Duration::from_secs(12), "{took:?} {both_took:?}");
}

#[test]
fn a_program_that_wants_a_variable_that_the_daemon_lacks_is_run_by_ourselves() {
    let home = Home::new();
    let keys = serde_json::json!({
        "Version": 1, "AccessKeyId": "ASIAVAULT", "SecretAccessKey": "secret", "SessionToken": "token",
        "Expiration": "2099-01-01T00:00:00Z",
    });
    home.write("keys.json", &keys.to_string());
    let program = format!("test -n \"$VAULT_ADDR\" && cat {}", home.path("keys.json").display());
    home.write("helper", &program);
    let config = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    let helper = home.path("helper");
    home.write(".aws/config", &format!("{config}[profile vault]\ncredential_process = sh {}\n", helper.display()));
    home.run(&["up"]).good();
    let run = |words: &[&str]| Said::of(home.credenza(words).env("VAULT_ADDR", "https://vault").output().unwrap());
    let credential = ["credential", "vault", "--format", "json"];
    assert!(run(&credential).good().contains("ASIAVAULT"));
    let inside = ["credenza", "credential", "vault", "--from-endpoint"];
    let said = run(&[&["exec", "vault", "--"][..], &inside].concat());
    assert!(said.out.contains("ASIAVAULT"), "{said:?}");
    // two that are handed back at the same moment are both taken over
    let config = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    home.write(".aws/config", &format!("{config}[profile vault-2]\ncredential_process = sh {}\n", helper.display()));
    let inside = ["credenza", "credential", "vault-2", "--from-endpoint"];
    for round in 0..5 {
        let said = run(&[&["exec", "vault", "vault-2", "--"][..], &inside].concat());
        assert!(said.out.contains("ASIAVAULT"), "round {round}: {said:?}");
    }
    let without = home.exec(&["vault", "--", "true"]);
    assert_eq!(without.code, Some(125), "{without:?}");
}

#[test]
fn an_edit_under_a_running_job_leaves_it_supplied() {
    let home = Home::new();
    home.run(&["up"]).good();
    let job = Waiting::start(&home, &["my-role"]);
    let original = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    for edit in 1..=3 {
        let before = job.key();
        let anew = format!("[profile my-role]\nrole_session_name = edit-{edit}");
        home.write(".aws/config", &original.replace("[profile my-role]", &anew));
        until("fetched anew", || job.key() != before);
        // what the daemon holds is what the job was given, and there was one call for both
        let held = home.run(&["credential", "my-role"]).good();
        assert!(held.contains(&job.key()), "edit {edit}: {held}");
        assert_eq!(home.cloud.count("AssumeRole"), 1 + edit);
    }
    let status = home.run(&["status", "--json"]).good();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&status).unwrap()["jobs"].as_array().unwrap().len(), 1);
}
