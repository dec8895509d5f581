//! What was tried to fetch one thing, what came of it, and how long the next attempt must wait.
//!
//! The waits, by class of failure, are those of the engine's contract: [`Until`] says whether time alone ends a wait or
//! a client must ask. Pure: times come in as boot time, chance as `jitter`. Called by the engine's tables and its plan.

use std::time::{Duration, SystemTime};

use super::state::{FlightId, Target};
use crate::credential::{Failure, FailureClass, Now};

/// The attempts at one session or one credential.
#[derive(Clone, Debug, Default)]
pub(super) struct Attempts {
    /// The flight in the air. What another flight brings is not taken.
    pub(super) flight: Option<FlightId>,
    /// The failure since the last success or reset.
    pub(super) failed: Option<Failed>,
    /// Until when nothing more is fetched after the last success, in boot time; forgotten by a reset.
    rests_until: Option<Duration>,
    /// How many successes in a row brought what was held already.
    the_same: u32,
    put_off: Option<PutOff>,
    /// The last failure there was, for people.
    pub(super) last_failure: Option<(Failure, SystemTime)>,
    /// How many succeeded.
    pub(super) successes: u64,
    /// How many failed.
    pub(super) failures: u64,
}

/// The flight came back because its supplier had gone: whoever is told of that puts another one in its place at once.
#[derive(Clone, Copy, Debug)]
struct PutOff {
    /// How many came back like this in a row.
    times: u32,
    /// When the next one begins, in boot time, if it is not told to do so before.
    until: Duration,
}

/// A failure that stands.
#[derive(Clone, Debug)]
pub(super) struct Failed {
    pub(super) failure: Failure,
    /// How many came in a row.
    pub(super) times: u32,
    /// When the first of them came, in boot time.
    pub(super) since: Duration,
    /// When the last one came, in boot time.
    pub(super) at: Duration,
    /// When the next attempt may be made, in boot time.
    pub(super) retry_at: Duration,
    /// What it was that failed, where it was something that this one needs.
    pub(super) cause: Option<Target>,
}

/// On whose behalf an attempt would be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// A client waits. `without`: and nothing that is held could be given to it.
    Client { without: bool },
    /// The timetable, unasked.
    Timetable,
}

/// When a wait ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// At this boot time.
    Boot(Duration),
    /// When a client asks.
    Asked,
}

/// Between two successes for one thing, whatever clients do, where its source says nothing else.
pub(super) use crate::source::BETWEEN_SUCCESSES;

/// A client that would go away with nothing is worth an attempt this long after the last one failed, however long the
/// background would wait: else an outage would outlast itself by minutes.
pub(super) const FOR_WHO_GOES_WITHOUT: Duration = Duration::from_secs(15);

/// A failure stands for so long whoever begins something new: scripts run commands in loops.
const STANDS_FOR: Duration = Duration::from_secs(10);

/// A supplier that went away is replaced within milliseconds, and what is put off is not put off any longer then. Where
/// nobody replaces it, it fails like anything else after about a second, and from then on.
const PUT_OFF_FOR: Duration = Duration::from_millis(100);
const PUT_OFF_AT_MOST: u32 = 8;

/// A failure is remembered for so long after the next attempt may be made.
const REMEMBER_FAILURE: Duration = Duration::from_secs(15 * 60);

impl Attempts {
    /// The wait that an attempt for `who` would have to keep, if there is one.
    pub(super) fn wait(&self, who: Who, boot: Duration) -> Option<Until> {
        self.after_success().max(self.after_failure(who)).filter(|until| match until {
            Until::Boot(at) => *at > boot,
            Until::Asked => true,
        })
    }

    /// The supplier has gone, and another one is about to take its place: no failure yet, unless it has been for a while.
    pub(super) fn put_off(&mut self, now: Now) -> bool {
        let times = self.put_off.map_or(0, |before| before.times).saturating_add(1);
        if times > PUT_OFF_AT_MOST {
            return false;
        }
        self.flight = None;
        self.put_off = Some(PutOff { times, until: now.boot.saturating_add(PUT_OFF_FOR) });
        true
    }

