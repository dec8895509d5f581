//! The audit trail of what a daemon hands over by its control socket.

use serde_json::Value;

use crate::home::{Home, until};
use crate::wire::control;

fn lines(home: &Home) -> Vec<Value> {
    let text = std::fs::read_to_string(home.state("audit.jsonl")).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn noted(home: &Home, outcome: &str, identity: &str) -> Option<Value> {
    let of = |line: &Value| line["outcome"] == outcome && line["identity"] == identity && line["dialect"] == "control";
    lines(home).into_iter().find(of)
}

#[test]
fn a_credential_that_a_daemon_hands_to_a_command_leaves_a_line_with_its_key() {
    let home = Home::new();
    let _daemon = home.serve();
    assert!(home.good(&["credential", "prod"]).contains("ASIAPROD"));
    until("it is written down", || noted(&home, "issued", "prod").is_some());
    let line = noted(&home, "issued", "prod").unwrap();
    assert_eq!((&line["access_key_id"], &line["served_by"]), (&"ASIAPROD".into(), &"daemon".into()), "{line}");
}

#[test]
fn what_is_refused_over_the_control_socket_leaves_a_line_too() {
    let home = Home::new();
    let _daemon = home.serve();
    let digest = "0".repeat(64);
    for (wanted, outcome, identity) in [
        (r#"{"identity":"nobody"}"#.to_owned(), "UnknownIdentity", "nobody"),
        (r#"{"identity":"broken"}"#.to_owned(), "Unusable", "broken"),
        (format!(r#"{{"identity":"prod","digest":"{digest}"}}"#), "DefinitionDiffers", "prod"),
    ] {
        let answer = control(&home.socket(), Some(1), "POST", "/v1/credential", &wanted).unwrap();
        assert_eq!(answer.json()["code"], outcome);
        until("it is written down", || noted(&home, outcome, identity).is_some());
    }
}
