//! Access keys: made, listed, switched off, deleted; and when services know them.

#![allow(clippy::unwrap_used)] // a test that cannot go on says so by ending

mod support;

use std::time::Duration;

use serde_json::json;
use simcloud::{Cloud, Fault, Keys, Trouble};
use support::{
    ACCOUNT, BASE, ROLE, World,
    client::{Answer, Request, Signing, call},
    process::Process,
};

const UNKNOWN: (u16, &str, &str) =
    (403, "InvalidClientTokenId", "The security token included in the request is invalid.");

async fn iam(cloud: &Cloud, keys: &Keys, action: &str, parameters: &[(&str, &str)]) -> Answer {
    let signing = Signing { region: "us-east-1", service: "iam", ..Signing::new(keys, cloud.now()) };
    Request::of_version("2010-05-08", action, parameters).signed(&signing).send(cloud).await
}

async fn create(world: &World) -> Keys {
    let answer = iam(&world.cloud, &world.base, "CreateAccessKey", &[]).await;
    let text = |name| answer.element(name).unwrap().to_owned();
    Keys { access_key_id: text("AccessKeyId"), secret_access_key: text("SecretAccessKey"), session_token: None }
}

async fn works(world: &World, keys: &Keys) -> bool {
    call(&world.cloud, keys, "GetCallerIdentity", &[]).await.status() == 200
}

