//! [`RotationError`]: why a rotation did not go on, in words for the person who runs it. Called by [`rotate`](super::rotate).

use std::time::SystemTime;

use thiserror::Error;

use super::KeysError;
use crate::credential::Failure;
use crate::source::keys::{AccessKey, LastUsed, end_of};

/// Why it did not go on. Everything so far stands, and the next rotation goes on from there.
#[derive(Debug, Error)]
pub enum RotationError {
    /// A keyring, or a file.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// AWS.
    #[error("{}", .0.private)]
    Upstream(Failure),
    /// The new key did not work; it was deleted, and the old one stays.
    #[error("the new key ...{new} does not work, and was deleted; nothing has changed ({})", .why.private)]
    Unproved {
        /// The last four of its id.
        new: String,
        /// AWS's answer.
        why: Failure,
    },
    /// There are no keys of this name.
    #[error("the keyring has no keys called {0}")]
    NoKeys(String),
    /// The user has no such key.
    #[error("IAM does not list the key ...{0} among the user's own")]
    NotListed(String),
    /// The user has two keys already.
    #[error("the user has two keys already, and may have no third: the other is ...{other}, {}", used(.last_used.as_ref()))]
    TwoKeys {
        /// The last four of the other's id.
        other: String,
        /// When it was used, where IAM tells.
        last_used: Option<LastUsed>,
    },
    /// The user has a key that a rotation may have made whose answer was lost, and that may be somebody's.
    #[error(
        "the user has the key ...{}, made {}, which is when a rotation that was cut off asked for one: it is that one, whose \
         secret nobody has, or somebody's own",
        end_of(&.0.id),
        made(.0)
    )]
    PerhapsOurs(AccessKey),
    /// Somebody changed the entry meanwhile.
    #[error("the keyring's entry keys/{0} holds other keys than the rotation left there")]
    Changed(String),
    /// It goes in a circle: AWS does not do what it says, or somebody works against us.
    #[error("the rotation does not come to its end; run it again in a few minutes")]
    Endless,
}

fn used(last: Option<&LastUsed>) -> String {
    let Some(last) = last else { return "which was never used as far as IAM tells".to_owned() };
    let day = text(last.at);
    format!("last used {} for {}", day.get(..10).unwrap_or(&day), last.service)
}

/// When a key was made: `2027-01-15T08:00:00Z`.
pub fn made(key: &AccessKey) -> String {
    key.created.map_or_else(|| "at an unknown time".to_owned(), text)
}

fn text(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|at| at.to_string()).unwrap_or_default()
}
