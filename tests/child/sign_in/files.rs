//! The files of sign-ins are followed: whoever signs in or out with another tool is understood at once.

use std::fs;
use std::time::{Duration, Instant};

use super::stage::Stage;
use crate::support::{ask, until};
use crate::waiting::Waiting;

#[test]
fn a_sign_in_of_another_tool_is_used_at_once_also_where_nobody_ever_signed_in() {
    let stage = Stage::new();
    stage.run(&["up"]).good();
    let failed = || stage.run(&["credential", "my-dev"]).code == Some(4);
    assert!(failed());
    assert!(!stage.home.path(".aws/sso").exists());
    let since = Instant::now();
    stage.sign_in_elsewhere();
    until("the sign-in is used", || !failed());
    assert!(since.elapsed() < Duration::from_secs(10), "the system told of it: the look now and again is every 15 s");
    stage.credential(&["my-dev"]);
    fs::remove_file(stage.token_file()).unwrap();
    until("it is gone", failed);
    // the folder is there by now
    stage.sign_in_elsewhere();
    until("another one is used", || !failed());
    assert_eq!(stage.home.cloud.count_grants("refresh_token"), 0);
}

#[test]
fn a_sign_in_that_vanishes_takes_along_what_was_made_of_it() {
    for with_daemon in [true, false] {
        let stage = Stage::new();
        if with_daemon {
            stage.run(&["up"]).good();
        }
        stage.sign_in_elsewhere();
        let job = Waiting::start(&stage.home, &["my-dev"]);
        let key = job.key();
        fs::remove_file(stage.token_file()).unwrap();
        let refused = || ask(&job.url, &job.token).unwrap();
        until("the job has no credential any more", || refused().0 == 403);
        let (_, body) = refused();
        assert!(body.contains("LoginRequired") && body.contains("credenza login my-dev"), "{body}");
        if with_daemon {
            stage.run(&["credential", "my-dev"]).failed(4, &["credenza login my-dev"]);
        }
        stage.sign_in_elsewhere();
        until("the job goes on", || refused().0 == 200);
        assert_ne!(job.key(), key, "with_daemon: {with_daemon}");
    }
}
