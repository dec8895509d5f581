//! The rules by tables, and by properties over whatever may be remembered.

use proptest::prelude::*;

use super::super::record::{self, SeenClock, SentCode, TooNew};
use super::*;

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// So long after the beginning of a step.
fn at(into: u64) -> SystemTime {
    UNIX_EPOCH + secs(1_800_000_000 + into)
}

fn code(number: u32) -> Digest {
    Digest::of(&number.to_be_bytes())
}

fn after(outcomes: &[Outcome]) -> DeviceRecord {
    let mut record = DeviceRecord::default();
    for (number, outcome) in (0..).zip(outcomes) {
        record.note_sent(code(number), at(0));
        record.note_outcome(code(number), Some(*outcome));
    }
    record
}

#[test]
fn a_code_that_was_sent_waits_for_the_next_however_it_ended() {
    for outcome in [Outcome::Sent, Outcome::Accepted, Outcome::Refused, Outcome::Unknown] {
        let record = after(&[outcome]);
        assert_eq!(may_send(&record, code(0), at(4)), MaySend::WaitUntil(at(31)), "{outcome:?}");
        assert_eq!(may_send(&record, code(1), at(4)), MaySend::Send, "{outcome:?}");
    }
    let mut record = DeviceRecord::default();
    record.note_sent(code(0), at(0));
    record.note_outcome(code(0), None);
    assert_eq!(may_send(&record, code(0), at(4)), MaySend::Send, "nothing went out");
}

#[test]
fn a_live_code_is_remembered_however_many_came_after_it() {
    let mut record = DeviceRecord::default();
    for number in 0..40 {
        record.note_sent(code(number), at(u64::from(number) * 4));
        record.note_outcome(code(number), Some(Outcome::Unknown));
    }
    for number in 0..40 {
        assert_ne!(may_send(&record, code(number), at(179)), MaySend::Send, "{number}");
    }
    // by count, what is older
    record.note_sent(code(40), at(3600));
    let kept: Vec<bool> = (0..41).map(|number| may_send(&record, code(number), at(3600)) != MaySend::Send).collect();
    assert_eq!(kept, [[false; 33].as_slice(), &[true; 8]].concat());
    // one of a clock that was ahead, too
    for number in 41..60 {
        record.note_sent(code(number), at(number.into()));
    }
    assert_ne!(may_send(&record, code(40), at(60)), MaySend::Send);
}

#[test]
fn a_pause_is_not_over_because_codes_came_after_the_refused_ones() {
    let mut record = after(&[Outcome::Refused; 7]);
    for number in 100..120 {
        record.note_sent(code(number), at(200 + u64::from(number)));
        record.note_outcome(code(number), Some(Outcome::Unknown));
    }
    assert_eq!(pause(&record, at(400)), secs(500));
    assert_eq!(record.sent.iter().filter(|code| code.outcome == Outcome::Refused).count(), 1);
}

#[test]
fn a_code_is_fetched_where_enough_of_its_step_is_left() {
    #[rustfmt::skip]
    let rows = [
        // into the step, usual, last time; wait
        (0, 0, None, 0),
        (27, 0, None, 0),
        (28, 0, None, 3),
        (29, 0, None, 2),
        (20, 9, None, 0),
        (21, 9, None, 10),
        (20, 0, Some(10), 11),
        (19, 0, Some(10), 0),
        (14, 0, Some(300), 0),
        (15, 0, Some(300), 16),
    ];
    for (into, usual, last, wait) in rows {
        let record = DeviceRecord { latency: last.map(secs), ..DeviceRecord::default() };
        assert_eq!(wait_before_fetch(&record, secs(usual), at(into)), secs(wait), "{into} {usual} {last:?}");
    }
}

#[test]
fn from_the_second_refusal_in_a_row_on_there_are_pauses_that_double() {
    use Outcome::{Accepted, Refused, Unknown};
    for (refusals, pause_secs) in [(0, 0), (1, 0), (2, 30), (3, 60), (4, 120), (6, 480), (7, 900), (40, 900)] {
        let record = after(&vec![Refused; refusals]);
        assert_eq!(pause(&record, at(0)), secs(pause_secs), "{refusals}");
        assert_eq!(pause(&record, at(10)), secs(pause_secs).saturating_sub(secs(10)), "{refusals}");
        assert_eq!(pause(&record, at(0) - secs(7200)), secs(pause_secs), "a clock that was set back: {refusals}");
    }
    assert_eq!(pause(&after(&[Refused, Refused, Accepted]), at(0)), Duration::ZERO);
    assert_eq!(pause(&after(&[Refused, Refused, Unknown]), at(0)), secs(30), "what nobody knows ends no row");
}

#[test]
fn awss_clock_is_believed_for_a_day_while_ours_is_not_set() {
    let hour = 3600;
    let then = Now { wall: at(0), boot: secs(500) };
    let offset = ClockOffset::Ahead(secs(20));
    let record = DeviceRecord { clock: Some(SeenClock { offset, at: then }), ..DeviceRecord::default() };
    #[rustfmt::skip]
    let rows = [
        // later by the wall clock, by the boot clock; believed
        (0, 0, true),
        (24 * hour - 1, 24 * hour - 1, true),
        (24 * hour, 24 * hour, false),
        (64, 60, true),
        (65, 60, false),
        (60, 65, false),
    ];
    for (wall, boot, is_believed) in rows {
        let now = Now { wall: then.wall + secs(wall), boot: then.boot + secs(boot) };
        assert_eq!(believed(&record, now), is_believed.then_some(offset), "{wall} {boot}");
    }
    let restarted = Now { wall: then.wall + secs(600), boot: secs(30) };
    assert_eq!(believed(&record, restarted), None, "the machine was started anew");
}

