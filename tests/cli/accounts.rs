//! `list --accounts`: what a sign-in gives.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::center::{CORP, Center, START};

#[test]
fn all_accounts_and_roles_are_shown() {
    let center = Center::of_corp();
    assert_eq!(
        center.home.good(&["list", "--accounts", "corp"]),
        "ACCOUNT       NAME     EMAIL                     ROLE\n\
         111122223333  Prod EU  111122223333@example.com  Admin\n\
         111122223333  Prod EU  111122223333@example.com  ReadOnly\n\
         444455556666  Test     444455556666@example.com  ReadOnly\n"
    );
    assert_eq!(
        center.home.json(&["list", "--accounts", "corp", "--json"]),
        json!({
            "schema": 1, "session": "corp", "start_url": START,
            "accounts": [
                {"id": "111122223333", "name": "Prod EU", "email": "111122223333@example.com", "roles": ["Admin", "ReadOnly"]},
                {"id": "444455556666", "name": "Test", "email": "444455556666@example.com", "roles": ["ReadOnly"]},
            ]
        })
    );
    let said = center.home.run(&["list", "--accounts", "corp"]);
    assert_eq!(said.err, "", "nobody watches how far it is");
}

#[test]
fn without_a_sign_in_it_ends_at_once_and_names_the_command() {
    let center = Center::with(Some(CORP));
    for words in [&["list", "--accounts", "corp"][..], &["import", "corp"], &["import", "corp", "--dry-run"]] {
        let begun = Instant::now();
        center.home.run(words).failed(4, &["credenza login corp"]);
        assert!(begun.elapsed() < Duration::from_secs(2), "{words:?}");
    }
    assert_eq!(center.cloud.calls().len(), 0);
    assert_eq!(center.config(), CORP);
}

#[test]
fn an_unknown_session_names_the_nearest() {
    let center = Center::with(Some(CORP));
    for words in [&["list", "--accounts", "crop"][..], &["import", "crop"]] {
        center.home.run(words).failed(3, &["there is no identity and no [sso-session] crop", "try: corp"]);
    }
}
