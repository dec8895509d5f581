//! The audit trail of keys that no endpoint handed out.

use serde_json::Value;

use crate::support::{ACCOUNT, Home, role};

/// The lines with this dialect.
fn lines(home: &Home, dialect: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(home.path(".local/state/credenza/audit.jsonl")).unwrap();
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines.filter(|line| line["dialect"] == dialect).collect()
}

fn is_of_my_role(line: &Value, key: &str) {
    assert_eq!((&line["identity"], &line["access_key_id"]), (&"my-role".into(), &key.into()), "{line}");
    assert_eq!((&line["account"], &line["role"]), (&ACCOUNT.into(), &role("my-role").into()), "{line}");
    assert_eq!((&line["outcome"], &line["grant"]), (&"issued".into(), &Value::Null), "{line}");
}

#[test]
fn static_env_leaves_a_line_with_the_key_and_the_child() {
    let home = Home::new();
    let said = home.exec(&["my-role", "--static-env", "--", "sh", "-c", "echo $$ $AWS_ACCESS_KEY_ID"]).good();
    let (pid, key) = said.trim_end().split_once(' ').unwrap();
    let lines = lines(&home, "static-env");
    assert_eq!(lines.len(), 1, "{lines:?}");
    is_of_my_role(&lines[0], key);
    assert_eq!((lines[0]["pid"].to_string().as_str(), &lines[0]["served_by"]), (pid, &"exec".into()));
}

#[test]
fn without_static_env_and_without_a_child_there_is_no_line() {
    let home = Home::new();
    home.exec(&["my-role", "--", "true"]).good();
    assert_eq!(home.exec(&["my-role", "--static-env", "--", "no-such-program-at-all"]).code, Some(127));
    assert_eq!(lines(&home, "static-env"), [Value::Null; 0]);
}

#[test]
fn a_credential_without_a_daemon_leaves_a_line() {
    let home = Home::new();
    let printed: Value = serde_json::from_str(&home.run(&["credential", "my-role"]).good()).unwrap();
    let noted = lines(&home, "process");
    assert_eq!(noted.len(), 1, "{noted:?}");
    is_of_my_role(&noted[0], printed["AccessKeyId"].as_str().unwrap());
    assert_eq!(noted[0]["served_by"], "credential");
    assert_eq!(noted[0]["pid"], std::process::id(), "who ran it");
    home.cloud.revoke_role(&role("my-role"));
    assert_eq!(home.run(&["credential", "my-role"]).code, Some(1));
    let noted = lines(&home, "process");
    assert_eq!(noted.len(), 2, "{noted:?}");
    assert_eq!((&noted[1]["outcome"], &noted[1]["access_key_id"]), (&"AccessDenied".into(), &Value::Null));
}

#[test]
fn a_trail_that_cannot_be_written_is_told_of() {
    let home = Home::new();
    std::fs::create_dir_all(home.path(".local/state")).unwrap();
    home.write(".local/state/credenza", "no folder");
    let said = home.run(&["credential", "my-role"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("the audit trail cannot be written") && said.err.contains("no folder"), "{said:?}");
    assert!(said.err.lines().count() == 1, "{said:?}");
}