#[test]
fn a_record_of_a_later_version_is_refused_and_what_is_none_counts_as_empty() {
    let text = String::from_utf8(record::write(&after(&[Outcome::Refused]))).unwrap();
    assert!(text.contains("\"version\": 1"), "{text}");
    let of_version = |version: u32| text.replace("\"version\": 1", &format!("\"version\": {version}, \"new\": {{}}"));
    assert_eq!(record::read(of_version(2).as_bytes()), Ok(after(&[Outcome::Refused])), "a neighbour's");
    assert_eq!(record::read(of_version(3).as_bytes()), Err(TooNew));
    assert_eq!(record::read(b"{\"version\": 3, \"sent\": 7}"), Err(TooNew));
    for none in ["", "{", "[]", "{\"sent\": []}", "{\"version\": 1, \"sent\": 7}"] {
        assert_eq!(record::read(none.as_bytes()), Ok(DeviceRecord::default()), "{none}");
    }
}

/// What somebody does with a device that all our processes share.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// A process sends this code, if the rules let it.
    Send(u32),
    /// The call that was sent first and is in the air ends so; `None`: nothing went out.
    End(Option<Outcome>),
}

fn act() -> impl Strategy<Value = Act> {
    let ended = prop_oneof![
        Just(None),
        Just(Some(Outcome::Accepted)),
        Just(Some(Outcome::Refused)),
        Just(Some(Outcome::Unknown)),
    ];
    prop_oneof![(0..6_u32).prop_map(Act::Send), ended.prop_map(Act::End)]
}

fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![Just(Outcome::Sent), Just(Outcome::Accepted), Just(Outcome::Refused), Just(Outcome::Unknown)]
}

fn any_record() -> impl Strategy<Value = DeviceRecord> {
    let sent = (any::<u32>(), 0..4_000_000_u64, outcome());
    let clock = (any::<bool>(), 1..1_000_000_u64, 0..1_000_000_u64);
    let latency = proptest::option::of(0..1_000_000_u64);
    let all = (proptest::collection::vec(sent, 0..8), any::<u32>(), proptest::option::of(clock), latency);
    all.prop_map(|(sent, refused_in_a_row, clock, latency)| DeviceRecord {
        sent: sent
            .into_iter()
            .map(|(number, ms, outcome)| SentCode {
                digest: code(number),
                at: at(0) + Duration::from_millis(ms),
                outcome,
            })
            .collect(),
        refused_in_a_row,
        clock: clock.map(|(ahead, by, boot)| SeenClock {
            offset: if ahead {
                ClockOffset::Ahead(Duration::from_millis(by))
            } else {
                ClockOffset::Behind(Duration::from_millis(by))
            },
            at: Now { wall: at(by), boot: Duration::from_millis(boot) },
        }),
        latency: latency.map(Duration::from_millis),
    })
}

proptest! {
    /// Whatever is sent and however it ends, in whatever order, with the record written and read in between as processes do.
    #[test]
    fn a_code_is_never_sent_twice(acts in proptest::collection::vec(act(), 0..60)) {
        let mut kept = record::write(&DeviceRecord::default());
        let (mut out, mut in_the_air) = (Vec::new(), Vec::new());
        for (second, act) in (0..).zip(acts) {
            let mut record = record::read(&kept).unwrap();
            match act {
                Act::Send(number) => {
                    if may_send(&record, code(number), at(second)) == MaySend::Send {
                        prop_assert!(!out.contains(&number), "{number} went out before");
                        record.note_sent(code(number), at(second));
                        out.push(number);
                        in_the_air.push(number);
                    }
                }
                Act::End(_) if in_the_air.is_empty() => {}
                Act::End(outcome) => {
                    let number = in_the_air.remove(0);
                    record.note_outcome(code(number), outcome);
                    if outcome.is_none() {
                        out.retain(|sent| *sent != number);
                    }
                }
            }
            kept = record::write(&record);
        }
    }

    /// Whatever was sent within the last minutes is remembered, at whatever pace and with whatever came of it.
    #[test]
    fn what_aws_may_take_still_is_remembered(sends in proptest::collection::vec((0..20_u64, outcome()), 0..80)) {
        let (mut record, mut now, mut all) = (DeviceRecord::default(), 0, Vec::new());
        for (number, (later, outcome)) in (0..).zip(sends) {
            now += later;
            record.note_sent(code(number), at(now));
            record.note_outcome(code(number), Some(outcome));
            all.push((number, now));
            for (number, sent) in all.iter().rev().enumerate().filter(|(age, (_, sent))| *age < 8 || now - sent < 180) {
                prop_assert!(may_send(&record, code(sent.0), at(now)) != MaySend::Send, "{number} {sent:?} at {now}");
            }
            prop_assert!(record.sent.len() <= all.iter().filter(|(_, sent)| now - sent < 180).count().max(8) + 1);
        }
    }

    #[test]
    fn a_record_that_is_written_is_read(record in any_record()) {
        prop_assert_eq!(record::read(&record::write(&record)), Ok(record));
    }

    #[test]
    fn every_wait_ends_in_a_step_with_enough_left(record in any_record(), usual in 0..60_u64, into in 0..30_000_u64) {
        let now = at(0) + Duration::from_millis(into);
        let then = now + wait_before_fetch(&record, secs(usual), now);
        prop_assert_eq!(wait_before_fetch(&record, secs(usual), then), Duration::ZERO);
        prop_assert!(then.duration_since(now).unwrap() <= STEP);
        let next = next_code(now);
        prop_assert!(step(next) == step(now) + 1 && next.duration_since(now).unwrap() <= STEP + A_LITTLE);
        prop_assert!(pause(&record, now) <= LONGEST_PAUSE);
    }
}
