//! The cloud on a paused runtime, over pipes: days pass in a moment, and nothing in it waits for the machine's clock.

mod support;

use std::{sync::Arc, time::Duration};

use simcloud::{Cloud, Fault, Keys, SignedDuration, Trust};
use support::{ACCOUNT, BASE, ROLE, START, at, client::call};
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);
const ASSUME: [(&str, &str); 2] = [("RoleArn", ROLE), ("RoleSessionName", "one")];

#[tokio::test(start_paused = true)]
async fn thirty_days_pass_in_a_moment() {
    let start = Instant::now();
    let cloud = Cloud::new(Arc::new(move || at(START) + start.elapsed()));
    let base = cloud.add_user("base", ACCOUNT);
    cloud.add_role(ROLE, Trust::of([BASE]), Duration::from_secs(3600));
    let mut keys: Option<Keys> = None;
    // A client that takes new keys five minutes before the old ones end: every 55 minutes of 43,200.
    for _ in 0..30 * 24 * 60 {
        let now = cloud.now();
        let left = keys.as_ref().and_then(|keys| cloud.issued(&keys.access_key_id)?.expires?.duration_since(now).ok());
        if left.is_none_or(|left| left <= 5 * MINUTE) {
            keys = Some(call(&cloud, &base, "AssumeRole", &ASSUME).await.keys());
        }
        assert!(cloud.judge(keys.as_ref().unwrap()).is_ok());
        sleep(MINUTE).await;
    }
    assert_eq!(start.elapsed(), 30 * 24 * 60 * MINUTE);
    assert_eq!(cloud.count("AssumeRole"), (30 * 24 * 60_usize).div_ceil(55));
    let temporary = |cloud: &Cloud| cloud.all_issued().iter().filter(|issued| issued.is_temporary()).count();
    cloud.forget_ended_before(cloud.now());
    assert_eq!(temporary(&cloud), 1);
}

#[tokio::test(start_paused = true)]
async fn the_clouds_clock_alone_decides() {
    let start = Instant::now();
    let cloud = Cloud::new(Arc::new(move || at(START) + start.elapsed()));
    let base = cloud.add_user("base", ACCOUNT);
    cloud.add_role(ROLE, Trust::of([BASE]), Duration::from_secs(3600));
    let keys = call(&cloud, &base, "AssumeRole", &ASSUME).await.keys();
    sleep(59 * MINUTE).await;
    assert!(cloud.judge(&keys).is_ok());
    cloud.set_offset(SignedDuration::from_mins(1));
    assert_eq!(cloud.judge(&keys).unwrap_err().code, "ExpiredToken");
    cloud.set_offset(SignedDuration::from_mins(-30));
    assert!(cloud.judge(&keys).is_ok());
}

#[tokio::test(start_paused = true)]
async fn an_outage_ends_when_it_is_cleared() {
    let start = Instant::now();
    let cloud = Cloud::new(Arc::new(move || at(START) + start.elapsed()));
    let base = cloud.add_user("base", ACCOUNT);
    let outage = cloud.add_fault(Fault::outage());
    let steering = cloud.clone();
    tokio::spawn(async move {
        sleep(40 * MINUTE).await;
        steering.clear_fault(outage);
    });
    let mut refused = 0;
    while call(&cloud, &base, "GetCallerIdentity", &[]).await.status() == 503 {
        refused += 1;
        sleep(MINUTE).await;
    }
    assert_eq!(refused, 40);
}
