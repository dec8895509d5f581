//! Who may fetch a code: `exec`, `env` and `login` of a person, and nobody else.

use std::time::{Duration, Instant};

use super::stage::{SERIAL, Stage};
use crate::terminal::Terminal;

#[test]
fn exec_at_a_terminal_fetches_the_code_and_every_role_is_served() {
    let stage = Stage::new();
    let mut terminal = Terminal::new(&stage.home);
    terminal
        .enter("credenza exec one two -- sh -c 'credenza credential two --from-endpoint > ~/printed'; echo code-$?");
    let shown = terminal.expect("code-0");
    assert!(shown.contains("a session of base has begun, until "), "{shown}");
    stage.is_good(&std::fs::read_to_string(stage.home.path("printed")).unwrap());
    // without a terminal, and of another shell: what was begun serves
    for name in ["three", "one"] {
        let said = stage.home.exec(&[name, "--", "sh", "-c", "echo ran-$CREDENZA_IDENTITY"]);
        assert_eq!((said.code, said.out), (Some(0), format!("ran-{name}\n")));
    }
    stage.is_good(&stage.run(&["credential", "four"]).good());
    assert_eq!((stage.codes(), stage.op_calls(), stage.home.cloud.count("GetSessionToken")), (1, 1, 1));
}

#[test]
fn env_at_a_terminal_fetches_the_code_and_wires() {
    let stage = Stage::new();
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("eval \"$(credenza env one)\"; echo wired-$?");
    terminal.expect("wired-0");
    terminal.enter("credenza credential one --from-endpoint > ~/printed; echo code-$?");
    terminal.expect("code-0");
    stage.is_good(&std::fs::read_to_string(stage.home.path("printed")).unwrap());
    assert_eq!(stage.codes(), 1);
}

#[test]
fn who_has_no_terminal_or_wants_no_login_is_told_the_command_and_nobody_is_asked() {
    let stage = Stage::new();
    let said = stage.home.exec(&["one", "--", "echo", "started"]);
    said.failed(125, &["cannot run echo with one", "credenza login one"]);
    stage.run(&["env", "one", "--format", "json"]).failed(4, &["credenza login one"]);
    let words = ["no credential for one", "credenza login one"];
    let begun = Instant::now();
    stage.run(&["credential", "one"]).failed(4, &words);
    assert!(begun.elapsed() < Duration::from_secs(10));
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec one --no-login -- echo started; echo code-$?.");
    let shown = terminal.expect("code-125.");
    assert!(shown.contains("credenza login one") && !shown.contains("started\r\n"), "{shown}");
    assert_eq!((stage.op_calls(), stage.codes()), (0, 0));
    assert_eq!(stage.home.cloud.calls(), [], "nobody asked AWS for what only a person can give");
}

#[test]
fn a_code_that_was_typed_on_the_command_line_is_used_once() {
    let stage = Stage::new();
    let code = stage.home.cloud.code_of(SERIAL);
    let said = stage.run(&["login", "one", "--code", &code]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("a session of base has begun, until "), "{said:?}");
    stage.is_good(&stage.run(&["credential", "five"]).good());
    let again = stage.run(&["login", "one", "--code", &code]);
    assert_eq!(again.code, Some(4), "{again:?}");
    assert!(!again.err.contains(&code), "{again:?}");
    assert_eq!((stage.codes(), stage.op_calls()), (1, 0), "what was sent once is not sent again");
    let said = stage.run(&["login", "one", "--code", "12345"]);
    assert_eq!(said.code, Some(2), "{said:?}");
}

#[test]
fn the_session_outlives_commands_and_ends_with_logout() {
    let stage = Stage::new();
    stage.login("one");
    let status = stage.status();
    assert_eq!(
        (&status["session"], &status["state"], &status["serial"]),
        (&"base".into(), &"begun".into(), &SERIAL.into())
    );
    assert_eq!((&status["identities"], &status["unattended"]), (&5.into(), &false.into()));
    stage.is_good(&stage.run(&["credential", "two"]).good());
    let said = stage.run(&["logout", "one", "--yes"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    stage.run(&["credential", "two"]).failed(4, &["credenza login two"]);
    assert_eq!(stage.status()["state"], "code-needed");
}

#[test]
fn who_cannot_begin_a_session_is_told_what_is_missing() {
    let stage = Stage::new();
    let said = stage.run(&["login", "one"]);
    said.failed(
        4,
        &["the one-time code of one comes from `op`, which needs a person", "credenza login one", "`--code`"],
    );
    stage.configure("[identity.base]\nkeys = \"env:BOOT\"\n");
    let code = stage.home.cloud.code_of(SERIAL);
    let said = stage.run(&["login", "one", "--code", &code]);
    assert_eq!(said.code, Some(1), "{said:?}");
    assert!(said.err.contains("BOOT_ACCESS_KEY_ID"), "{said:?}");
    stage.configure("[identity.base]\nkeys = \"op://Private/AWS\"\n");
    let said = stage.run(&["login", "one", "--code", &code]);
    said.failed(4, &["the keys of one, op://Private/AWS, need a person", "credenza login one"]);
    assert_eq!((stage.codes(), stage.op_calls()), (0, 0));
    // a device that is called as the profile of its keys
    stage.configure("");
    assert_eq!(stage.run(&["login", "base", "--code", &code]).code, Some(0));
}
