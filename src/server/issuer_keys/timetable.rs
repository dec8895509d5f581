//! [`Timetable`]: when the public keys of an issuer are looked at again, and how long they are believed.
//!
//! Pure: times come in by the boot clock, which counts sleep and cannot be set back. Called by [`super::IssuerKeys`].

use std::time::Duration;

/// What happened so far, and what is to happen next.
#[derive(Debug)]
pub(super) struct Timetable {
    pace: Pace,
    /// When the last look began that found keys, or ended that did not.
    looked: Option<Duration>,
    /// When a look last began that found keys: what was withdrawn since, it need not have seen, though a laptop slept before its
    /// end.
    confirmed: Option<Duration>,
    /// How many looks failed since then.
    failures: u32,
}

/// How often a look may be had, which is a matter of what it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// A file of this machine: once a second, whether or not it can be read, so that who mends it need not wait.
    File,
    /// A request over the network.
    Url,
}

/// Why somebody would have a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A token is to be judged.
    Request,
    /// Its key is not among those at hand.
    UnknownKey,
}

impl Timetable {
    pub(super) fn new(pace: Pace) -> Self {
        Self { pace, looked: None, confirmed: None, failures: 0 }
    }

    /// Whether it is time to look.
    pub(super) fn is_due(&self, why: Why, now: Duration) -> bool {
        let Some(looked) = self.looked else { return true };
        now.saturating_sub(looked) >= self.pause(why)
    }

    /// Whether keys are so long unconfirmed that a request waits for the look that has begun. A file's is quick; one over the
    /// network runs beside requests that come one after another, and is waited for where nobody asked for a while.
    pub(super) fn is_stale(&self, now: Duration) -> bool {
        let patient = match self.pace {
            Pace::File => self.pace.cadence(),
            Pace::Url => 2 * self.pace.cadence(),
        };
        self.unconfirmed(now).is_none_or(|age| age >= patient)
    }

    /// Whether the keys may be used: a key that was withdrawn is not seen to be gone while no look succeeds.
    pub(super) fn believed(&self, now: Duration) -> bool {
        self.unconfirmed(now).is_some_and(|age| age < LONGEST_UNCONFIRMED)
    }

    /// Whether the last look failed, or there was none.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0 || self.looked.is_none()
    }

    /// A look that `began` then ended.
    pub(super) fn note(&mut self, found: bool, began: Duration, now: Duration) {
        if found {
            (self.looked, self.confirmed) = (Some(began), Some(began));
            self.failures = 0;
        } else {
            self.looked = Some(now);
            self.failures = self.failures.saturating_add(1);
        }
    }

    fn pause(&self, why: Why) -> Duration {
        match (self.pace, self.failures, why) {
            (Pace::File, ..) | (Pace::Url, 0, Why::Request) => self.pace.cadence(),
            (Pace::Url, 0, Why::UnknownKey) => UNKNOWN_KEY,
            (Pace::Url, failures, _) => FIRST_PAUSE.saturating_mul(1 << (failures - 1).min(16)).min(LONGEST_PAUSE),
        }
    }

    fn unconfirmed(&self, now: Duration) -> Option<Duration> {
        self.confirmed.map(|confirmed| now.saturating_sub(confirmed))
    }
}

impl Pace {
    fn cadence(self) -> Duration {
        match self {
            Self::File => Duration::from_secs(1),
            Self::Url => Duration::from_secs(5 * 60),
        }
    }
}

/// Whoever can reach us can send tokens with keys that nobody has.
const UNKNOWN_KEY: Duration = Duration::from_secs(10);

const FIRST_PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// As long as a token of a service account lives at most, where the cluster has been told nothing else.
const LONGEST_UNCONFIRMED: Duration = Duration::from_secs(24 * 3600);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Duration {
        Duration::from_secs(100_000 + secs)
    }

    fn looked(pace: Pace, looks: &[(u64, bool)]) -> Timetable {
        let mut timetable = Timetable::new(pace);
        for (secs, found) in looks {
            timetable.note(*found, at(*secs), at(*secs));
        }
        timetable
    }

    /// The first second from `from` on at which a look is due.
    fn due(timetable: &Timetable, why: Why, from: u64) -> u64 {
        (from..).find(|secs| timetable.is_due(why, at(*secs))).unwrap() - from
    }

    #[test]
    fn the_first_look_is_due_at_once() {
        for pace in [Pace::File, Pace::Url] {
            let timetable = Timetable::new(pace);
            assert!(timetable.is_due(Why::Request, at(0)) && timetable.is_due(Why::UnknownKey, at(0)));
            assert!(timetable.is_stale(at(0)) && timetable.is_failing() && !timetable.believed(at(0)));
        }
    }

    #[test]
    fn a_url_is_looked_at_again_after_five_minutes_or_for_a_key_after_ten_seconds() {
        let timetable = looked(Pace::Url, &[(0, true)]);
        assert_eq!((due(&timetable, Why::Request, 0), due(&timetable, Why::UnknownKey, 0)), (300, 10));
        assert!(!timetable.is_stale(at(599)) && timetable.is_stale(at(600)));
    }

    #[test]
    fn a_file_is_looked_at_once_a_second_whatever_was_found() {
        for looks in [&[(0, true)][..], &[(0, false)], &[(0, true), (1, false), (2, false), (3, false)]] {
            let timetable = looked(Pace::File, looks);
            let last = looks.last().unwrap().0;
            assert_eq!((due(&timetable, Why::Request, last), due(&timetable, Why::UnknownKey, last)), (1, 1));
            assert!(timetable.is_stale(at(last + 1)));
        }
    }

    #[test]
    fn failures_are_further_and_further_apart_whoever_asks() {
        let mut looks = vec![(0, true)];
        for pause in [5, 10, 20, 40, 80, 160, 300, 300] {
            looks.push((looks.last().unwrap().0 + 1, false));
            let timetable = looked(Pace::Url, &looks);
            let last = looks.last().unwrap().0;
            assert_eq!((due(&timetable, Why::Request, last), due(&timetable, Why::UnknownKey, last)), (pause, pause));
        }
        let timetable = looked(Pace::Url, &vec![(0, false); 100]);
        assert_eq!(due(&timetable, Why::Request, 0), 300);
        looks.push((20, true));
        assert_eq!(due(&looked(Pace::Url, &looks), Why::Request, 20), 300, "one success is enough");
    }

    #[test]
    fn what_a_look_found_is_as_old_as_its_beginning() {
        let mut timetable = Timetable::new(Pace::Url);
        timetable.note(true, at(0), at(3600));
        assert!(timetable.is_stale(at(3600)) && timetable.is_due(Why::Request, at(3600)));
        assert!(timetable.believed(at(24 * 3600 - 1)) && !timetable.believed(at(24 * 3600)));
        // one that found nothing is not followed by the next at once, however long it took
        timetable.note(false, at(3600), at(7200));
        assert!(!timetable.is_due(Why::Request, at(7204)) && timetable.is_due(Why::Request, at(7205)));
    }

    #[test]
    fn keys_are_believed_for_a_day_after_they_were_last_confirmed() {
        const DAY: u64 = 24 * 3600;
        for pace in [Pace::File, Pace::Url] {
            let timetable = looked(pace, &[(0, true), (60, false)]);
            assert!(timetable.believed(at(DAY - 1)) && !timetable.believed(at(DAY)));
            let again = looked(pace, &[(0, true), (60, false), (70, true)]);
            assert!(again.believed(at(DAY + 69)) && !again.believed(at(DAY + 70)));
            assert!(!looked(pace, &[(0, false)]).believed(at(0)));
        }
    }
}
