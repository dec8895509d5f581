//! What the EC2 dialect reads and writes, by tables.

use std::time::UNIX_EPOCH;

use http::StatusCode;
use serde_json::{Value, json};

use super::super::{Answer, Form};
use super::*;
use crate::credential::{AwsCredential, AwsKeys, ClockOffset, Content, Credential, Failure, FailureClass, Now};
use crate::secret::Secret;

const HOUR: Duration = Duration::from_secs(3600);

fn now() -> Now {
    Now { wall: UNIX_EPOCH + Duration::from_millis(1_795_298_656_900), boot: Duration::from_secs(50) }
}

fn later(secs: u64) -> Now {
    let by = Duration::from_secs(secs);
    Now { wall: now().wall + by, boot: now().boot + by }
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

fn tree(account: Option<&str>, values: &[(&str, Option<&str>)]) -> Metadata {
    Metadata::new(Facts {
        role: "deploy".into(),
        region: Some("eu-west-1".into()),
        account: account.map(str::to_owned),
        address: "127.0.0.1:9712".parse().unwrap(),
        values: values.iter().map(|(path, value)| ((*path).to_owned(), value.map(str::to_owned))).collect(),
    })
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

fn json(answer: &Answer) -> Value {
    serde_json::from_slice(&answer.body).unwrap()
}

#[test]
fn c46_a_ticket_comes_with_its_life() {
    for secs in [1, 300, 600, 21_600] {
        let answer = write_ticket(Secret::new("AQ-ticket_"), Duration::from_secs(secs));
        assert_eq!((answer.status, answer.form, text(&answer)), (StatusCode::OK, Form::Text, "AQ-ticket_"));
        assert_eq!(answer.ticket_life_secs.map(u64::from), Some(secs));
    }
    assert_eq!(write_text(Bytes::from_static(b"x")).ticket_life_secs, None);
}

#[test]
fn c47_a_ticket_lives_for_a_second_to_six_hours() {
    for secs in [1, 2, 60, 300, 600, 21_599, 21_600] {
        assert_eq!(ticket_life(Some(&secs.to_string())), Ok(Duration::from_secs(secs)));
    }
    let wrong = [
        "0",
        "-1",
        "21601",
        "99999",
        "100000",
        "184467440737095516",
        "abc",
        "",
        " 60",
        "60 ",
        "+60",
        "6e2",
        "60s",
        "٣",
    ];
    for header in wrong.map(Some).into_iter().chain([None]) {
        assert_eq!(ticket_life(header), Err(Refusal::TicketLife), "{header:?}");
    }
    assert_eq!(refused(&Refusal::TicketLife, About::Ticket).status, StatusCode::BAD_REQUEST);
}

#[test]
fn c54_the_document_is_as_the_real_service_writes_it() {
    let answer = write_credential(&credential(), false, later(600)).unwrap();
    assert_eq!((answer.status, answer.form, answer.reason), (StatusCode::OK, Form::Text, None));
    let expected = r#"{
  "Code" : "Success",
  "LastUpdated" : "2026-11-21T22:04:16Z",
  "Type" : "AWS-HMAC",
  "AccessKeyId" : "ASIAEXAMPLE",
  "SecretAccessKey" : "secret/\"half\"",
  "Token" : "token==",
  "Expiration" : "2026-11-21T23:04:16Z"
}"#;
    assert_eq!(text(&answer), expected);
    assert_eq!(write_credential(&credential(), false, now()).unwrap().body, answer.body, "the same at any time");
}

#[test]
fn c56_the_extended_document_has_the_account() {
    let of = |account: Option<&str>, role_arn: Option<&str>| {
        let credential = made_of(AwsCredential {
            account_id: account.map(str::to_owned),
            role_arn: role_arn.map(str::to_owned),
            ..aws()
        });
        json(&write_credential(&credential, true, now()).unwrap())["AccountId"].clone()
    };
    let arn = Some("arn:aws-cn:iam::210987654321:role/team/x");
    assert_eq!(of(Some("123456789012"), arn), "123456789012");
    assert_eq!(of(None, arn), "210987654321");
    for (account, arn) in
        [(None, None), (None, Some("nonsense")), (Some("12"), None), (None, Some("arn:aws:iam::aws:role/x"))]
    {
        assert_eq!(of(account, arn), Value::Null, "{account:?} {arn:?}");
    }
    let plain = json(&write_credential(&credential(), false, now()).unwrap());
    assert_eq!(plain.get("AccountId"), None);
}

#[test]
fn what_is_not_whole_or_has_a_minute_left_never_leaves_with_a_200() {
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
        let refusal = write_credential(&broken, true, now()).unwrap_err();
        assert!(matches!(refusal, Refusal::Bug(_)));
        for faithful in [false, true] {
            let answer = refuse(&refusal, About::Credential, faithful, now());
            assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
    assert!(write_credential(&credential(), false, later(3600 - 61)).is_ok());
    for left in [60, 30, 0] {
        let refusal = write_credential(&credential(), false, later(3600 - left)).unwrap_err();
        assert_eq!(refused(&refusal, About::Credential).status, StatusCode::SERVICE_UNAVAILABLE, "{left}");
    }
}

#[test]
fn the_largest_document_stays_below_what_is_read() {
    let secrets = "\\".repeat(AwsKeys::LONGEST_SECRETS / 2);
    let (secret, token) = secrets.split_at(secrets.len() / 3);
    let keys = AwsKeys {
        access_key_id: "\"".repeat(AwsKeys::LONGEST_ID),
        secret_access_key: Secret::new(secret),
        session_token: Some(Secret::new(token)),
    };
    let answer = write_credential(&made_of(AwsCredential { keys, ..aws() }), true, now()).unwrap();
    assert!(answer.body.len() < 8 * 1024, "{}", answer.body.len());
    assert_eq!(json(&answer)["Token"], token);
}

#[test]
fn c59_the_profile_is_of_the_real_account() {
    for (known, of_credential, account) in [
        (Some("123456789012"), None, "123456789012"),
        (Some("123456789012"), Some("210987654321"), "123456789012"),
        (None, Some("210987654321"), "210987654321"),
    ] {
        let answer = write_info(&tree(known, &[]), of_credential, now()).unwrap();
        let info = json(&answer);
        assert_eq!((answer.status, answer.form), (StatusCode::OK, Form::Text));
        assert_eq!((&info["Code"], &info["LastUpdated"]), (&json!("Success"), &json!("2026-11-21T22:04:16Z")));
        assert_eq!(info["InstanceProfileArn"], format!("arn:aws:iam::{account}:instance-profile/deploy"));
        let id = info["InstanceProfileId"].as_str().unwrap();
        assert!(id.len() == 21 && id.starts_with("AIPA"), "{id}");
    }
    assert_eq!(write_info(&tree(None, &[]), None, now()).unwrap_err(), Refusal::Absent);
}

#[test]
fn c59_the_profile_is_of_the_regions_partition() {
    for (path, value, partition) in [
        ("placement/region", "cn-north-1", "aws-cn"),
        ("placement/availability-zone", "us-gov-east-1b", "aws-us-gov"),
        ("services/partition", "aws-other", "aws-other"),
    ] {
        let info = json(&write_info(&tree(Some("123456789012"), &[(path, Some(value))]), None, now()).unwrap());
        assert_eq!(info["InstanceProfileArn"], format!("arn:{partition}:iam::123456789012:instance-profile/deploy"));
    }
    let nowhere = tree(Some("123456789012"), &[("placement", None), ("services", None)]);
    let info = json(&write_info(&nowhere, None, now()).unwrap());
    assert_eq!(info["InstanceProfileArn"], "arn:aws:iam::123456789012:instance-profile/deploy");
}

#[test]
fn c58_the_identity_document_agrees_with_the_tree() {
    let answer = write_document(&tree(Some("123456789012"), &[]), None);
    assert_eq!((answer.status, answer.form), (StatusCode::OK, Form::Text));
    let machine = |x86: &str, arm: &str| if cfg!(target_arch = "aarch64") { arm.to_owned() } else { x86.to_owned() };
    let expected = json!({
        "accountId": "123456789012",
        "architecture": machine("x86_64", "arm64"),
        "availabilityZone": "eu-west-1a",
        "billingProducts": null,
        "devpayProductCodes": null,
        "marketplaceProductCodes": null,
        "imageId": "ami-0123456789abcdef0",
        "instanceId": "i-0123456789abcdef0",
        "instanceType": machine("t3.micro", "t4g.micro"),
        "kernelId": null,
        "pendingTime": "2026-01-01T00:00:00Z",
        "privateIp": "127.0.0.1",
        "ramdiskId": null,
        "region": "eu-west-1",
        "version": "2017-09-30",
    });
    assert_eq!(json(&answer), expected);
    // grep region | cut -d'"' -f4
    let line = text(&answer).lines().find(|line| line.contains("region")).unwrap();
    assert_eq!(line, r#"  "region" : "eu-west-1","#);

    for (path, value, member) in [
        ("placement/region", "us-west-2", "region"),
        ("placement/availability-zone", "us-west-2b", "availabilityZone"),
        ("instance-id", "i-00000000000000001", "instanceId"),
        ("instance-type", "m7i.large", "instanceType"),
        ("ami-id", "ami-00000000000000001", "imageId"),
        ("local-ipv4", "10.0.0.7", "privateIp"),
        ("kernel-id", "aki-1", "kernelId"),
        ("ramdisk-id", "ari-1", "ramdiskId"),
    ] {
        let written = json(&write_document(&tree(None, &[(path, Some(value))]), None));
        assert_eq!(written[member], value, "{path}");
        let gone = json(&write_document(&tree(None, &[(path, None)]), None));
        assert_eq!(gone[member], Value::Null, "{path}");
    }
    let zone = json(&write_document(&tree(None, &[("placement/region", Some("us-west-2"))]), None));
    assert_eq!(zone["availabilityZone"], "us-west-2a");
}

#[test]
fn c58_an_account_that_is_not_known_is_left_out() {
    let account =
        |known, of_credential| json(&write_document(&tree(known, &[]), of_credential)).get("accountId").cloned();
    assert_eq!(account(None, None), None);
    assert_eq!(account(None, Some("210987654321")), Some(json!("210987654321")));
    assert_eq!(account(Some("123456789012"), Some("210987654321")), Some(json!("123456789012")));
}

fn refused(refusal: &Refusal, about: About) -> Answer {
    refuse(refusal, about, false, now())
}

#[test]
fn c48_c50_c63_c64_every_refusal_has_a_status_that_no_client_misreads() {
    let failed = |class| Refusal::Failed(Failure::new(class, "SomeCode", "do this:\ncredenza login prod"));
    for (refusal, status, code, words) in [
        (Refusal::Malformed("two Host headers"), 400, "MalformedRequest", "two Host headers"),
        (Refusal::Host, 403, "HostNotAllowed", "credenza exec IDENTITY --ec2 -- CMD"),
        (Refusal::Forwarded, 400, "ForwardedRequest", "credenza exec IDENTITY --ec2 -- CMD"),
        (Refusal::Browser, 403, "BrowserRequest", "credenza exec IDENTITY --ec2 -- CMD"),
        (Refusal::HeadTooLarge, 431, "HeadTooLarge", "session token"),
        (Refusal::BodyTooLarge, 413, "BodyTooLarge", "no body"),
        (Refusal::ForeignPeer, 403, "ForeignPeer", "peers"),
        (Refusal::UnknownNeighbour, 403, "UnknownNeighbour", "neighbours"),
        (Refusal::Undecided, 503, "Undecided", "ask again"),
        (Refusal::RelayEnded, 403, "RelayEnded", "credenza relay invite"),
        (Refusal::NoDaemon, 503, "NoDaemon", "credenza up"),
        (Refusal::TicketMissing, 401, "SessionTokenMissing", "imds_v1 = true"),
        (Refusal::TicketRefused, 401, "SessionTokenRefused", "PUT /latest/api/token"),
        (Refusal::TicketLife, 400, "SessionTokenLife", "1 to 21600"),
        (Refusal::Disabled, 403, "MetadataServiceDisabled", "enabled"),
        (Refusal::Path, 404, "NotFound", "nothing at this path"),
        (Refusal::Absent, 404, "NotFound", "nothing at this path"),
        (Refusal::UnknownIdentity("x".into()), 400, "UnknownIdentity", "credenza list"),
        (failed(FailureClass::NeedsPerson), 403, "SomeCode", "do this: credenza login prod"),
        (failed(FailureClass::Refused), 403, "SomeCode", "credenza login prod"),
        (failed(FailureClass::TryLater), 503, "SomeCode", "credenza login prod"),
        (Refusal::Bug("inside"), 500, "InternalError", "credenza logs"),
    ] {
        for about in [About::Ticket, About::Credential, About::Other] {
            let answer = refused(&refusal, about);
            assert_eq!((answer.status.as_u16(), answer.form), (status, Form::Text), "{refusal:?} {about:?}");
            assert_eq!((answer.allow, answer.ticket_life_secs), (None, None), "{refusal:?}");
            let body = json(&answer);
            assert_eq!((&body["code"], &body["Code"]), (&json!(code), &json!(code)));
            assert_eq!(body["Message"], body["message"]);
            let message = body["message"].as_str().unwrap();
            assert!(message.contains(words) && !message.contains("credenza env"), "{message}");
            assert!(!answer.body.contains(&b'\n'));
        }
    }
}

#[test]
fn c49_a_wrong_method_is_told_the_right_one() {
    for (about, allow) in [(About::Ticket, "PUT"), (About::Credential, "GET, HEAD"), (About::Other, "GET, HEAD")] {
        let answer = refused(&Refusal::Method, about);
        assert_eq!((answer.status, answer.allow), (StatusCode::METHOD_NOT_ALLOWED, Some(allow)));
        let message = json(&answer)["message"].as_str().unwrap().to_owned();
        assert!(allow.split(", ").all(|method| message.contains(method)), "{message}");
    }
}

#[test]
fn c63_the_faithful_form_is_a_200_with_a_code_and_no_keys() {
    for (class, code) in [
        (FailureClass::NeedsPerson, "AssumeRoleUnauthorizedAccess"),
        (FailureClass::Refused, "AssumeRoleUnauthorizedAccess"),
        (FailureClass::TryLater, "UpstreamUnavailable"),
    ] {
        let refusal = Refusal::Failed(Failure::new(class, "UpstreamUnavailable", "credenza login prod"));
        let answer = refuse(&refusal, About::Credential, true, now());
        let expected = format!(
            "{{\n  \"Code\" : \"{code}\",\n  \"Message\" : \"credenza login prod\",\n  \"LastUpdated\" : \
             \"2026-11-21T22:04:16Z\"\n}}"
        );
        assert_eq!((answer.status, answer.form, text(&answer)), (StatusCode::OK, Form::Text, expected.as_str()));
        for about in [About::Ticket, About::Other] {
            assert_ne!(refuse(&refusal, about, true, now()).status, StatusCode::OK, "{about:?}");
        }
    }
    // what is not the credential's own failure stays what it is
    for refusal in [Refusal::TicketMissing, Refusal::ForeignPeer, Refusal::Host, Refusal::Absent, Refusal::Disabled] {
        let answer = refuse(&refusal, About::Credential, true, now());
        assert_eq!(answer.status, refused(&refusal, About::Credential).status, "{refusal:?}");
        assert_ne!(answer.status, StatusCode::OK);
    }
}

#[test]
fn what_is_found_says_what_a_refusal_is_about() {
    let tree = tree(None, &[]);
    for (path, about) in [
        ("/latest/api/token", About::Ticket),
        ("/latest/meta-data/iam/security-credentials/deploy", About::Credential),
        ("/latest/meta-data/iam/security-credentials-extended/deploy", About::Credential),
        ("/latest/meta-data/iam/security-credentials/other", About::Other),
        ("/latest/meta-data/iam/info", About::Other),
        ("/", About::Other),
    ] {
        assert_eq!(tree.find(path).about(), about, "{path}");
    }
}
