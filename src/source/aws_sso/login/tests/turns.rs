//! Two who sign in at once, and one who gives up.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use super::stage::*;
use crate::store::{LockFor, TokenStore};

#[tokio::test(start_paused = true)]
async fn the_second_waits_and_takes_what_the_first_brought() {
    let stage = Stage::new();
    stage.login().await.unwrap(); // an old one, which is not what is waited for
    stage.center.script("/token", &[PENDING; 10]);
    let (first, second) = tokio::join!(stage.login(), stage.login());
    let (first, second) = (first.unwrap(), second.unwrap());
    assert!(first.access_token.same_as(second.access_token.expose().as_bytes()));
    assert_eq!(stage.center.asked("/device_authorization").len(), 2);
    assert!(stage.was_told("that another terminal has begun"));
}

#[tokio::test(start_paused = true)]
async fn where_the_first_gives_up_the_second_begins() {
    let stage = Stage::new();
    stage.center.script("/token", &[PENDING, PENDING]);
    let first = timeout(Duration::from_secs(12), stage.login());
    let second = async {
        sleep(Duration::from_secs(1)).await;
        stage.login().await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_err() && second.is_ok());
    assert_eq!(stage.center.asked("/device_authorization").len(), 2);
}

#[tokio::test(start_paused = true)]
async fn who_has_waited_long_enough_says_so() {
    let stage = Stage::new();
    let store = TokenStore::of(&stage.session, &stage.world).unwrap();
    let _held = store.try_lock(LockFor::Login).await.unwrap().unwrap();
    let failure = stage.login().await.unwrap_err();
    assert_eq!(failure.code, "LoginRequired");
    assert!(stage.center.asked("/token").is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_leaves_what_was_there() {
    let stage = Stage::new();
    stage.login().await.unwrap();
    let before = stage.kept().await.unwrap();
    stage.center.script("/token", &[PENDING; 1000]);
    assert!(timeout(Duration::from_secs(60), stage.login()).await.is_err());
    let after = stage.kept().await.unwrap();
    assert!(before.access_token.same_as(after.access_token.expose().as_bytes()));
    let store = TokenStore::of(&stage.session, &stage.world).unwrap();
    assert!(store.try_lock(LockFor::Login).await.unwrap().is_some(), "the lock is free");
}
