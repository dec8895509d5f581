//! Files that nobody wrote: whatever is made of the forms that both readers know, we and aws-runtime find the same in it;
//! whatever stands in a file, reading it ends well; and what we write for a child, aws-runtime reads as we meant it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::Path;

use credenza::config::child_files::{ChildFiles, child_files};
use credenza::config::own::Own;
use credenza::config::resolve::{Surroundings, resolve};
use credenza::config::{AzureAccounts, SharedFiles};
use credenza::world::Environment;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::readers::{Value, aws_runtime, keys_of, our_profiles, ours};

/// A line that says nothing to either reader.
fn noise() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), Just("  \t".to_owned()), "[#;][ -~]{0,12}"]
}

fn header() -> impl Strategy<Value = String> {
    let name = "[a-cA-C][a-c_./@+%-]{0,2}";
    let tail = prop_oneof![Just(""), Just("  "), Just(" # note"), Just("; note")];
    let inside = prop_oneof![
        Just("default".to_owned()),
        Just("profile default".to_owned()),
        name.prop_map(|name| format!("profile {name}")),
        // of names of its own: aws-runtime merges two spellings of one name in no certain order
        name.prop_map(|name| format!("profile \t d{name} ")),
        name.prop_map(|name| format!("sso-session {name}")),
        name.prop_map(|name| format!("services {name}")),
        name,
    ];
    (inside, tail).prop_map(|(inside, tail)| format!("[{inside}]{tail}"))
}

/// A key with its value, and deeper lines that belong to it.
fn property() -> impl Strategy<Value = String> {
    let key = select(vec!["region", "Output", "s3", "k", "KEY"]);
    let equals = select(vec!["=", " = ", "\t=  "]);
    // a value's `#` follows no blank, and a deeper line begins with none
    let text = "[a-z0-9%=:/\"'-][a-z0-9%=:#;/\"'-]{0,8}( [a-z=:]{1,4})?";
    let note = select(vec!["", " ", " # note", "\t; note # more"]);
    let deeper = vec((select(vec!["  ", "\t", "    "]), text), 0..3);
    let block = vec((select(vec!["  ", "\t"]), "[a-z]{1,3}", select(vec!["=", " = "]), "[a-z0-9]{0,4}"), 0..3);
    let value = prop_oneof![
        (text, note.clone(), deeper).prop_map(|(text, note, deeper)| {
            deeper.iter().fold(format!("{text}{note}"), |all, (indent, line)| format!("{all}\n{indent}{line}"))
        }),
        (note, block).prop_map(|(note, block)| {
            block.iter().fold(note.to_owned(), |all, (indent, key, equals, value)| {
                format!("{all}\n{indent}{key}{equals}{value}")
            })
        }),
    ];
    (key, equals, value).prop_map(|(key, equals, value)| format!("{key}{equals}{value}"))
}

/// A file's parts, each beginning at the margin: a header or a property, with noise after it.
fn parts() -> impl Strategy<Value = Vec<String>> {
    let part = |part: BoxedStrategy<String>| {
        (part, vec(noise(), 0..2)).prop_map(|(part, noise)| noise.iter().fold(part, |all, line| all + "\n" + line))
    };
    let section = (part(header().boxed()), vec(part(property().boxed()), 0..4));
    vec(section, 0..5).prop_map(|sections| {
        sections.into_iter().flat_map(|(header, properties)| [header].into_iter().chain(properties)).collect()
    })
}

fn file() -> impl Strategy<Value = String> {
    (parts(), any::<bool>()).prop_map(|(parts, crlf)| {
        let text = parts.join("\n");
        if crlf { text.replace('\n', "\r\n") } else { text }
    })
}

fn for_child(shared: &SharedFiles) -> ChildFiles {
    let environment = Environment::default();
    let surroundings = Surroundings::of(&environment);
    let (identities, _) = resolve(shared, &Own::default(), &AzureAccounts::default(), &surroundings);
    child_files(shared, &identities, Path::new("/opt/it's #1/credenza")).unwrap()
}

proptest! {
    #[test]
    fn we_and_aws_runtime_find_the_same(config in file()) {
        let found = our_profiles(&ours(config.as_bytes(), b""));
        let keys: BTreeSet<String> = ["region", "output", "s3", "k", "key"].map(str::to_owned).into();
        prop_assert!(keys_of(&found).all(|key| keys.contains(&key)));
        prop_assert_eq!(Some(found), aws_runtime(config.as_bytes(), b"", &keys));
    }

    #[test]
    fn reading_ends_well_whatever_is_written(config: Vec<u8>, credentials in "(\\[|\\]|=|:|#|\"|[ \t\n]|[a-d]|profile ){0,60}") {
        let shared = ours(&config, credentials.as_bytes());
        let lines = 1 + config.len().max(credentials.len());
        let places = shared.complaints.iter().filter_map(|complaint| complaint.place.as_ref());
        prop_assert!(places.chain(shared.profiles.values().map(|section| &section.place)).all(|place| place.line <= lines));
        for_child(&shared);
    }

    #[test]
    fn a_bad_line_takes_nothing_with_it(parts in parts(), at: proptest::sample::Index, bad in select(vec!["nonsense", "= v", "?"])) {
        let mut spoilt = parts.clone();
        spoilt.insert(at.index(parts.len() + 1), bad.to_owned());
        let (whole, spoilt) = (parts.join("\n"), spoilt.join("\n"));
        let (whole, spoilt) = (ours(whole.as_bytes(), b""), ours(spoilt.as_bytes(), b""));
        prop_assert_eq!(our_profiles(&whole), our_profiles(&spoilt));
    }

    #[test]
    fn a_child_finds_every_profile_with_its_settings_and_our_process(config in file()) {
        let shared = ours(config.as_bytes(), b"");
        let before = our_profiles(&shared);
        let files = for_child(&shared);
        let mut keys: BTreeSet<String> = keys_of(&before).collect();
        keys.insert("credential_process".to_owned());
        let after = aws_runtime(files.config.as_bytes(), files.credentials.as_bytes(), &keys);
        let expected = before.into_iter().map(|(name, mut profile)| {
            if name != "default" {
                let process = format!(r"/opt/it\'s\ \#1/credenza credential {name} --from-endpoint");
                profile.insert("credential_process".to_owned(), Value::Text(process));
            }
            (name, profile)
        });
        let expected = Some(expected.collect());
        prop_assert_eq!(&after, &expected);
        let again = ours(files.config.as_bytes(), files.credentials.as_bytes());
        prop_assert!(again.complaints.is_empty(), "{:?}", again.complaints);
        prop_assert_eq!(Some(our_profiles(&again)), expected);
    }
}

/// What goes wrong in a file that is mostly right, seen by a person who is told every line.
#[test]
fn a_file_of_every_bad_line_names_each() {
    let mut config = String::from("[profile a]\nk = v\n");
    let bad = ["nonsense", "= v", "[profile b", "[c]", "[profile a b]", "[profile \"x]"];
    for line in bad {
        let _ = writeln!(config, "{line}\n[profile a-{}]", config.len());
    }
    let lines: Vec<usize> =
        ours(config.as_bytes(), b"").complaints.iter().filter_map(|found| Some(found.place.as_ref()?.line)).collect();
    assert_eq!(lines, (0..bad.len()).map(|index| 3 + 2 * index).collect::<Vec<_>>());
}
