//! The pace: never more than it allows, and no slower.

use super::*;

proptest::proptest! {
    #[test]
    fn never_more_than_ten_at_once_and_ten_a_second(
        steps in proptest::collection::vec((0_u64..400, 0_u8..20), 1..200),
    ) {
        let (mut rule, mut now, mut made) = (Rule::default(), Duration::ZERO, Vec::new());
        for (gap, chance) in steps {
            now += Duration::from_millis(gap);
            if chance == 0 {
                rule.slow_down_at(now, Some(Duration::from_secs(gap % 3)));
            }
            made.push(now + rule.take_at(now));
        }
        for (first, start) in made.iter().enumerate() {
            for (last, end) in made.iter().enumerate().skip(first) {
                let allowed = (*end - *start).as_millis() / 100 + 10;
                proptest::prop_assert!((last - first + 1) as u128 <= allowed, "{start:?} {end:?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn six_hundred_and_seventy_two_calls_take_a_little_over_a_minute() {
    let (bucket, start) = (Bucket::default(), Instant::now());
    for _ in 0..672 {
        bucket.clone().take().await;
    }
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(66_200) && took < Duration::from_millis(67_500), "{took:?}");
}

#[test]
fn a_complaint_halves_the_pace_for_a_while_and_a_pause_is_kept() {
    let secs = Duration::from_secs;
    let mut rule = Rule::default();
    rule.slow_down_at(secs(10), Some(secs(5)));
    assert_eq!(rule.take_at(secs(10)), secs(5), "what it said");
    assert_eq!(rule.take_at(secs(15)), PACE * 2);
    rule.slow_down_at(secs(15), None);
    rule.slow_down_at(secs(15), None);
    assert_eq!(rule.halved, 2, "complaints that come together are one");
    assert_eq!(rule.pace_at(secs(44)), PACE * 4);
    assert_eq!(rule.pace_at(secs(45)), PACE);
    rule.slow_down_at(secs(100), Some(Duration::MAX));
    assert_eq!(rule.take_at(secs(100)), LONGEST_PAUSE);
}
