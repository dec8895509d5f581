//! Who may ask a person to log in: `exec` and `env` at a terminal, and nobody else.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use super::stage::{Stage, written};
use crate::support::Said;
use crate::terminal::Terminal;

#[test]
fn exec_at_a_terminal_logs_in_first_and_then_runs() {
    let stage = Stage::new();
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec my-dev -- credenza credential my-dev --from-endpoint > ~/printed; echo code-$?");
    let shown = terminal.expect("code-");
    assert!(shown.contains("corp needs a login") && shown.contains("signed in to corp as ada@example.com"), "{shown}");
    terminal.expect("0");
    stage.is_good(&std::fs::read_to_string(stage.home.path("printed")).unwrap());
    terminal.enter("credenza exec my-ops -- sh -c 'echo ran-$CREDENZA_IDENTITY'");
    let shown = terminal.expect("ran-my-ops");
    assert!(!shown.contains("login"), "{shown}");
    assert_eq!(stage.home.cloud.logins().len(), 1);
}

#[test]
fn env_at_a_terminal_logs_in_first_and_then_wires() {
    let stage = Stage::new();
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("eval \"$(credenza env my-dev)\"; echo wired-$?");
    let shown = terminal.expect("wired-0");
    assert!(shown.contains("corp needs a login") && shown.contains("signed in to corp"), "{shown}");
    terminal.enter("credenza credential my-dev --from-endpoint > ~/printed; echo code-$?");
    terminal.expect("code-0");
    stage.is_good(&std::fs::read_to_string(stage.home.path("printed")).unwrap());
    assert_eq!(stage.home.cloud.logins().len(), 1);
}

#[test]
fn who_wants_no_login_or_has_no_terminal_is_told_the_command() {
    let stage = Stage::new();
    let mut terminal = Terminal::new(&stage.home);
    for (line, code) in [
        ("credenza exec my-dev --no-login -- echo started", 125),
        ("credenza env my-dev --no-login >/dev/null", 4),
        ("credenza credential my-dev", 4),
    ] {
        terminal.enter(&format!("{line}; echo code-$?."));
        let shown = terminal.expect(&format!("code-{code}."));
        assert!(shown.contains("credenza login my-dev"), "{line}: {shown}");
        assert!(!shown.contains("started") && !shown.contains("corp needs a login"), "{line}: {shown}");
    }
    let said = stage.home.exec(&["my-dev", "--", "echo", "started"]);
    said.failed(125, &["cannot run echo with my-dev", "credenza login my-dev"]);
    let said = stage.run(&["env", "my-dev", "--format", "json"]);
    said.failed(4, &["cannot wire this shell", "credenza login my-dev"]);
    assert_eq!(stage.browser.opened(), [""; 0]);
    assert_eq!(stage.home.cloud.calls(), [], "nobody asked AWS for what only a person can give");
}

#[test]
fn credential_asks_nobody_whoever_it_is_asked_through() {
    let stage = Stage::new();
    let words = ["no credential for my-dev", "credenza login my-dev"];
    stage.run(&["credential", "my-dev"]).failed(4, &words);
    stage.run(&["up"]).good();
    stage.run(&["credential", "my-dev"]).failed(4, &words);
    let granted = stage.run(&["grant", "new", "my-dev"]);
    let mut inside = stage.command(&["credential", "my-dev", "--from-endpoint"]);
    for name in ["AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_AUTHORIZATION_TOKEN"] {
        inside.env(name, granted.variable(name).unwrap());
    }
    Said::of(inside.output().unwrap()).failed(4, &words);
    assert_eq!(stage.browser.opened(), [""; 0]);
    assert_eq!(stage.home.cloud.calls(), [], "nobody asked AWS for what only a person can give");
}

#[test]
fn a_sign_in_that_ends_soon_is_announced_at_a_terminal_alone() {
    let stage = Stage::new();
    let signed_in = stage.home.cloud.sign_in(super::stage::START_URL, super::stage::ADA).unwrap();
    stage.write_token(&signed_in, |file| {
        file["expiresAt"] = written(SystemTime::now() + Duration::from_secs(600)).into();
        file.as_object_mut().unwrap().remove("refreshToken");
    });
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec my-dev my-ops -- echo started");
    let shown = terminal.expect("started");
    assert_eq!(shown.matches("the sign-in of corp ends in 10 min; try: credenza login corp").count(), 1, "{shown}");
    let mut exec = stage.command(&["exec", "my-dev", "--", "echo", "started"]);
    let said = Said::of(exec.stdin(Stdio::null()).output().unwrap());
    assert_eq!((said.code, said.err.contains("ends in")), (Some(0), false), "{said:?}");
}