    /// When the next flight begins after one that was put off; none where nothing is in its way.
    pub(super) fn put_off_until(&self, boot: Duration) -> Option<Duration> {
        self.put_off.map(|off| off.until).filter(|until| *until > boot)
    }

    /// Another supplier has taken the place of the one that had gone.
    pub(super) fn put_off_no_longer(&mut self) {
        self.put_off = None;
    }

    fn after_success(&self) -> Option<Until> {
        self.rests_until.map(Until::Boot)
    }

    fn after_failure(&self, who: Who) -> Option<Until> {
        let failed = self.failed.as_ref()?;
        Some(match (failed.failure.class, who) {
            (FailureClass::TryLater, Who::Client { without: true }) => {
                Until::Boot(failed.retry_at.min(failed.at.saturating_add(FOR_WHO_GOES_WITHOUT)))
            }
            (FailureClass::TryLater, _) | (_, Who::Client { .. }) => Until::Boot(failed.retry_at),
            (FailureClass::NeedsPerson | FailureClass::Refused, Who::Timetable) => Until::Asked,
        })
    }

    /// Whether what nobody uses stays in its table because it failed, so that its waits still grow.
    pub(super) fn remembers_failure(&self, boot: Duration) -> bool {
        self.failed.as_ref().is_some_and(|failed| boot <= failed.retry_at.saturating_add(REMEMBER_FAILURE))
    }

    /// It was fetched, and is left alone for `rest`.
    pub(super) fn succeed(&mut self, now: Now, rest: Duration) {
        self.flight = None;
        self.failed = None;
        self.put_off = None;
        self.rests_until = Some(now.boot.saturating_add(rest));
        self.the_same = 0;
        self.successes += 1;
    }

    /// It was fetched, and is what was held already: a supplier that answers from its memory thinks it good for a while yet.
    /// It is left alone for twice as long each time, but no longer than between two successes, nor than what is held can
    /// be handed out.
    pub(super) fn bring_the_same(&mut self, now: Now, rest: Duration, servable_for: Duration) {
        let times = self.the_same;
        let longer = rest.saturating_mul(1 << times.min(16)).min(BETWEEN_SUCCESSES).min(servable_for);
        self.succeed(now, longer.max(rest));
        self.the_same = times.saturating_add(1);
    }

    /// Fetching it failed; `jitter` is in `0.0..1.0`.
    pub(super) fn fail(&mut self, failure: Failure, now: Now, jitter: f64) {
        let times = self.failed.as_ref().map_or(0, |failed| failed.times).saturating_add(1);
        let since = self.failed.as_ref().map_or(now.boot, |failed| failed.since);
        let retry_at = now.boot.saturating_add(wait_after(failure.class, times, jitter));
        self.note(Failed { failure, times, since, at: now.boot, retry_at, cause: None }, now);
    }

    /// Something that it needs failed: it fails alike, and waits as long.
    pub(super) fn inherit(&mut self, failure: Failure, from: &Failed, cause: Target, now: Now) {
        let Failed { times, since, at, retry_at, .. } = *from;
        self.note(Failed { failure, times, since, at, retry_at, cause: Some(cause) }, now);
    }

    fn note(&mut self, failed: Failed, now: Now) {
        self.flight = None;
        self.failures += 1;
        self.last_failure = Some((failed.failure.clone(), now.wall));
        self.failed = Some(failed);
    }

    /// All waits are forgotten; what is in the air stays there.
    pub(super) fn forget_waits(&mut self) {
        self.failed = None;
        self.rests_until = None;
        self.the_same = 0;
        self.put_off = None;
    }

    /// Somebody begins something new with it: a failure that is not of just now may be tried again. One that wants its
    /// person stands: to try it again may open another browser.
    pub(super) fn forgive(&mut self, boot: Duration) {
        self.failed.take_if(|failed| {
            failed.failure.class != FailureClass::NeedsPerson && failed.at.saturating_add(STANDS_FOR) <= boot
        });
    }

