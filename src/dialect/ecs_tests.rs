//! The ECS dialect's rules, by tables.

use std::time::UNIX_EPOCH;

use http::StatusCode;
use serde_json::Value;

use super::*;
use crate::credential::{AwsCredential, AwsKeys, ClockOffset, Content};
use crate::secret::Secret;

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> Now {
    Now { wall: UNIX_EPOCH + Duration::from_millis(1_795_298_656_900), boot: Duration::from_secs(50) }
}

fn credential() -> Credential {
    Credential {
        content: Content::Aws(aws()),
        expiration: now().wall + HOUR,
        server_offset: ClockOffset::None,
        received: now(),
    }
}

fn aws() -> AwsCredential {
    AwsCredential {
        keys: AwsKeys {
            access_key_id: "ASIAEXAMPLE".into(),
            secret_access_key: Secret::new("secret/\"half\""),
            session_token: Some(Secret::new("token==")),
        },
        account_id: Some("123456789012".into()),
        role_arn: Some("arn:aws:iam::123456789012:role/deploy".into()),
    }
}

/// The same of other keys, or of another account.
fn made_of(aws: AwsCredential) -> Credential {
    Credential { content: Content::Aws(aws), ..credential() }
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn paths_are_read_as_clients_write_them() {
    for (path, name) in [
        ("/creds/prod", "prod"),
        ("//creds/prod", "prod"),
        ("/creds//prod/", "prod"),
        ("/creds/my%20profile", "my profile"),
        ("/creds/a%2Fb", "a/b"),
        ("/creds/a/b", "a/b"),
        ("/creds/%C3%BC", "ü"),
        ("/creds/%252e", "%2e"),
    ] {
        assert_eq!(read(path), Ok(Asked::Identity(name.into())), "{path}");
    }
    for path in ["/v1/credentials", "//v1/credentials/"] {
        assert_eq!(read(path), Ok(Asked::GrantDefault), "{path}");
    }
    for path in ["/", "", "/creds", "/creds/", "/cred/prod", "/v1/credentials/x", "/latest/meta-data", "/creds/%ff"] {
        assert_eq!(read(path), Err(Refusal::Path), "{path}");
    }
}

proptest::proptest! {
    #[test]
    fn every_name_survives_its_path(name in "[^/]{1,20}(/[^/]{1,20})?") {
        let path = path(&name);
        proptest::prop_assert!(path.is_ascii());
        proptest::prop_assert_eq!(read(&path), Ok(Asked::Identity(name.clone().into())));
    }
}

#[test]
fn the_document_has_what_every_client_wants() {
    let answer = write(&credential(), now()).unwrap();
    assert_eq!((answer.status, answer.reason), (StatusCode::OK, None));
    let expected = serde_json::json!({
        "AccessKeyId": "ASIAEXAMPLE",
        "SecretAccessKey": "secret/\"half\"",
        "Token": "token==",
        "Expiration": "2026-11-21T23:04:16Z",
        "AccountId": "123456789012",
        "RoleArn": "arn:aws:iam::123456789012:role/deploy",
    });
    assert_eq!(json(&answer), expected);
}

#[test]
fn what_is_not_known_is_left_out() {
    let bare = made_of(AwsCredential { account_id: None, role_arn: None, ..aws() });
    let document = json(&write(&bare, now()).unwrap());
    assert_eq!(document.as_object().unwrap().len(), 4);
}

#[test]
fn c04_the_largest_document_stays_below_8_kib() {
    // a third is the secret's and two thirds the token's; each backslash is two bytes in JSON
    let secrets = "\\".repeat(AwsKeys::LONGEST_SECRETS / 2);
    let (secret, token) = secrets.split_at(secrets.len() / 3);
    let largest = made_of(AwsCredential {
        keys: AwsKeys {
            access_key_id: "\"".repeat(AwsKeys::LONGEST_ID),
            secret_access_key: Secret::new(secret),
            session_token: Some(Secret::new(token)),
        },
        role_arn: Some("r".repeat(2048)), // what AssumeRole takes at most
        ..aws()
    });
    let answer = write(&largest, now()).unwrap();
    assert!(answer.body.len() < 8 * 1024, "{}", answer.body.len());
    assert_eq!(json(&answer)["Token"], token);
}

#[test]
fn what_is_not_whole_never_leaves_with_a_200() {
    let blank = |change: fn(&mut AwsKeys)| {
        let mut aws = aws();
        change(&mut aws.keys);
        made_of(aws)
    };
    for broken in [
        blank(|keys| keys.access_key_id.clear()),
        blank(|keys| keys.secret_access_key = Secret::new("")),
        blank(|keys| keys.session_token = Some(Secret::new(""))),
        blank(|keys| keys.session_token = None),
    ] {
        let refusal = write(&broken, now()).unwrap_err();
        assert!(matches!(refusal, Refusal::Bug(_)));
        assert_eq!(refuse(&refusal).status, StatusCode::INTERNAL_SERVER_ERROR);
    }
}

#[test]
fn a_credential_with_a_minute_left_is_not_handed_out() {
    let left = |left: Duration| Now { wall: now().wall + HOUR - left, boot: now().boot + HOUR - left };
    assert_eq!(write(&credential(), left(Duration::from_secs(61))).unwrap().status, StatusCode::OK);
    for secs in [60, 30, 0] {
        let refusal = write(&credential(), left(Duration::from_secs(secs))).unwrap_err();
        assert_eq!(refuse(&refusal).status, StatusCode::SERVICE_UNAVAILABLE, "{secs}");
    }
}

#[test]
fn every_refusal_has_its_status_and_says_it_twice_in_one_line() {
    let failed = |class| Refusal::Failed(Failure::new(class, "SomeCode", "do this:\ncredenza login prod"));
    for (refusal, status, code, words) in [
        (Refusal::Malformed("two Host headers"), 400, "MalformedRequest", "two Host headers"),
        (Refusal::Host, 403, "HostNotAllowed", "credenza env"),
        (Refusal::Forwarded, 403, "ForwardedRequest", "NO_PROXY"),
        (Refusal::Browser, 403, "BrowserRequest", "credenza exec"),
        (Refusal::Method, 405, "MethodNotAllowed", "GET or HEAD"),
        (Refusal::HeadTooLarge, 431, "HeadTooLarge", "credenza env"),
        (Refusal::BodyTooLarge, 413, "BodyTooLarge", "no body"),
        (Refusal::TokenMissing, 403, "TokenMissing", "credenza exec"),
        (Refusal::TokenUnknown, 403, "TokenRefused", "credenza env"),
        (Refusal::Path, 400, "UnknownPath", "credenza list"),
        (
            Refusal::UnknownIdentity("x y\n".into()),
            400,
            "UnknownIdentity",
            "no profile is called 'x y': `credenza list`",
        ),
        (Refusal::NotGranted("prod".into()), 403, "NotGranted", "credenza exec prod -- CMD"),
        (Refusal::NotServed("prod".into()), 403, "NotServed", "[[listener]]"),
        (Refusal::NoDefault, 400, "NoDefaultIdentity", "/creds/IDENTITY"),
        (failed(FailureClass::NeedsPerson), 403, "SomeCode", "do this: credenza login prod"),
        (failed(FailureClass::Refused), 403, "SomeCode", "credenza login prod"),
        (failed(FailureClass::TryLater), 503, "SomeCode", "credenza login prod"),
        (Refusal::UnreadableServiceAccount("torn"), 400, "ServiceAccountUnreadable", "torn"),
        (Refusal::ServiceAccount("it has ended"), 403, "ServiceAccountRefused", "it has ended"),
        (Refusal::Bug("inside"), 500, "InternalError", "credenza logs"),
    ] {
        let answer = refuse(&refusal);
        assert_eq!(answer.status.as_u16(), status, "{refusal:?}");
        assert_eq!(answer.allow.is_some(), status == 405, "{refusal:?}");
        assert!(answer.reason.is_some_and(|reason| reason.bytes().all(|b| b == b' ' || b.is_ascii_alphabetic())));
        let body = json(&answer);
        assert_eq!(body["code"], code);
        assert_eq!((&body["Code"], &body["Message"]), (&body["code"], &body["message"]));
        assert!(body["message"].as_str().unwrap().contains(words), "{body}");
        assert!(!answer.body.contains(&b'\n'));
    }
}

#[test]
fn a_bug_keeps_its_reason_to_itself() {
    let answer = refuse(&Refusal::Bug("the inside of it"));
    assert!(!String::from_utf8_lossy(&answer.body).contains("inside of it"));
}

#[test]
fn relative_addresses_are_read_as_the_agent_reads_them() {
    for (path, query, name) in [
        ("/v2/credentials/prod", None, "prod"),
        ("//v2//credentials/prod/", None, "prod"),
        ("/v2/credentials/my%20profile", None, "my profile"),
        ("/v2/credentials/a/b", None, "a/b"),
        ("/v2/credentials/a%2Fb", None, "a/b"),
        ("/v2/credentials/prod", Some("id=other"), "prod"),
        ("/creds/prod", None, "prod"),
        ("/creds/a/b", Some("x"), "a/b"),
        ("/v1/credentials", Some("id=prod"), "prod"),
        ("/v1/credentials/", Some("x=1&id=my+profile%2Feu&id=b"), "my profile/eu"),
        ("/v1/credentials", Some("id=a%2Bb"), "a+b"),
    ] {
        assert_eq!(read_relative(path, query), Ok(name.into()), "{path} {query:?}");
    }
}

#[test]
fn c41_a_relative_address_without_an_id_says_so() {
    for (path, query) in [
        ("/v2/credentials/", None),
        ("/v2/credentials", None),
        ("//v2/credentials//", Some("id=prod")),
        ("/v2/credentials/%ff", None),
        ("/creds/", None),
        ("/v1/credentials", None),
        ("/v1/credentials", Some("")),
        ("/v1/credentials", Some("id=")),
        ("/v1/credentials", Some("id")),
        ("/v1/credentials", Some("ids=prod&ID=prod")),
    ] {
        assert_eq!(read_relative(path, query), Err(Refusal::NoId), "{path} {query:?}");
    }
    for path in ["/", "", "/v2", "/v1", "/v1/credentials/prod", "/v2/metadata", "/v3/credentials/prod", "/latest"] {
        assert_eq!(read_relative(path, Some("id=prod")), Err(Refusal::Path), "{path}");
    }
}

#[test]
fn c41_c42_c43_relative_addresses_refuse_with_the_agents_codes() {
    let failed = |class, code| Refusal::Failed(Failure::new(class, code, "see `credenza status`"));
    for (refusal, status, code, words) in [
        (Refusal::NoId, 400, "NoIdInRequest", "/v2/credentials/IDENTITY"),
        (Refusal::UnknownIdentity("prod".into()), 400, "InvalidIdInRequest", "no profile is called prod"),
        (Refusal::NotGranted("prod".into()), 400, "InvalidIdInRequest", "prod"),
        (Refusal::NotServed("prod".into()), 400, "InvalidIdInRequest", "prod is not served at this address: add it to"),
        (Refusal::TokenMissing, 403, "TokenMissing", "credenza grant new"),
        (failed(FailureClass::TryLater, "Pending"), 503, "CredentialsUninitialized", "credenza status"),
        (failed(FailureClass::TryLater, "Unreachable"), 503, "Unreachable", "credenza status"),
        (failed(FailureClass::NeedsPerson, "LoginRequired"), 403, "LoginRequired", "credenza status"),
        (Refusal::ForeignPeer, 403, "ForeignPeer", "peers"),
        (Refusal::UnknownNeighbour, 403, "UnknownNeighbour", "neighbours"),
        (Refusal::Undecided, 503, "Undecided", "ask again"),
        (Refusal::RelayEnded, 403, "RelayEnded", "credenza relay invite"),
        (Refusal::NoDaemon, 503, "NoDaemon", "credenza up"),
        (Refusal::Path, 400, "UnknownPath", "/creds/IDENTITY"),
        (Refusal::Method, 405, "MethodNotAllowed", "GET or HEAD"),
        (Refusal::Bug("inside"), 500, "InternalError", "credenza logs"),
    ] {
        let answer = refuse_relative(&refusal);
        assert_eq!(answer.status.as_u16(), status, "{refusal:?}");
        assert_eq!((answer.allow.is_some(), answer.form), (status == 405, Form::Json), "{refusal:?}");
        let body = json(&answer);
        assert_eq!((&body["code"], &body["Code"]), (&Value::from(code), &Value::from(code)));
        assert_eq!(body["HTTPErrorCode"], status, "{body}");
        assert_eq!(body["Message"], body["message"]);
        assert!(body["message"].as_str().unwrap().contains(words), "{body}");
    }
}
