//! How access ends, event by event: which call fails first, what is dropped and when, and what clients see.

use simcloud::{Fault, Trouble};

use crate::client::Told;
use crate::machine::{HOUR, MINUTE, SECOND};
use crate::office::{ACCOUNT, ADA, LONG, Office, SHORT, START_URL};

#[tokio::test(start_paused = true)]
async fn an_access_token_that_ended_early_is_renewed_once_and_nobody_notices() {
    let mut office = Office::open(|_| (), "");
    let signed_in = office.aws_sso_login();
    // the file promises an hour more than the cloud keeps
    office.write_promising(&signed_in, 2 * HOUR);
    office.serve(80 * MINUTE).await;
    assert_eq!(office.failed_calls(), ["GetRoleCredentials UnauthorizedException"]);
    assert_eq!(office.refreshes(), 1);
    assert_eq!(office.cloud.sign_ins().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_access_token_that_was_revoked_alone_is_renewed_once_and_nobody_notices() {
    let mut office = Office::at_work(|_| (), "").await;
    assert_eq!(office.cloud.revoke_access_tokens(ADA), 1);
    office.serve(30 * MINUTE).await;
    assert_eq!(office.failed_calls(), ["GetRoleCredentials UnauthorizedException"]);
    assert_eq!(office.refreshes(), 1);
}

#[tokio::test(start_paused = true)]
async fn when_the_portal_session_is_over_role_credentials_go_on_to_their_end() {
    let mut office = Office::at_work(|instance| instance.session = 2 * HOUR, "").await;
    office.serve(2 * HOUR - 2 * MINUTE).await;
    office.cloud.forget_calls();
    let (minutes, refused) = office.first_refusal(SHORT, HOUR).await;
    assert_eq!(office.failed_calls()[0], "CreateToken InvalidGrantException");
    assert!((10..=16).contains(&minutes), "{minutes}");
    refused.assert_names_login(SHORT, "LoginRequired");
    let (minutes, refused) = office.first_refusal(LONG, HOUR).await;
    assert!((15..=45).contains(&minutes), "{minutes}");
    refused.assert_names_login(LONG, "LoginRequired");
    // somebody signs in with the AWS CLI: found by the next try for a client, at the latest after a quarter of an hour
    office.cloud.forget_calls();
    office.aws_sso_login();
    let mut waited = 0;
    office
        .until(20 * MINUTE, async |office| {
            waited += 1;
            matches!(office.ask(LONG).await, Told::Credential(..))
        })
        .await;
    assert!(waited <= 17, "{waited}");
    office.serves(SHORT).await;
    assert_eq!(office.refreshes(), 0, "what was adopted is fresh");
}

#[tokio::test(start_paused = true)]
async fn a_login_made_elsewhere_is_used_at_once_when_the_file_is_seen_to_change() {
    let mut office = Office::at_work(|instance| instance.session = HOUR, "").await;
    office.first_refusal(LONG, 3 * HOUR).await;
    office.aws_sso_login();
    office.is_told_of_a_login();
    office.serve(MINUTE).await;
}

#[tokio::test(start_paused = true)]
async fn a_registration_that_is_over_wants_a_login() {
    let mut office = Office::at_work(|_| (), "").await;
    office.cloud.expire_registrations();
    // the access token is taken to its end at 60 min, and what was made of it to its own
    let (minutes, refused) = office.first_refusal(SHORT, 3 * HOUR).await;
    assert_eq!(office.failed_calls()[0], "CreateToken InvalidClientException");
    assert!((68..=75).contains(&minutes), "{minutes}");
    refused.assert_names_login(SHORT, "LoginRequired");
    office.first_refusal(LONG, HOUR).await.1.assert_names_login(LONG, "LoginRequired");
}

#[tokio::test(start_paused = true)]
async fn a_logout_here_takes_everything_along_at_once() {
    let mut office = Office::at_work(|_| (), "").await;
    office.cloud.forget_calls();
    office.sign_out();
    for identity in [LONG, SHORT] {
        let (minutes, refused) = office.first_refusal(identity, MINUTE).await;
        assert_eq!(minutes, 0);
        refused.assert_names_login(identity, "LoginRequired");
    }
    office.first_refusal(LONG, 30 * MINUTE).await;
    assert_eq!(office.cloud.calls().len(), 0, "nothing is left to ask with");
}

#[tokio::test(start_paused = true)]
async fn when_an_administrator_ends_the_session_what_was_made_of_it_is_dropped() {
    let mut office = Office::at_work(|_| (), "").await;
    assert_eq!(office.cloud.end_sign_ins(ADA), 1);
    // seen when the next credential is fetched, at the latest after 4.5 min
    let (minutes, refused) = office.first_refusal(LONG, HOUR).await;
    assert!((3..=5).contains(&minutes), "{minutes}");
    refused.assert_names_login(LONG, "SessionEnded");
    let (minutes, refused) = office.first_refusal(SHORT, MINUTE).await;
    assert_eq!(minutes, 0);
    refused.assert_names_login(SHORT, "SessionEnded");
    let failed = office.failed_calls();
    assert_eq!(failed[..2], ["GetRoleCredentials UnauthorizedException", "CreateToken InvalidGrantException"]);
}

#[tokio::test(start_paused = true)]
async fn an_assignment_that_was_removed_concerns_its_role_alone() {
    let mut office = Office::at_work(|_| (), "").await;
    assert!(office.cloud.remove_assignment(ADA, ACCOUNT, SHORT));
    let (minutes, refused) = office.first_refusal(SHORT, HOUR).await;
    assert!((3..=5).contains(&minutes), "{minutes}");
    assert_eq!((refused.status, refused.code.as_str()), (403, "NoAccess"), "{refused:?}");
    assert!(refused.message.contains(SHORT) && refused.message.contains(ACCOUNT), "{refused:?}");
    assert!(!refused.message.contains("credenza login"), "{refused:?}");
    // the other role goes on as if nothing were
    office
        .until(3 * HOUR, async |office| {
            office.serves(LONG).await;
            assert!(matches!(office.ask(SHORT).await, Told::Refusal { status: 403, .. }));
            false
        })
        .await;
    let failed = office.failed_calls();
    assert!(failed.iter().all(|call| call == "GetRoleCredentials ForbiddenException"), "{failed:?}");
    // twice each, with waits of 1, 2, 4, 8 and then 15 min
    assert!((28..=36).contains(&failed.len()), "{}", failed.len());
    assert!((4..=5).contains(&office.refreshes()), "{}", office.refreshes());
    // it is back when a client asks after the wait
    assert!(office.cloud.restore_assignment(ADA, ACCOUNT, SHORT));
    let mut waited = 0;
    office
        .until(20 * MINUTE, async |office| {
            waited += 1;
            matches!(office.ask(SHORT).await, Told::Credential(..))
        })
        .await;
    assert!(waited <= 17, "{waited}");
    office.serve(5 * MINUTE).await;
    assert_eq!(office.cloud.sign_ins().len(), 1, "no login was asked for");
}

#[tokio::test(start_paused = true)]
async fn a_disabled_user_is_served_until_the_role_credentials_end() {
    let mut office = Office::at_work(|_| (), "").await;
    assert!(office.cloud.disable_person(ADA));
    assert!(office.cloud.sign_in(START_URL, ADA).is_none(), "a login would fail at once");
    let (minutes, refused) = office.first_refusal(SHORT, 3 * HOUR).await;
    let failed = office.failed_calls();
    assert_eq!(failed[0], "CreateToken InvalidGrantException");
    assert!((68..=75).contains(&minutes), "the access token works to its end: {minutes}");
    refused.assert_names_login(SHORT, "LoginRequired");
    let (_, refused) = office.first_refusal(LONG, HOUR).await;
    refused.assert_names_login(LONG, "LoginRequired");
    assert!(office.open_for() <= 2 * HOUR);
}

#[tokio::test(start_paused = true)]
async fn a_single_no_access_is_asked_about_again() {
    let mut office = Office::at_work(|_| (), "").await;
    office.cloud.add_fault(Fault::error("ForbiddenException").on_action("GetRoleCredentials").times(1));
    office.serve(30 * MINUTE).await;
    assert_eq!(office.failed_calls(), ["GetRoleCredentials ForbiddenException"]);
}

#[tokio::test(start_paused = true)]
async fn being_asked_too_often_never_leads_to_a_login() {
    let mut office = Office::at_work(|_| (), "").await;
    let page = Trouble::Page { status: 429, headers: Vec::new(), body: String::new() };
    let fault = office.cloud.add_fault(Fault::new(page).on_action("GetRoleCredentials"));
    let (minutes, refused) = office.first_refusal(SHORT, HOUR).await;
    assert!((13..=14).contains(&minutes), "what is held is served: {minutes}");
    assert_eq!((refused.status, refused.code.as_str()), (503, "Throttled"), "{refused:?}");
    assert!(!refused.message.contains("login"), "{refused:?}");
    office.serves(LONG).await;
    office.cloud.clear_fault(fault);
    tokio::time::sleep(15 * SECOND).await;
    office.ask(SHORT).await;
    tokio::time::sleep(15 * SECOND).await;
    office.serve(10 * MINUTE).await;
    assert_eq!(office.cloud.count("CreateToken"), 0, "nothing was wrong with the token");
}

#[tokio::test(start_paused = true)]
async fn role_credentials_are_held_no_longer_than_max_hold_after_a_failed_renewal() {
    let mut office = Office::at_work(|_| (), "[sso.corp]\nmax_hold = \"10m\"\n").await;
    office.serve(30 * MINUTE).await;
    office.cloud.disable_person(ADA);
    // the renewal fails after about 38 min
    let (_, refused) = office.first_refusal(LONG, HOUR).await;
    refused.assert_names_login(LONG, "LoginRequired");
    let failed = office.cloud.calls().into_iter().find(|call| call.outcome != "ok").expect("a renewal failed");
    assert_eq!(failed.action, "CreateToken");
    let held = office.cloud.now().duration_since(failed.at).expect("time passes");
    assert!(held >= 9 * MINUTE && held <= 11 * MINUTE, "{held:?}");
    // its access token would bring more for 20 min yet, and nobody would be given it
    office.cloud.forget_calls();
    office.first_refusal(LONG, 10 * MINUTE).await;
    assert_eq!(office.cloud.count("GetRoleCredentials"), 0);
}
