//! When a code may be fetched, and when it may be sent: pure rules over what is remembered of a device. Times are AWS's
//! unless they say otherwise, for AWS decides which code is the one of now.
//!
//! A code is good once (RFC 6238 section 5.2: "The verifier MUST NOT accept the second attempt of the OTP after the
//! successful validation has been issued for the first OTP"), and one that is refused tells nobody why. So a code that was
//! ever sent is never sent again, and after the second refusal in a row there are pauses.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::record::{DeviceRecord, Outcome};
use crate::credential::{ClockOffset, Now};
use crate::secret::Digest;

/// How long a code is the one of now (RFC 6238 section 5.2, the default that AWS's devices have).
pub(super) const STEP: Duration = Duration::from_secs(30);

/// So long after the boundary a device is trusted to show the new code.
const A_LITTLE: Duration = Duration::from_secs(1);

/// Whether a code may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MaySend {
    /// It was not sent before.
    Send,
    /// It was: by then the device shows another one.
    WaitUntil(SystemTime),
}

/// Whether this code may be sent now.
pub(super) fn may_send(record: &DeviceRecord, code: Digest, at: SystemTime) -> MaySend {
    match record.sent.iter().any(|sent| sent.digest == code) {
        true => MaySend::WaitUntil(next_code(at)),
        false => MaySend::Send,
    }
}

/// How long to wait before a code is fetched, so that it does not come as the one of a moment ago. `usual`: how long its
/// source takes where nothing is remembered of it.
pub(super) fn wait_before_fetch(record: &DeviceRecord, usual: Duration, at: SystemTime) -> Duration {
    let takes = record.latency.unwrap_or_default().max(usual).max(SHORTEST_FETCH);
    let left = until_boundary(at);
    match left < takes.min(LONGEST_FETCH) + A_LITTLE {
        true => left + A_LITTLE,
        false => Duration::ZERO,
    }
}

/// What every source is thought to take.
const SHORTEST_FETCH: Duration = Duration::from_secs(2);

/// Who takes longer, such as a person who looks for the key, shows the code of the end of that time and not of its begin.
const LONGEST_FETCH: Duration = Duration::from_secs(15);

/// How long no code is sent, because too many were refused in a row.
pub(super) fn pause(record: &DeviceRecord, at: SystemTime) -> Duration {
    let Some(doublings) = record.refused_in_a_row.checked_sub(FREE_REFUSALS) else { return Duration::ZERO };
    let whole = FIRST_PAUSE.saturating_mul(1 << doublings.min(MOST_DOUBLINGS)).min(LONGEST_PAUSE);
    let Some(last) = record.sent.iter().rfind(|code| code.outcome == Outcome::Refused) else { return Duration::ZERO };
    // a clock that was set back makes no pause longer than it is
    let over = at.duration_since(last.at).unwrap_or_default();
    whole.saturating_sub(over)
}

/// So many codes may be refused in a row before there is a pause.
const FREE_REFUSALS: u32 = 2;

const FIRST_PAUSE: Duration = Duration::from_secs(30);

const MOST_DOUBLINGS: u32 = 5;

const LONGEST_PAUSE: Duration = Duration::from_secs(15 * 60);

/// AWS's clock less ours, if what was seen of it is believed still: for a day, while nobody sets ours and the machine is not
/// started anew. Both of our clocks go on by the same meanwhile.
pub(super) fn believed(record: &DeviceRecord, now: Now) -> Option<ClockOffset> {
    let seen = record.clock?;
    let by_boot = now.boot.checked_sub(seen.at.boot)?;
    let by_wall = now.wall.duration_since(seen.at.wall).ok()?;
    (by_boot < BELIEVED && by_boot.abs_diff(by_wall) < SET).then_some(seen.offset)
}

const BELIEVED: Duration = Duration::from_secs(24 * 3600);

/// Clocks that part by more than this were set; what slews them does it by less.
const SET: Duration = Duration::from_secs(5);

/// Which step a time lies in, counted from 1970.
pub(super) fn step(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / STEP.as_secs()
}

/// When the device shows the next code.
pub(super) fn next_code(at: SystemTime) -> SystemTime {
    at + until_boundary(at) + A_LITTLE
}

fn until_boundary(at: SystemTime) -> Duration {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let into = Duration::new(since.as_secs() % STEP.as_secs(), since.subsec_nanos());
    STEP.saturating_sub(into)
}

#[cfg(test)]
#[path = "spent_tests.rs"]
mod tests;
