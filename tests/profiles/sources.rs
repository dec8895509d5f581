//! What a profile's credentials come from: the profile `x` of `sources/NAME.config` and `sources/NAME.credentials`, as
//! `sources.json` says for us and for botocore, whose half is tested in `tests/clients/test_profiles.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use credenza::config::own::Own;
use credenza::config::resolve::{Surroundings, resolve};
use credenza::config::{AzureAccounts, Identity, Kind};
use credenza::world::Environment;
use serde::Deserialize;

use super::corpus::cases_in_table;
use super::readers::ours;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Our kind.
    kind: String,
    /// A part of our reason, where we cannot serve it.
    reason: Option<String>,
    /// botocore's provider, or its error, or nothing.
    botocore: Option<String>,
}

fn cases() -> Vec<(String, Expected, Identity)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles");
    let expected = std::fs::read(folder.join("sources.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_slice(&expected).unwrap();
    let environment =
        Environment::from_iter([("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENT"), ("AWS_SECRET_ACCESS_KEY", "hunter2")]);
    let surroundings = Surroundings::of(&environment);
    let read = |name: &str, kind: &str| std::fs::read(folder.join(format!("sources/{name}.{kind}"))).unwrap();
    let identity = |name: &str| {
        let shared = ours(&read(name, "config"), &read(name, "credentials"));
        resolve(&shared, &Own::default(), &AzureAccounts::default(), &surroundings).0.remove("x").unwrap()
    };
    expected.into_iter().map(|(name, expected)| (name.clone(), expected, identity(&name))).collect()
}

#[test]
fn each_profile_is_of_the_kind_that_is_expected() {
    for (name, expected, identity) in cases() {
        assert_eq!(identity.kind.word(), expected.kind, "{name}");
        match (identity.definition, expected.reason) {
            (Ok(_), None) => {}
            (Err(unusable), Some(reason)) => assert!(unusable.reason.contains(&reason), "{name}: {unusable}"),
            (definition, reason) => panic!("{name}: {definition:?} and not {reason:?}"),
        }
    }
}

#[test]
fn every_difference_from_botocore_stands_in_the_table_of_the_docs_and_nothing_else() {
    let different: BTreeSet<String> = cases()
        .into_iter()
        .filter(|(_, expected, identity)| !same(identity, expected.botocore.as_deref()))
        .map(|(name, _, _)| name)
        .collect();
    assert_eq!(cases_in_table("## Where sources differ"), different);
}

/// Whether botocore takes the source that we take, or finds none where we find none.
fn same(identity: &Identity, botocore: Option<&str>) -> bool {
    let served = identity.definition.is_ok();
    match botocore {
        Some("assume-role") => {
            served && identity.role_arn().is_some() && matches!(identity.kind, Kind::Role | Kind::Mfa)
        }
        Some("assume-role-with-web-identity") => identity.kind == Kind::WebIdentity && served,
        Some("shared-credentials-file" | "config-file") => identity.kind == Kind::Keys && served,
        Some("custom-process") => identity.kind == Kind::Process && served,
        Some("sso") => identity.kind == Kind::Sso,
        _ => !served,
    }
}
