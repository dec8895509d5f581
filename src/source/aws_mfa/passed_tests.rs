//! What one process writes, another reads, and nothing of it is ever shown.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = String> {
    "[ -~äß\\n]{1,20}"
}

/// What keys are written with, quotation marks and backslashes as well.
fn secret() -> impl Strategy<Value = Secret> {
    "[!-~]{1,60}".prop_map(Secret::new)
}

fn duration() -> impl Strategy<Value = Duration> {
    (0..200_000_u64, 0..1_000_000_000_u32).prop_map(|(secs, nanos)| Duration::new(secs, nanos))
}

fn time() -> impl Strategy<Value = SystemTime> {
    (duration(), 0..60_000_u64)
        .prop_map(|(part, days)| SystemTime::UNIX_EPOCH + Duration::from_secs(days * 86_400) + part)
}

fn keys() -> impl Strategy<Value = AwsKeys> {
    ("[A-Z0-9]{16,20}", secret(), proptest::option::of(secret())).prop_map(|(id, secret, token)| AwsKeys {
        access_key_id: id,
        secret_access_key: secret,
        session_token: token,
    })
}

fn sts() -> impl Strategy<Value = StsEndpoint> {
    (text(), proptest::option::of(text()), any::<[bool; 3]>()).prop_map(|(region, url, [fips, dualstack, skew])| {
        StsEndpoint { region, url, fips, dualstack, correct_skew: skew }
    })
}

fn role() -> impl Strategy<Value = RoleRequest> {
    let tags = proptest::collection::vec((text(), text()), 0..3);
    let some = || proptest::option::of(text());
    (text(), text(), some(), duration(), any::<bool>(), tags, some(), some(), sts()).prop_map(
        |(role_arn, session_name, external_id, duration, duration_written, tags, source_identity, policy, sts)| {
            RoleRequest {
                role_arn,
                session_name,
                external_id,
                duration,
                duration_written,
                transitive_tag_keys: tags.iter().map(|(key, _)| key.clone()).collect(),
                policy_arns: tags.iter().map(|(_, value)| value.clone()).collect(),
                tags,
                source_identity,
                policy,
                sts,
            }
        },
    )
}

fn exchange() -> impl Strategy<Value = Exchange> {
    let call = prop_oneof![
        duration().prop_map(|duration| ExchangeCall::Session { duration }),
        role().prop_map(|role| ExchangeCall::Role(Box::new(role))),
    ];
    let code = "[0-9]{6}".prop_map(Secret::new);
    let device = (text(), code).prop_map(|(serial, code)| Device { serial, code });
    let bundle = proptest::option::of(text().prop_map(PathBuf::from));
    (text(), text(), sts(), bundle, call, keys(), proptest::option::of(device)).prop_map(
        |(session, identity, sts, ca_bundle, call, keys, device)| Exchange {
            session: SessionKey(session.into()),
            identity: identity.into(),
            sts,
            ca_bundle,
            call,
            keys,
            device,
        },
    )
}

fn same(one: &AwsKeys, other: &AwsKeys) -> bool {
    let text = |keys: &AwsKeys| {
        let token = keys.session_token.as_ref().map(|token| token.expose().to_owned());
        (keys.access_key_id.clone(), keys.secret_access_key.expose().to_owned(), token)
    };
    text(one) == text(other)
}

proptest! {
    #[test]
    fn an_exchange_that_is_written_is_read(exchange in exchange()) {
        let read = Exchange::read(exchange.write().expose().as_bytes()).unwrap();
        prop_assert!(same(&read.keys, &exchange.keys));
        let code = |exchange: &Exchange| exchange.device.as_ref().map(|device| device.code.expose().to_owned());
        prop_assert_eq!(code(&read), code(&exchange));
        // all the rest stands in what is shown for debugging, and the secrets do not
        let shown = format!("{exchange:?}");
        prop_assert_eq!(format!("{read:?}"), shown.clone());
        if exchange.keys.secret_access_key.expose().len() > 12 {
            prop_assert!(!shown.contains(exchange.keys.secret_access_key.expose()));
        }
    }

    #[test]
    fn a_session_that_is_written_is_read(
        keys in keys(), end in proptest::option::of(time()), wall in time(), boot in duration(),
        by in duration(), side in 0..3, names in proptest::option::of(text()), warnings in proptest::collection::vec(text(), 0..3),
    ) {
        let began = Now { wall, boot };
        let server_offset = match side {
            0 => ClockOffset::None,
            1 => ClockOffset::Ahead(by),
            _ => ClockOffset::Behind(by),
        };
        let (account_id, role_arn) = (names.clone(), names);
        let received = Some(began);
        let issued = Issued { keys, expiration: end, server_offset, account_id, role_arn, warnings, received };
        let kept = KeptSession { issued, began };
        let read = read_kept(write_kept(&kept).expose().as_bytes()).unwrap();
        prop_assert!(same(&read.issued.keys, &kept.issued.keys));
        prop_assert_eq!(format!("{read:?}"), format!("{kept:?}"));
    }
}

const WHOLE: &str = r#"{"session":"user:ada:1","identity":"prod",
    "sts":{"region":"eu-west-1","url":null,"fips":false,"dualstack":false,"correct_skew":true},"ca_bundle":null,
    "call":{"session":{"duration":{"secs":3600,"nanos":0}}},
    "keys":{"access_key_id":"AKIAEXAMPLE","secret_access_key":"hunter2hunter2","session_token":null},
    "device":{"serial":"arn:aws:iam::111122223333:mfa/ada","code":"123456"}}"#;

#[test]
fn what_is_not_whole_is_refused_in_words_that_hold_nothing_of_it() {
    assert!(Exchange::read(WHOLE.as_bytes()).is_ok());
    for (from, to) in [
        ("\"123456\"", "\"12345\""),
        ("\"123456\"", "\"12345a\""),
        ("\"123456\"", "123456"),
        ("arn:aws:iam::111122223333:mfa/ada", ""),
        ("hunter2hunter2", ""),
        ("hunter2hunter2", "hunter2 hunter2"),
        ("3600", "\"hunter2hunter2\""),
        ("\"identity\":\"prod\",", ""),
    ] {
        let broken = WHOLE.replace(from, to);
        assert_ne!(broken, WHOLE);
        let error = Exchange::read(broken.as_bytes()).expect_err(to);
        assert!(!error.contains("hunter2") && !error.contains("12345"), "{error}");
    }
    assert!(Exchange::read(&WHOLE.as_bytes()[..WHOLE.len() / 2]).is_err());
    assert!(read_kept(b"{}").is_err());
}
