//! A working day, and ninety days of a portal session, with one login each.

use std::time::{Duration, SystemTime};

use simcloud::Call;

use crate::machine::{HOUR, MINUTE, SECOND};
use crate::office::{LONG, Office, SHORT};

const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test(start_paused = true)]
async fn a_working_day_has_one_login_and_no_failed_request() {
    let mut office = Office::open(|_| (), "");
    let (_, refused) = office.first_refusal(LONG, MINUTE).await;
    refused.assert_names_login(LONG, "LoginRequired");
    assert_eq!(office.cloud.calls().len(), 0, "who never signed in costs the cloud nothing");
    tokio::time::sleep(HOUR - office.open_for()).await;
    // 09:00 to 12:00, and 13:00 to a minute before 17:00
    office.credenza_login().await.expect("she signs in");
    office.serve(3 * HOUR).await;
    office.machine.clock.suspend(HOUR);
    office.serve(4 * HOUR - MINUTE).await;

    assert_eq!(office.served, 2 * (7 * 60 - 1));
    assert_eq!((office.cloud.logins().len(), office.cloud.sign_ins().len()), (1, 1));
    let ahead = renewed_ahead(&office);
    let mut last = ahead.len();
    for (number, (at, left)) in ahead.iter().enumerate() {
        let since_nine = at.duration_since(office.opened()).expect("time passes") - HOUR;
        match since_nine {
            // it ended while the machine slept
            since if since >= 4 * HOUR && since < 4 * HOUR + MINUTE => assert_eq!(*left, Duration::ZERO),
            since if since < 7 * HOUR + 38 * MINUTE => {
                assert!(*left >= 20 * MINUTE && *left < 23 * MINUTE + SECOND, "renewed with {left:?} left at {at:?}");
            }
            // the portal session ends at 17:00, and so does whatever a renewal brings
            _ => last = last.min(number),
        }
    }
    // every 37 to 40 min: after 38, 76, 116 and 154 min or so of the morning, at 13:00, and five times in the afternoon; and
    // with 20, 10, 5, 2.5 and 1.25 min left of the day
    assert_eq!((last, ahead.len()), (10, 15), "{ahead:?}");
    // an hour's every 35 min, those of 15 min every 4.5 min
    assert!((12..=14).contains(&fetched(&office, LONG)), "{}", fetched(&office, LONG));
    assert!((93..=97).contains(&fetched(&office, SHORT)), "{}", fetched(&office, SHORT));
    office.machine.engine.clone().stop().await;
}

/// When the refresh token was used, and what was left then of the access token before it.
fn renewed_ahead(office: &Office) -> Vec<(SystemTime, Duration)> {
    let mut ends: Vec<SystemTime> = office.cloud.access_tokens().iter().filter_map(|token| token.expires).collect();
    ends.sort_unstable();
    let is_one = |call: &Call| call.parameters.contains(&("grantType".to_owned(), "refresh_token".to_owned()));
    let calls = office.cloud.calls();
    let renewals = calls.iter().filter(|call| is_one(call)).map(|call| call.at);
    renewals.zip(ends).map(|(at, end)| (at, end.duration_since(at).unwrap_or_default())).collect()
}

/// How often the role of an identity was asked for.
fn fetched(office: &Office, identity: &str) -> usize {
    let calls = office.cloud.calls();
    calls.iter().filter(|call| call.role.as_ref().is_some_and(|role| role.ends_with(identity))).count()
}

#[tokio::test(start_paused = true)]
async fn a_portal_session_of_ninety_days_has_one_login() {
    let mut office = Office::open(|instance| instance.session = 90 * DAY, "");
    office.credenza_login().await.expect("she signs in");
    let (mut renewals, mut fetches) = (0, 0);
    for day in 1..=90 {
        // eight hours a day, and on the last day to the last hour
        let awake = if day == 90 { 23 } else { 8 };
        for _ in 0..awake * 12 {
            office.serves(LONG).await;
            tokio::time::sleep(5 * MINUTE).await;
        }
        assert_eq!(office.failed_calls(), [""; 0], "day {day}");
        renewals += office.refreshes();
        fetches += fetched(&office, LONG);
        office.cloud.forget_calls();
        office.cloud.forget_ended_before(office.cloud.now());
        office.machine.clock.suspend(24 * HOUR - awake * HOUR);
    }
    assert_eq!((office.cloud.logins().len(), office.cloud.sign_ins().len()), (1, 1));
    // 480 min a day: every 37 to 40 min, and every 35 min, the first time on waking
    assert!((90 * 12..=90 * 15).contains(&renewals), "{renewals} renewals");
    assert!((90 * 13..=90 * 15).contains(&fetches), "{fetches} fetches");
    // and an hour later it is over
    office.first_refusal(LONG, 2 * HOUR).await.1.assert_names_login(LONG, "LoginRequired");
    office.machine.engine.clone().stop().await;
}
