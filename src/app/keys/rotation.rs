//! What a rotation does next, from what is found: one pure function. Whoever is ended between two steps, and runs again, finds
//! where it was by looking, and the journal says only what cannot be seen: which key was to go, and that a new one was asked
//! for.
//!
//! In order: make a key, keep it beside the old one, prove it, put it in the old one's place, switch the old one off, prove
//! the new one again, delete the old one. A key that was made and whose secret nobody kept is deleted, where a person agrees.

use serde::{Deserialize, Serialize};

use crate::source::keys::AccessKey;

/// `STATE/keys/NAME.rotation.json`: a rotation that has begun. Holds no secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Journal {
    /// The id of the key that is to go.
    pub old: String,
    /// The ids of all keys that the user had when a new one was asked for.
    pub others: Vec<String>,
    /// When that was, by our clock, in seconds since 1970. `None`: it was not asked for by this rotation.
    pub asked_secs: Option<u64>,
    /// The id of the new key, once it has proved itself.
    pub new: Option<String>,
    /// The new key did not work: it goes, and the old one stays.
    pub abandoned: bool,
}

/// What is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The id of the keys in the keyring.
    pub current: Option<String>,
    /// The id of the new keys beside them.
    pub next: Option<String>,
    /// The user's keys in IAM.
    pub listed: Vec<AccessKey>,
    /// The new keys worked, since the old one was last changed.
    pub proved: bool,
}

/// What is done next. Each may be done again, by who was ended in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write the journal, ask for a new key, and keep it beside the old one.
    Create {
        /// The ids of the user's keys now.
        others: Vec<String>,
    },
    /// There are new keys and no journal: write one that fits.
    Adopt {
        /// The ids of the user's other keys.
        others: Vec<String>,
    },
    /// Delete a key that a rotation made, and whose secret nobody kept; or that somebody else made in the same minutes, so that a
    /// person agrees first.
    DeleteLost(String),
    /// Ask STS with the keys of this id whose they are.
    Prove(String),
    /// Write into the journal that this key works.
    Note(String),
    /// Put the new keys into the old ones' place.
    Swap,
    /// Remove the entry beside: its keys are in their place, or are gone.
    ClearNext,
    /// Switch the old key off.
    Deactivate,
    /// Delete the old key.
    Delete,
    /// Delete the new key, and remove the entry beside.
    Abandon(String),
    /// Remove the journal of a rotation that was abandoned: nothing is left of it.
    Forget,
    /// Remove the journal: it is done.
    Finish,
    /// A person decides.
    Stop(Why),
}

/// Why a rotation does not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// There are no keys of this name.
    NoKeys,
    /// The user has no such key.
    NotListed,
    /// The user has another key already, and may have no third.
    TwoKeys {
        /// The other's id.
        other: String,
    },
    /// The keyring holds neither the keys that were to go nor those that were made.
    Changed,
}

/// What is done next.
pub fn next_step(journal: Option<&Journal>, found: &Found) -> Step {
    let Some(current) = &found.current else { return Step::Stop(Why::NoKeys) };
    let Some(journal) = journal else {
        let is_listed = |id: &String| found.listed.iter().any(|key| key.id == *id);
        return match &found.next {
            Some(next) if next == current || !is_listed(next) => Step::ClearNext,
            Some(next) => Step::Adopt { others: ids(found).filter(|id| id != next).collect() },
            None => create(current, found),
        };
    };
    if journal.abandoned {
        return found.next.clone().map_or(Step::Forget, Step::Abandon);
    }
    if *current == journal.old {
        return match &found.next {
            Some(next) if !found.proved => Step::Prove(next.clone()),
            Some(next) if journal.new.as_ref() != Some(next) => Step::Note(next.clone()),
            Some(_) => Step::Swap,
            None => lost(journal, found).map_or_else(|| create(current, found), Step::DeleteLost),
        };
    }
    if journal.new.as_ref() != Some(current) {
        return Step::Stop(Why::Changed);
    }
    if found.next.is_some() {
        return Step::ClearNext;
    }
    match found.listed.iter().find(|key| key.id == journal.old) {
        None => Step::Finish,
        Some(_) if !found.proved => Step::Prove(current.clone()),
        Some(old) if old.active => Step::Deactivate,
        Some(_) => Step::Delete,
    }
}

fn create(current: &String, found: &Found) -> Step {
    if !found.listed.iter().any(|key| key.id == *current) {
        return Step::Stop(Why::NotListed);
    }
    match ids(found).find(|id| id != current) {
        Some(other) => Step::Stop(Why::TwoKeys { other }),
        None => Step::Create { others: ids(found).collect() },
    }
}

