//! Whether a session ends while its person is away: what cannot be helped should be known before they leave.
//!
//! A session that outlasts a night is meant to be renewed by the person on their next working day. One that ends before
//! that day begins cannot be. Pure: working days are Monday to Friday, 09:00 to 18:00, in the person's own time zone.

use std::time::{Duration, SystemTime};

use jiff::civil::{Date, Weekday, time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

/// Whether a session from `began` to `ends` ends before the next working day after `now` begins. Those that never outlast
/// a night say nothing by that.
pub(super) fn ends_while_away(began: SystemTime, ends: SystemTime, now: SystemTime, zone: &TimeZone) -> bool {
    let outlasts_a_night = ends.duration_since(began).is_ok_and(|life| life >= OUTLASTS_A_NIGHT);
    let morning = local(now, zone).as_ref().and_then(next_working_morning);
    outlasts_a_night && morning.is_some_and(|morning| ends < morning)
}

/// Whether the person is about to leave: the last hour of a working day, or after it.
pub(super) fn is_about_to_leave(now: SystemTime, zone: &TimeZone) -> bool {
    local(now, zone).is_some_and(|now| works_on(now.date()) && now.hour() >= LAST_HOUR)
}

const OUTLASTS_A_NIGHT: Duration = Duration::from_secs(24 * 3600);
const MORNING: i8 = 9;
const LAST_HOUR: i8 = 17;

fn local(at: SystemTime, zone: &TimeZone) -> Option<Zoned> {
    Some(Timestamp::try_from(at).ok()?.to_zoned(zone.clone()))
}

fn works_on(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// 09:00 of the first working day that begins after `now`.
fn next_working_morning(now: &Zoned) -> Option<SystemTime> {
    let mut date = now.date();
    if now.hour() >= MORNING {
        date = date.checked_add(1.day()).ok()?;
    }
    while !works_on(date) {
        date = date.checked_add(1.day()).ok()?;
    }
    let morning = date.to_datetime(time(MORNING, 0, 0, 0)).to_zoned(now.time_zone().clone()).ok()?;
    Some(SystemTime::from(morning.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        SystemTime::from(text.parse::<Timestamp>().unwrap())
    }

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn a_weekend_longer_than_the_session_is_seen_on_friday() {
        let zone = TimeZone::UTC;
        // 2026-11-23 is a Monday
        for (hours, began, now, away) in [
            (36, "2026-11-23T09:00:00Z", "2026-11-23T09:00:00Z", false),
            (36, "2026-11-26T09:00:00Z", "2026-11-26T17:59:00Z", false),
            (36, "2026-11-27T09:00:00Z", "2026-11-27T09:00:01Z", true),
            (36, "2026-11-27T09:00:00Z", "2026-11-28T12:00:00Z", true),
            // before work begins, that same morning is the next
            (36, "2026-11-23T09:00:00Z", "2026-11-24T06:00:00Z", false),
            (30, "2026-11-23T01:00:00Z", "2026-11-23T10:00:00Z", true),
            // who takes half a day knows that it is over by night
            (12, "2026-11-27T09:00:00Z", "2026-11-27T09:00:01Z", false),
        ] {
            let began = at(began);
            assert_eq!(ends_while_away(began, began + hours * HOUR, at(now), &zone), away, "{hours} {now}");
        }
    }

    #[test]
    fn a_working_day_is_one_of_the_persons_own_zone() {
        let tokyo = TimeZone::fixed(jiff::tz::offset(9));
        // Friday 09:00 UTC is 18:00 there; Sunday 23:59 UTC is Monday 08:59 there
        for (now, leaving) in [
            ("2026-11-27T07:59:00Z", false),
            ("2026-11-27T08:00:00Z", true),
            ("2026-11-28T08:30:00Z", false),
            ("2026-11-30T00:30:00Z", false),
        ] {
            assert_eq!(is_about_to_leave(at(now), &tokyo), leaving, "{now}");
        }
        let began = at("2026-11-26T10:00:00Z");
        assert!(!ends_while_away(began, began + 36 * HOUR, began, &tokyo), "Friday 09:00 there comes before");
        let began = at("2026-11-27T00:30:00Z");
        assert!(ends_while_away(began, began + 36 * HOUR, began, &tokyo), "Monday 09:00 there comes after");
    }
}
