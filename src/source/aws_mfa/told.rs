//! What a person is told where a session cannot be begun: what failed, why, and the command that mends it. No code and
//! nothing that an upstream chose stands in what clients see.

use std::time::SystemTime;

use super::record::DeviceRecord;
use super::spent;
use crate::config::sso::login_command;
use crate::credential::{Failure, FailureClass, Now};

/// The code of a failure that says: AWS did not take the code.
pub(super) const CODE_REFUSED: &str = "CodeRefused";

/// The code of a failure that says: it was sent before, so it is not sent again.
pub(super) const CODE_SPENT: &str = "CodeSpent";

/// The code of a failure that says: too many codes were refused in a row, so none is sent for a while.
pub(super) const CODES_PAUSED: &str = "CodesPaused";

/// Nothing is sent twice.
pub(super) fn code_spent(identity: &str) -> Failure {
    let text = format!(
        "the one-time code for {identity} was sent before, and each is good once: wait for the device to show the next one, \
         then run `{}`",
        login_command(identity)
    );
    Failure::new(FailureClass::NeedsPerson, CODE_SPENT, text)
}

/// Two codes in a row: it is not that somebody was a moment too late.
pub(super) fn refused_again(identity: &str, failure: &Failure) -> Failure {
    let text = format!(
        "AWS refused two one-time codes for {identity} in a row: {RESYNC}, then run `{}`",
        login_command(identity)
    );
    Failure::new(FailureClass::NeedsPerson, CODE_REFUSED, text).because(failure.private.clone())
}

/// Fails while there is a pause. `at`: AWS's time; `now`: ours, which the person reads on their own clock.
pub(super) fn unless_paused(record: &DeviceRecord, at: SystemTime, identity: &str, now: Now) -> Result<(), Failure> {
    let pause = spent::pause(record, at);
    if pause.is_zero() {
        return Ok(());
    }
    let until = jiff::Timestamp::try_from(now.wall + pause).unwrap_or_default();
    let text = format!(
        "AWS refused {} one-time codes for {identity} in a row, so none is sent until {}: {RESYNC}, then run `{}`",
        record.refused_in_a_row,
        until.strftime("%H:%M:%S UTC"),
        login_command(identity)
    );
    Err(Failure::new(FailureClass::NeedsPerson, CODES_PAUSED, text))
}

/// API_ResyncMFADevice takes two codes in a row.
const RESYNC: &str = "check that the device is the one of mfa_serial and that the clocks of it and of this machine are right, \
                      or resync it in IAM (ResyncMFADevice)";
