//! What lies there, who may put another one in its place, and what is left where something is out of order.

use super::*;
use crate::config::EntraAccount;
use crate::world::Environment;
use crate::world::files::SystemFiles;
use crate::world::keyring::NoKeyring;
use crate::world::simulated::{MemoryFiles, MemoryKeyring};

fn entra() -> EntraAccount {
    EntraAccount {
        authority: "https://login.microsoftonline.com".into(),
        tenant: "contoso.com".to_owned(),
        client_id: "app-1".to_owned(),
    }
}

fn world() -> World {
    World {
        files: Arc::new(MemoryFiles::default()),
        keyring: Arc::new(MemoryKeyring::default()),
        environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
        ..World::system()
    }
}

fn account(login: &str) -> KeptAccount {
    KeptAccount {
        login: login.into(),
        name: Some("ada@contoso.com".to_owned()),
        tenant: Some("11112222".to_owned()),
        signed_in: time(1_800_000_000_123),
        ended_by: None,
    }
}

async fn begun(world: &World, login: &str, token: &str) -> AccountStore {
    let store = AccountStore::of(&entra(), world).unwrap();
    store.begin(&account(login), &Secret::new(token)).await.unwrap();
    store
}

async fn token(store: &AccountStore) -> KeptToken {
    store.token().await.unwrap().unwrap()
}

#[tokio::test]
async fn what_is_kept_is_found_by_whoever_means_the_same() {
    let world = world();
    let store = AccountStore::of(&entra(), &world).unwrap();
    assert!(store.account().unwrap().is_none() && store.token().await.unwrap().is_none());
    begun(&world, "1", "hunter2").await;
    assert_eq!(store.account().unwrap(), Some(account("1")));
    assert!(token(&store).await.refresh_token.same_as(b"hunter2"));
    let same = EntraAccount { tenant: "Contoso.com".to_owned(), ..entra() };
    assert!(AccountStore::of(&same, &world).unwrap().account().unwrap().is_some());
    for other in [
        EntraAccount { tenant: "other.com".to_owned(), ..entra() },
        EntraAccount { client_id: "app-2".to_owned(), ..entra() },
        EntraAccount { authority: "https://login.microsoftonline.us".into(), ..entra() },
    ] {
        assert!(AccountStore::of(&other, &world).unwrap().account().unwrap().is_none(), "{other:?}");
    }
}

#[tokio::test]
async fn a_newer_login_is_never_overwritten() {
    let world = world();
    let store = begun(&world, "1", "first").await;
    let used = token(&store).await;
    store.rotate(&used, &Secret::new("second")).await.unwrap();
    assert!(token(&store).await.refresh_token.same_as(b"second"));
    begun(&world, "2", "another").await;
    store.rotate(&used, &Secret::new("late")).await.unwrap();
    assert!(!store.note_end(&used, Some(50173)).await.unwrap(), "there is another one");
    assert!(token(&store).await.refresh_token.same_as(b"another"));
    assert_eq!(store.account().unwrap().unwrap().ended_by, None);
    let other = token(&store).await;
    assert!(store.note_end(&other, Some(50173)).await.unwrap());
    assert_eq!(store.account().unwrap().unwrap().ended_by, Some(50173));
    // who logged out meanwhile does not come back
    assert!(store.forget().await.unwrap());
    store.rotate(&used, &Secret::new("late")).await.unwrap();
    assert!(store.note_end(&other, None).await.unwrap());
    assert!(store.token().await.unwrap().is_none() && store.account().unwrap().is_none());
}

#[tokio::test]
async fn of_two_uses_at_once_the_one_that_succeeds_counts() {
    // Entra ID may take a token once alone: then one of the two is told that the login is over, before or after
    for refused_first in [true, false] {
        let world = world();
        let store = begun(&world, "1", "first").await;
        let used = token(&store).await;
        if refused_first {
            assert!(store.note_end(&used, Some(70000)).await.unwrap());
            assert_eq!(store.account().unwrap().unwrap().ended_by, Some(70000));
        }
        store.rotate(&used, &Secret::new("second")).await.unwrap();
        if !refused_first {
            assert!(!store.note_end(&used, Some(70000)).await.unwrap());
        }
        assert_eq!(store.account().unwrap().unwrap().ended_by, None, "refused first: {refused_first}");
    }
}

