//! How often a code is asked for that a person confirms in a browser anywhere (RFC 8628 section 3.5).

use std::time::Duration;

/// When to ask again. Pure.
#[derive(Debug)]
pub(in crate::source) struct Pace {
    interval: Duration,
    /// When the code ends, by boot time: a machine that slept must not ask for ever.
    deadline: Duration,
    /// Failures in a row.
    failures: u32,
}

#[derive(Debug, PartialEq, Eq)]
pub(in crate::source) enum Poll {
    /// After so long.
    Again(Duration),
    /// Its time is over: another code is needed.
    NewCode,
    /// Not at all.
    Stop,
}

/// What came back instead of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) enum Step {
    /// The person has not confirmed the code yet.
    Pending,
    /// It is asked for too often.
    SlowDown,
    /// Trouble on the way.
    Trouble,
    /// The code is over.
    Expired,
    /// Something that says no.
    No,
}

impl Pace {
    /// For a code that ends at `deadline` by boot time.
    pub(in crate::source) fn new(interval: Duration, deadline: Duration) -> Self {
        Self { interval, deadline, failures: 0 }
    }

    /// What comes after an answer that was no token. Waiting for the person and trouble on the way go on; whatever says no
    /// does not. SlowDown counts for good (RFC 8628 section 3.5).
    pub(in crate::source) fn next(&mut self, step: Step, retry_after: Option<Duration>, now: Duration) -> Poll {
        match step {
            Step::Pending => self.failures = 0,
            Step::SlowDown => {
                self.failures = 0;
                self.interval += SLOWER;
            }
            Step::Trouble => {
                self.failures += 1;
                if self.failures >= MOST_FAILURES {
                    return Poll::Stop;
                }
            }
            Step::Expired => return Poll::NewCode,
            Step::No => return Poll::Stop,
        }
        if now >= self.deadline {
            return Poll::NewCode;
        }
        // not past its end by more than an interval, whatever the upstream asks for
        let left = (self.deadline - now).max(self.interval);
        Poll::Again(retry_after.unwrap_or_default().max(self.interval).min(left))
    }
}

const SLOWER: Duration = Duration::from_secs(5);

/// A minute and more of silence: by then the person is to be told.
const MOST_FAILURES: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn pace() -> Pace {
        Pace::new(secs(5), secs(1600))
    }

    #[test]
    fn every_answer_has_its_next_step() {
        for (step, retry_after, now, expected) in [
            (Step::Pending, None, 1000, Poll::Again(secs(5))),
            (Step::SlowDown, None, 1000, Poll::Again(secs(10))),
            (Step::Trouble, None, 1000, Poll::Again(secs(5))),
            (Step::Trouble, Some(30), 1000, Poll::Again(secs(30))),
            (Step::Trouble, Some(1), 1000, Poll::Again(secs(5))),
            (Step::Trouble, Some(9999), 1000, Poll::Again(secs(600))),
            (Step::Pending, None, 1599, Poll::Again(secs(5))),
            (Step::Pending, None, 1600, Poll::NewCode),
            (Step::SlowDown, None, 9999, Poll::NewCode),
            (Step::Trouble, None, 1600, Poll::NewCode),
            (Step::Expired, None, 1000, Poll::NewCode),
            (Step::No, None, 1000, Poll::Stop),
        ] {
            let next = pace().next(step, retry_after.map(secs), secs(now));
            assert_eq!(next, expected, "{step:?} {retry_after:?} at {now}");
        }
    }

    #[test]
    fn slower_is_for_good() {
        let mut pace = pace();
        let steps = [Step::SlowDown, Step::Pending, Step::Trouble, Step::SlowDown, Step::Pending];
        let waits = steps.map(|step| pace.next(step, None, secs(1000)));
        assert_eq!(waits, [10, 10, 10, 15, 15].map(|wait| Poll::Again(secs(wait))));
    }

    #[test]
    fn only_failures_in_a_row_end_it() {
        let mut pace = pace();
        for _ in 0..MOST_FAILURES - 1 {
            assert_eq!(pace.next(Step::Trouble, None, secs(1000)), Poll::Again(secs(5)));
        }
        assert_eq!(pace.next(Step::Pending, None, secs(1000)), Poll::Again(secs(5)));
        for _ in 0..MOST_FAILURES - 1 {
            assert_eq!(pace.next(Step::Trouble, None, secs(1000)), Poll::Again(secs(5)));
        }
        assert_eq!(pace.next(Step::Trouble, None, secs(1000)), Poll::Stop);
    }
}
