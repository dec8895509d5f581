//! What a role session carries: tags, source identity, policies.

mod support;

use std::time::Duration;

use simcloud::{Keys, Trust};
use support::{
    NEXT_ROLE, ROLE, World,
    client::{Answer, call},
};

const CONFLICT: &str = "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.";
const LAST_ROLE: &str = "arn:aws:iam::444455556666:role/last";

async fn assume(world: &World, keys: &Keys, role: &str, more: &[(String, String)]) -> Answer {
    let mut parameters = vec![("RoleArn", role), ("RoleSessionName", "one")];
    parameters.extend(more.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    call(&world.cloud, keys, "AssumeRole", &parameters).await
}

fn tags(tags: &[(&str, &str)]) -> Vec<(String, String)> {
    let member = |(index, (key, value)): (usize, &(&str, &str))| {
        let at = format!("Tags.member.{}", index + 1);
        [(format!("{at}.Key"), (*key).to_owned()), (format!("{at}.Value"), (*value).to_owned())]
    };
    tags.iter().enumerate().flat_map(member).collect()
}

fn list(name: &str, field: &str, members: impl IntoIterator<Item = String>) -> Vec<(String, String)> {
    let member = |(index, value): (usize, String)| (format!("{name}.member.{}{field}", index + 1), value);
    members.into_iter().enumerate().map(member).collect()
}

fn transitive(keys: &[&str]) -> Vec<(String, String)> {
    list("TransitiveTagKeys", "", keys.iter().map(|key| (*key).to_owned()))
}

fn one(name: &str, value: &str) -> Vec<(String, String)> {
    vec![(name.to_owned(), value.to_owned())]
}

#[tokio::test]
async fn transitive_tags_go_down_the_chain_and_others_stay() {
    let world = World::new();
    world.cloud.add_role(LAST_ROLE, Trust::of([NEXT_ROLE]), Duration::from_secs(3600));
    let asked = [tags(&[("Team", "sync"), ("Job", "nightly")]), transitive(&["Team"])].concat();
    let first = assume(&world, &world.base, ROLE, &asked).await.keys();
    let second = assume(&world, &first, NEXT_ROLE, &tags(&[("Step", "2")])).await.keys();
    let third = assume(&world, &second, LAST_ROLE, &[]).await.keys();

    let carried = |keys: &Keys| {
        let issued = world.cloud.issued(&keys.access_key_id).unwrap();
        issued.tags.into_iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(carried(&first), "Job=nightly Team=sync");
    assert_eq!(carried(&second), "Step=2 Team=sync");
    assert_eq!(carried(&third), "Team=sync");
}

#[tokio::test]
async fn an_inherited_tag_cannot_be_set_again_in_any_case() {
    let world = World::new();
    let asked = [tags(&[("Team", "sync")]), transitive(&["Team"])].concat();
    let first = assume(&world, &world.base, ROLE, &asked).await.keys();
    let answer = assume(&world, &first, NEXT_ROLE, &tags(&[("team", "other")])).await;
    assert_eq!(answer.error(), (400, "InvalidParameterValue", CONFLICT));
}

#[tokio::test]
async fn transitive_keys_must_be_among_the_tags_and_tags_be_unlike() {
    let world = World::new();
    let asked = [tags(&[("Team", "sync")]), transitive(&["Job"])].concat();
    let answer = assume(&world, &world.base, ROLE, &asked).await;
    let message = "The specified transitive tag key must be included in the requested tags.";
    assert_eq!(answer.error(), (400, "InvalidParameterValue", message));
    let answer = assume(&world, &world.base, ROLE, &tags(&[("Team", "a"), ("TEAM", "b")])).await;
    let message = "Duplicate tag keys found. Please note that Tag keys are case insensitive.";
    assert_eq!(answer.error(), (400, "InvalidParameterValue", message));
}

#[tokio::test]
async fn tags_have_their_limits() {
    let world = World::new();
    let (key, value) = ("k".repeat(128), "v".repeat(256));
    let keys: Vec<String> = (0..51).map(|number| format!("k{number}")).collect();
    let pairs: Vec<(&str, &str)> = keys.iter().map(|key| (key.as_str(), "")).collect();
    let cases = [
        (tags(&[(&key, &value)]), 200, ""),
        (tags(&[(&format!("{key}k"), "v")]), 400, "ValidationError"),
        (tags(&[("", "v")]), 400, "ValidationError"),
        (tags(&[("k", &format!("{value}v"))]), 400, "ValidationError"),
        (tags(&pairs[..50]), 200, ""),
        (tags(&pairs), 400, "ValidationError"),
        (list("Tags", ".Key", ["alone".to_owned()]), 400, "ValidationError"),
    ];
    for (asked, status, code) in cases {
        let answer = assume(&world, &world.base, ROLE, &asked).await;
        assert_eq!((answer.status(), answer.element("Code").unwrap_or("")), (status, code), "{answer:?}");
    }
}

#[tokio::test]
async fn a_source_identity_is_set_once_and_kept() {
    let world = World::new();
    let answer = assume(&world, &world.base, ROLE, &one("SourceIdentity", "alice")).await;
    assert_eq!(answer.element("SourceIdentity"), Some("alice"));
    let first = answer.keys();
    for (asked, status) in [(vec![], 200), (one("SourceIdentity", "alice"), 200), (one("SourceIdentity", "bob"), 403)] {
        let next = assume(&world, &first, NEXT_ROLE, &asked).await;
        assert_eq!(next.status(), status);
        assert_eq!(next.element("SourceIdentity"), (status == 200).then_some("alice"));
    }
    let message = format!(
        "User: arn:aws:sts::111122223333:assumed-role/my-role/one is not authorized to perform: sts:SetSourceIdentity on resource: {NEXT_ROLE}"
    );
    let changed = assume(&world, &first, NEXT_ROLE, &one("SourceIdentity", "bob")).await;
    assert_eq!(changed.error(), (403, "AccessDenied", message.as_str()));
}

#[tokio::test]
async fn a_policy_must_be_a_policy() {
    let world = World::new();
    let cases = [
        (r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#, ""),
        (r#"{"Version":"2012-10-17","Statement""#, "This policy contains invalid Json"),
        (r#"{"Version":"2012-10-17"}"#, "Syntax errors in policy."),
        ("[]", "Syntax errors in policy."),
    ];
    for (policy, message) in cases {
        let answer = assume(&world, &world.base, ROLE, &one("Policy", policy)).await;
        let expected = if message.is_empty() { (200, "", "") } else { (400, "MalformedPolicyDocument", message) };
        assert_eq!(answer.error(), expected);
        assert_eq!(answer.element("PackedPolicySize").is_some(), message.is_empty());
    }
}

#[tokio::test]
async fn policies_and_tags_have_their_sizes() {
    let world = World::new();
    let policy = |letters: usize| format!(r#"{{"Statement":[],"Id":"{}"}}"#, "x".repeat(letters - 24));
    assert_eq!(policy(2048).len(), 2048);
    let fits = assume(&world, &world.base, ROLE, &one("Policy", &policy(2048))).await;
    assert_eq!(fits.element("PackedPolicySize"), Some("100"));
    let too_large = assume(&world, &world.base, ROLE, &one("Policy", &policy(2294))).await;
    let message = "Packed policy consumes 113% of allotted space, please use smaller policy.";
    assert_eq!(too_large.error(), (400, "PackedPolicyTooLarge", message));

    let arn = |number: usize| format!("arn:aws:iam::aws:policy/P{number}");
    let ten = assume(&world, &world.base, ROLE, &list("PolicyArns", ".arn", (0..10).map(arn))).await;
    assert_eq!(ten.status(), 200);
    let eleven = assume(&world, &world.base, ROLE, &list("PolicyArns", ".arn", (0..11).map(arn))).await;
    assert_eq!(eleven.error().1, "ValidationError");

    let values: Vec<(String, String)> = (0..20).map(|number| (format!("k{number}"), "v".repeat(256))).collect();
    let pairs: Vec<(&str, &str)> = values.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    let heavy = assume(&world, &world.base, ROLE, &tags(&pairs)).await;
    assert_eq!(heavy.error().1, "PackedPolicyTooLarge");
}
