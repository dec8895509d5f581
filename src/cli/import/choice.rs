//! What of a preview a person wants: the lines with their numbers, the question, and what an answer means. Pure.

use std::collections::BTreeSet;

use crate::config::import::{Edit, Outcome, Profile};

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// All that was shown.
    All,
    /// Nothing.
    None,
    /// The changes of these numbers, from 1.
    Some(BTreeSet<usize>),
}

/// The profiles that an edit writes, in the order of the preview.
pub(super) fn changes(edit: &Edit) -> Vec<&Profile> {
    edit.profiles.iter().filter(|profile| is_change(profile)).collect()
}

fn is_change(profile: &Profile) -> bool {
    matches!(profile.outcome, Outcome::Added(_) | Outcome::Changed(_))
}

/// A preview of `edit`, with a number before each of its changes.
pub(super) fn numbered(preview: &[String], edit: &Edit) -> String {
    let width = changes(edit).len().to_string().len();
    let before = preview.len().saturating_sub(edit.profiles.len());
    let mut number = 0;
    let mut text = String::new();
    for (at, line) in preview.iter().enumerate() {
        let profile = at.checked_sub(before).and_then(|at| edit.profiles.get(at));
        let shown = if profile.is_some_and(is_change) {
            number += 1;
            number.to_string()
        } else {
            String::new()
        };
        text += &format!("{shown:>width$} {line}\n");
    }
    text
}

/// `Write 12 profiles to /home/ada/.aws/config? [Y/n, or numbers such as 1,3-5] `
pub(super) fn question(edit: &Edit, path: &str) -> String {
    let profiles = |count: usize| if count == 1 { "1 profile".to_owned() } else { format!("{count} profiles") };
    let (changed, removed) = (changes(edit).len(), edit.names(|outcome| *outcome == Outcome::Removed).len());
    let what = match (changed, removed) {
        (0, 0) => format!("Write to {path}?"),
        (0, removed) => format!("Remove {} from {path}?", profiles(removed)),
        (changed, 0) => format!("Write {} to {path}?", profiles(changed)),
        (changed, removed) => format!("Write {} to {path}, and remove {removed}?", profiles(changed)),
    };
    let numbers = if changed > 1 { ", or numbers such as 1,3-5" } else { "" };
    format!("{what} [Y/n{numbers}] ")
}

/// What an answer means; `None` where it means nothing. `most`: how many changes there are.
pub(super) fn understood(answer: &str, most: usize) -> Option<Choice> {
    let answer = answer.trim().to_lowercase();
    match answer.as_str() {
        "" | "y" | "yes" | "all" => return Some(Choice::All),
        "n" | "no" | "none" => return Some(Choice::None),
        _ => {}
    }
    let mut numbers = BTreeSet::new();
    for part in answer.split([',', ' ']).filter(|part| !part.is_empty()) {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        if first == 0 || last < first || last > most {
            return None;
        }
        numbers.extend(first..=last);
    }
    (!numbers.is_empty()).then_some(Choice::Some(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::import::{Pair, Why, preview};

    #[test]
    fn answers() {
        let some = |numbers: &[usize]| Some(Choice::Some(numbers.iter().copied().collect()));
        for (answer, expected) in [
            ("\n", Some(Choice::All)),
            ("Y\n", Some(Choice::All)),
            ("no\n", Some(Choice::None)),
            ("2\n", some(&[2])),
            ("1,3-5\n", some(&[1, 3, 4, 5])),
            ("3-5 1, 4\n", some(&[1, 3, 4, 5])),
            ("0\n", None),
            ("6\n", None),
            ("3-99999999999999999999\n", None),
            ("5-3\n", None),
            ("-1\n", None),
            ("maybe\n", None),
            (",\n", None),
        ] {
            assert_eq!(understood(answer, 5), expected, "{answer:?}");
        }
    }

    fn edit(outcomes: &[(&str, Outcome)]) -> Edit {
        let profile = |(name, outcome): &(&str, Outcome)| Profile {
            name: (*name).to_owned(),
            pair: Pair::new("111122223333", "Prod", "Admin"),
            outcome: outcome.clone(),
        };
        Edit { text: String::new(), session_added: true, profiles: outcomes.iter().map(profile).collect() }
    }

    #[test]
    fn what_is_written_has_a_number() {
        let edit = edit(&[
            ("a", Outcome::Added(None)),
            ("b", Outcome::Left(Why::Taken)),
            ("c", Outcome::Changed(vec!["region"])),
            ("d", Outcome::Removed),
        ]);
        let shown = numbered(&preview(&edit, "corp"), &edit);
        let starts: Vec<&str> = shown.lines().map(|line| &line[..5]).collect();
        assert_eq!(starts, ["  + [", "1 + a", "  ! b", "2 ~ c", "  - d"]);
        assert_eq!(changes(&edit).iter().map(|profile| profile.name.as_str()).collect::<Vec<_>>(), ["a", "c"]);
        assert_eq!(
            question(&edit, "/h/.aws/config"),
            "Write 2 profiles to /h/.aws/config, and remove 1? [Y/n, or numbers such as 1,3-5] "
        );
    }

    #[test]
    fn a_question_says_what_is_done() {
        for (outcomes, expected) in [
            (&[("a", Outcome::Added(None))][..], "Write 1 profile to F? [Y/n] "),
            (&[("a", Outcome::Removed), ("b", Outcome::Removed)], "Remove 2 profiles from F? [Y/n] "),
            (&[("a", Outcome::Unchanged)], "Write to F? [Y/n] "),
        ] {
            assert_eq!(question(&edit(outcomes), "F"), expected);
        }
    }
}