#[tokio::test]
async fn a_key_is_made_proved_and_the_old_one_put_away() {
    let world = World::new();
    let answer = iam(&world.cloud, &world.base, "CreateAccessKey", &[]).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    assert!(answer.body().contains(r#"<CreateAccessKeyResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">"#));
    assert_eq!(answer.element("UserName"), Some("base"));
    assert_eq!(answer.element("Status"), Some("Active"));
    assert_eq!(answer.element("CreateDate"), Some("2026-01-31T12:00:00Z"));
    let text = |name| answer.element(name).unwrap().to_owned();
    let (access_key_id, secret_access_key) = (text("AccessKeyId"), text("SecretAccessKey"));
    let new = Keys { access_key_id, secret_access_key, session_token: None };
    assert!(new.access_key_id.starts_with("AKIA") && works(&world, &new).await);

    let old = world.base.access_key_id.as_str();
    let off = iam(&world.cloud, &new, "UpdateAccessKey", &[("AccessKeyId", old), ("Status", "Inactive")]).await;
    assert!(off.status() == 200 && off.body().contains("<UpdateAccessKeyResponse"), "{off:?}");
    let refused = call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await;
    assert_eq!(refused.error(), UNKNOWN);
    let listed = iam(&world.cloud, &new, "ListAccessKeys", &[]).await;
    let members: Vec<&str> = listed.body().split("<member>").skip(1).collect();
    assert!(members.len() == 2 && listed.element("IsTruncated") == Some("false"), "{listed:?}");
    for (id, status) in [(old, "Inactive"), (&new.access_key_id, "Active")] {
        let member = members.iter().find(|member| member.contains(id)).unwrap();
        assert!(member.contains(&format!("<Status>{status}</Status>")), "{member}");
    }
    assert!(!listed.body().contains("Secret"));

    let on = [("AccessKeyId", old), ("Status", "Active"), ("UserName", "base")];
    assert_eq!(iam(&world.cloud, &new, "UpdateAccessKey", &on).await.status(), 200);
    assert!(works(&world, &world.base).await);
    let gone = iam(&world.cloud, &new, "DeleteAccessKey", &[("AccessKeyId", old)]).await;
    assert!(gone.status() == 200 && gone.body().contains("<RequestId>"), "{gone:?}");
    assert!(!works(&world, &world.base).await && works(&world, &new).await);
    let calls = format!("{:?}", world.cloud.calls());
    assert!(calls.contains("DeleteAccessKey") && !calls.contains(&new.secret_access_key));
}

#[tokio::test]
async fn a_user_has_two_keys_at_most_inactive_ones_too() {
    let world = World::new();
    let second = create(&world).await;
    assert!(world.cloud.deactivate(&second.access_key_id));
    let third = iam(&world.cloud, &world.base, "CreateAccessKey", &[]).await;
    assert_eq!(third.error(), (409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"));
    let delete = [("AccessKeyId", second.access_key_id.as_str())];
    assert_eq!(iam(&world.cloud, &world.base, "DeleteAccessKey", &delete).await.status(), 200);
    assert!(works(&world, &create(&world).await).await);
}

#[tokio::test]
async fn who_and_what_is_not_there_cannot_be_found() {
    let world = World::new();
    let stranger = world.cloud.add_user("stranger", "999900001111");
    let user = (404, "NoSuchEntity", "The user with name stranger cannot be found.");
    assert_eq!(iam(&world.cloud, &world.base, "ListAccessKeys", &[("UserName", "stranger")]).await.error(), user);
    let message = format!("The Access Key with id {} cannot be found.", stranger.access_key_id);
    let key = (404, "NoSuchEntity", message.as_str());
    let id = ("AccessKeyId", stranger.access_key_id.as_str());
    assert_eq!(iam(&world.cloud, &world.base, "DeleteAccessKey", &[id]).await.error(), key);
    assert_eq!(iam(&world.cloud, &world.base, "UpdateAccessKey", &[id, ("Status", "Inactive")]).await.error(), key);
    assert_eq!(iam(&world.cloud, &world.base, "GetAccessKeyLastUsed", &[id]).await.error(), key);
    assert!(works(&world, &stranger).await);
    let other = world.cloud.add_user("other", ACCOUNT);
    let id = ("AccessKeyId", other.access_key_id.as_str());
    assert_eq!(iam(&world.cloud, &world.base, "DeleteAccessKey", &[id]).await.error().1, "NoSuchEntity", "not base's");
    assert_eq!(iam(&world.cloud, &world.base, "DeleteAccessKey", &[id, ("UserName", "other")]).await.status(), 200);
}

#[tokio::test]
async fn a_new_key_is_unknown_until_its_time_has_come() {
    let world = World::new();
    world.cloud.set_key_delay(Duration::from_secs(10));
    let new = create(&world).await;
    let listed = iam(&world.cloud, &world.base, "ListAccessKeys", &[]).await;
    assert!(listed.body().contains(&new.access_key_id));
    for keys in [&new, &new] {
        assert_eq!(call(&world.cloud, keys, "GetCallerIdentity", &[]).await.error(), UNKNOWN);
        assert_eq!(iam(&world.cloud, keys, "ListAccessKeys", &[]).await.error(), UNKNOWN);
        world.pass(Duration::from_secs(4));
    }
    world.pass(Duration::from_secs(1));
    assert!(!works(&world, &new).await && world.cloud.judge(&new).is_err());
    world.pass(Duration::from_secs(1));
    assert!(works(&world, &new).await && world.cloud.judge(&new).is_ok());
}

#[tokio::test]
async fn a_session_needs_a_second_factor_and_a_role_must_name_whom_it_means() {
    let world = World::new();
    let serial = "arn:aws:iam::111122223333:mfa/base";
    world.cloud.add_device(BASE, serial);
    let plain = call(&world.cloud, &world.base, "GetSessionToken", &[]).await.keys();
    assert_eq!(iam(&world.cloud, &plain, "ListAccessKeys", &[]).await.error(), UNKNOWN);
    let code = world.cloud.code_of(serial);
    let code = [("SerialNumber", serial), ("TokenCode", code.as_str())];
    let with_code = call(&world.cloud, &world.base, "GetSessionToken", &code).await.keys();
    assert_eq!(iam(&world.cloud, &with_code, "ListAccessKeys", &[]).await.status(), 200);
    let role = [("RoleArn", ROLE), ("RoleSessionName", "one")];
    let role = call(&world.cloud, &world.base, "AssumeRole", &role).await.keys();
    let message = "Must specify userName when calling with non-User credentials";
    assert_eq!(iam(&world.cloud, &role, "ListAccessKeys", &[]).await.error(), (400, "ValidationError", message));
    assert_eq!(iam(&world.cloud, &role, "ListAccessKeys", &[("UserName", "base")]).await.status(), 200);
}

#[tokio::test]
async fn a_request_must_be_signed_for_iam_and_its_one_region() {
    let world = World::new();
    let request = Request::of_version("2010-05-08", "ListAccessKeys", &[]);
    let signing = || Signing { region: "us-east-1", service: "iam", ..Signing::new(&world.base, world.cloud.now()) };
    let cases = [
        (Signing { service: "sts", ..signing() }, "Credential should be scoped to correct service: 'iam'. "),
        (
            Signing { region: "eu-central-1", ..signing() },
            "Credential should be scoped to a valid region, not 'eu-central-1'. ",
        ),
    ];
    for (signing, message) in cases {
        let answer = request.clone().signed(&signing).send(&world.cloud).await;
        assert_eq!(answer.error(), (403, "SignatureDoesNotMatch", message));
    }
    assert_eq!(request.send(&world.cloud).await.error().1, "MissingAuthenticationToken");
    // At its own host nothing else is served, and IAM nowhere else.
    let requests = [
        ("iam.amazonaws.com", "2010-05-08", "GetUser", ""),
        ("iam.amazonaws.com", "2011-06-15", "GetCallerIdentity", "InvalidAction"),
        ("sts.us-east-1.amazonaws.com", "2010-05-08", "GetUser", "InvalidAction"),
    ];
    for (host, version, action, code) in requests {
        let request = Request::of_version(version, action, &[]).with("host", host);
        let answer = request.signed(&signing()).send(&world.cloud).await;
        assert_eq!(answer.element("Code").unwrap_or_default(), code, "{host} {action}");
    }
}

#[tokio::test]
async fn parameters_have_their_limits() {
    let world = World::new();
    let id = "x".repeat(15);
    let cases = [
        (
            "DeleteAccessKey",
            vec![("AccessKeyId", id.as_str())],
            format!("Value '{id}' at 'accessKeyId' failed to satisfy constraint: Member must have length greater than or equal to 16"),
        ),
        (
            "DeleteAccessKey",
            vec![],
            "Value null at 'accessKeyId' failed to satisfy constraint: Member must not be null".to_owned(),
        ),
        (
            "UpdateAccessKey",
            vec![("AccessKeyId", "AKIA000000000000"), ("Status", "Off")],
            "Value 'Off' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive]".to_owned(),
        ),
        (
            "GetUser",
            vec![("UserName", "a b")],
            r"Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+".to_owned(),
        ),
    ];
    for (action, parameters, message) in cases {
        let message = format!("1 validation error detected: {message}");
        let answer = iam(&world.cloud, &world.base, action, &parameters).await;
        assert_eq!(answer.error(), (400, "ValidationError", message.as_str()), "{action}");
    }
}

#[tokio::test]
async fn a_key_knows_when_it_signed_last() {
    let world = World::new();
    let new = create(&world).await;
    let last_used = || async {
        iam(&world.cloud, &world.base, "GetAccessKeyLastUsed", &[("AccessKeyId", &new.access_key_id)]).await
    };
    let never = last_used().await;
    assert_eq!((never.element("ServiceName"), never.element("LastUsedDate")), (Some("N/A"), None));
    world.pass(Duration::from_secs(60));
    assert!(works(&world, &new).await);
    let used = last_used().await;
    assert_eq!(used.element("LastUsedDate"), Some("2026-01-31T12:01:00Z"));
    assert_eq!((used.element("ServiceName"), used.element("Region")), (Some("sts"), Some("eu-central-1")));
}

#[tokio::test]
async fn faults_meet_it_like_every_service() {
    let world = World::new();
    world.cloud.add_fault(Fault::error("AccessDenied").on_action("CreateAccessKey").times(1));
    assert_eq!(iam(&world.cloud, &world.base, "CreateAccessKey", &[]).await.error().1, "AccessDenied");
    world.cloud.add_fault(Fault::error("EntityTemporarilyUnmodifiable").times(1));
    assert_eq!(iam(&world.cloud, &world.base, "CreateAccessKey", &[]).await.status(), 409);
    for (trouble, made) in [(Trouble::ResetBefore, 1), (Trouble::BlankCredentials, 2)] {
        world.cloud.add_fault(Fault::new(trouble).times(1));
        let answer = iam(&world.cloud, &world.base, "CreateAccessKey", &[]).await;
        assert_eq!(answer.element("SecretAccessKey").unwrap_or_default(), "");
        assert_eq!(world.cloud.all_issued().len(), made);
    }
    assert_eq!(world.cloud.count("CreateAccessKey"), 4);
}

#[test]
fn new_keys_are_delayed_from_outside() {
    let process = Process::start(&["--until-stdin-closes"]);
    assert_eq!(process.control("POST", "keys/delay", &json!({ "secs": 5 })).0, 200);
    assert_eq!(process.control("POST", "keys/delay", &json!({})).0, 400);
}
