//! `credenza wait`: returns when somebody has signed in elsewhere.

use std::process::Stdio;

use simcloud::Fault;

use super::stage::Stage;
use crate::support::Said;

#[test]
fn waiting_ends_with_a_login_elsewhere() {
    for with_daemon in [true, false] {
        let stage = Stage::new();
        if with_daemon {
            stage.run(&["up"]).good();
        }
        stage
            .run(&["wait", "my-dev", "--timeout", "1s"])
            .failed(4, &["my-dev cannot be used yet", "credenza login my-dev"]);
        let mut wait = stage.command(&["wait", "my-role", "my-dev", "my-ops", "--timeout", "30s"]);
        let waiting = wait.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        stage.sign_in_elsewhere();
        let said = Said::of(waiting.wait_with_output().unwrap());
        assert_eq!((said.code, said.out.as_str()), (Some(0), ""), "with_daemon: {with_daemon}, {said:?}");
        stage.run(&["wait", "my-dev"]).good();
    }
}

#[test]
fn an_upstream_that_stays_away_is_told_apart_from_a_login_that_is_needed() {
    let stage = Stage::new();
    stage.sign_in_elsewhere();
    stage.home.cloud.add_fault(Fault::outage());
    stage.run(&["wait", "my-dev", "--timeout", "2s"]).failed(5, &["my-dev cannot be used yet"]);
    stage.home.cloud.clear_faults();
    stage.run(&["wait", "my-dev", "--timeout", "30s"]).good();
    stage.run(&["wait", "nobody"]).failed(3, &["there is no identity nobody"]);
}
