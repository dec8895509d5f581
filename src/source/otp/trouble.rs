//! The failures of sources of one-time codes: what each is called, and how it is said.

use super::Asked;
use crate::config::sso::login_command;
use crate::credential::{Failure, FailureClass};

/// Why there is no code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The program is not installed.
    Missing,
    /// What holds the seed is locked, signed out, closed or not plugged in.
    Locked,
    /// There is no such item or account, or it gives no codes.
    ItemUnknown,
    /// What it gave is not six digits.
    Unusable,
    /// It did not answer in time.
    TimedOut,
    /// It does not take the token or the password that it was given.
    Refused,
    /// The person gave nothing, or nobody is there.
    NotGiven,
    /// Anything else.
    Failed,
    /// It may work by itself a little later.
    Later,
}

impl Trouble {
    /// Says it. `why`: a part of a sentence, such as `nobody is signed in to 1Password; run ...`.
    pub(super) fn failure(self, asked: &Asked<'_>, why: &str) -> Failure {
        use FailureClass::{NeedsPerson, TryLater};
        let text = format!("no one-time code of {} for {}: {why}", asked.device(), asked.identity);
        match self {
            Self::Missing => Failure::new(NeedsPerson, "OtpMissing", text),
            Self::Locked => Failure::new(NeedsPerson, "OtpLocked", text),
            Self::ItemUnknown => Failure::new(NeedsPerson, "OtpItemUnknown", text),
            Self::Unusable => Failure::new(NeedsPerson, "OtpUnusable", text),
            Self::TimedOut => Failure::new(NeedsPerson, "OtpTimedOut", text),
            Self::Refused => Failure::new(NeedsPerson, "OtpRefused", text),
            Self::NotGiven => Failure::new(NeedsPerson, "OtpNotGiven", text),
            Self::Failed => Failure::new(NeedsPerson, "OtpFailed", text),
            Self::Later => Failure::new(TryLater, "OtpFailed", text),
        }
    }
}

/// The command that asks again: `credenza login prod`.
pub(super) fn again(asked: &Asked<'_>) -> String {
    format!("run `{}`", login_command(asked.identity))
}
