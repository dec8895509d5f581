//! The files of a child, from files that a user may have. `child_files/config` is what we write, for a program in a folder
//! that needs quoting; `tests/clients/test_profiles.py` has botocore read it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use credenza::config::AzureAccounts;
use credenza::config::child_files::{child_files, shell_word};
use credenza::config::own::Own;
use credenza::config::resolve::{Surroundings, resolve};
use credenza::config::shared::words;
use credenza::world::Environment;
use proptest::prelude::*;

use super::readers::{Value, aws_runtime, ours};

const PROGRAM: &str = "/opt/our tools/it's #1; \"really\"/credenza";

fn read(name: &str) -> Vec<u8> {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles/child_files");
    std::fs::read(folder.join(name)).unwrap()
}

#[test]
fn what_we_write_is_what_other_readers_are_tested_with() {
    let shared = ours(&read("given.config"), &read("given.credentials"));
    let environment = Environment::default();
    let surroundings = Surroundings::of(&environment);
    let (identities, _) = resolve(&shared, &Own::default(), &AzureAccounts::default(), &surroundings);
    let files = child_files(&shared, &identities, Path::new(PROGRAM)).unwrap();
    assert_eq!(files.config, String::from_utf8(read("config")).unwrap());
    assert_eq!(files.credentials, String::from_utf8(read("credentials")).unwrap());
}

#[test]
fn aws_runtime_finds_every_profile_and_no_source_but_ours() {
    let sources = ["aws_access_key_id", "role_arn", "source_profile", "sso_session", "sso_account_id", "mfa_serial"];
    let keys: BTreeSet<String> =
        sources.iter().chain(&["region", "credential_process"]).map(ToString::to_string).collect();
    let found = aws_runtime(&read("config"), &read("credentials"), &keys).unwrap();
    let regions = [("corp", "eu-west-1"), ("default", "us-west-2"), ("keys", "ap-south-1"), ("prod", "eu-central-1")];
    // aws-runtime has no name with a blank, in the user's own file neither
    assert_eq!(found.keys().collect::<Vec<_>>(), regions.map(|(name, _)| name));
    for (name, region) in regions {
        let mut expected = vec![("region", region.to_owned())];
        if name != "default" {
            expected.push(("credential_process", format!("{} credential {name} --from-endpoint", shell_word(PROGRAM))));
        }
        let expected = expected.into_iter().map(|(key, text)| (key.to_owned(), Value::Text(text))).collect();
        assert_eq!(found[name], expected, "{name}");
    }
}

/// The words that `sh -c` makes of a line: what the SDKs other than botocore run.
fn shell_words(line: &str) -> Vec<String> {
    let script = format!("set -- {line}; printf '%s\\0' \"$@\"");
    #[allow(clippy::disallowed_methods)] // a test runs a shell
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(output.status.success(), "{line}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_terminator('\0').map(str::to_owned).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_quoted_word_comes_back_from_a_shell_from_python_and_from_every_parser(word in "[ -~é€😀]{1,12}") {
        let line = format!("x {} y", shell_word(&word));
        let expected = ["x".to_owned(), word, "y".to_owned()];
        prop_assert_eq!(shell_words(&line), &expected);
        prop_assert_eq!(words::split(&line).unwrap(), &expected);
        // no parser cuts a comment off
        let config = format!("[profile a]\ncredential_process = {line}\n");
        let keys = BTreeSet::from(["credential_process".to_owned()]);
        let found = aws_runtime(config.as_bytes(), b"", &keys).unwrap();
        prop_assert_eq!(&found["a"]["credential_process"], &Value::Text(line.clone()));
        let shared = ours(config.as_bytes(), b"");
        prop_assert_eq!(shared.profiles["a"].text("credential_process"), Some(line.as_str()));
    }
}
