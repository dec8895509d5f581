//! `import` on files that nobody wrote: what it did not write stays to the byte, what it wrote every reader reads.

use std::collections::BTreeSet;
use std::path::Path;

use credenza::config::import::{Edit, Outcome, Pair, Template, Wanted, edit, preview};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::readers::{Profiles, Value, aws_runtime, keys_of, our_profiles, ours};

/// A piece of a file, as people write it and as nobody should; `good` ones every reader reads.
fn piece(good: bool) -> impl Strategy<Value = String> {
    let fine = select(vec![
        "",
        "# note",
        "; note",
        "# credenza import: corp",
        "# credenza import: other 1 R\n[profile other]\nsso_session = other",
        "[profile a-A]\nregion = x",
        "[profile b]\nsso_session = corp\nsso_account_id = 2\nsso_role_name = A",
        "[profile c]\ns3 =\n  x = 1\n\n",
        "[default]\nk = v # note",
        "[services x]\nsts =\n  endpoint_url = https://x",
        "# credenza import: corp 1 A\n[profile renamed]\noutput = json\nsso_role_name = wrong\nk = one\n  two",
        "# credenza import: corp 9 Z region\n[profile gone]\nsso_session = corp",
    ]);
    let odd = select(vec![
        "k = v",
        "  k = v",
        "\tdeeper",
        "  # indented",
        "[ profile  a-A ]",
        "[profile \"b-B\"]",
        "[profile x",
        "[profile b-B] tail",
        "  [profile c]",
        "nonsense",
        "k: v",
        "sso_role_name = 1\n  2\n  # 3",
        "sso_session: x # note",
        "caf\u{e9}\u{2028}\rx",
        "# credenza import: corp 2 B",
        "[profile d]\n  sso_session = x\n   y\n  region = z",
    ]);
    if good { fine.prop_map(str::to_owned).boxed() } else { prop_oneof![fine, odd].prop_map(str::to_owned).boxed() }
}

fn file(good: bool) -> impl Strategy<Value = String> {
    let end = select(vec!["", "\n", "\n\n", "\n  "]);
    let mark = if good { Just("").boxed() } else { select(vec!["", "\u{feff}"]).boxed() };
    (vec(piece(good), 0..8), end, any::<bool>(), mark).prop_map(|(pieces, end, crlf, mark)| {
        let text = pieces.join("\n") + end;
        mark.to_owned() + &if crlf { text.replace('\n', "\r\n") } else { text }
    })
}

fn pairs() -> impl Strategy<Value = Vec<Pair>> {
    let account = select(vec![("1", "a"), ("2", "b"), ("3", "a"), ("4", "D\u{fc}sseldorf [x] #1"), ("5", "default")]);
    vec((account, select(vec!["A", "B", "Power+User@x"])), 0..6)
        .prop_map(|pairs| pairs.into_iter().map(|((id, name), role)| Pair::new(id, name, role)).collect())
}

#[derive(Clone, Debug)]
struct Want {
    pairs: Vec<Pair>,
    template: &'static str,
    region: Option<&'static str>,
    prune: bool,
}

fn want() -> impl Strategy<Value = Want> {
    let template = select(vec!["{account_name}-{role}", "{account_name}", "{session}/{account_id} {role}"]);
    let region = select(vec![None, Some("eu-west-1")]);
    let parts = (pairs(), template, region, any::<bool>());
    parts.prop_map(|(pairs, template, region, prune)| Want { pairs, template, region, prune })
}

impl Want {
    fn edit(&self, existing: &str) -> Edit {
        edit(
            existing,
            &Wanted {
                file: &Path::new("config").into(),
                session: "corp",
                start_url: "https://corp.awsapps.com/start#/",
                region: "eu-central-1",
                scopes: &["sso:account:access".to_owned()],
                listed: &self.pairs,
                chosen: &self.pairs,
                template: &Template::read(self.template).unwrap(),
                profile_region: self.region,
                taken: &BTreeSet::from(["default-5-A".to_owned()]),
                prune: self.prune,
            },
        )
        .unwrap()
    }
}

fn is_ours(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Added(_) | Outcome::Changed(_) | Outcome::Unchanged)
}

/// What an edit says that a reader must find.
fn expected(edit: &Edit) -> Vec<(String, &'static str, Value)> {
    let written = edit.profiles.iter().filter(|profile| is_ours(&profile.outcome));
    let keys = |profile: &credenza::config::import::Profile| {
        let keys = [
            ("sso_session", "corp"),
            ("sso_account_id", profile.pair.account_id.as_str()),
            ("sso_role_name", profile.pair.role_name.as_str()),
        ];
        keys.map(|(key, value)| (profile.name.clone(), key, Value::Text(value.to_owned())))
    };
    written.flat_map(keys).collect()
}

#[track_caller]
fn holds(found: &Profiles, edit: &Edit) {
    for (name, key, value) in expected(edit) {
        assert_eq!(found.get(&name).and_then(|profile| profile.get(key)), Some(&value), "{name}: {key}\n{}", edit.text);
    }
}

