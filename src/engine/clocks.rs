//! Notices that the machine slept or that its clock was set, by comparing three clocks between two looks. Pure.

use std::time::Duration;

use tokio::time::Instant;

use crate::credential::Now;

/// The three clocks as they were when last looked at: wall and boot time, and the runtime's own, which stands still while
/// the machine sleeps (`CLOCK_MONOTONIC` on Linux).
pub(super) struct Clocks {
    last: Now,
    awake: Instant,
}

/// What happened between two looks beyond the passing of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Jump {
    /// How long the machine slept; zero for not at all.
    pub(super) slept: Duration,
    /// The wall clock was set.
    pub(super) wall_was_set: bool,
}

impl Jump {
    /// Whether plans made before are worth nothing.
    pub(super) fn happened(self) -> bool {
        self.wall_was_set || !self.slept.is_zero()
    }
}

impl Clocks {
    pub(super) fn new(now: Now, awake: Instant) -> Self {
        Self { last: now, awake }
    }

    /// Compares, and remembers the new readings.
    pub(super) fn look(&mut self, now: Now, awake: Instant) -> Jump {
        let by_boot = now.boot.saturating_sub(self.last.boot);
        let by_runtime = awake.saturating_duration_since(self.awake);
        let slept = by_boot.saturating_sub(by_runtime);
        let by_wall = now.wall.duration_since(self.last.wall);
        let wall_was_set = by_wall.map_or(true, |by_wall| by_wall.abs_diff(by_boot) > TOLERANCE);
        *self = Self::new(now, awake);
        Jump { slept: if slept > TOLERANCE { slept } else { Duration::ZERO }, wall_was_set }
    }
}

/// Clocks that are slewed, and readings a moment apart, differ by less.
const TOLERANCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::SystemTime;

    fn jump(wall: i64, boot: u64, awake: u64) -> Jump {
        let start = Instant::now();
        let wall_at =
            |secs: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000_u64.saturating_add_signed(secs));
        let first = Now { wall: wall_at(0), boot: Duration::from_secs(500) };
        let then = Now { wall: wall_at(wall), boot: Duration::from_secs(500 + boot) };
        Clocks::new(first, start).look(then, start + Duration::from_secs(awake))
    }

    #[test]
    fn a_sleep_and_a_set_clock_are_told_apart() {
        // (wall, boot and runtime seconds since the last look; slept; set)
        for (wall, boot, awake, slept, wall_was_set) in [
            (30, 30, 30, 0, false),
            (31, 30, 30, 0, false),
            (28_830, 28_830, 30, 28_800, false),
            (330, 30, 30, 0, true),
            (-270, 30, 30, 0, true),
            (20, 30, 30, 0, true),
            (28_530, 28_830, 30, 28_800, true),
        ] {
            let expected = Jump { slept: Duration::from_secs(slept), wall_was_set };
            assert_eq!(jump(wall, boot, awake), expected, "{wall} {boot} {awake}");
            assert_eq!(expected.happened(), slept > 0 || wall_was_set);
        }
    }
}
