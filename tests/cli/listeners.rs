//! `[[listener]]`: addresses beside the main one, as the daemon of a person serves them, to whom, and while the
//! configuration changes.

use std::net::{SocketAddr, TcpListener};

use crate::home::{Home, a_port_of_our_own, root, until};
use crate::users::as_another_in;
use crate::wire::{Answer, ask};

const DOCUMENT: &str = "/latest/meta-data/iam/security-credentials/";

fn listener(dialects: &str, address: SocketAddr, identities: &str, more: &str) -> String {
    format!("[[listener]]\ndialects = [{dialects}]\naddress = \"{address}\"\nidentities = [{identities}]\n{more}\n")
}

fn ticket(address: SocketAddr) -> Answer {
    ask(address, "PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n").unwrap()
}

/// What a path of the instance metadata service says.
fn metadata(address: SocketAddr, path: &str) -> Answer {
    let header = format!("X-aws-ec2-metadata-token: {}\r\n", ticket(address).body);
    ask(address, "GET", path, &header).unwrap()
}

fn key(address: SocketAddr, role: &str) -> String {
    let answer = metadata(address, &format!("{DOCUMENT}{role}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["AccessKeyId"].as_str().unwrap().to_owned()
}

fn state_of(home: &Home, address: SocketAddr) -> serde_json::Value {
    let status = home.json(&["status", "--json"]);
    let listeners = status["listeners"].as_array().unwrap().clone();
    listeners.into_iter().find(|one| one["address"] == address.to_string()).unwrap_or_default()
}

#[test]
fn several_listeners_serve_at_once_each_its_own() {
    let home = Home::new();
    let [first, second, third] = [(); 3].map(|()| a_port_of_our_own());
    home.configure(
        &[
            listener("\"ec2\"", first, "\"prod\"", ""),
            listener("\"ec2\"", second, "\"dev\"", "imds_v1 = true"),
            listener("\"ecs\", \"ecs-task\"", third, "\"prod\", \"dev\"", ""),
        ]
        .concat(),
    );
    let daemon = home.serve();
    assert_eq!(key(first, "prod"), "ASIAPROD");
    assert_eq!(key(second, "dev"), "ASIADEV");
    assert_eq!(metadata(first, &format!("{DOCUMENT}dev")).status, 404);
    assert_eq!(ask(first, "GET", DOCUMENT, "").unwrap().status, 401);
    assert_eq!(ask(second, "GET", DOCUMENT, "").unwrap().body, "dev");
    // a session token is one listener's
    let elsewhere = format!("X-aws-ec2-metadata-token: {}\r\n", ticket(first).body);
    assert_eq!(ask(second, "GET", DOCUMENT, &elsewhere).unwrap().status, 401);
    let relative = ask(third, "GET", "/v2/credentials/dev", "").unwrap();
    assert_eq!((relative.status, &relative.json()["AccessKeyId"]), (200, &"ASIADEV".into()));
    assert_eq!(ask(third, "GET", "/latest/meta-data/", "").unwrap().status, 400);
    assert_eq!(ask(daemon.address, "GET", "/v2/credentials/dev", "").unwrap().status, 403);
    for address in [first, second, third] {
        assert_eq!(state_of(&home, address)["state"], "serving");
    }
    assert!(home.good(&["status"]).contains("ecs,ecs-task"));
}

/// The AWS SDK for Rust keeps a session token for six hours, and asks for no other one when it is refused.
#[test]
fn c70_a_session_token_outlives_kill_9_and_restart_of_the_daemon() {
    let home = Home::new().with_its_own_port();
    let [first, second] = [(); 2].map(|()| a_port_of_our_own());
    home.configure(&[listener("\"ec2\"", first, "\"prod\"", ""), listener("\"ec2\"", second, "\"dev\"", "")].concat());
    let mut daemon = home.serve();
    let token = format!("X-aws-ec2-metadata-token: {}\r\n", ticket(first).body);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    let _daemon = home.serve();
    assert_eq!(ask(first, "GET", DOCUMENT, &token).unwrap().body, "prod");
    assert_eq!(ask(second, "GET", DOCUMENT, &token).unwrap().status, 401);
}

#[test]
fn what_is_written_of_the_machine_is_what_it_says() {
    let home = Home::new();
    let address = a_port_of_our_own();
    let said = "[listener.metadata]\ninstance-id = \"i-00000000000000042\"\nplacement.region = \"eu-north-1\"\n\
                placement.availability-zone = \"eu-north-1c\"\nuser-data = \"#!/bin/sh\\n\"\nami-id = false\n\
                \"tags/instance/team\" = \"blue\"\n";
    home.configure(&listener("\"ec2\"", address, "\"prod\"", said));
    let _daemon = home.serve();
    let text = |path: &str| metadata(address, &format!("/latest/{path}")).body;
    assert_eq!(text("meta-data/instance-id"), "i-00000000000000042");
    assert_eq!(text("meta-data/placement/region"), "eu-north-1");
    assert_eq!(text("meta-data/tags/instance/"), "team");
    assert_eq!(text("user-data"), "#!/bin/sh\n");
    assert_eq!(metadata(address, "/latest/meta-data/ami-id").status, 404);
    let document = metadata(address, "/latest/dynamic/instance-identity/document").json();
    assert_eq!(
        (&document["instanceId"], &document["availabilityZone"]),
        (&"i-00000000000000042".into(), &"eu-north-1c".into())
    );
}

#[test]
fn a_change_of_the_configuration_changes_what_is_served_and_keeps_session_tokens() {
    let home = Home::new();
    let [kept, closed] = [(); 2].map(|()| a_port_of_our_own());
    home.configure(&[listener("\"ec2\"", kept, "\"prod\"", ""), listener("\"ec2\"", closed, "\"prod\"", "")].concat());
    let _daemon = home.serve();
    let ticket = ticket(kept).body;
    home.configure(&listener("\"ec2\"", kept, "\"dev\"", ""));
    let header = format!("X-aws-ec2-metadata-token: {ticket}\r\n");
    until("the other identity is served", || ask(kept, "GET", DOCUMENT, &header).unwrap().body == "dev");
    until("the other listener is closed", || TcpListener::bind(closed).is_ok());
    assert_eq!(state_of(&home, closed), serde_json::Value::Null);
}

#[test]
fn an_address_that_is_taken_keeps_nobody_from_starting_and_is_tried_again() {
    let home = Home::new();
    let address = a_port_of_our_own();
    let holder = TcpListener::bind(address).unwrap();
    home.configure(&listener("\"ec2\"", address, "\"prod\"", ""));
    let _daemon = home.serve();
    let state = state_of(&home, address);
    assert_eq!(state["state"], "not-served");
    let why = state["reason"].as_str().unwrap();
    assert!(why.contains(&format!("process {}", std::process::id())), "{why}");
    assert!(home.good(&["status"]).contains(why));
    drop(holder);
    until("it is served", || state_of(&home, address)["state"] == "serving");
    assert_eq!(key(address, "prod"), "ASIAPROD");
}

/// Both sides: with a variable it is another user, who asks every way that there is.
#[test]
fn a_second_uid_gets_nothing_where_there_is_no_token() {
    if let Ok(addresses) = std::env::var("CREDENZA_TEST_TOKENLESS") {
        for address in addresses.split(',').map(|address| address.parse::<SocketAddr>().unwrap()) {
            for (method, path, headers) in WAYS {
                let answer = ask(address, method, path, headers).unwrap();
                println!("asked {path}: {} {}", answer.status, answer.body.replace('\n', " "));
            }
        }
        return;
    }
    if !root() {
        println!("skipped: only root can be another user");
        return;
    }
    let home = Home::new();
    let [ours, anyones] = [(); 2].map(|()| a_port_of_our_own());
    let dialects = "\"ec2\", \"ecs\", \"ecs-task\"";
    home.configure(
        &[
            listener(dialects, ours, "\"prod\"", "imds_v1 = true"),
            listener(dialects, anyones, "\"prod\"", "imds_v1 = true\npeers = \"any\""),
        ]
        .concat(),
    );
    let _daemon = home.serve();
    let test = "listeners::a_second_uid_gets_nothing_where_there_is_no_token";
    let asks = |address: SocketAddr| {
        let output = as_another_in(test, "CREDENZA_TEST_TOKENLESS", &address.to_string()).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let answers: Vec<String> =
            said.lines().filter_map(|line| line.split_once("asked ")).map(|(_, answer)| answer.to_owned()).collect();
        assert_eq!(answers.len(), WAYS.len(), "{said}");
        answers
    };
    for answer in asks(ours) {
        // in the words of all dialects: the task's are no object with a code
        assert!(answer.contains(": 403 ") && answer.contains("answers only processes of the user"), "{answer}");
        assert!(!answer.contains("ASIA"), "{answer}");
    }
    assert!(asks(anyones).iter().any(|answer| answer.contains("ASIAPROD")));
    // and we, at the same address
    assert_eq!(key(ours, "prod"), "ASIAPROD");
    let warnings = home.json(&["status", "--json"])["warnings"].to_string();
    assert!(warnings.contains(&anyones.to_string()) && !warnings.contains(&ours.to_string()), "{warnings}");
    assert_eq!(state_of(&home, anyones)["anyone"], true);
}

const WAYS: [(&str, &str, &str); 5] = [
    ("PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds: 60\r\n"),
    ("GET", "/latest/meta-data/iam/security-credentials/prod", ""),
    ("GET", "/latest/meta-data/instance-id", ""),
    ("GET", "/v2/credentials/prod", ""),
    ("GET", "/v4/any/task", ""),
];
