//! When a sign-in ends, as far as anybody can tell: AWS does not say.
//!
//! A token that cannot be renewed ends it exactly. Else it is what the user wrote (`session_length`), or what the last one
//! was seen to last, from the login on. Pure.

use std::time::{Duration, SystemTime};

use crate::config::SsoSession;
use crate::store::{SignInRecord, StoredToken};

/// The end of the sign-in; `None`: nobody knows.
pub(in crate::app) fn end_of(session: &SsoSession, token: &StoredToken, record: &SignInRecord) -> Option<SystemTime> {
    if token.refresh_token.is_none() || token.registration.is_none() {
        return Some(token.expires_at);
    }
    record.signed_in?.checked_add(session.length.or(record.length)?)
}

/// How near the end is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::app) enum Ending {
    /// Not near, or nobody knows.
    No,
    /// So much is left: less than what is announced ahead.
    Soon(Duration),
    /// It is over.
    Over,
}

/// How near the end is at `now`.
pub(in crate::app) fn ending(end: Option<SystemTime>, announce: Duration, now: SystemTime) -> Ending {
    let Some(end) = end else { return Ending::No };
    match end.duration_since(now) {
        Ok(left) if left.is_zero() => Ending::Over,
        Ok(left) if left <= announce => Ending::Soon(left),
        Ok(_) => Ending::No,
        Err(_) => Ending::Over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_near_from_fifteen_minutes_on() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let announce = minutes(15);
        for (end, expected) in [
            (None, Ending::No),
            (Some(now + minutes(16)), Ending::No),
            (Some(now + minutes(15)), Ending::Soon(minutes(15))),
            (Some(now + minutes(1)), Ending::Soon(minutes(1))),
            (Some(now), Ending::Over),
            (Some(now - minutes(1)), Ending::Over),
        ] {
            assert_eq!(ending(end, announce, now), expected, "{end:?}");
        }
        assert_eq!(ending(Some(now + minutes(1)), Duration::ZERO, now), Ending::No, "which is never");
    }
}
