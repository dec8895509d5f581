//! Rotations against the simulated cloud, ended at every boundary of what they do.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};
use std::{io, panic};

use bytes::Bytes;
use simcloud::{Cloud, Fault, Keys, Trouble};

use super::rotate::{Rotated, Rotation, RotationError};
use super::*;
use crate::config::{Places, StsEndpoint};
use crate::credential::AwsKeys;
use crate::secret::Secret;
use crate::source::keys::{Iam, end_of};
use crate::world::files::FileLock;
use crate::world::http::{HttpError, HttpLimits};
use crate::world::keyring::KeyringError;
use crate::world::simulated::{MemoryFiles, MemoryKeyring, SimulatedClock, SimulatedHttp};
use crate::world::{BoxFuture, Environment, Files, Http, Keyring, World};

/// A cloud with a user, and a machine whose keyring has the user's key.
struct Stage {
    cloud: Cloud,
    clock: Arc<SimulatedClock>,
    files: MemoryFiles,
    keyring: MemoryKeyring,
    old: AwsKeys,
    /// Whether the person has a key deleted that a rotation perhaps made.
    agrees: bool,
}

/// When a command is ended: at which of its changes to anything, and on which side of it.
#[derive(Clone, Copy, Debug)]
struct End {
    change: usize,
    after: bool,
}

impl Stage {
    async fn new() -> Self {
        let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
        let time = clock.clone();
        let cloud = Cloud::new(Arc::new(move || crate::world::Clock::now(&*time).wall));
        let keys = cloud.add_user("ada", "111122223333");
        // the old key is older than what a clock may be off
        tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
        let old = AwsKeys {
            access_key_id: keys.access_key_id,
            secret_access_key: Secret::new(keys.secret_access_key),
            session_token: None,
        };
        let (files, keyring) = (MemoryFiles::default(), MemoryKeyring::default());
        let stage = Self { cloud, clock, files, keyring, old: old.clone(), agrees: true };
        stage.store(&stage.world(None)).add("ada", &old).await.unwrap();
        stage
    }

    fn world(&self, end: Option<End>) -> World {
        let cloud = self.cloud.clone();
        let http = SimulatedHttp::new(move |_, io| {
            tokio::spawn(cloud.serve(io));
            Ok(())
        });
        let life = Arc::new(Life { end, changes: AtomicUsize::new(0) });
        World {
            clock: self.clock.clone(),
            files: Arc::new(Mortal { of: Arc::new(self.files.clone()) as Arc<dyn Files>, life: life.clone() }),
            keyring: Arc::new(Mortal { of: Arc::new(self.keyring.clone()) as Arc<dyn Keyring>, life: life.clone() }),
            http: Arc::new(Mortal { of: Arc::new(http) as Arc<dyn Http>, life }),
            environment: Arc::new(Environment::from_iter([("HOME", "/home/ada")])),
            ..World::system()
        }
    }

    fn store(&self, world: &World) -> KeyStore {
        KeyStore::new(world, &Places::from(&world.environment).unwrap())
    }

    /// A rotation that is ended there; `None` where it was.
    async fn rotate(&self, end: Option<End>) -> Option<Result<Rotated, RotationError>> {
        let world = self.world(end);
        let store = self.store(&world);
        let agrees = self.agrees;
        let local = tokio::task::LocalSet::new();
        let rotating = local.spawn_local(async move {
            let sts = StsEndpoint {
                region: "eu-west-1".to_owned(),
                url: None,
                fips: false,
                dualstack: false,
                correct_skew: true,
            };
            let iam = Iam::new("ada", &sts, None, &world).unwrap();
            let rotation = Rotation {
                store: &store,
                name: "ada",
                iam: &iam,
                sts: &sts,
                ca_bundle: None,
                signed_by: None,
                world: &world,
                may_delete: &move |_| Box::pin(async move { agrees }),
                tell: &|_| (),
            };
            rotation.run().await
        });
        match local.run_until(rotating).await {
            Ok(outcome) => Some(outcome),
            Err(error) => match error.into_panic().downcast::<Ended>() {
                Ok(_) => None,
                Err(why) => panic::resume_unwind(why),
            },
        }
    }

    /// The keys that the keyring has now.
    async fn current(&self) -> AwsKeys {
        self.store(&self.world(None)).read("ada").await.unwrap().unwrap()
    }

    fn works(&self, keys: &AwsKeys) -> bool {
        let secret_access_key = keys.secret_access_key.expose().to_owned();
        let keys = Keys { access_key_id: keys.access_key_id.clone(), secret_access_key, session_token: None };
        self.cloud.judge(&keys).is_ok()
    }

