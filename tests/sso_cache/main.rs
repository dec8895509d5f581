//! The folder of sign-ins that we share with the tools of AWS, as files on a disk.
//!
//! `theirs` is what botocore and the AWS CLI write, `ours` is what we write: `tests/clients/test_sso_cache.py` has botocore
//! write the one and read the other. Here we read the one and write the other.

#![allow(clippy::unwrap_used)] // a test that cannot read its own files fails

use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use credenza::config::sso::SsoSession;
use credenza::secret::Secret;
use credenza::store::{Flow, LockFor, Registration, StoredToken, TokenStore};
use credenza::world::{Environment, World};

const TOKEN: &str = "0ad374308c5a4e22f723adf10145eafad7c4031c.json";
const REGISTRATION: &str = "c9be9519610ac1a9a78410eac5329f5fea2871b3.json";

fn session() -> SsoSession {
    SsoSession::of_start_url("https://d-1.awsapps.com/start", "eu-west-1", Some("my-sso"), &Environment::default())
        .unwrap()
}

fn world(home: &Path) -> World {
    World::with_environment(Arc::new(Environment::from_iter([("HOME", home)])))
}

/// A home with these files in its folder of sign-ins.
fn home(files: &str) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let cache = home.path().join(".aws/sso/cache");
    std::fs::create_dir_all(&cache).unwrap();
    for entry in std::fs::read_dir(folder().join(files)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), cache.join(entry.file_name())).unwrap();
    }
    (home, cache)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sso_cache")
}

/// Friday, 15 January 2027, 08:00:00 UTC.
fn start() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
}

const HOUR: Duration = Duration::from_secs(3600);

fn registration() -> Registration {
    Registration {
        client_id: "client-é".into(),
        client_secret: Secret::new("client \"secret\""),
        expires_at: start() + 90 * 24 * HOUR,
    }
}

#[tokio::test]
async fn we_read_what_botocore_writes() {
    let (home, _) = home("theirs");
    let store = TokenStore::of(&session(), &world(home.path())).unwrap();
    let token = store.token().await.unwrap().unwrap();
    assert_eq!(token.access_token.expose(), "access-é");
    assert_eq!(token.refresh_token.unwrap().expose(), "refresh");
    assert_eq!(token.expires_at, start() + HOUR);
    assert_eq!(token.start_url.as_deref(), Some("https://d-1.awsapps.com/start"));
    assert_eq!(token.region.as_deref(), Some("eu-west-1"));
    let found = token.registration.unwrap();
    assert_eq!((found.client_id, found.expires_at), (registration().client_id, registration().expires_at));
    assert!(found.client_secret.same_as(registration().client_secret.expose().as_bytes()));
    let older = TokenStore::of(&SsoSession { name: None, ..session() }, &world(home.path())).unwrap();
    assert_eq!(older.token().await.unwrap().unwrap().expires_at, start() + HOUR);
    let found = store.registration(Flow::Code, start()).await.unwrap().unwrap();
    assert_eq!((found.client_id, found.expires_at), (registration().client_id, registration().expires_at));
    assert!(store.registration(Flow::Device, start()).await.unwrap().is_none());
}

#[tokio::test]
async fn we_write_what_botocore_is_tested_with() {
    let home = tempfile::tempdir().unwrap();
    let store = TokenStore::of(&session(), &world(home.path())).unwrap();
    let token = StoredToken {
        access_token: Secret::new("access-é"),
        expires_at: start() + HOUR + Duration::from_millis(999),
        refresh_token: Some(Secret::new("refresh")),
        registration: Some(registration()),
        start_url: None,
        region: None,
    };
    store.save(&token).await.unwrap();
    store.save_registration(Flow::Code, &registration()).await.unwrap();
    for name in [TOKEN, REGISTRATION] {
        let written = std::fs::read_to_string(home.path().join(".aws/sso/cache").join(name)).unwrap();
        assert_eq!(written, std::fs::read_to_string(folder().join("ours").join(name)).unwrap().trim_end(), "{name}");
    }
}

/// As the AWS CLI writes: it opens, empties, writes; and slower than any.
fn write_in_place(path: &Path, text: &str) {
    let mut file = std::fs::File::options().write(true).create(true).truncate(false).open(path).unwrap();
    file.set_len(0).unwrap();
    file.rewind().unwrap();
    for piece in text.as_bytes().chunks(40) {
        std::thread::yield_now();
        file.write_all(piece).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_written_in_place_is_never_believed_torn_and_never_lost() {
    let (home, cache) = home("theirs");
    let path = cache.join(TOKEN);
    let text = |round: usize| {
        let token = format!("{round}-{}", "x".repeat(2000 + round % 7 * 300));
        format!(r#"{{"refreshToken": "{token}", "expiresAt": "2027-01-15T09:00:00Z", "accessToken": "{token}"}}"#)
    };
    write_in_place(&path, &text(0));
    let store = TokenStore::of(&session(), &world(home.path())).unwrap();
    let (written, read) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let writer = std::thread::spawn({
        let (written, read, path) = (written.clone(), read.clone(), path.clone());
        move || {
            for round in 1..=ROUNDS {
                let before = read.load(Ordering::SeqCst);
                write_in_place(&path, &text(round));
                written.store(round, Ordering::SeqCst);
                while read.load(Ordering::SeqCst) < before + 2 {
                    std::thread::yield_now();
                }
            }
        }
    });
    let mut newest = 0;
    while newest < ROUNDS {
        let least = written.load(Ordering::SeqCst);
        let token = store.token().await.unwrap().expect("it was never removed");
        assert!(token.refresh_token.unwrap().same_as(token.access_token.expose().as_bytes()));
        newest = token.access_token.expose().split('-').next().unwrap().parse().unwrap();
        assert!(newest >= least, "{newest} was over when {least} was written");
        read.fetch_add(1, Ordering::SeqCst);
    }
    read.store(usize::MAX / 2, Ordering::SeqCst);
    writer.join().unwrap();
}

const ROUNDS: usize = 60;

#[tokio::test]
async fn a_lock_and_a_record_lie_in_our_own_folder() {
    let (home, cache) = home("theirs");
    let store = TokenStore::of(&session(), &world(home.path())).unwrap();
    let lock = store.try_lock(LockFor::Refresh).await.unwrap().unwrap();
    assert!(store.try_lock(LockFor::Refresh).await.unwrap().is_none());
    drop(lock);
    store.save_record(&store.record().await).await.unwrap();
    let mut ours: Vec<String> = std::fs::read_dir(home.path().join(".local/state/credenza/sso"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    ours.sort();
    let stem = TOKEN.trim_end_matches(".json");
    assert_eq!(ours, [TOKEN.to_owned(), format!("{stem}.refresh.lock")]);
    assert_eq!(std::fs::read_dir(cache).unwrap().count(), 3, "nothing of it lies in the shared folder");
}
