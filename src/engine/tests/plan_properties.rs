//! What holds for every plan: of any tables at one moment, and along any course of events.

use proptest::prelude::*;

use super::course::{Brought, Course, Defined, Event, defined, event, name};
use super::stage::{HOUR, SECOND};
use crate::engine::Settings;
use crate::engine::entry::Demand;

/// Roomy and cramped: a table that holds all and one that does not, many slots and few.
fn settings() -> impl Strategy<Value = Settings> {
    let asks_at_most = prop_oneof![2 => Just(10_000), 1 => 1..12_usize];
    (asks_at_most, 2..=16_usize, 1..=4_usize).prop_map(|(asks_at_most, flights_at_once, flights_per_session)| {
        Settings { asks_at_most, flights_at_once, flights_per_session, ..Settings::default() }
    })
}

fn definitions() -> impl Strategy<Value = Vec<Defined>> {
    prop::collection::vec(defined(), 1..30)
}

fn events() -> impl Strategy<Value = Vec<Event>> {
    prop::collection::vec(event(), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn along_any_course_of_events_every_plan_is_sound(
        definitions in definitions(),
        settings in settings(),
        events in events(),
    ) {
        let mut course = Course::of(definitions, settings);
        events.iter().for_each(|event| course.step(event));
    }

    #[test]
    fn whatever_happened_once_the_upstream_works_everything_in_use_becomes_fresh(
        definitions in definitions(),
        settings in settings(),
        events in events(),
    ) {
        let mut course = Course::of(definitions, settings);
        events.iter().for_each(|event| course.step(event));
        for number in 0..course.count() {
            course.step(&Event::WaitsForgotten);
            course.ask(&name(number), Demand::Client);
        }
        // 30 asks, a chain of at most 30, a minute between two successes: half an hour is plenty
        for _ in 0..180 {
            course.land_all(&Brought::Life(12 * HOUR));
            course.pass(10 * SECOND);
            course.turn();
        }
        let awake = course.state.awake(course.now.boot);
        for (ask, entry) in &course.state.asks {
            let in_use = entry.used.is_some() && entry.active(awake, &course.settings);
            prop_assert!(!in_use || entry.enough(course.settings.min_life, course.now).is_some(), "{ask} is not fresh");
            prop_assert!(entry.demand.is_none(), "{ask} is waited for in vain");
        }
        if course.settings.asks_at_most >= course.count() {
            prop_assert!((0..course.count()).all(|number| course.state.asks[&name(number)].used.is_some()));
        }
    }
}
