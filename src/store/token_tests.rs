//! Whatever a file holds: what we do not know of it stays, and what we wrote is read.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::*;

const KNOWN: [&str; 8] =
    [START_URL, REGION, ACCESS_TOKEN, EXPIRES_AT, CLIENT_ID, CLIENT_SECRET, REGISTRATION_EXPIRES_AT, REFRESH_TOKEN];

/// What the simulated cloud's own login leaves, for tests everywhere.
impl From<simcloud::sso::SignedIn> for StoredToken {
    fn from(there: simcloud::sso::SignedIn) -> Self {
        let registration = Registration {
            client_id: there.client_id,
            client_secret: Secret::new(there.client_secret),
            expires_at: there.registration_expires,
        };
        Self {
            access_token: Secret::new(there.access_token),
            expires_at: there.expires,
            refresh_token: Some(Secret::new(there.refresh_token)),
            registration: Some(registration),
            start_url: None,
            region: None,
        }
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
        Just(Value::from("2027-01-15T08:00:00UTC")),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            btree_map(".{0,4}", inner, 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,8}",
        (proptest::sample::select(&KNOWN[..]), any::<bool>()).prop_map(|(name, upper)| if upper {
            name.to_uppercase()
        } else {
            name.to_owned()
        }),
    ]
}

fn token() -> impl Strategy<Value = StoredToken> {
    let text = || ".{1,12}";
    let time =
        || (0_u64..100_000_000_000).prop_map(|secs| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(secs));
    let registration = (text(), text(), time()).prop_map(|(client_id, secret, expires_at)| Registration {
        client_id,
        client_secret: Secret::new(secret),
        expires_at,
    });
    let option = proptest::option::of::<BoxedStrategy<String>>;
    (text(), time(), option(text().boxed()), proptest::option::of(registration), option(text().boxed())).prop_map(
        |(access, expires_at, refresh, registration, region)| StoredToken {
            access_token: Secret::new(access),
            expires_at,
            refresh_token: refresh.map(Secret::new),
            registration,
            start_url: Some("https://corp.awsapps.com/start".into()),
            region,
        },
    )
}

proptest! {
    #[test]
    fn unknown_members_stay_and_ours_are_read(members in btree_map(name(), value(), 0..8), token in token()) {
        let before: Map<String, Value> = members.into_iter().collect();
        let text = serde_json::to_vec(&before).unwrap();
        let merged = merge(Some(&text), &token);
        let after: Map<String, Value> = serde_json::from_str(merged.expose()).unwrap();
        // letter by letter: numbers to their last digit
        type Raw<'t> = BTreeMap<String, &'t RawValue>;
        let (was, is): (Raw<'_>, Raw<'_>) = (serde_json::from_slice(&text).unwrap(), serde_json::from_str(merged.expose()).unwrap());
        for (name, value) in &was {
            if !KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)) {
                prop_assert_eq!(is.get(name).map(|value| value.get()), Some(value.get()));
            }
        }
        for name in after.keys() {
            prop_assert!(KNOWN.contains(&name.as_str()) || before.contains_key(name), "{} is new", name);
        }
        let mut expected = Map::new();
        expected.insert(ACCESS_TOKEN.into(), token.access_token.expose().into());
        expected.insert(EXPIRES_AT.into(), write_time(token.expires_at).into());
        for (name, value) in expected {
            prop_assert_eq!(&after[&name], &value);
        }
        // a region or start URL of another type is not kept, so all of it is read again
        if token.region.is_some() {
            let read = read(merged.expose().as_bytes()).unwrap();
            prop_assert_eq!(read.expires_at, token.expires_at);
            prop_assert_eq!(read.refresh_token.map(|it| it.digest()), token.refresh_token.map(|it| it.digest()));
            prop_assert_eq!(
                read.registration.map(|it| (it.client_id, it.client_secret.digest(), it.expires_at)),
                token.registration.map(|it| (it.client_id, it.client_secret.digest(), it.expires_at))
            );
        }
    }

    #[test]
    fn whatever_a_file_holds_is_read_to_an_end(bytes in vec(any::<u8>(), 0..64)) {
        let _ = read(&bytes);
    }

    #[test]
    fn every_beginning_of_a_file_is_seen_as_torn(token in token(), cut in any::<prop::sample::Index>()) {
        let text = merge(None, &token);
        let cut = cut.index(text.expose().len());
        prop_assert!(!members::is_json(&text.expose().as_bytes()[..cut]));
    }
}

#[test]
fn a_region_that_is_none_leads_nobody_elsewhere() {
    for (region, expected) in [("eu-west-1", true), ("evil.example/x?", false), ("a b", false), ("", false)] {
        let text = serde_json::json!({ "accessToken": "token", "expiresAt": "2026-11-26T09:00:00Z", "region": region });
        let read = read(text.to_string().as_bytes()).unwrap();
        assert_eq!(read.region.is_some(), expected, "{region}");
    }
}
