//! `exec` and a daemon: supplied by it where it means the same, and going on without it.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::support::{Home, ask, until};
use crate::waiting::Waiting;

fn daemon(home: &Home) -> u32 {
    let status: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"]).good()).unwrap();
    u32::try_from(status["pid"].as_u64().unwrap()).unwrap()
}

fn kill(pid: u32) {
    assert!(Command::new("kill").args(["-KILL", &pid.to_string()]).status().unwrap().success());
    until("it is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
}

#[test]
fn a_daemon_supplies_every_job_with_one_upstream_call() {
    let home = Home::new();
    home.run(&["up"]).good();
    let jobs: Vec<Waiting> = (0..3).map(|_| Waiting::start(&home, &["my-role"])).collect();
    let key = jobs[0].key();
    assert!(jobs.iter().all(|job| job.key() == key));
    assert_eq!(home.cloud.count("AssumeRole"), 1);
    let status: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"]).good()).unwrap();
    let listed = status["jobs"].as_array().unwrap();
    assert_eq!(listed.len(), 3, "{status}");
    assert!(listed.iter().all(|job| job["command"] == "sh" && job["identities"][0] == "my-role"), "{status}");
}

#[test]
fn a_daemon_that_means_something_else_is_not_asked_and_the_reason_told() {
    let home = Home::new();
    home.run(&["up"]).good();
    let text = std::fs::read_to_string(home.path(".aws/config")).unwrap().replace("role/my-role", "role/my-dev");
    home.write("other-config", &text);
    let mut exec = home.credenza(&[
        "exec",
        "my-role",
        "--",
        "credenza",
        "credential",
        "my-role",
        "--from-endpoint",
        "--format",
        "json",
    ]);
    let said = crate::support::Said::of(exec.env("AWS_CONFIG_FILE", home.path("other-config")).output().unwrap());
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.out.contains("role/my-dev"), "{said:?}");
    assert!(said.err.contains("my-role means something else to the daemon"), "{said:?}");
}

#[test]
fn c70_killed_started_anew_and_replaced_under_load_costs_no_child_a_request() {
    let home = Home::new();
    home.run(&["up"]).good();
    let jobs: Vec<Waiting> = (0..2).map(|_| Waiting::start(&home, &["my-role"])).collect();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = jobs
        .iter()
        .flat_map(|job| [job, job])
        .map(|job| {
            let (url, token, stop, answered) = (job.url.clone(), job.token.clone(), stop.clone(), answered.clone());
            std::thread::spawn(move || {
                let mut failed = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match ask(&url, &token) {
                        Ok((200, _)) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                        other => failed.push(format!("{other:?}")),
                    }
                }
                failed
            })
        })
        .collect();
    let more = |what: &str| {
        let before = answered.load(Ordering::Relaxed);
        until(what, || answered.load(Ordering::Relaxed) > before + 50);
    };
    more("answered with a daemon");
    kill(daemon(&home));
    more("answered without a daemon");
    home.run(&["up"]).good();
    more("answered with a new daemon");
    home.run(&["down"]).good();
    home.run(&["up"]).good();
    more("answered with a replaced daemon");
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        assert_eq!(client.join().unwrap(), [""; 0]);
    }
}

#[test]
fn what_a_daemon_supplied_is_kept_when_it_goes_and_our_own_sources_take_over() {
    let home = Home::new();
    home.run(&["up"]).good();
    let job = Waiting::start(&home, &["my-role"]);
    let key = job.key();
    kill(daemon(&home));
    // the engine turns to its own sources when it sees the connection end; what is held stays through that
    for _ in 0..50 {
        assert_eq!(job.key(), key);
    }
    assert_eq!(home.cloud.count("AssumeRole"), 1);
    // another definition: what is held is dropped, and nobody is left to ask but our own sources
    let text = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    home.write(".aws/config", &text.replace("[profile my-role]", "[profile my-role]\nrole_session_name = anew"));
    until("fetched anew", || job.key() != key);
    assert_eq!(home.cloud.count("AssumeRole"), 2);
}

#[test]
fn a_daemon_that_comes_later_supplies_from_then_on() {
    let home = Home::new();
    let job = Waiting::start(&home, &["my-role"]);
    let key = job.key();
    home.run(&["up"]).good();
    let jobs = || {
        let status: serde_json::Value = serde_json::from_str(&home.run(&["status", "--json"]).good()).unwrap();
        status["jobs"].as_array().map_or(0, Vec::len)
    };
    until("the job is announced", || jobs() == 1);
    assert_eq!(job.key(), key, "what is held stays");
}

/// What `exec` says of a daemon that was started in other surroundings, and how it ends.
fn exec_elsewhere(home: &Home, variable: (&str, &str)) -> crate::support::Said {
    let mut exec = home.credenza(&["exec", "surroundings", "--", "true"]);
    crate::support::Said::of(exec.env(variable.0, variable.1).output().unwrap())
}

#[test]
fn a_daemon_that_would_ask_another_metadata_service_does_not_supply() {
    let home = Home::new();
    let text = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    let role = crate::support::role("my-role");
    home.write(
        ".aws/config",
        &format!("{text}[profile surroundings]\nrole_arn = {role}\ncredential_source = Ec2InstanceMetadata\n"),
    );
    home.run(&["up"]).good();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for variable in [
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("http://{nobody}")),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ] {
        let said = exec_elsewhere(&home, (variable.0, &variable.1));
        assert!(said.err.contains("surroundings means something else to the daemon"), "{said:?}");
        assert_eq!(said.code, Some(125), "{said:?}");
    }
}
