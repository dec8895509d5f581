//! `AssumeRole` and `GetSessionToken`: trust, limits, lives.

mod support;

use std::time::Duration;

use simcloud::{Keys, Trust};
use support::{
    ACCOUNT, BASE, NEXT_ROLE, ROLE, World,
    client::{Answer, call},
};

async fn assume(world: &World, keys: &Keys, more: &[(&str, &str)]) -> Answer {
    let mut parameters = vec![("RoleArn", ROLE), ("RoleSessionName", "one")];
    for (name, value) in more {
        parameters.retain(|(key, _)| key != name);
        parameters.push((*name, *value));
    }
    call(&world.cloud, keys, "AssumeRole", &parameters).await
}

fn denied(user: &str, role: &str) -> String {
    format!("User: {user} is not authorized to perform: sts:AssumeRole on resource: {role}")
}

#[tokio::test]
async fn a_session_of_a_role_says_who_it_is() {
    let world = World::new();
    let answer = assume(&world, &world.base, &[("RoleArn", ROLE)]).await;
    assert_eq!(answer.element("Arn"), Some("arn:aws:sts::111122223333:assumed-role/my-role/one"));
    assert_eq!(answer.element("Expiration"), Some("2026-01-31T13:00:00Z"));
    assert_eq!(answer.element("PackedPolicySize"), None);
    let id = answer.element("AssumedRoleId").unwrap().to_owned();
    assert!(id.starts_with("AROA") && id.ends_with(":one"), "{id}");
    let keys = answer.keys();
    let who = call(&world.cloud, &keys, "GetCallerIdentity", &[]).await;
    assert_eq!(who.element("UserId"), Some(id.as_str()));

    let next = assume(&world, &keys, &[("RoleArn", NEXT_ROLE)]).await;
    assert_eq!(next.element("Arn"), Some("arn:aws:sts::444455556666:assumed-role/next-role/one"));
    let issued = world.cloud.issued(&next.keys().access_key_id).unwrap();
    assert!(issued.chained && !world.cloud.issued(&keys.access_key_id).unwrap().chained);
    assert_eq!(issued.principal.account, "444455556666");
}

#[tokio::test]
async fn only_whom_the_trust_names_gets_in() {
    let world = World::new();
    let other = world.cloud.add_user("other", ACCOUNT);
    let stranger = world.cloud.add_user("stranger", "999900001111");
    let session = assume(&world, &world.base, &[]).await.keys();
    let other_arn = "arn:aws:iam::111122223333:user/other";
    let session_arn = "arn:aws:sts::111122223333:assumed-role/my-role/one";
    let cases = [
        (vec![BASE], [true, false, false, false]),
        (vec![BASE, other_arn], [true, true, false, false]),
        (vec![ROLE], [false, false, false, true]),
        (vec![session_arn], [false, false, false, true]),
        (vec!["arn:aws:iam::111122223333:root"], [true, true, false, true]),
        (vec!["999900001111"], [false, false, true, false]),
        (vec!["*"], [true, true, true, true]),
        (vec![], [false, false, false, false]),
    ];
    for (principals, expected) in cases {
        world.cloud.add_role(NEXT_ROLE, Trust::of(principals.clone()), Duration::from_secs(3600));
        for (keys, gets_in) in [&world.base, &other, &stranger, &session].into_iter().zip(expected) {
            let answer = assume(&world, keys, &[("RoleArn", NEXT_ROLE)]).await;
            assert_eq!(answer.status() == 200, gets_in, "{principals:?} {keys:?}: {answer:?}");
        }
    }
    let refused = assume(&world, &other, &[]).await;
    assert_eq!(refused.error(), (403, "AccessDenied", denied(other_arn, ROLE).as_str()));
}

#[tokio::test]
async fn a_role_that_is_not_there_is_denied_like_one_that_does_not_trust() {
    let world = World::new();
    let missing = "arn:aws:iam::111122223333:role/missing";
    let answer = assume(&world, &world.base, &[("RoleArn", missing)]).await;
    assert_eq!(answer.error(), (403, "AccessDenied", denied(BASE, missing).as_str()));
}

