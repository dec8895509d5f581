//! One file for everybody: refresh tokens that change hands, get lost or stay, several processes and tools at once, and a
//! file that is read while the AWS CLI writes it.

use std::time::Duration;

use simcloud::{Fault, Trouble};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::client::Told;
use crate::machine::{HOUR, MINUTE, SECOND};
use crate::office::{LONG, Office, SHORT, as_the_cli_writes};

#[tokio::test(start_paused = true)]
async fn a_refresh_token_that_changes_each_time_is_kept_each_time() {
    let mut office = Office::at_work(|instance| instance.rotate_refresh_tokens = true, "").await;
    let first = office.written();
    office.serve(3 * HOUR).await;
    assert_eq!(office.failed_calls(), [""; 0]);
    assert_eq!(office.refreshes(), 4);
    let last = office.written();
    assert_ne!(first["refreshToken"], last["refreshToken"]);
    let known = office.cloud.refresh_tokens();
    let good: Vec<_> = known.iter().filter(|token| !token.revoked).map(|token| token.token.as_str()).collect();
    assert_eq!(good, [last["refreshToken"].as_str().expect("text")]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_a_refresh_token_leaves_the_one_that_was() {
    let mut office = Office::at_work(|instance| instance.omit_refresh_token = true, "").await;
    let first = office.written();
    office.serve(3 * HOUR).await;
    assert_eq!(office.refreshes(), 4);
    let last = office.written();
    assert_eq!(first["refreshToken"], last["refreshToken"]);
    assert_ne!(first["accessToken"], last["accessToken"]);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_costs_one_more_call_where_the_refresh_token_stays() {
    let mut office = Office::at_work(|_| (), "").await;
    office.cloud.add_fault(Fault::new(Trouble::ResetAfter).on_action("CreateToken").times(1));
    office.serve(2 * HOUR).await;
    assert_eq!(office.failed_calls(), ["CreateToken reset-after"]);
    assert_eq!(office.refreshes(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_that_held_the_next_refresh_token_wants_a_login_in_the_end() {
    let mut office = Office::at_work(|instance| instance.rotate_refresh_tokens = true, "").await;
    office.cloud.add_fault(Fault::new(Trouble::ResetAfter).on_action("CreateToken").times(1));
    // the access token that is held goes on to its end at 60 min, and what was made of it to its own
    let (minutes, refused) = office.first_refusal(SHORT, 3 * HOUR).await;
    assert!((68..=75).contains(&minutes), "{minutes}");
    refused.assert_names_login(SHORT, "LoginRequired");
    let failed = office.failed_calls();
    assert_eq!(failed[..2], ["CreateToken reset-after", "CreateToken InvalidGrantException"]);
    assert!(failed.len() <= 4, "{failed:?}");
    office.aws_sso_login();
    office.is_told_of_a_login();
    office.serve(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn twenty_processes_that_wake_up_to_a_token_that_ended_renew_it_once() {
    let mut first = Office::at_work(|instance| instance.rotate_refresh_tokens = true, "").await;
    let mut all: Vec<Office> = (0..19).map(|seed| first.another(seed)).collect();
    for office in &mut all {
        office.serve(SECOND).await;
    }
    first.serve(SECOND).await;
    let clock = first.machine.clock.clone();
    all.push(first);
    clock.suspend(2 * HOUR);
    let cloud = all[0].cloud.clone();
    cloud.forget_calls();
    let mut asking = JoinSet::new();
    for mut office in all {
        asking.spawn(async move {
            office.serves(LONG).await;
            office
        });
    }
    let mut all = asking.join_all().await;
    assert_eq!(cloud.count_grants("refresh_token"), 1);
    // and so it goes on
    for office in &mut all {
        office.serves(SHORT).await;
    }
    sleep(50 * MINUTE).await;
    assert_eq!(cloud.count_grants("refresh_token"), 2);
    for office in &mut all {
        office.serve(SECOND).await;
        assert_eq!(office.failed_calls(), [""; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_login_that_another_tool_finishes_while_we_renew_is_kept() {
    let mut office = Office::at_work(|_| (), "").await;
    let slow = Trouble::Slow { before_ms: 0, after_ms: 3000 };
    let slow = office.cloud.add_fault(Fault::new(slow).on_action("CreateToken"));
    while office.refreshes() == 0 {
        sleep(SECOND).await;
    }
    let theirs = office.aws_sso_login();
    sleep(10 * SECOND).await;
    let written = office.written();
    assert_eq!(written["accessToken"].as_str(), Some(theirs.access_token.as_str()));
    assert_eq!(written["refreshToken"].as_str(), Some(theirs.refresh_token.as_str()));
    office.cloud.clear_fault(slow);
    office.serve(HOUR).await;
    assert_eq!(office.failed_calls(), [""; 0]);
    assert_eq!(office.refreshes(), 2, "ours, and one of theirs after 40 min");
}

#[tokio::test(start_paused = true)]
async fn a_file_that_the_cli_is_writing_is_waited_for() {
    for written_so_far in [0, 1, 100, 400] {
        let mut office = Office::open(|_| (), "");
        let whole = as_the_cli_writes(&office.aws_sso_login());
        office.write(&whole[..written_so_far]);
        let (files, rest) = (office.machine.files.clone(), whole.clone());
        tokio::spawn(async move {
            sleep(150 * Duration::from_millis(1)).await;
            Office::write_into(&files, &rest);
        });
        office.serves(LONG).await;
        assert_eq!(office.refreshes(), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_that_stays_torn_wants_a_login_and_is_used_once_it_is_whole() {
    let mut office = Office::open(|_| (), "");
    let whole = as_the_cli_writes(&office.aws_sso_login());
    office.write(&whole[..100]);
    let told = office.ask(LONG).await;
    assert!(matches!(&told, Told::Refusal { status: 403, code, .. } if code == "LoginRequired"), "{told:?}");
    office.write(&whole);
    sleep(MINUTE).await;
    office.serves(LONG).await;
    office.serves(SHORT).await;
}
