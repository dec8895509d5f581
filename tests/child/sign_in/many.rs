//! Twenty at once: one refresh, one login.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use super::stage::{ADA, START_URL, Stage, written};
use crate::support::Said;
use crate::terminal::Terminal;

#[test]
fn twenty_processes_on_an_expired_token_refresh_it_once() {
    let stage = Stage::new();
    let signed_in = stage.home.cloud.sign_in(START_URL, ADA).unwrap();
    stage.write_token(&signed_in, |file| {
        file["expiresAt"] = written(SystemTime::now() - Duration::from_secs(60)).into();
    });
    let start = |_| {
        let mut command = stage.command(&["credential", "my-dev"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let started: Vec<_> = (0..20).map(start).collect();
    for one in started {
        let said = Said::of(one.wait_with_output().unwrap());
        assert_eq!(said.code, Some(0), "{said:?}");
        stage.is_good(&said.out);
    }
    assert_eq!(stage.home.cloud.count_grants("refresh_token"), 1);
}

#[test]
fn twenty_terminals_on_a_dead_session_are_served_by_one_login() {
    let mut stage = Stage::new();
    if !stage.leave_container() {
        return;
    }
    let signed_in = stage.home.cloud.sign_in(START_URL, ADA).unwrap();
    stage.home.cloud.end_sign_ins(ADA);
    stage.write_token(&signed_in, |file| {
        file["expiresAt"] = written(SystemTime::now() - Duration::from_secs(60)).into();
    });
    stage.visited_by(None); // nobody decides before all of them are there
    let command = concat!(env!("CARGO_BIN_EXE_credenza"), " credential my-dev --from-endpoint && echo ra''n");
    let exec = ["credenza", "exec", "my-dev", "--", "sh", "-c", command];
    let mut terminals: Vec<Terminal> = (0..20).map(|_| Terminal::running(&stage.home, &exec)).collect();
    let mut shown: Vec<String> = terminals
        .iter_mut()
        .map(|terminal| terminal.expect_one_of(&["Your browser was opened", "Waiting for the sign-in"]))
        .collect();
    let (number, _) = stage.home.cloud.logins().pop().unwrap();
    assert!(stage.home.cloud.approve_login(number, ADA));
    for (terminal, shown) in terminals.iter_mut().zip(&mut shown) {
        shown.push_str(&terminal.expect("ran"));
        assert!(shown.contains("signed in to corp"), "{shown}");
    }
    let waited = shown.iter().filter(|shown| shown.contains("Waiting for the sign-in to corp that another terminal"));
    assert_eq!((waited.count(), stage.browser.opened().len()), (19, 1));
    assert_eq!(stage.home.cloud.count_grants("authorization_code"), 1);
}
