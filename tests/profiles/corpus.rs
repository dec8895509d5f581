//! The corpus: ours and aws-runtime's reading of each case, and the table of differences.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::readers::{Profiles, aws_runtime, keys_of, our_profiles, ours};

/// What each reader makes of a case.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// What we find.
    profiles: Profiles,
    /// What we say about it; each text is a part of one complaint, in their order.
    #[serde(default)]
    complaints: Vec<String>,
    #[serde(default)]
    aws_runtime: Other,
    #[serde(default)]
    botocore: Other,
}

/// What another reader makes of it.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Other {
    #[default]
    Same,
    /// `"refuses"`: the files as a whole.
    Refuses(Refuses),
    Finds(Profiles),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Refuses {
    Refuses,
}

struct Case {
    name: String,
    expected: Expected,
    config: Vec<u8>,
    credentials: Vec<u8>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles")
}

fn cases() -> Vec<Case> {
    let expected = std::fs::read(folder().join("expected.json")).unwrap();
    let expected: BTreeMap<String, Expected> = serde_json::from_slice(&expected).unwrap();
    let read = |name: &str, kind: &str| std::fs::read(folder().join(format!("corpus/{name}.{kind}")));
    expected
        .into_iter()
        .map(|(name, expected)| Case {
            config: read(&name, "config").unwrap_or_default(),
            credentials: read(&name, "credentials").unwrap_or_default(),
            name,
            expected,
        })
        .collect()
}

#[test]
fn we_read_the_corpus_as_expected() {
    for case in cases() {
        let shared = ours(&case.config, &case.credentials);
        assert_eq!(our_profiles(&shared), case.expected.profiles, "{}", case.name);
        let complaints: Vec<_> = shared.complaints.iter().map(ToString::to_string).collect();
        assert_eq!(complaints.len(), case.expected.complaints.len(), "{}: {complaints:?}", case.name);
        for (complaint, part) in complaints.iter().zip(&case.expected.complaints) {
            assert!(complaint.contains(part), "{}: {complaint}", case.name);
        }
    }
}

#[test]
fn aws_runtime_reads_the_corpus_as_expected() {
    for Case { name, expected, config, credentials } in cases() {
        let keys: BTreeSet<String> = match &expected.aws_runtime {
            Other::Finds(profiles) => keys_of(profiles).chain(keys_of(&expected.profiles)).collect(),
            _ => keys_of(&expected.profiles).collect(),
        };
        let found = aws_runtime(&config, &credentials, &keys);
        match expected.aws_runtime {
            Other::Same => assert_eq!(found, Some(expected.profiles), "{name}"),
            Other::Refuses(_) => assert_eq!(found, None, "{name}"),
            Other::Finds(profiles) => assert_eq!(found, Some(profiles), "{name}"),
        }
    }
}

#[test]
fn every_file_of_the_corpus_is_a_case() {
    let named: BTreeSet<String> = cases().into_iter().map(|case| case.name).collect();
    let files: BTreeSet<String> = std::fs::read_dir(folder().join("corpus"))
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    assert_eq!(files, named);
}

#[test]
fn every_difference_stands_in_the_table_of_the_docs_and_nothing_else() {
    let different: BTreeSet<String> = cases()
        .into_iter()
        .filter(|case| !matches!((&case.expected.aws_runtime, &case.expected.botocore), (Other::Same, Other::Same)))
        .map(|case| case.name)
        .collect();
    assert_eq!(cases_in_table("## Where readers differ"), different);
}

/// The cases that the table below a heading names, in its last column.
pub(super) fn cases_in_table(heading: &str) -> BTreeSet<String> {
    let page = include_str!("../../docs/profiles.md");
    let table = page.split_once(heading).unwrap().1.split("\n## ").next().unwrap();
    let cells = table.lines().filter(|line| line.starts_with("| ")).filter_map(|line| line.rsplit('|').nth(1));
    cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect()
}
