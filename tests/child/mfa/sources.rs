//! Where codes and keys come from, at a real terminal.

use std::time::{Duration, SystemTime};

use super::stage::{SERIAL, Stage};
use crate::support::{ACCOUNT, role};
use crate::terminal::{Terminal, ends_well_at_a_question};

#[test]
fn a_code_is_asked_for_unseen_where_nothing_else_is_said() {
    let stage = Stage::new();
    stage.configure("");
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec one -- sh -c 'echo ran-$CREDENZA_IDENTITY'; echo code-$?.");
    terminal.expect("base");
    let code = stage.home.cloud.code_of(SERIAL);
    terminal.enter(&code);
    let shown = terminal.expect("code-0.");
    assert!(shown.contains("ran-one") && !shown.contains(&code), "{shown}");
    assert_eq!(stage.codes(), 1);
}

#[test]
fn whoever_is_ended_at_the_question_leaves_the_terminal_as_it_was() {
    let stage = Stage::new();
    stage.configure("");
    for words in [&["login", "one"][..], &["exec", "one", "--", "true"]] {
        ends_well_at_a_question(&stage.home, words, "One-time code of base");
    }
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza login one");
    terminal.expect("One-time code of base");
    terminal.press("12\u{3}");
    terminal.enter("echo code-$?.");
    terminal.expect("code-130.");
    assert_eq!(stage.codes(), 0);
}

#[test]
fn a_background_job_asks_nobody_and_fails_instead_of_stopping() {
    let stage = Stage::new();
    stage.configure("");
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec one -- echo started & wait $!; echo code-$?.");
    let shown = terminal.expect_one_of(&["code-125.", "Stopped"]);
    assert!(shown.contains("credenza login one") && !shown.contains("Stopped"), "{shown}");
    assert_eq!(stage.codes(), 0);
}

#[test]
fn a_wrong_code_is_told_of_and_not_shown_and_the_next_one_is_taken() {
    let stage = Stage::new();
    stage.configure("");
    let code = stage.home.cloud.code_of(SERIAL);
    let wrong = if code == "000000" { "111111" } else { "000000" };
    let said = stage.run(&["login", "one", "--code", wrong]);
    assert_eq!(said.code, Some(4), "{said:?}");
    assert!(said.err.contains("one-time code") && said.err.contains("credenza login one"), "{said:?}");
    assert!(!said.err.contains(wrong), "{said:?}");
    stage.login("one");
    stage.is_good(&stage.run(&["credential", "one"]).good());
    assert_eq!(stage.codes(), 2);
}

#[test]
fn after_two_refused_codes_there_is_a_pause_that_status_shows() {
    let stage = Stage::new();
    let cloud = &stage.home.cloud;
    let right: Vec<String> = [-30, 0, 30].map(|secs| cloud.code_at(SERIAL, later(cloud.now(), secs))).into();
    let wrong = ["000000", "111111", "222222", "333333", "444444"].into_iter();
    for wrong in wrong.filter(|wrong| right.iter().all(|right| right != wrong)).take(2) {
        assert_eq!(stage.run(&["login", "one", "--code", wrong]).code, Some(4));
    }
    let said = stage.run(&["login", "one", "--code", &cloud.code_of(SERIAL)]);
    said.failed(4, &["AWS refused 2 one-time codes for one in a row", "credenza login one"]);
    assert_eq!(stage.codes(), 2, "none is sent meanwhile");
    assert!(stage.status()["paused_until"].is_string(), "{}", stage.status());
    let table = stage.run(&["status"]).good();
    assert!(table.contains("AWS refused too many codes in a row: none is sent for "), "{table}");
}

fn later(time: SystemTime, secs: i64) -> SystemTime {
    let by = Duration::from_secs(secs.unsigned_abs());
    if secs < 0 { time - by } else { time + by }
}

#[test]
fn keys_that_a_person_unlocks_become_a_session_without_a_device() {
    let stage = Stage::new();
    let keys = &stage.home.keys;
    let item = serde_json::json!({"fields": [
        {"id": "a", "label": "access key id", "value": keys.access_key_id},
        {"id": "b", "label": "secret access key", "value": keys.secret_access_key},
    ]});
    stage.home.write("item", &item.to_string());
    stage.home.write(".aws/credentials", "");
    let role = role("my-role");
    stage.home.write(".aws/config", &format!("[profile plain]\nrole_arn = {role}\nsource_profile = base\n"));
    stage.configure("[identity.base]\nkeys = \"op://Private/AWS\"\n");
    stage.program("op", "echo \"$*\" >> \"$HOME/op.calls\"\ncat \"$HOME/item\"");
    // in the background 1Password is never asked
    stage.run(&["credential", "plain"]).failed(4, &["credenza login plain"]);
    assert_eq!(stage.op_calls(), 0);
    let mut terminal = Terminal::new(&stage.home);
    terminal
        .enter("credenza exec plain -- sh -c 'credenza credential plain --from-endpoint > ~/printed'; echo code-$?.");
    terminal.expect("code-0.");
    stage.is_good(&std::fs::read_to_string(stage.home.path("printed")).unwrap());
    stage.is_good(&stage.run(&["credential", "plain"]).good());
    assert_eq!((stage.op_calls(), stage.codes()), (1, 0));
    assert_eq!(stage.home.cloud.count("GetSessionToken"), 1);
}

#[test]
fn a_role_alone_on_its_device_that_wants_hours_is_assumed_with_the_code_itself() {
    let stage = Stage::new();
    let config = format!(
        "[profile long]\nrole_arn = {}\nsource_profile = base\nmfa_serial = {SERIAL}\nduration_seconds = 14400\n",
        role("one")
    );
    stage.home.write(".aws/config", &config);
    stage.login("long");
    let printed = stage.run(&["credential", "long"]).good();
    stage.is_good(&printed);
    let printed: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let end: jiff::Timestamp = printed["Expiration"].as_str().unwrap().parse().unwrap();
    let left = end.duration_since(jiff::Timestamp::now());
    assert!(left > jiff::SignedDuration::from_hours(3), "{left:?}");
    let cloud = &stage.home.cloud;
    assert_eq!((cloud.count("GetSessionToken"), cloud.count("AssumeRole"), stage.codes()), (0, 1, 1));
    assert_eq!(printed["AccountId"].as_str().unwrap_or(ACCOUNT), ACCOUNT);
}

#[test]
fn what_needs_no_person_begins_a_session_by_itself() {
    let stage = Stage::new();
    stage.program("shows", "cat \"$HOME/shown\"");
    stage.configure("[identity.base]\notp = { command = [\"shows\"], unattended = true }\n");
    stage.run(&["up"]).good();
    stage.is_good(&stage.run(&["credential", "one"]).good());
    stage.is_good(&stage.run(&["credential", "two"]).good());
    assert_eq!((stage.codes(), stage.home.cloud.count("GetSessionToken")), (1, 1));
    assert_eq!((&stage.status()["unattended"], &stage.status()["state"]), (&true.into(), &"begun".into()));
}
