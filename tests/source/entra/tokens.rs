//! Tokens for many resources by one login, as the engine asks for them.

use std::sync::Arc;
use std::time::Duration;

use credenza::credential::{Ask, FailureClass};
use credenza::engine::Reset;
use credenza::secret::Secret;
use credenza::world::keyring::{Keyring, KeyringError};
use credenza::world::simulated::MemoryKeyring;
use credenza::world::{BoxFuture, World};
use simcloud::{Fault, Trouble};

use super::stage::*;

#[tokio::test(start_paused = true)]
async fn one_login_gives_tokens_for_every_resource() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    for (identity, resource) in [("graph", GRAPH), ("graph", MANAGEMENT), ("graph", VAULT), ("other", VAULT)] {
        let credential = asked(&engine, identity, resource).await.unwrap();
        let token = credential.token().unwrap();
        let claims =
            entra.stage.cloud.judge_bearer(token.access_token.expose(), &|audience| audience == resource).unwrap();
        assert_eq!(claims["aud"], resource, "to the letter, a slash at the end included");
        assert_eq!(token.claims.name.as_deref(), Some(ADA));
        assert!(credential.lifetime() <= Duration::from_secs(90 * 60), "nothing that lives a day");
    }
    assert_eq!((entra.refreshes(), entra.stage.cloud.entra_logins().len()), (4, 1));
    assert_eq!(entra.stage.cloud.count_cp1(), 0);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_hundred_at_once_are_one_call() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    let asks = (0..100).map(|_| {
        let engine = engine.clone();
        tokio::spawn(async move { asked(&engine, "graph", GRAPH).await.is_ok() })
    });
    for asked in asks.collect::<Vec<_>>() {
        assert!(asked.await.unwrap());
    }
    assert_eq!(entra.refreshes(), 1);
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_use_brings_is_kept_before_the_token_is_handed_on() {
    let entra = Entra::new();
    // as strict as an administrator could wish: each use ends the token that was used
    entra.stage.cloud.set_entra_spends_refresh_tokens(true);
    entra.log_in().await;
    let mut before = entra.store().token().await.unwrap().unwrap().refresh_token;
    for resource in [GRAPH, MANAGEMENT, VAULT] {
        // each in a process of its own
        let engine = entra.engine();
        asked(&engine, "graph", resource).await.unwrap();
        let after = entra.store().token().await.unwrap().unwrap().refresh_token;
        assert!(!after.same_as(before.expose().as_bytes()));
        before = after;
        engine.stop().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_restart_keeps_the_login() {
    let entra = Entra::new();
    entra.log_in().await;
    for _ in 0..3 {
        let engine = entra.engine();
        asked(&engine, "graph", GRAPH).await.unwrap();
        engine.stop().await;
        tokio::time::sleep(Duration::from_secs(30 * 24 * 3600)).await;
    }
    assert_eq!(entra.stage.cloud.entra_logins().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_week_of_use_needs_nobody() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    for _ in 0..7 * 24 * 6 {
        let credential = asked(&engine, "graph", GRAPH).await.unwrap();
        let now = credenza::world::Clock::now(&*entra.stage.clock);
        assert!(credential.remaining(now) > Duration::from_secs(5 * 60));
        tokio::time::sleep(Duration::from_secs(600)).await;
    }
    let refreshes = entra.refreshes();
    assert!((7 * 24 * 6 / 9..7 * 24 * 3).contains(&refreshes), "{refreshes}");
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_token_whose_successor_cannot_be_kept_is_good_all_the_same() {
    /// Gives its key once, and is locked from then on.
    struct Locks(MemoryKeyring, std::sync::atomic::AtomicUsize);
    impl Keyring for Locks {
        fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Secret>, KeyringError>> {
            match self.1.fetch_add(1, std::sync::atomic::Ordering::Relaxed) {
                // the login looks twice, the first use once
                0..=2 => self.0.read(name),
                _ => Box::pin(async { Err(KeyringError::Failed("it is locked".to_owned())) }),
            }
        }
        fn write(&self, name: &str, label: &str, secret: Secret) -> BoxFuture<'static, Result<(), KeyringError>> {
            self.0.write(name, label, secret)
        }
        fn remove(&self, name: &str) -> BoxFuture<'static, Result<bool, KeyringError>> {
            self.0.remove(name)
        }
    }
    let mut entra = Entra::new();
    entra.world = World { keyring: Arc::new(Locks(MemoryKeyring::default(), Default::default())), ..entra.world };
    entra.log_in().await;
    let engine = entra.engine();
    asked(&engine, "graph", GRAPH).await.unwrap();
    let snapshot = engine.snapshot();
    let warnings = &snapshot.asks[0].warnings;
    assert!(
        warnings.iter().any(|warning| warning.contains("cannot be kept") && warning.contains("locked")),
        "{warnings:?}"
    );
    // what needs the keyring says so
    let failure = asked(&engine, "graph", VAULT).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "KeyringFailed"));
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_logout_takes_along_what_was_made_and_a_login_is_used_at_once() {
    let entra = Entra::new();
    let engine = entra.engine();
    let failure = asked(&engine, "graph", GRAPH).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "LoginRequired"));
    assert_eq!(failure.public, "graph needs a login: run `credenza login graph`");
    let failure = asked(&engine, "other", GRAPH).await.unwrap_err();
    assert_eq!(failure.public, "other needs a login: run `credenza login other`", "the command is its own");
    assert_eq!(entra.refreshes(), 0);
    entra.log_in().await;
    engine.reset(Reset::Login { session: account().key(), identities: vec!["graph".into(), "other".into()] });
    asked(&engine, "graph", GRAPH).await.unwrap();
    // whoever logs out has the file taken away; the next look finds it so
    entra.store().forget().await.unwrap();
    engine.forget(&["graph".into(), "other".into()]);
    assert!(engine.ready(&Ask::token("graph", GRAPH)).is_none());
    assert_eq!(asked(&engine, "graph", GRAPH).await.unwrap_err().code, "LoginRequired");
    engine.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_throttle_is_left_alone_for_as_long_as_it_says() {
    let entra = Entra::new();
    entra.log_in().await;
    let engine = entra.engine();
    asked(&engine, "graph", GRAPH).await.unwrap();
    let before = entra.refreshes();
    let headers = vec![("retry-after".to_owned(), "240".to_owned())];
    let page = Trouble::Page { status: 429, headers, body: String::new() };
    entra.stage.cloud.add_fault(Fault::new(page).on_action("EntraToken"));
    let failure = asked(&engine, "graph", VAULT).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "Throttled"));
    entra.stage.cloud.clear_faults();
    for _ in 0..20 {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let _ = asked(&engine, "graph", MANAGEMENT).await;
    }
    assert_eq!(entra.refreshes(), before + 1, "nobody asks meanwhile, for whatever resource");
    tokio::time::sleep(Duration::from_secs(300)).await;
    asked(&engine, "graph", VAULT).await.unwrap();
    engine.stop().await;
}
