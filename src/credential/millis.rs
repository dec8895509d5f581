//! Times, spans and clock offsets as whole milliseconds: how our files and the control socket write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::ClockOffset;

/// Milliseconds since 1970; 0 before.
pub fn unix_ms(time: SystemTime) -> u64 {
    whole_ms(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

/// The time that so many milliseconds since 1970 are; 1970 where no clock shows it.
pub fn time(unix_ms: u64) -> SystemTime {
    UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms)).unwrap_or(UNIX_EPOCH)
}

/// A span, cut to whole milliseconds.
pub fn whole_ms(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}

impl ClockOffset {
    /// Milliseconds that the server is ahead of us; below zero where it is behind.
    pub fn ahead_ms(self) -> i64 {
        let whole = |by| i64::try_from(whole_ms(by)).unwrap_or(i64::MAX);
        match self {
            Self::None => 0,
            Self::Ahead(by) => whole(by),
            Self::Behind(by) => -whole(by),
        }
    }

    /// The offset of a server that is so many milliseconds ahead of us.
    pub fn of_ahead_ms(ahead_ms: i64) -> Self {
        let by = Duration::from_millis(ahead_ms.unsigned_abs());
        match ahead_ms {
            0 => Self::None,
            1.. => Self::Ahead(by),
            _ => Self::Behind(by),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let half = Duration::from_millis(1500);
        assert_eq!((unix_ms(UNIX_EPOCH - half), unix_ms(UNIX_EPOCH + half)), (0, 1500));
        assert_eq!(time(1500), UNIX_EPOCH + half);
        assert_eq!(time(u64::MAX), UNIX_EPOCH.checked_add(Duration::from_millis(u64::MAX)).unwrap_or(UNIX_EPOCH));
        for (offset, ms) in
            [(ClockOffset::None, 0), (ClockOffset::Ahead(half), 1500), (ClockOffset::Behind(half), -1500)]
        {
            assert_eq!((offset.ahead_ms(), ClockOffset::of_ahead_ms(ms)), (ms, offset));
        }
        assert_eq!(ClockOffset::Behind(Duration::MAX).ahead_ms(), -i64::MAX);
    }
}
