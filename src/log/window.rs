//! Repeats within a second, counted instead of written: the rule, without its writing.
//!
//! The first of its kind is written at once. What follows within a second of it is counted, and the count written when
//! the second is over, with the times of the first and the last repeat. Called by [`super::audit`].

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use crate::credential::Now;

/// What happened of one kind, lately.
#[derive(Debug, Default)]
pub(super) struct Window {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// When the second is over, by the clock that is never set.
    ends: Duration,
    repeats: Option<Repeats>,
}

/// What was counted and is still to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Repeats {
    /// How many.
    pub(super) count: u64,
    /// When the first of them came.
    pub(super) first: SystemTime,
    /// When the last of them came.
    pub(super) last: SystemTime,
    /// How long the slowest of them took, in whole milliseconds.
    pub(super) slowest_ms: u32,
}

/// What is to be done about one of its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Noted {
    /// It is the first of a second: write it, after what may be left of an earlier second.
    First(Option<Repeats>),
    /// It was counted.
    Counted,
}

/// How long repeats are counted.
pub(super) const SECOND: Duration = Duration::from_secs(1);

impl Window {
    /// One more of its kind.
    pub(super) fn note(&self, now: Now, ms: u32) -> Noted {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.boot >= state.ends {
            state.ends = now.boot.saturating_add(SECOND);
            return Noted::First(state.repeats.take());
        }
        let repeats = state.repeats.get_or_insert(Repeats { count: 0, first: now.wall, last: now.wall, slowest_ms: 0 });
        repeats.count += 1;
        repeats.last = now.wall;
        repeats.slowest_ms = repeats.slowest_ms.max(ms);
        Noted::Counted
    }

    /// What was counted in a second that is over; nothing while it goes on.
    pub(super) fn flush(&self, now: Now) -> Option<Repeats> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if now.boot < state.ends { None } else { state.repeats.take() }
    }

    /// Ends the second, over or not: the next of its kind is a first again. What was counted in it.
    pub(super) fn close(&self) -> Option<Repeats> {
        std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner)).repeats
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(ms: u64) -> Now {
        Now {
            wall: UNIX_EPOCH + Duration::from_millis(1_800_000_000_000 + ms),
            boot: Duration::from_millis(60_000 + ms),
        }
    }

    fn repeats(count: u64, first: u64, last: u64, slowest_ms: u32) -> Repeats {
        Repeats { count, first: at(first).wall, last: at(last).wall, slowest_ms }
    }

    #[test]
    fn the_first_of_a_second_is_written_and_the_rest_counted() {
        let window = Window::default();
        assert_eq!(window.note(at(0), 1), Noted::First(None));
        for (ms, took) in [(10, 3), (500, 9), (999, 2)] {
            assert_eq!(window.note(at(ms), took), Noted::Counted);
            assert_eq!(window.flush(at(ms)), None);
        }
        assert_eq!(window.flush(at(1000)), Some(repeats(3, 10, 999, 9)));
        assert_eq!(window.flush(at(1000)), None);
        assert_eq!(window.note(at(1000), 1), Noted::First(None));
        assert_eq!(window.flush(at(5000)), None);
    }

    #[test]
    fn what_nobody_flushed_is_handed_out_with_the_next_first() {
        let window = Window::default();
        window.note(at(0), 1);
        window.note(at(1), 7);
        assert_eq!(window.note(at(2000), 1), Noted::First(Some(repeats(1, 1, 1, 7))));
    }

    #[test]
    fn a_clock_that_is_set_changes_no_count() {
        let window = Window::default();
        window.note(at(0), 0);
        let set_back = Now { wall: UNIX_EPOCH, boot: at(500).boot };
        assert_eq!(window.note(set_back, 0), Noted::Counted);
        let set_forward = Now { wall: at(900_000).wall, boot: at(600).boot };
        assert_eq!(window.note(set_forward, 0), Noted::Counted);
        assert_eq!(window.flush(at(1000)).unwrap().count, 2);
    }

    #[test]
    fn a_second_that_is_closed_is_followed_by_another() {
        let window = Window::default();
        window.note(at(0), 0);
        window.note(at(1), 0);
        assert_eq!(window.close(), Some(repeats(1, 1, 1, 0)));
        assert_eq!(window.close(), None);
        assert_eq!(window.note(at(2), 0), Noted::First(None));
    }

    proptest::proptest! {
        /// However they come, every one is written once: as a first, or in a count.
        #[test]
        fn nothing_is_lost_and_nothing_counted_twice(gaps in proptest::collection::vec(0_u64..1500, 1..60)) {
            let window = Window::default();
            let (mut now, mut written) = (0, 0);
            for (index, gap) in gaps.iter().enumerate() {
                now += gap;
                if let Noted::First(left) = window.note(at(now), 0) {
                    written += 1 + left.map_or(0, |left| left.count);
                }
                if index % 3 == 0 {
                    written += window.flush(at(now)).map_or(0, |left| left.count);
                }
            }
            written += window.close().map_or(0, |left| left.count);
            proptest::prop_assert_eq!(written, gaps.len() as u64);
        }
    }
}