    /// What failed before because of `cause` may be tried again.
    pub(super) fn cause_is_mended(&mut self, cause: &Target) {
        if self.failed.as_ref().is_some_and(|failed| failed.cause.as_ref() == Some(cause)) {
            self.failed = None;
        }
    }

    /// Whether it stands failed because of something that it needs.
    pub(super) fn inherited(&self) -> bool {
        self.failed.as_ref().is_some_and(|failed| failed.cause.is_some())
    }

    /// Whether it came so lately that it cannot be fetched again yet.
    pub(super) fn just_succeeded(&self, boot: Duration) -> bool {
        self.rests_until.is_some_and(|until| boot < until)
    }
}

impl PartialOrd for Until {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The longer wait is the greater one.
impl Ord for Until {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let key = |until: &Self| match until {
            Self::Boot(at) => *at,
            Self::Asked => Duration::MAX,
        };
        key(self).cmp(&key(other))
    }
}

/// How long to wait after the `times`th failure in a row.
///
/// `TryLater`: from 5 s, doubling, to 5 min, of which up to half is taken off by chance, so that a hundred asks that
/// failed together do not come back together. The others, where only a client's request starts an attempt: 1, 2, 4, 8,
/// then 15 min.
fn wait_after(class: FailureClass, times: u32, jitter: f64) -> Duration {
    let doubled = |first: u64, limit: u64| {
        let doublings = times.saturating_sub(1).min(16);
        Duration::from_secs((first << doublings).min(limit))
    };
    match class {
        FailureClass::TryLater => doubled(10, 300).mul_f64(0.5 + 0.5 * jitter.clamp(0.0, 1.0)),
        FailureClass::NeedsPerson | FailureClass::Refused => doubled(60, 900),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLIENT: Who = Who::Client { without: false };
    const WITHOUT: Who = Who::Client { without: true };

    fn at(boot_secs: u64) -> Now {
        Now { wall: SystemTime::UNIX_EPOCH, boot: Duration::from_secs(boot_secs) }
    }

    fn failed(class: FailureClass, times: u32) -> Attempts {
        let mut attempts = Attempts::default();
        (0..times).for_each(|_| attempts.fail(Failure::new(class, "Test", "test"), at(1000), 1.0));
        attempts
    }

    fn boot(secs: u64) -> Option<Until> {
        Some(Until::Boot(Duration::from_secs(secs)))
    }

    #[test]
    fn later_means_five_seconds_doubling_to_five_minutes() {
        let span = |times| {
            let range = [0.0, 1.0].map(|jitter| wait_after(FailureClass::TryLater, times, jitter).as_secs());
            (range[0], range[1])
        };
        let spans: Vec<_> = (1..=8).map(span).collect();
        assert_eq!(spans, [(5, 10), (10, 20), (20, 40), (40, 80), (80, 160), (150, 300), (150, 300), (150, 300)]);
        assert_eq!(span(u32::MAX), (150, 300));
    }

    #[test]
    fn a_person_or_a_refusal_is_asked_about_after_1_2_4_8_15_minutes() {
        for class in [FailureClass::NeedsPerson, FailureClass::Refused] {
            let minutes: Vec<_> = (1..=6).map(|times| wait_after(class, times, 0.5).as_secs() / 60).collect();
            assert_eq!(minutes, [1, 2, 4, 8, 15, 15]);
        }
    }

    #[test]
    fn only_a_client_starts_the_next_attempt_after_a_refusal() {
        for class in [FailureClass::NeedsPerson, FailureClass::Refused] {
            let attempts = failed(class, 1);
            assert_eq!(attempts.wait(Who::Timetable, at(9999).boot), Some(Until::Asked));
            assert_eq!(attempts.wait(CLIENT, at(1001).boot), boot(1060));
            assert_eq!(attempts.wait(WITHOUT, at(1001).boot), boot(1060));
            assert_eq!(attempts.wait(CLIENT, at(1060).boot), None);
        }
    }

    #[test]
    fn who_goes_without_waits_for_seconds_not_minutes() {
        let attempts = failed(FailureClass::TryLater, 7);
        assert_eq!(attempts.wait(Who::Timetable, at(1001).boot), boot(1300));
        assert_eq!(attempts.wait(CLIENT, at(1001).boot), boot(1300));
        assert_eq!(attempts.wait(WITHOUT, at(1001).boot), boot(1015));
        // and the first wait, shorter than that, stays as it is
        let first = Attempts { failed: failed(FailureClass::TryLater, 1).failed, ..Attempts::default() };
        assert_eq!(first.wait(WITHOUT, at(1001).boot), boot(1010));
    }

    #[test]
    fn a_minute_lies_between_two_successes_unless_waits_are_forgotten() {
        let mut attempts = Attempts::default();
        attempts.succeed(at(1000), BETWEEN_SUCCESSES);
        for who in [CLIENT, WITHOUT, Who::Timetable] {
            assert_eq!(attempts.wait(who, at(1059).boot), boot(1060), "{who:?}");
            assert_eq!(attempts.wait(who, at(1060).boot), None, "{who:?}");
        }
        attempts.forget_waits();
        assert_eq!(attempts.wait(CLIENT, at(1001).boot), None);
    }

    #[test]
    fn a_success_ends_the_row_of_failures() {
        let mut attempts = failed(FailureClass::TryLater, 7);
        attempts.succeed(at(2000), BETWEEN_SUCCESSES);
        attempts.fail(Failure::new(FailureClass::TryLater, "Test", "test"), at(3000), 1.0);
        assert_eq!(attempts.wait(Who::Timetable, at(3000).boot), boot(3010));
    }

    #[test]
    fn what_was_put_off_begins_at_once_and_may_be_put_off_anew_once_waits_are_forgotten() {
        let mut attempts = Attempts::default();
        for _ in 0..PUT_OFF_AT_MOST {
            assert!(attempts.put_off(at(1000)));
        }
        assert!(!attempts.put_off(at(1000)));
        assert_eq!(attempts.put_off_until(at(1000).boot), Some(at(1000).boot + PUT_OFF_FOR));
        attempts.forget_waits();
        assert_eq!(attempts.put_off_until(at(1000).boot), None);
        assert!(attempts.put_off(at(1000)));
    }

    #[test]
    fn what_brings_the_same_again_and_again_is_left_alone_for_up_to_a_minute() {
        let secs = Duration::from_secs;
        let rests = |attempts: &mut Attempts, rest, servable_for| {
            attempts.bring_the_same(at(1000), rest, servable_for);
            attempts.rests_until.unwrap_or_default().saturating_sub(at(1000).boot).as_secs()
        };
        let mut attempts = Attempts::default();
        let row: Vec<_> = (0..8).map(|_| rests(&mut attempts, secs(2), secs(3600))).collect();
        assert_eq!(row, [2, 4, 8, 16, 32, 60, 60, 60]);
        assert_eq!(rests(&mut attempts, secs(2), secs(10)), 10, "then it can be handed out no more");
        assert_eq!(rests(&mut attempts, secs(2), secs(0)), 2);
        attempts.succeed(at(1000), secs(2));
        assert_eq!(rests(&mut attempts, secs(2), secs(3600)), 2, "another one came meanwhile");
        attempts.forget_waits();
        assert_eq!(rests(&mut attempts, secs(2), secs(3600)), 2);
        assert_eq!(rests(&mut attempts, BETWEEN_SUCCESSES, secs(3600)), 60, "an upstream is asked as before");
        assert_eq!(rests(&mut attempts, BETWEEN_SUCCESSES, secs(0)), 60);
    }

    #[test]
    fn a_source_that_answers_from_memory_rests_as_long_as_it_says() {
        let mut attempts = Attempts::default();
        attempts.succeed(at(1000), Duration::from_secs(2));
        assert_eq!(attempts.wait(CLIENT, at(1001).boot), boot(1002));
        assert_eq!(attempts.wait(CLIENT, at(1002).boot), None);
    }
}
