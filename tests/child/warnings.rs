//! What a person should know of the first fetch: said once, whoever logs by then.

use std::time::Duration;

use simcloud::Trust;

use crate::support::{ACCOUNT, Home, Said, role};

/// With one profile more, which assumes the role of this name.
fn home_with(profile: &str, role_name: &str, source: &str, duration_secs: u32) -> Home {
    let home = Home::new();
    let config = std::fs::read_to_string(home.path(".aws/config")).unwrap();
    let role = role(role_name);
    let more = format!(
        "[profile {profile}]\nrole_arn = {role}\nsource_profile = {source}\nduration_seconds = {duration_secs}\n"
    );
    home.write(".aws/config", &(config + &more));
    home
}

/// A profile whose sessions are as short as STS grants them.
fn home_with_short() -> Home {
    home_with("short", "my-role", "base", 900)
}

const WARNING: &str = "the session of short is 15 min";

/// One line, and it is the warning.
fn warned_once(said: &Said, warning: &str) {
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.lines().count() == 1 && said.err.contains(warning), "{said:?}");
    assert!(!said.out.contains(warning), "{said:?}");
}

#[test]
fn exec_says_the_warnings_of_its_first_fetch() {
    let home = home_with_short();
    for words in [&["short", "--", "true"][..], &["my-role", "short", "--", "sleep", "1"]] {
        warned_once(&home.exec(words), WARNING);
    }
}

#[test]
fn credential_says_them_on_stderr_alone() {
    let home = home_with_short();
    let said = home.run(&["credential", "short"]);
    warned_once(&said, WARNING);
    serde_json::from_str::<serde_json::Value>(&said.out).unwrap();
}

#[test]
fn where_a_log_is_asked_for_it_is_in_the_log() {
    let home = home_with_short();
    for words in
        [&["--log-level=warn", "exec", "short", "--", "true"][..], &["--log-level=warn", "credential", "short"]]
    {
        let said = home.run(words);
        warned_once(&said, WARNING);
        assert!(said.err.contains("WARN"), "{said:?}");
    }
    let said = home.run(&["--log-level=error", "exec", "short", "--", "true"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
}

#[test]
fn exec_says_why_another_identity_cannot_be_had() {
    let home = Home::new();
    home.cloud.revoke_role(&role("my-dev"));
    let said = home.exec(&["my-role", "my-dev", "--", "sleep", "1"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.lines().count() == 1 && said.err.contains("my-dev"), "{said:?}");
}

#[test]
fn a_chained_role_that_gets_less_than_it_asks_for_is_told_of_once() {
    let home = home_with("chained", "chained", "my-role", 7200);
    let chained = format!("arn:aws:sts::{ACCOUNT}:assumed-role/my-role/*");
    home.cloud.add_role(&role("chained"), Trust::of([role("my-role"), chained]), Duration::from_secs(7200));
    for words in [&["exec", "chained", "--", "true"][..], &["credential", "chained"]] {
        warned_once(&home.run(words), "chained: its sessions last 1 h instead of 2 h");
    }
}
