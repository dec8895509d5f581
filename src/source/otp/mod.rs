//! Where one-time codes come from ([`Otp`]): one small file each, all of one contract. A code is six ASCII digits, and nothing
//! of what a program printed is ever said when it is not.
//!
//! Whatever [`needs_person`] is asked for only in a process that a person started. Nothing here remembers a code, waits for
//! the next one or sends one. Called by the commands that fetch a code, and by the daemon where no person is needed.

mod command;
mod op;
mod pinentry;
mod program;
mod prompt;
mod totp;
mod trouble;
mod ykman;

use std::time::Duration;

use thiserror::Error;

use crate::config::Otp;
use crate::credential::{ClockOffset, Failure};
use crate::secret::Secret;
use crate::source::op_words;
use crate::world::{Environment, World};

/// What is asked of a source.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The device, as `mfa_serial` names it: `arn:aws:iam::111122223333:mfa/ada`.
    pub serial: &'a str,
    /// The identity that it is for, such as `prod`: `credenza login prod` asks again.
    pub identity: &'a str,
    /// Where its codes come from.
    pub otp: &'a Otp,
    /// AWS's clock less ours: codes that we make ourselves are of its time.
    pub offset: ClockOffset,
}

impl Asked<'_> {
    /// What people call the device: `ada`.
    fn device(&self) -> &str {
        self.serial.rsplit('/').next().unwrap_or(self.serial)
    }
}

/// Fetches the code that is good now.
///
/// # Errors
///
/// Of class `NeedsPerson`: what failed, why, and the command that mends it; of class `TryLater` where the machine had no room
/// for a program.
pub async fn code(asked: &Asked<'_>, world: &World) -> Result<Secret, Failure> {
    match asked.otp {
        Otp::Prompt { pinentry: false } => prompt::code(asked, world).await,
        Otp::Prompt { pinentry: true } => pinentry::code(asked, world).await,
        Otp::OnePassword { item, vault, account } => {
            op::code(asked, item, vault.as_deref(), account.as_deref(), world).await
        }
        Otp::Ykman { name, device } => ykman::code(asked, name, device.as_deref(), world).await,
        Otp::Command { argv, unattended, time_limit } => {
            command::code(asked, argv, *unattended, *time_limit, world).await
        }
        Otp::MfaProcess { line } => command::line(asked, line, world).await,
        Otp::Totp { name } => totp::code(asked, name, world).await,
    }
}

/// Whether a person must be there: to type, to touch, to confirm. `environment`: the one that the source would run in.
pub fn needs_person(otp: &Otp, environment: &Environment) -> bool {
    match otp {
        Otp::OnePassword { .. } => !op_words::is_unattended(environment),
        Otp::Command { unattended, .. } => !unattended,
        Otp::Totp { .. } => false,
        Otp::Prompt { .. } | Otp::Ykman { .. } | Otp::MfaProcess { .. } => true,
    }
}

/// Whether a person types the code when they are asked: how long that takes says nothing of the source.
pub fn is_typed(otp: &Otp) -> bool {
    matches!(otp, Otp::Prompt { .. })
}

/// How long a source takes as a rule: a code with less time left is old before it arrives.
pub fn usual_latency(otp: &Otp) -> Duration {
    match otp {
        Otp::OnePassword { .. } | Otp::Command { .. } | Otp::MfaProcess { .. } => Duration::from_secs(2),
        Otp::Ykman { .. } => Duration::from_secs(1),
        // a person types what is shown then
        Otp::Prompt { .. } | Otp::Totp { .. } => Duration::ZERO,
    }
}

/// What was given is no one-time code. Says nothing of what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a one-time code is six digits, such as 123456, and nothing else")]
pub struct NotACode;

/// Whether a seed can give codes that AWS takes: base32, or `otpauth://totp/...`. The error is the end of a sentence that begins
/// with the seed.
pub fn check_seed(seed: &Secret) -> Result<(), &'static str> {
    totp::check(seed)
}

/// The code that a text is, white space around it aside: six ASCII digits (API_GetSessionToken, `TokenCode`).
///
/// ```
/// use credenza::source::otp::checked;
/// assert!(checked(" 123456\n").unwrap().same_as(b"123456"));
/// assert!(checked("123 456").is_err() && checked("12345").is_err());
/// ```
pub fn checked(code: &str) -> Result<Secret, NotACode> {
    let code = code.trim_ascii();
    match code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(Secret::new(code)),
        false => Err(NotACode),
    }
}

#[cfg(test)]
mod contract_tests;
