//! A command that is killed while AWS is asked: what was sent is not lost.

use simcloud::{Fault, Trouble};

use super::stage::{SERIAL, Stage};
use crate::support::until;

#[test]
fn a_login_that_is_killed_while_aws_answers_has_begun_a_session_all_the_same() {
    let stage = Stage::new();
    stage.run(&["up"]).good();
    let cloud = &stage.home.cloud;
    cloud.add_fault(Fault::new(Trouble::Slow { before_ms: 1000, after_ms: 1000 }).on_action("GetSessionToken"));
    let code = cloud.code_of(SERIAL);
    let mut login = stage.command(&["login", "one", "--code", &code]).spawn().unwrap();
    until("AWS is asked", || cloud.count("GetSessionToken") == 1);
    assert_eq!(login.try_wait().unwrap(), None, "it waits for the answer");
    login.kill().unwrap();
    login.wait().unwrap();
    until("the session has begun", || stage.status()["state"] == "begun");
    stage.is_good(&stage.run(&["credential", "one"]).good());
    stage.is_good(&stage.run(&["credential", "two"]).good());
    assert_eq!((stage.codes(), cloud.count("GetSessionToken"), stage.op_calls()), (1, 1, 0));
}
