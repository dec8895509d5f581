//! A source of codes that hangs for ever: nobody waits for it but the person who started it, and not for ever.

use super::stage::Stage;
use crate::terminal::Terminal;

/// Writes its own number and that of a child of it, and never ends by itself.
const HANGS: &str = "trap '' TERM HUP\nsleep 1000 &\necho $$ $! > \"$HOME/hangs\"\nwait\nwait";

fn hanging(stage: &Stage) {
    stage.program("hangs", HANGS);
    stage.configure("[identity.base]\notp = { command = [\"hangs\"], timeout = \"1s\" }\n");
}

fn runs(stage: &Stage) -> bool {
    let pids = std::fs::read_to_string(stage.home.path("hangs")).unwrap();
    pids.split_whitespace().any(|pid| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        !stat.is_empty() && !stat.contains(") Z ")
    })
}

#[test]
fn exec_at_a_terminal_ends_after_the_limit_and_nothing_is_left() {
    let stage = Stage::new();
    hanging(&stage);
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza exec one -- echo started; echo code-$?.");
    let shown = terminal.expect("code-125.");
    assert!(
        shown.contains("`hangs` did not answer within 1 s and was ended; run the command of `otp` by hand"),
        "{shown}"
    );
    assert!(!shown.contains("started\r\n"), "{shown}");
    assert!(!runs(&stage), "what hung is gone, and what it started");
    // the terminal is the person's again
    terminal.enter("echo typed-$((6 * 7))");
    terminal.expect("typed-42");
    assert_eq!(stage.codes(), 0);
}

#[test]
fn a_request_is_answered_while_it_hangs_and_without_it() {
    let stage = Stage::new();
    hanging(&stage);
    stage.run(&["up"]).good();
    // nothing in the background starts it
    stage.run(&["credential", "one"]).failed(4, &["credenza login one"]);
    assert!(!stage.home.path("hangs").exists());
    // and while a person waits for it, others are answered
    stage.configure("[identity.base]\notp = { command = [\"hangs\"], timeout = \"60s\" }\n");
    let mut terminal = Terminal::new(&stage.home);
    terminal.enter("credenza login one; echo code-$?.");
    crate::support::until("it hangs", || stage.home.path("hangs").exists());
    stage.run(&["credential", "two"]).failed(4, &["credenza login two"]);
    // Ctrl-C ends it, and what it started
    terminal.press("\u{3}");
    terminal.expect("code-");
    crate::support::until("it is gone", || !runs(&stage));
}