#[tokio::test]
async fn a_rotated_token_lies_as_the_first_one_did() {
    let sealed = world();
    let plain = World { keyring: Arc::new(NoKeyring), ..world() };
    for (world, in_clear) in [(sealed, false), (plain, true)] {
        let store = begun(&world, "1", "hunter1").await;
        store.rotate(&token(&store).await, &Secret::new("hunter2")).await.unwrap();
        let bytes = world.files.read_private(&store.token_path()).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes).contains("hunter2"), in_clear);
        assert!(token(&store).await.refresh_token.same_as(b"hunter2"));
    }
}

#[tokio::test]
async fn what_cannot_be_read_wants_a_login_and_is_replaced_by_one() {
    let world = world();
    let store = begun(&world, "1", "hunter2").await;
    for content in ["", "{}", "null", r#"{"version":9,"login":"1","signed_in_unix_ms":1,"refresh_token":"x"}"#] {
        world.files.replace_private(&store.record_path(), content.as_bytes()).unwrap();
        world.files.replace_private(&store.token_path(), content.as_bytes()).unwrap();
        let failure = store.account().unwrap_err().failure("graph");
        assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "LoginRequired"), "{content}");
        assert!(failure.public.contains("credenza login graph"), "{failure}");
        assert!(store.token().await.is_err(), "{content}");
    }
    begun(&world, "2", "again").await;
    assert!(token(&store).await.refresh_token.same_as(b"again"));
    // a neighbour of the next version is understood
    let next = r#"{"version":2,"login":"3","signed_in_unix_ms":1,"more":true}"#;
    world.files.replace_private(&store.record_path(), next.as_bytes()).unwrap();
    assert_eq!(&*store.account().unwrap().unwrap().login, "3");
}

#[tokio::test]
async fn another_keyring_opens_nothing() {
    let here = world();
    let store = begun(&here, "1", "hunter2").await;
    let elsewhere = World { keyring: Arc::new(MemoryKeyring::default()), ..here };
    let store = AccountStore { keyring: elsewhere.keyring.clone(), ..store };
    assert!(matches!(store.token().await, Err(AccountError::Unusable { .. })));
    let store = AccountStore { keyring: Arc::new(NoKeyring), ..store };
    let failure = store.token().await.unwrap_err().failure("graph");
    assert_eq!((failure.class, failure.code), (FailureClass::NeedsPerson, "KeyringMissing"));
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time_writes() {
    let world = world();
    let store = begun(&world, "1", "hunter2").await;
    let held = store.try_lock(LockFor::Refresh).unwrap().unwrap();
    let used = token(&store).await;
    assert!(matches!(store.rotate(&used, &Secret::new("x")).await, Err(AccountError::Locked { .. })));
    drop(held);
    store.rotate(&used, &Secret::new("x")).await.unwrap();
    let login = store.try_login().unwrap().unwrap();
    assert!(store.try_login().unwrap().is_none());
    drop(login);
    assert!(store.try_login().unwrap().is_some());
}

#[tokio::test]
async fn its_files_are_for_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let environment = Environment::from_iter([
        ("HOME", folder.path().to_str().unwrap()),
        ("CREDENZA_STATE_DIR", state.to_str().unwrap()),
    ]);
    let world = World {
        files: Arc::new(SystemFiles),
        environment: Arc::new(environment),
        keyring: Arc::new(NoKeyring),
        ..World::system()
    };
    let store = begun(&world, "1", "hunter2").await;
    let mode = |path: &Path| {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!(mode(&state.join("accounts")), 0o700);
    for path in [store.record_path(), store.token_path()] {
        assert_eq!(mode(&path), 0o600, "{}", path.display());
    }
}

#[test]
fn what_is_debugged_shows_no_secret() {
    let token = KeptToken { login: "1".into(), refresh_token: Secret::new("hunter2") };
    assert!(!format!("{token:?}").contains("hunter2"));
}
