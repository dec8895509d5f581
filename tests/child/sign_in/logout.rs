//! `credenza logout`: nothing of a sign-in is left, anywhere.

use std::fs;

use simcloud::Fault;

use super::stage::{OLDER_URL, Stage};
use crate::support::{ask, until};
use crate::terminal::Terminal;
use crate::waiting::Waiting;

#[test]
fn a_logout_is_told_to_aws_and_to_whoever_holds_something() {
    let stage = Stage::new();
    stage.run(&["up"]).good();
    stage.sign_in_elsewhere();
    stage.credential(&["my-dev"]);
    let job = Waiting::start(&stage.home, &["my-dev"]);
    job.key();
    // not a terminal: nobody can be asked
    let said = stage.run(&["logout", "my-dev"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.contains("corp in use by:\n") && said.err.contains("sh (my-dev, process "), "{said:?}");
    assert!(said.err.contains("signed out of corp"), "{said:?}");
    stage.run(&["credential", "my-dev"]).failed(4, &["credenza login my-dev"]);
    assert_eq!(stage.home.cloud.count("Logout"), 1);
    assert!(stage.home.cloud.sign_ins().iter().all(|(_, sign_in)| sign_in.ended));
    assert!(!stage.token_file().exists());
    assert_eq!(stage.status_of("corp")["state"], "signed-out");
    until("the job has no credential any more", || ask(&job.url, &job.token).unwrap().0 == 403);
    let said = stage.run(&["logout", "my-dev"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(said.err.contains("nobody was signed in to corp"), "{said:?}");
}

#[test]
fn at_a_terminal_who_uses_it_is_named_and_the_person_asked() {
    let stage = Stage::new();
    stage.run(&["up"]).good();
    stage.sign_in_elsewhere();
    stage.run(&["grant", "new", "my-ops", "--name", "nightly"]).good();
    let mut terminal = Terminal::new(&stage.home);
    for answer in ["n", ""] {
        terminal.enter("credenza logout corp; echo code-$?");
        let shown = terminal.expect("[y/N] ");
        assert!(shown.contains("corp in use by:") && shown.contains("grant nightly (my-ops"), "{shown}");
        terminal.enter(answer);
        let shown = terminal.expect("code-1");
        assert!(shown.contains("nothing was ended"), "{shown}");
        assert!(stage.token_file().exists());
    }
    terminal.enter("credenza logout corp; echo code-$?");
    terminal.expect("[y/N] ");
    terminal.enter("y");
    terminal.expect("code-0");
    assert!(!stage.token_file().exists());
    stage.sign_in_elsewhere();
    terminal.enter("credenza logout corp --yes; echo code-$?");
    let shown = terminal.expect("code-0");
    assert!(!shown.contains("[y/N]"), "{shown}");
    assert!(!stage.token_file().exists());
}

#[test]
fn aws_that_cannot_be_told_keeps_nobody_from_signing_out_here() {
    let stage = Stage::new();
    stage.sign_in_elsewhere();
    stage.home.cloud.add_fault(Fault::outage().on_action("Logout"));
    let said = stage.run(&["logout"]);
    assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "{said:?}");
    assert!(said.err.contains("AWS could not be told, and keeps the sign-in to its end"), "{said:?}");
    assert!(said.err.contains("signed out of corp"), "{said:?}");
    assert!(!stage.token_file().exists());
    stage.run(&["credential", "my-dev"]).failed(4, &["credenza login my-dev"]);
}

#[test]
fn all_sign_ins_end_with_all() {
    let stage = Stage::new();
    stage.add_older();
    for session in ["corp", "old"] {
        assert_eq!(stage.run(&["login", session]).code, Some(0));
    }
    stage.run(&["logout"]).failed(2, &["there are several"]);
    let said = stage.run(&["logout", "--all"]);
    assert_eq!(said.code, Some(0), "{said:?}");
    for session in ["corp", OLDER_URL] {
        assert!(said.err.contains(&format!("signed out of {session}")), "{said:?}");
    }
    assert_eq!(stage.home.cloud.count("Logout"), 2);
    for name in ["my-dev", "old"] {
        stage.run(&["credential", name]).failed(4, &[&format!("credenza login {name}")]);
    }
    let left: Vec<_> = fs::read_dir(stage.home.path(".aws/sso/cache")).unwrap().map(|entry| entry.unwrap()).collect();
    for entry in left {
        let text = fs::read_to_string(entry.path()).unwrap();
        assert!(!text.contains("accessToken") && !text.contains("refreshToken"), "{:?}", entry.path());
    }
}