/// A key that was made when we asked for one, and that nobody kept.
fn lost(journal: &Journal, found: &Found) -> Option<String> {
    let asked = journal.asked_secs?;
    let is_lost = |key: &&AccessKey| {
        let made = key.created.and_then(|made| made.duration_since(std::time::UNIX_EPOCH).ok());
        !journal.others.contains(&key.id) && made.is_some_and(|made| made.as_secs().abs_diff(asked) <= UNSURE_SECS)
    };
    found.listed.iter().find(is_lost).map(|key| key.id.clone())
}

/// How far our clock may be from AWS's, by which the key was made. A clock that is further off is corrected in requests and not
/// here: then the key is not known as ours, and a person is told of two keys.
const UNSURE_SECS: u64 = 15 * 60;

fn ids(found: &Found) -> impl Iterator<Item = String> {
    found.listed.iter().map(|key| key.id.clone())
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    fn key(id: &str, active: bool, made_secs: u64) -> AccessKey {
        let created = (made_secs > 0).then(|| UNIX_EPOCH + Duration::from_secs(made_secs));
        AccessKey { id: id.to_owned(), active, created }
    }

    fn found(current: &str, next: &str, listed: &[AccessKey], proved: bool) -> Found {
        let some = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        Found { current: some(current), next: some(next), listed: listed.to_vec(), proved }
    }

    fn journal(new: &str, abandoned: bool) -> Journal {
        let new = (!new.is_empty()).then(|| new.to_owned());
        Journal { old: "OLD".to_owned(), others: vec!["OLD".to_owned()], asked_secs: Some(100_000), new, abandoned }
    }

    #[test]
    fn each_state_has_one_step() {
        let (old, new) = (key("OLD", true, 1), key("NEW", true, 100_001));
        let off = key("OLD", false, 1);
        let both = [old.clone(), new.clone()];
        let after = [off, new.clone()];
        let others = vec!["OLD".to_owned()];
        let id = |id: &str| id.to_owned();
        let begun = || Some(journal("", false));
        let noted = || Some(journal("NEW", false));
        let two = Step::Stop(Why::TwoKeys { other: id("NEW") });
        for (journal, found, expected) in [
            // nothing has begun
            (None, found("", "", &both, false), Step::Stop(Why::NoKeys)),
            (None, found("OLD", "", &both[..1], false), Step::Create { others: others.clone() }),
            (None, found("OLD", "", &both, false), two.clone()),
            (None, found("OLD", "", &both[1..], false), Step::Stop(Why::NotListed)),
            // the journal was lost
            (None, found("OLD", "NEW", &both, false), Step::Adopt { others }),
            (None, found("OLD", "NEW", &both[..1], false), Step::ClearNext),
            (None, found("NEW", "NEW", &both, false), Step::ClearNext),
            // a key was asked for
            (begun(), found("OLD", "", &both[..1], false), Step::Create { others: vec![id("OLD")] }),
            (begun(), found("OLD", "", &both, false), Step::DeleteLost(id("NEW"))),
            (begun(), found("OLD", "", &[old.clone(), key("NEW", true, 50_000)], false), two.clone()),
            (begun(), found("OLD", "", &[old.clone(), key("NEW", true, 200_000)], false), two.clone()),
            (begun(), found("OLD", "", &[old, key("NEW", true, 0)], false), two),
            // it is kept beside; a list may not show it yet
            (begun(), found("OLD", "NEW", &both[..1], false), Step::Prove(id("NEW"))),
            (begun(), found("OLD", "NEW", &both, true), Step::Note(id("NEW"))),
            (noted(), found("OLD", "NEW", &both, false), Step::Prove(id("NEW"))),
            (noted(), found("OLD", "NEW", &both, true), Step::Swap),
            // it is in its place
            (noted(), found("NEW", "NEW", &both, true), Step::ClearNext),
            (noted(), found("NEW", "", &both, false), Step::Prove(id("NEW"))),
            (noted(), found("NEW", "", &both, true), Step::Deactivate),
            (noted(), found("NEW", "", &after, false), Step::Prove(id("NEW"))),
            (noted(), found("NEW", "", &after, true), Step::Delete),
            (noted(), found("NEW", "", &after[1..], false), Step::Finish),
            // it did not work
            (Some(self::journal("", true)), found("OLD", "NEW", &both, false), Step::Abandon(id("NEW"))),
            (Some(self::journal("", true)), found("OLD", "", &both[..1], false), Step::Forget),
            // somebody put other keys there
            (noted(), found("OTHER", "", &both, true), Step::Stop(Why::Changed)),
            (begun(), found("NEW", "", &both, true), Step::Stop(Why::Changed)),
        ] {
            assert_eq!(next_step(journal.as_ref(), &found), expected, "{journal:?} {found:?}");
        }
    }
}
