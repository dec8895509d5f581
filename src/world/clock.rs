//! Two clocks: wall time, which can be set, and boot time, which counts sleep and never goes back.

use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use crate::credential::Now;

/// Reads both clocks at once.
pub trait Clock: Send + Sync {
    /// One reading of both.
    fn now(&self) -> Now;

    /// What a person here calls the time: the machine's time zone, UTC where none is known.
    fn zone(&self) -> TimeZone {
        TimeZone::UTC
    }
}

/// The machine's own clocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // this is the place
    fn now(&self) -> Now {
        let boot = rustix::time::clock_gettime(BOOT);
        let boot = Duration::new(boot.tv_sec.try_into().unwrap_or(0), boot.tv_nsec.try_into().unwrap_or(0));
        Now { wall: SystemTime::now(), boot }
    }

    fn zone(&self) -> TimeZone {
        TimeZone::system()
    }
}

/// The clock that goes on while the machine sleeps. `CLOCK_MONOTONIC` stands still meanwhile on Linux (clock_gettime(2));
/// on macOS it is the one that does not (clock_gettime(3): "will continue to increment while the system is asleep").
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT: rustix::time::ClockId = rustix::time::ClockId::Monotonic;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_clock_shows_the_machines_uptime() {
        let now = SystemClock.now();
        let later = SystemClock.now();
        assert!(later.boot >= now.boot && now.boot > Duration::ZERO);
        #[cfg(target_os = "linux")]
        {
            let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
            let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
            assert!((uptime - now.boot.as_secs_f64()).abs() < 5.0, "/proc/uptime {uptime}, ours {:?}", now.boot);
        }
    }
}
