//! [`Pace`]: when a daemon is looked for again: one that is not there, one that refuses something, and one that could not
//! make something where it runs.
//!
//! Pure: times come in. Called by [`super::Supply::keep`].

use std::time::Duration;

use tokio::time::Instant;

/// How long to wait until the next look.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Pace {
    pause: Duration,
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The daemon says something else than at the look before, or came, or went.
    Changed,
    /// Nobody is there, or it was looked for because something is not supplied, and it says what it said before: also
    /// where its fetches say otherwise, so that who agrees and then hands back is not asked every second for ever.
    Lacking,
    /// Nothing was lacking but what it could not make.
    AllThere,
}

impl Pace {
    /// The first look is soon.
    pub(super) fn quick() -> Self {
        Self { pause: FIRST_PAUSE }
    }

    /// What a look found decides how soon the next one is.
    pub(super) fn after(self, found: Found) -> Self {
        match found {
            Found::Changed => Self::quick(),
            Found::Lacking => Self { pause: (self.pause * 2).min(LONGEST_PAUSE) },
            Found::AllThere => self,
        }
    }

    /// The next look. `lacking`: nobody is there, or something is refused. `unable_since`: when a daemon was last found to
    /// be unable to make something. `None`: there is nothing to look for.
    pub(super) fn next_look(&self, now: Instant, lacking: bool, unable_since: Option<Instant>) -> Option<Instant> {
        let soon = lacking.then(|| now + self.pause);
        [soon, unable_since.map(|since| since + LONGEST_PAUSE)].into_iter().flatten().min()
    }
}

/// Whether a daemon may be asked again for what it could not make: each time costs a run of the program that fails there,
/// and turns sources.
pub(super) fn may_be_able_again(now: Instant, unable_since: Instant) -> bool {
    now >= unable_since + LONGEST_PAUSE
}

/// A daemon that went away, or that refuses something, is asked again so soon, and then ever more seldom.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// What an absent daemon would be waited for, look after look.
    fn pauses(mut pace: Pace, found: &[Found]) -> Vec<u64> {
        let now = Instant::now();
        let mut pauses = Vec::new();
        for found in found {
            pace = pace.after(*found);
            pauses.push((pace.next_look(now, true, None).unwrap() - now).as_secs());
        }
        pauses
    }

    #[test]
    fn the_pause_doubles_to_a_minute_and_begins_anew_with_a_change() {
        use Found::{AllThere, Changed, Lacking};
        assert_eq!(pauses(Pace::quick(), &[Lacking; 7]), [2, 4, 8, 16, 32, 60, 60]);
        let grown = || Pace { pause: LONGEST_PAUSE };
        assert_eq!(pauses(grown(), &[Changed, Lacking, Changed]), [1, 2, 1]);
        // looks for what could not be made are minutes apart anyway, and must not make a later refusal wait
        assert_eq!(pauses(Pace::quick(), &[AllThere; 3]), [1, 1, 1]);
        assert_eq!(pauses(grown(), &[AllThere]), [60]);
    }

    #[test]
    fn a_look_is_due_for_what_is_lacking_or_a_minute_after_what_could_not_be_made() {
        let start = Instant::now();
        let at = |after: u64| start + secs(after);
        let now = at(100);
        for (lacking, unable_since, expected) in [
            (false, None, None),
            (true, None, Some(at(104))),
            (false, Some(at(90)), Some(at(150))),
            (true, Some(at(90)), Some(at(104))),
            (true, Some(at(43)), Some(at(103))),
            // overdue: at once
            (false, Some(at(10)), Some(at(70))),
        ] {
            let pace = Pace { pause: secs(4) };
            assert_eq!(pace.next_look(now, lacking, unable_since), expected, "{lacking} {unable_since:?}");
        }
    }

    #[test]
    fn what_could_not_be_made_is_left_alone_for_a_minute() {
        let since = Instant::now();
        for (after, able) in [(0, false), (59, false), (60, true), (600, true)] {
            assert_eq!(may_be_able_again(since + secs(after), since), able, "{after} s");
        }
    }
}
