//! Against the simulated cloud.

use std::sync::Arc;

use simcloud::{Cloud, Fault, Keys, Trouble};

use super::*;
use crate::world::simulated::{SimulatedClock, SimulatedHttp, Step};
use crate::world::{Clock as _, Environment};

struct Stage {
    cloud: Cloud,
    clock: Arc<SimulatedClock>,
    keys: AwsKeys,
    iam: Iam,
}

fn stage() -> Stage {
    let clock = Arc::new(SimulatedClock::new(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)));
    // the cloud's clock is its own: ours may be set
    let (time, origin) = (tokio::time::Instant::now(), clock.now().wall);
    let cloud = Cloud::new(Arc::new(move || origin + time.elapsed()));
    let keys = ours(&cloud.add_user("ada", "111122223333"));
    let serving = cloud.clone();
    let http = SimulatedHttp::new(move |uri, io| {
        assert_eq!(uri.to_string(), "https://iam.amazonaws.com/");
        tokio::spawn(serving.serve(io));
        Ok(())
    });
    let world = World {
        clock: clock.clone(),
        http: Arc::new(http),
        environment: Arc::new(Environment::default()),
        ..World::system()
    };
    let sts =
        StsEndpoint { region: "eu-west-1".to_owned(), url: None, fips: false, dualstack: false, correct_skew: true };
    Stage { iam: Iam::new("ada", &sts, None, &world).unwrap(), cloud, clock, keys }
}

fn ours(keys: &Keys) -> AwsKeys {
    AwsKeys {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: Secret::new(keys.secret_access_key.as_str()),
        session_token: keys.session_token.as_deref().map(Secret::new),
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_is_made_listed_switched_off_and_deleted() {
    let Stage { iam, keys: old, cloud, .. } = stage();
    let new = iam.create_access_key(&old).await.unwrap();
    assert!(new.access_key_id.starts_with("AKIA") && new.long_term());
    let theirs = |keys: &AwsKeys| Keys {
        access_key_id: keys.access_key_id.clone(),
        secret_access_key: keys.secret_access_key.expose().to_owned(),
        session_token: None,
    };
    assert!(cloud.judge(&theirs(&new)).is_ok());
    iam.set_active(&old.access_key_id, false, &new).await.unwrap();
    let listed = iam.access_keys(&new).await.unwrap();
    let mut told: Vec<_> = listed.iter().map(|key| (key.id.as_str(), key.active)).collect();
    let mut expected = vec![(old.access_key_id.as_str(), false), (&new.access_key_id, true)];
    told.sort_unstable();
    expected.sort_unstable();
    assert_eq!(told, expected);
    assert!(listed.iter().all(|key| key.created.is_some()));
    iam.set_active(&old.access_key_id, true, &new).await.unwrap();
    assert!(iam.last_used(&old.access_key_id, &new).await.unwrap().is_some_and(|used| used.service == "iam"));
    iam.delete_access_key(&old.access_key_id, &new).await.unwrap();
    assert_eq!(iam.delete_access_key(&old.access_key_id, &new).await.unwrap_err().code, "NoSuchKey");
    assert_eq!(iam.access_keys(&old).await.unwrap_err().code, "InvalidClientTokenId");
    let words = format!("{:?}", cloud.calls());
    assert!(!words.contains("UserName"), "it is always the user's own keys: {words}");
}

#[tokio::test(start_paused = true)]
async fn two_keys_are_all_that_a_user_may_have() {
    let Stage { iam, keys, .. } = stage();
    iam.create_access_key(&keys).await.unwrap();
    let failure = iam.create_access_key(&keys).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::Refused, "TooManyKeys"));
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_off_is_read_from_the_answer() {
    let Stage { iam, keys, clock, cloud } = stage();
    clock.step_wall(Step::Back(Duration::from_secs(3600)));
    assert_eq!(iam.access_keys(&keys).await.unwrap().len(), 1);
    assert_eq!(cloud.calls().len(), 2, "refused, then signed by the server's clock");
}

#[tokio::test(start_paused = true)]
async fn half_an_answer_is_none() {
    let Stage { iam, keys, cloud, .. } = stage();
    cloud.add_fault(Fault::new(Trouble::BlankCredentials).on_action("CreateAccessKey").times(1));
    let failure = iam.create_access_key(&keys).await.unwrap_err();
    assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UnusableCredential"));
}