    /// The ids of the user's keys, inactive ones too.
    fn users_keys(&self) -> Vec<String> {
        let own = self.cloud.all_issued().into_iter().filter(|issued| issued.keys.session_token.is_none());
        own.map(|issued| issued.keys.access_key_id).collect()
    }

    /// Nothing of a rotation is left, and the user has the keyring's key alone.
    async fn is_tidy(&self) {
        let current = self.current().await;
        assert!(self.works(&current));
        assert_eq!(self.users_keys(), std::slice::from_ref(&current.access_key_id));
        let store = self.store(&self.world(None));
        assert!(store.next("ada").await.unwrap().is_none() && store.journal("ada").unwrap().is_none());
        let noted = store.keys().unwrap();
        assert_eq!((noted.len(), noted[0].1.ends.as_str()), (1, end_of(&current.access_key_id)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_rotated() {
    let stage = Stage::new().await;
    stage.cloud.set_key_delay(Duration::from_secs(20));
    let rotated = stage.rotate(None).await.unwrap().unwrap();
    let new = stage.current().await;
    assert_eq!(
        (rotated.old.as_str(), rotated.new.as_str()),
        (end_of(&stage.old.access_key_id), end_of(&new.access_key_id))
    );
    assert!(!stage.works(&stage.old) && new.access_key_id != stage.old.access_key_id);
    stage.is_tidy().await;
    let changes: Vec<String> = stage.cloud.calls().into_iter().map(|call| call.action).collect();
    let changes: Vec<&str> = changes.iter().map(String::as_str).filter(|action| *action != "ListAccessKeys").collect();
    assert_eq!(changes.first(), Some(&"CreateAccessKey"));
    assert_eq!(
        changes[changes.len() - 4..],
        ["GetCallerIdentity", "UpdateAccessKey", "GetCallerIdentity", "DeleteAccessKey"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_is_ended_anywhere_is_finished_by_the_next() {
    let mut ended = 0;
    for after in [false, true] {
        for change in 0.. {
            let stage = Stage::new().await;
            stage.cloud.set_key_delay(Duration::from_secs(5));
            let end = End { change, after };
            match stage.rotate(Some(end)).await {
                Some(outcome) => {
                    outcome.unwrap();
                    break;
                }
                None => ended += 1,
            }
            assert!(stage.works(&stage.current().await), "what the keyring has works at any time: {end:?}");
            stage.rotate(None).await.unwrap().unwrap_or_else(|error| panic!("{end:?}: {error}"));
            stage.is_tidy().await;
            assert!(!stage.works(&stage.old), "{end:?}");
        }
    }
    assert_eq!(ended, 22, "eleven changes, each ended before it and after it");
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_is_ended_twice_is_finished_too() {
    for first in 0..12 {
        for second in 0..12 {
            let stage = Stage::new().await;
            let end = |change| Some(End { change, after: change % 2 == 0 });
            stage.rotate(end(first)).await;
            stage.rotate(end(second)).await;
            stage.rotate(None).await.unwrap().unwrap_or_else(|error| panic!("{first} {second}: {error}"));
            stage.is_tidy().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_key_that_does_not_work_goes_and_the_old_one_stays() {
    let never = Duration::from_secs(30 * 24 * 3600);
    let stage = Stage::new().await;
    stage.cloud.set_key_delay(never);
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    assert!(matches!(&error, RotationError::Unproved { why, .. } if why.code == "InvalidClientTokenId"), "{error}");
    assert_eq!(stage.current().await.access_key_id, stage.old.access_key_id);
    stage.is_tidy().await;
    for after in [false, true] {
        for change in 0.. {
            let stage = Stage::new().await;
            stage.cloud.set_key_delay(never);
            if let Some(outcome) = stage.rotate(Some(End { change, after })).await {
                assert!(matches!(outcome, Err(RotationError::Unproved { .. })));
                break;
            }
            assert!(stage.works(&stage.old));
            stage.cloud.set_key_delay(Duration::ZERO);
            // one that was kept and does not work is given up first
            if let Err(error) = stage.rotate(None).await.unwrap() {
                assert!(matches!(error, RotationError::Unproved { .. }), "{change} {after}: {error}");
                stage.rotate(None).await.unwrap().unwrap();
            }
            stage.is_tidy().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_with_two_keys_is_told_of_the_other() {
    let stage = Stage::new().await;
    let sts = StsEndpoint::of_environment(&Environment::default()).unwrap();
    let iam = Iam::new("ada", &sts, None, &stage.world(None)).unwrap();
    let other = iam.create_access_key(&stage.old).await.unwrap();
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    let told = format!("the other is ...{}, which was never used", end_of(&other.access_key_id));
    assert!(error.to_string().contains(&told), "{error}");
    iam.access_keys(&other).await.unwrap();
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    assert!(error.to_string().ends_with("last used 2027-01-16 for iam"), "{error}");
    assert!(stage.works(&stage.old) && stage.works(&other));
}

#[tokio::test(start_paused = true)]
async fn a_plain_no_leaves_nothing_behind_that_would_delete_a_later_key() {
    let stage = Stage::new().await;
    stage.cloud.add_fault(Fault::error("AccessDenied").on_action("CreateAccessKey").times(1));
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    assert!(matches!(&error, RotationError::Upstream(failure) if failure.code == "AccessDenied"), "{error}");
    stage.is_tidy().await;
    let sts = StsEndpoint::of_environment(&Environment::default()).unwrap();
    let iam = Iam::new("ada", &sts, None, &stage.world(None)).unwrap();
    let theirs = iam.create_access_key(&stage.old).await.unwrap();
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    assert!(matches!(error, RotationError::TwoKeys { .. }), "{error}");
    assert!(stage.works(&theirs));
}

#[tokio::test(start_paused = true)]
async fn a_key_whose_secret_was_lost_on_the_way_is_deleted() {
    let stage = Stage::new().await;
    stage.cloud.add_fault(Fault::new(Trouble::ResetAfter).on_action("CreateAccessKey").times(1));
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    assert!(matches!(&error, RotationError::Upstream(failure) if failure.code == "UpstreamUnavailable"), "{error}");
    let made = stage.users_keys();
    assert_eq!(made.len(), 2);
    let store = stage.store(&stage.world(None));
    assert!(matches!(store.add("ada", &stage.old).await, Err(KeysError::Unfinished(_))));
    assert!(matches!(store.remove("ada").await, Err(KeysError::Unfinished(_))));
    stage.rotate(None).await.unwrap().unwrap();
    stage.is_tidy().await;
    assert!(stage.users_keys().iter().all(|key| !made.contains(key)));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_may_be_a_persons_is_not_deleted_unless_they_agree() {
    let mut stage = Stage::new().await;
    stage.agrees = false;
    stage.cloud.add_fault(Fault::new(Trouble::ResetBefore).on_action("CreateAccessKey").times(1));
    stage.rotate(None).await.unwrap().unwrap_err();
    // in the same minutes
    let sts = StsEndpoint::of_environment(&Environment::default()).unwrap();
    let iam = Iam::new("ada", &sts, None, &stage.world(None)).unwrap();
    let theirs = iam.create_access_key(&stage.old).await.unwrap();
    for _ in 0..2 {
        let error = stage.rotate(None).await.unwrap().unwrap_err();
        assert!(matches!(&error, RotationError::PerhapsOurs(key) if key.id == theirs.access_key_id), "{error}");
        let told = format!("...{}, made 2027-01-16T08:0", end_of(&theirs.access_key_id));
        assert!(error.to_string().contains(&told) && stage.works(&theirs) && stage.works(&stage.old), "{error}");
    }
    // they deleted it by hand
    iam.delete_access_key(&theirs.access_key_id, &stage.old).await.unwrap();
    stage.rotate(None).await.unwrap().unwrap();
    stage.is_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_old_does_not_lose_the_key_that_was_made() {
    let stage = Stage::new().await;
    let made = End { change: 1, after: true };
    assert!(stage.rotate(Some(made)).await.is_none());
    assert_eq!(stage.users_keys().len(), 2);
    let member =
        format!("<member><AccessKeyId>{}</AccessKeyId><Status>Active</Status></member>", stage.old.access_key_id);
    let body = format!(
        "<ListAccessKeysResponse><ListAccessKeysResult><IsTruncated>false</IsTruncated><AccessKeyMetadata>{member}\
         </AccessKeyMetadata></ListAccessKeysResult></ListAccessKeysResponse>"
    );
    let old = Trouble::Page { status: 200, headers: Vec::new(), body };
    stage.cloud.add_fault(Fault::new(old).on_action("ListAccessKeys").times(1));
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    assert!(matches!(&error, RotationError::Upstream(failure) if failure.code == "TooManyKeys"), "{error}");
    stage.rotate(None).await.unwrap().unwrap();
    stage.is_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn a_user_who_is_gone_is_not_a_key_that_is_gone() {
    let stage = Stage::new().await;
    let message = Some("The user with name ada cannot be found.".to_owned());
    let gone = Trouble::Error { status: Some(404), code: "NoSuchEntity".to_owned(), message };
    stage.cloud.add_fault(Fault::new(gone).on_action("DeleteAccessKey").times(1));
    let error = stage.rotate(None).await.unwrap().unwrap_err();
    assert!(matches!(&error, RotationError::Upstream(failure) if failure.code == "NoSuchUser"), "{error}");
    stage.rotate(None).await.unwrap().unwrap();
    stage.is_tidy().await;
}

#[tokio::test(start_paused = true)]
async fn the_index_is_waited_for_before_the_keyring_is_written() {
    let stage = Stage::new().await;
    let store = stage.store(&stage.world(None));
    let lock = Places::from(&stage.world(None).environment).unwrap().state.join("keys/index.lock");
    let held = stage.files.try_lock(&lock).unwrap().unwrap();
    let begun = tokio::time::Instant::now();
    assert!(matches!(store.add("bob", &stage.old).await, Err(KeysError::Busy(_))));
    assert!(matches!(store.add_seed("bob", Secret::new("GEZDGNBV")).await, Err(KeysError::Busy(_))));
    assert!(begun.elapsed() < Duration::from_secs(5) && store.read("bob").await.unwrap().is_none());
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(held);
    });
    store.add("bob", &stage.old).await.unwrap();
    assert_eq!(store.keys().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn one_at_a_time() {
    let stage = Stage::new().await;
    let store = stage.store(&stage.world(None));
    let _held = store.lock("ada").unwrap();
    assert!(matches!(stage.rotate(None).await, Some(Err(RotationError::Keys(KeysError::Busy(_))))));
    assert!(matches!(store.remove("ada").await, Err(KeysError::Busy(_))));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_not_rotated() {
    let stage = Stage::new().await;
    assert!(stage.store(&stage.world(None)).remove("ada").await.unwrap());
    assert!(matches!(stage.rotate(None).await, Some(Err(RotationError::NoKeys(_)))));
    assert!(stage.works(&stage.old));
    assert!(stage.store(&stage.world(None)).keys().unwrap().is_empty());
}

/// Counts what is changed, and ends the command where it was told to.
struct Life {
    end: Option<End>,
    changes: AtomicUsize,
}

/// How a command ends: not by a failure of its own.
struct Ended;

impl Life {
    /// Before a change: on which side of it the command ends, if it does.
    fn change(&self) -> Option<End> {
        let number = self.changes.fetch_add(1, Ordering::Relaxed);
        let end = self.end.filter(|end| end.change == number);
        if end.is_some_and(|end| !end.after) {
            panic::panic_any(Ended);
        }
        end
    }

    /// After it.
    fn changed(end: Option<End>) {
        if end.is_some() {
            panic::panic_any(Ended);
        }
    }
}

/// The outside of a command that may be ended at any of its changes.
struct Mortal<T: ?Sized> {
    of: Arc<T>,
    life: Arc<Life>,
}

impl Files for Mortal<dyn Files> {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.of.read(path)
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        let end = self.life.change();
        let removed = self.of.remove(path);
        Life::changed(end);
        removed
    }

    fn read_private(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.of.read_private(path)
    }

    fn replace_private(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        let end = self.life.change();
        let written = self.of.replace_private(path, content);
        Life::changed(end);
        written
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<FileLock>> {
        self.of.try_lock(path)
    }
}

impl Keyring for Mortal<dyn Keyring> {
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Secret>, KeyringError>> {
        self.of.read(name)
    }

    fn write(&self, name: &str, label: &str, secret: Secret) -> BoxFuture<'static, Result<(), KeyringError>> {
        let end = self.life.change();
        let written = self.of.write(name, label, secret);
        Box::pin(async move {
            let written = written.await;
            Life::changed(end);
            written
        })
    }

    fn remove(&self, name: &str) -> BoxFuture<'static, Result<bool, KeyringError>> {
        let end = self.life.change();
        let removed = self.of.remove(name);
        Box::pin(async move {
            let removed = removed.await;
            Life::changed(end);
            removed
        })
    }
}

impl Http for Mortal<dyn Http> {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let changes = ["CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"].iter().any(|it| body.contains(it));
        let end = if changes { self.life.change() } else { None };
        let sent = self.of.send(request, limits);
        Box::pin(async move {
            let answer = sent.await;
            Life::changed(end);
            answer
        })
    }
}