#[tokio::test]
async fn a_revoked_role_is_denied_until_restored_and_its_sessions_live_on() {
    let world = World::new();
    let keys = assume(&world, &world.base, &[]).await.keys();
    assert!(world.cloud.revoke_role(ROLE));
    assert_eq!(assume(&world, &world.base, &[]).await.error().1, "AccessDenied");
    assert_eq!(call(&world.cloud, &keys, "GetCallerIdentity", &[]).await.status(), 200);
    assert!(world.cloud.restore_role(ROLE));
    assert_eq!(assume(&world, &world.base, &[]).await.status(), 200);
    assert!(!world.cloud.revoke_role("arn:aws:iam::111122223333:role/missing"));
}

#[tokio::test]
async fn an_external_id_must_be_the_one_of_the_trust() {
    let world = World::new();
    world.cloud.add_role(ROLE, Trust::of([BASE]).external_id("customer-7"), Duration::from_secs(3600));
    assert_eq!(assume(&world, &world.base, &[]).await.error().1, "AccessDenied");
    assert_eq!(assume(&world, &world.base, &[("ExternalId", "customer-8")]).await.error().1, "AccessDenied");
    assert_eq!(assume(&world, &world.base, &[("ExternalId", "customer-7")]).await.status(), 200);
}

#[tokio::test]
async fn a_trust_that_wants_a_second_factor_lets_nobody_in_without() {
    let world = World::new();
    let trust = Trust { require_mfa: true, ..Trust::of([BASE]) };
    world.cloud.add_role(ROLE, trust, Duration::from_secs(3600));
    assert_eq!(assume(&world, &world.base, &[]).await.error(), (403, "AccessDenied", denied(BASE, ROLE).as_str()));
}

#[tokio::test]
async fn parameters_out_of_their_limits_are_told_as_sts_tells_them() {
    let world = World::new();
    let (long, long_id) = ("x".repeat(65), "x".repeat(1225));
    let name = r"Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]*";
    let cases = [
        (("RoleSessionName", "a b"), name.to_owned()),
        (("RoleSessionName", "a"), too_short("a", "roleSessionName", 2)),
        (("RoleSessionName", &long), too_long(&long, "roleSessionName", 64)),
        (("RoleArn", "arn:aws:iam::1:role"), too_short("arn:aws:iam::1:role", "roleArn", 20)),
        (("ExternalId", "x"), too_short("x", "externalId", 2)),
        (("ExternalId", &long_id), too_long(&long_id, "externalId", 1224)),
        (("SourceIdentity", "x"), too_short("x", "sourceIdentity", 2)),
        (
            ("DurationSeconds", "899"),
            "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900".to_owned(),
        ),
        (
            ("DurationSeconds", "43201"),
            "Value '43201' at 'durationSeconds' failed to satisfy constraint: Member must have value less than or equal to 43200".to_owned(),
        ),
    ];
    for (parameter, message) in cases {
        let answer = assume(&world, &world.base, &[parameter]).await;
        let message = format!("1 validation error detected: {message}");
        assert_eq!(answer.error(), (400, "ValidationError", message.as_str()));
    }
    let nothing = call(&world.cloud, &world.base, "AssumeRole", &[]).await;
    let message = "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: Member must not be null; Value null at 'roleSessionName' failed to satisfy constraint: Member must not be null";
    assert_eq!(nothing.error(), (400, "ValidationError", message));
    let no_number = assume(&world, &world.base, &[("DurationSeconds", "1h")]).await;
    assert_eq!(no_number.error().1, "MalformedInput");
    let no_role = assume(&world, &world.base, &[("RoleArn", "arn:aws:iam::111122223333:user/base")]).await;
    assert_eq!(no_role.error(), (400, "ValidationError", "arn:aws:iam::111122223333:user/base is invalid"));
}

fn too_short(value: &str, name: &str, least: usize) -> String {
    format!(
        "Value '{value}' at '{name}' failed to satisfy constraint: Member must have length greater than or equal to {least}"
    )
}

fn too_long(value: &str, name: &str, most: usize) -> String {
    format!(
        "Value '{value}' at '{name}' failed to satisfy constraint: Member must have length less than or equal to {most}"
    )
}