proptest! {
    #[test]
    fn what_is_added_stands_at_the_end_and_the_rest_stays(existing in file(false), want in want()) {
        let edit = want.edit(&existing);
        let touched = edit.names(|outcome| matches!(outcome, Outcome::Changed(_) | Outcome::Removed));
        if touched.is_empty() {
            prop_assert!(edit.text.starts_with(&existing));
            prop_assert!(edit.session_added || !edit.names(|outcome| matches!(outcome, Outcome::Added(_))).is_empty() || edit.text == existing);
        }
        // no line goes but those of ours that were set right or removed
        let kept = existing.split('\n').filter(|line| !line.trim().is_empty()).filter(|line| !edit.text.contains(*line));
        let ours_alone = |line: &str| ["sso_", "# credenza import: corp", "[profile renamed]", "[profile gone]", "[profile d]", "1\n", "  ", "\t"].iter().any(|begin| line.trim_start_matches('\u{feff}').starts_with(begin)) || want.prune;
        for line in kept {
            prop_assert!(!touched.is_empty() && ours_alone(line), "{line:?} of\n{existing}\nin\n{}", edit.text);
        }
        prop_assert_eq!(existing.starts_with('\u{feff}'), edit.text.starts_with('\u{feff}'));
        if existing.contains("\r\n") && existing.split('\n').next().is_some_and(|line| line.ends_with('\r')) {
            let before = existing.matches('\n').count() - existing.matches("\r\n").count();
            let after = edit.text.matches('\n').count() - edit.text.matches("\r\n").count();
            prop_assert_eq!(before, after);
        }
    }

    #[test]
    fn a_second_run_changes_nothing(existing in file(false), want in want()) {
        let first = want.edit(&existing);
        let second = want.edit(&first.text);
        prop_assert_eq!(&first.text, &second.text);
        let changes = |outcome: &Outcome| matches!(outcome, Outcome::Added(_) | Outcome::Changed(_) | Outcome::Removed);
        prop_assert!(second.names(changes).is_empty() && !second.session_added, "{:?}", second.profiles);
        let written = |edit: &Edit| edit.names(is_ours).into_iter().map(str::to_owned).collect::<Vec<_>>();
        prop_assert_eq!(written(&first), written(&second));
        prop_assert_eq!(preview(&second, "corp").len(), second.profiles.len());
    }

    #[test]
    fn every_chosen_pair_is_told_once_and_no_name_is_given_twice(existing in file(true), want in want()) {
        let edit = want.edit(&existing);
        let added = edit.names(|outcome| matches!(outcome, Outcome::Added(_)));
        let names: BTreeSet<&str> = added.iter().copied().collect();
        prop_assert_eq!(names.len(), added.len());
        for pair in &want.pairs {
            prop_assert!(edit.profiles.iter().any(|profile| profile.pair.account_id == pair.account_id && profile.pair.role_name == pair.role_name));
        }
    }

    #[test]
    fn we_find_what_was_written_and_the_rest_as_it_was(existing in file(false), want in want()) {
        let edit = want.edit(&existing);
        let before = our_profiles(&ours(existing.as_bytes(), b""));
        let after = our_profiles(&ours(edit.text.as_bytes(), b""));
        // of a profile that is written twice, the later one counts, which need not be ours
        let names: Vec<String> = ours(edit.text.as_bytes(), b"").complaints.iter().map(ToString::to_string).collect();
        if !names.iter().any(|complaint| complaint.contains("this section stands")) {
            holds(&after, &edit);
        }
        let told: BTreeSet<&str> = edit.names(|outcome| is_ours(outcome) || *outcome == Outcome::Removed).into_iter().collect();
        for (name, profile) in before.iter().filter(|(name, _)| !told.contains(name.as_str())) {
            prop_assert_eq!(Some(profile), after.get(name), "{}", name);
        }
        prop_assert!(after.keys().all(|name| before.contains_key(name) || told.contains(name.as_str())));
    }

    #[test]
    fn aws_runtime_finds_what_was_written(existing in file(true), want in want()) {
        let edit = want.edit(&existing);
        let keys: BTreeSet<String> = ["sso_session", "sso_account_id", "sso_role_name", "region", "output", "k", "s3"].map(str::to_owned).into();
        let before = aws_runtime(existing.as_bytes(), b"", &keys);
        prop_assume!(before.is_some());
        let after = aws_runtime(edit.text.as_bytes(), b"", &keys).unwrap();
        if existing.matches("[profile renamed]").count() < 2 {
            holds(&after, &edit);
        }
        let mine = our_profiles(&ours(edit.text.as_bytes(), b""));
        prop_assert!(keys_of(&mine).all(|key| keys.contains(&key)));
        prop_assert_eq!(mine, after);
    }

    #[test]
    fn what_was_added_can_be_taken_away_again(existing in file(true), want in want()) {
        let nothing = Want { pairs: Vec::new(), prune: true, ..want.clone() };
        let empty = nothing.edit(&existing).text;
        let there_and_back = nothing.edit(&want.edit(&empty).text).text;
        prop_assert_eq!(there_and_back, empty);
    }
}

/// `import/config` is what becomes of `import/before`; `tests/clients/test_profiles.py` has botocore read it.
#[test]
fn the_file_that_botocore_reads_is_what_is_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/profiles/import");
    let pairs = [
        Pair::new("111122223333", "D\u{fc}sseldorf [x] #1; it's \"ours\"", "Power+User@x"),
        Pair::new("444455556666", "default", "Admin"),
        Pair::new("777788889999", "Prod", "Admin"),
    ];
    let want = Want { pairs: pairs.into(), template: "{account_name}", region: Some("eu-west-1"), prune: false };
    let edit = want.edit(&std::fs::read_to_string(folder.join("before")).unwrap());
    assert_eq!(edit.text, std::fs::read_to_string(folder.join("config")).unwrap());
    assert_eq!(edit.names(is_ours).len(), 3);
}
