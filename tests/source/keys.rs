//! Keys of a profile's own: sessions of long-term ones, temporary ones as they are.

use std::sync::Arc;
use std::time::Duration;

use credenza::credential::{FailureClass, Renewed, Session};
use credenza::source::{Ingredient, Need, Renewal};
use simcloud::Keys;

use crate::stage::*;

fn profile(keys: &Keys) -> String {
    format!("[profile base]\n{}", key_lines(keys))
}

#[tokio::test(start_paused = true)]
async fn long_term_keys_leave_as_a_session_of_an_hour() {
    let stage = Stage::new();
    let keys = stage.cloud.add_user("ada", ACCOUNT);
    let stage = stage.config(&profile(&keys));
    let issued = stage.fetch("base").await.unwrap();
    assert_eq!(issued.expiration, Some(start() + HOUR));
    assert_eq!(stage.good(&issued).principal.arn, format!("arn:aws:iam::{ACCOUNT}:user/ada"));
    assert_ne!(issued.keys.secret_access_key.expose(), keys.secret_access_key);
    assert!(issued.warnings.iter().any(|warning| warning.contains("may not call IAM")), "{:?}", issued.warnings);
    assert_eq!(stage.cloud.count("GetSessionToken"), 1);
}

#[tokio::test(start_paused = true)]
async fn temporary_keys_of_unknown_end_are_verified_and_called_good_for_half_an_hour() {
    let stage = Stage::new();
    let keys = Keys::temporary();
    stage.cloud.add_user_with_keys("ada", ACCOUNT, keys.clone());
    let stage = stage.config(&profile(&keys));
    let issued = stage.fetch("base").await.unwrap();
    assert_eq!(as_cloud_keys(&issued), keys);
    assert_eq!(issued.expiration, Some(start() + Duration::from_secs(1800)));
    assert_eq!(issued.account_id.as_deref(), Some(ACCOUNT));
    assert_eq!(stage.cloud.count("GetCallerIdentity"), 1);

    // once they are over, they are served no longer, whatever half an hour it is
    assert!(stage.cloud.expire(&keys.access_key_id));
    let failure = stage.fetch("base").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "ExpiredToken"));
}

#[tokio::test(start_paused = true)]
async fn keys_that_a_process_prints_with_an_end_leave_as_they_are() {
    let keys = Keys::temporary();
    let stage = Stage::new()
        .config("[profile base]\ncredential_process = printing\naws_account_id = 111122223333\n")
        .program("printing", &printed(&keys, Some(start() + HOUR)));
    let issued = stage.fetch("base").await.unwrap();
    assert_eq!((as_cloud_keys(&issued), issued.expiration), (keys, Some(start() + HOUR)));
    assert_eq!(issued.account_id.as_deref(), Some(ACCOUNT));
    assert_eq!(stage.cloud.calls().len(), 0);
    assert!(matches!(stage.source("base").needs(), Need::Session { freshly: true, .. }), "run again for each");
}

#[tokio::test(start_paused = true)]
async fn a_process_that_prints_ended_keys_is_not_believed() {
    let stage = Stage::new()
        .config("[profile base]\ncredential_process = printing\n")
        .program("printing", &printed(&Keys::temporary(), Some(start())));
    let failure = stage.fetch("base").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "ProcessFailed"));
}

#[tokio::test(start_paused = true)]
async fn a_role_asks_a_process_again_after_an_hour_at_the_latest() {
    let stage = Stage::new();
    let (keys, role) = stage.user_and_role("deploy");
    let stage = stage
        .config(&format!(
            "[profile base]\ncredential_process = printing\n\
             [profile role]\nrole_arn = {role}\nsource_profile = base\n\
             [profile other]\nrole_arn = {role}\nsource_profile = static\n\
             [profile static]\n{}",
            key_lines(&keys)
        ))
        .program("printing", &printed(&keys, None));
    let asked_again = |name| match stage.source(name).needs() {
        Need::Session { no_older_than, .. } => no_older_than,
        need => panic!("{need:?}"),
    };
    assert_eq!(asked_again("role"), Some(HOUR), "a rotated key must not need a restart");
    assert_eq!(asked_again("other"), None, "a file that changes is another definition");
    let renewed = stage.source("role").renew(Renewal::default()).await.unwrap();
    assert!(matches!(renewed, Renewed::Keys(keys) if keys.expiration.is_none()), "no end is made up");
}

#[tokio::test(start_paused = true)]
async fn what_a_role_had_its_process_print_does_not_leave_unverified() {
    let stage = Stage::new();
    let keys = Keys::temporary();
    stage.cloud.add_user_with_keys("ada", ACCOUNT, keys.clone());
    let role = role_arn("deploy");
    let stage = stage
        .config(&format!(
            "[profile base]\ncredential_process = printing\n[profile role]\nrole_arn = {role}\nsource_profile = base\n"
        ))
        .program("printing", &printed(&keys, None));
    let renewed = stage.source("role").renew(Renewal::default()).await.unwrap();
    let session = Session { renewed, received: credenza::world::Clock::now(&*stage.clock) };
    let issued = stage.source("base").issue(Ingredient::Session(Arc::new(session))).await.unwrap().keys().unwrap();
    assert_eq!(stage.cloud.count("GetCallerIdentity"), 1);
    assert_eq!(issued.expiration, Some(start() + Duration::from_secs(30 * 60)));
}

#[tokio::test(start_paused = true)]
async fn roles_of_one_base_share_its_session_and_another_key_is_another_session() {
    let config = |keys: &Keys| {
        let role = role_arn("deploy");
        format!(
            "{}[profile one]\nrole_arn = {role}\nsource_profile = base\n\
             [profile two]\nrole_arn = {role}\nsource_profile = base\n",
            profile(keys)
        )
    };
    let (old, new) = (Keys::long_term(), Keys::long_term());
    let (before, after) = (Stage::new().config(&config(&old)), Stage::new().config(&config(&new)));
    assert_eq!(before.source("one").needs(), before.source("two").needs());
    assert_eq!(before.source("one").limited_by(), before.source("base").limited_by());
    assert_ne!(before.source("one").needs(), after.source("one").needs());
    let Need::Session { key, .. } = before.source("one").needs() else { panic!() };
    assert!(!key.to_string().contains(&old.access_key_id), "{key}");
}

#[tokio::test(start_paused = true)]
async fn a_key_that_the_cloud_does_not_know_is_named_by_its_last_four_characters() {
    let stage = Stage::new();
    let keys = stage.cloud.add_user("ada", ACCOUNT);
    stage.cloud.deactivate(&keys.access_key_id);
    let stage = stage.config(&profile(&keys));
    let failure = stage.fetch("base").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "InvalidClientTokenId"));
    let (hidden, shown) = keys.access_key_id.split_at(16);
    assert!(failure.public.contains(&format!("...{shown}")) && !failure.public.contains(hidden), "{}", failure.public);
}

#[tokio::test(start_paused = true)]
async fn a_wrong_secret_is_called_wrong_after_one_call() {
    let stage = Stage::new();
    let mut keys = stage.cloud.add_user("ada", ACCOUNT);
    keys.secret_access_key = Keys::long_term().secret_access_key;
    let stage = stage.config(&profile(&keys));
    let failure = stage.fetch("base").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "SignatureDoesNotMatch"));
    assert_eq!(stage.cloud.calls().len(), 1);
}