#[tokio::test]
async fn limits_themselves_are_allowed() {
    let world = World::new();
    let name = "x".repeat(64);
    for parameter in [("RoleSessionName", "a="), ("RoleSessionName", &name), ("DurationSeconds", "900")] {
        assert_eq!(assume(&world, &world.base, &[parameter]).await.status(), 200, "{parameter:?}");
    }
}

#[tokio::test]
async fn no_session_is_longer_than_its_role_allows() {
    let world = World::new();
    let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    let too_long = assume(&world, &world.base, &[("DurationSeconds", "14401")]).await;
    assert_eq!(too_long.error(), (400, "ValidationError", message));
    let longest = assume(&world, &world.base, &[("DurationSeconds", "14400")]).await;
    assert_eq!(longest.element("Expiration"), Some("2026-01-31T16:00:00Z"));
}

#[tokio::test]
async fn a_chained_role_lives_an_hour_at_most() {
    let world = World::new();
    let role = assume(&world, &world.base, &[]).await.keys();
    let message = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.";
    let too_long = assume(&world, &role, &[("RoleArn", NEXT_ROLE), ("DurationSeconds", "3601")]).await;
    assert_eq!(too_long.error(), (400, "ValidationError", message));
    let longest = assume(&world, &role, &[("RoleArn", NEXT_ROLE), ("DurationSeconds", "3600")]).await;
    assert_eq!(longest.element("Expiration"), Some("2026-01-31T13:00:00Z"));
    // A session of GetSessionToken counts as chaining too.
    let session = call(&world.cloud, &world.base, "GetSessionToken", &[]).await.keys();
    let too_long = assume(&world, &session, &[("DurationSeconds", "3601")]).await;
    assert_eq!(too_long.error(), (400, "ValidationError", message));
    assert_eq!(assume(&world, &session, &[]).await.status(), 200);
}

#[tokio::test]
async fn a_region_that_is_off_gives_no_credentials() {
    let world = World::new();
    world.cloud.disable_region("eu-central-1");
    let message = "STS is not activated in this region for account:111122223333. Your account administrator can activate STS in this region using the IAM Console.";
    for action in ["AssumeRole", "GetSessionToken"] {
        let answer = call(&world.cloud, &world.base, action, &[("RoleArn", ROLE), ("RoleSessionName", "one")]).await;
        assert_eq!(answer.error(), (403, "RegionDisabledException", message), "{action}");
    }
    assert!(world.cloud.enable_region("eu-central-1"));
    assert_eq!(assume(&world, &world.base, &[]).await.status(), 200);
}

#[tokio::test]
async fn a_session_token_is_for_long_term_keys_only() {
    let world = World::new();
    let answer = call(&world.cloud, &world.base, "GetSessionToken", &[]).await;
    assert_eq!(answer.element("Expiration"), Some("2026-02-01T00:00:00Z"));
    let who = call(&world.cloud, &answer.keys(), "GetCallerIdentity", &[]).await;
    assert_eq!(who.element("Arn"), Some(BASE));
    let again = call(&world.cloud, &answer.keys(), "GetSessionToken", &[]).await;
    assert_eq!(again.error(), (403, "AccessDenied", "Cannot call GetSessionToken with session credentials"));
    for (secs, status) in [("899", 400), ("900", 200), ("129600", 200), ("129601", 400)] {
        let answer = call(&world.cloud, &world.base, "GetSessionToken", &[("DurationSeconds", secs)]).await;
        assert_eq!(answer.status(), status, "{secs}");
    }
}

#[tokio::test]
async fn a_code_of_a_device_that_is_not_registered_is_wrong() {
    let world = World::new();
    let code = [("SerialNumber", "arn:aws:iam::111122223333:mfa/base"), ("TokenCode", "123456")];
    let message = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.";
    assert_eq!(assume(&world, &world.base, &code).await.error(), (403, "AccessDenied", message));
    let session = call(&world.cloud, &world.base, "GetSessionToken", &code).await;
    assert_eq!(session.error(), (403, "AccessDenied", message));
    let shown: Vec<String> = world.cloud.calls().into_iter().flat_map(|call| call.parameters).map(|p| p.0).collect();
    assert!(shown.contains(&"SerialNumber".to_owned()) && !shown.contains(&"TokenCode".to_owned()), "{shown:?}");
}
