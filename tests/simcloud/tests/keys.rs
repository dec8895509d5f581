//! Keys: what they look like, whose they are, when they end.

mod support;

use std::time::Duration;

use simcloud::Keys;
use support::{ROLE, World, client::call};

const UNKNOWN: &str = "The security token included in the request is invalid.";

async fn session_keys(world: &World) -> Keys {
    call(&world.cloud, &world.base, "AssumeRole", &[("RoleArn", ROLE), ("RoleSessionName", "one")]).await.keys()
}

#[tokio::test]
async fn unknown_inactive_and_mismatched_keys_are_invalid() {
    let world = World::new();
    let session = session_keys(&world).await;
    let cases = [
        Keys::long_term(),
        Keys::temporary(),
        Keys { session_token: None, ..session.clone() },
        Keys { session_token: Keys::temporary().session_token, ..session.clone() },
        Keys { session_token: session.session_token.clone(), ..world.base.clone() },
    ];
    for keys in cases {
        let answer = call(&world.cloud, &keys, "GetCallerIdentity", &[]).await;
        assert_eq!(answer.error(), (403, "InvalidClientTokenId", UNKNOWN), "{keys:?}");
    }
    assert!(world.cloud.deactivate(&world.base.access_key_id));
    let answer = call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await;
    assert_eq!(answer.error(), (403, "InvalidClientTokenId", UNKNOWN));
    assert!(world.cloud.activate(&world.base.access_key_id));
    assert_eq!(call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await.status(), 200);
}

#[tokio::test]
async fn temporary_keys_end_in_the_second_that_was_promised() {
    let world = World::new();
    let keys = session_keys(&world).await;
    world.pass(Duration::from_secs(3599));
    assert_eq!(call(&world.cloud, &keys, "GetCallerIdentity", &[]).await.status(), 200);
    assert!(world.cloud.judge(&keys).is_ok());
    world.pass(Duration::from_secs(1));
    let answer = call(&world.cloud, &keys, "GetCallerIdentity", &[]).await;
    assert_eq!(answer.error(), (403, "ExpiredToken", "The security token included in the request is expired"));
    assert_eq!(world.cloud.judge(&keys).unwrap_err().code, "ExpiredToken");
}

#[tokio::test]
async fn temporary_keys_can_be_ended_early() {
    let world = World::new();
    let keys = session_keys(&world).await;
    assert!(world.cloud.expire(&keys.access_key_id));
    assert_eq!(call(&world.cloud, &keys, "GetCallerIdentity", &[]).await.error().1, "ExpiredToken");
    assert!(!world.cloud.expire(&world.base.access_key_id), "long-term keys have no end");
    assert!(!world.cloud.expire("ASIAUNKNOWN"));
}

#[tokio::test]
async fn the_referee_knows_a_wrong_secret() {
    let world = World::new();
    let keys = Keys { secret_access_key: "x".repeat(40), ..world.base.clone() };
    assert_eq!(world.cloud.judge(&keys).unwrap_err().code, "SignatureDoesNotMatch");
    assert_eq!(world.cloud.judge(&Keys::temporary()).unwrap_err().code, "InvalidClientTokenId");
}

#[tokio::test]
async fn access_key_ids_look_like_those_of_aws() {
    let world = World::new();
    let session = session_keys(&world).await;
    for (keys, prefix) in [(&world.base, "AKIA"), (&session, "ASIA")] {
        let id = &keys.access_key_id;
        assert!(id.starts_with(prefix) && id.len() == 20, "{id}");
        assert!(id.bytes().all(|byte| byte.is_ascii_uppercase() || (b'2'..=b'7').contains(&byte)), "{id}");
        assert_eq!(keys.secret_access_key.len(), 40);
    }
    assert!(session.session_token.unwrap().len() > 300);
    assert!(!format!("{:?}", world.base).contains(&world.base.secret_access_key));
}
