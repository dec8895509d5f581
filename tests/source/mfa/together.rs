//! Several at once: tasks of one process, and processes that share nothing but the user's folders.

use std::time::Duration;

use credenza::source::mfa::{UserSessions as _, begin};
use simcloud::mfa::Verdict;
use simcloud::{Fault, Trouble};
use tokio::time::{Instant, sleep};

use super::desk::*;
use crate::stage::*;

#[tokio::test(start_paused = true)]
async fn five_at_once_share_one_code_and_one_session() {
    let desk = Desk::new().takes(Duration::from_secs(3));
    let process = desk.process();
    let begun: Vec<_> = (0..5)
        .map(|_| {
            let (process, wanted) = (process.clone(), desk.wanted());
            tokio::spawn(async move { process.begin(&wanted).await.unwrap().issued })
        })
        .collect();
    let mut ids = Vec::new();
    for begun in begun {
        let issued = begun.await.unwrap();
        desk.stage.good(&issued);
        ids.push(issued.keys.access_key_id);
    }
    ids.dedup();
    assert_eq!((ids.len(), desk.fetched(), desk.codes()), (1, 1, vec![Verdict::Accepted]));
    assert_eq!(desk.stage.cloud.count("GetSessionToken"), 1);
    assert_eq!(desk.stage.cloud.count("GetCallerIdentity"), 1, "keys and clock are looked at once an hour");
}

#[tokio::test(start_paused = true)]
async fn processes_that_keep_sessions_of_their_own_never_send_the_same_code() {
    let desk = Desk::new();
    let begun: Vec<_> = (0..3)
        .map(|_| {
            let (process, wanted) = (desk.process(), desk.wanted());
            tokio::spawn(async move { process.begin(&wanted).await.unwrap() })
        })
        .collect();
    let before = Instant::now();
    for begun in begun {
        begun.await.unwrap();
    }
    assert_eq!(desk.codes(), [Verdict::Accepted; 3]);
    let took = before.elapsed().as_secs();
    assert!((60..70).contains(&took), "each waits for a code of its own: {took} s");
}

#[tokio::test(start_paused = true)]
async fn a_code_that_is_given_is_sent_once_by_whomever() {
    let desk = Desk::new();
    let code = desk.stage.cloud.code_of(SERIAL);
    desk.process().begin_with(&desk.wanted(), &code).await.unwrap();
    let failure = desk.process().begin_with(&desk.wanted(), &code).await.unwrap_err();
    assert_eq!((failure.code, desk.codes().len(), desk.fetched()), ("CodeSpent", 1, 0));
    assert!(failure.public.contains("`credenza login prod`") && !failure.private.contains(&code), "{failure}");
    let failure = desk.process().begin_with(&desk.wanted(), "12345x").await.unwrap_err();
    assert_eq!((failure.code, desk.codes().len()), ("OtpUnusable", 1));
}

#[tokio::test(start_paused = true)]
async fn whoever_sends_marks_the_code_so_who_only_asks_cannot_make_it_send_it_twice() {
    // a command of another version, say, that looks at no record
    let desk = Desk::new();
    let process = desk.process();
    let wanted = desk.wanted();
    process.begin(&wanted).await.unwrap();
    let exchange = exchange(&desk, &desk.stage.cloud.code_of(SERIAL));
    let failure = process.here.begin(exchange).await.unwrap_err();
    assert_eq!((failure.code, desk.codes()), ("CodeSpent", vec![Verdict::Accepted]));
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_cancels_nothing() {
    let desk = Desk::new();
    let slow = Fault::new(Trouble::Slow { before_ms: 5000, after_ms: 0 });
    desk.stage.cloud.add_fault(Fault { action: Some("GetSessionToken".to_owned()), ..slow });
    let (process, wanted) = (desk.process(), desk.wanted());
    let caller = tokio::spawn({
        let (process, wanted) = (process.clone(), wanted.clone());
        async move { process.begin(&wanted).await }
    });
    sleep(Duration::from_secs(2)).await;
    caller.abort();
    assert!(caller.await.unwrap_err().is_cancelled());
    assert!(process.here.held(&wanted.key).await.unwrap().is_none());
    sleep(Duration::from_secs(4)).await;
    let kept = process.here.held(&wanted.key).await.unwrap().expect("the call went on");
    let again = process.begin(&wanted).await.unwrap();
    assert_eq!(again.issued.keys.access_key_id, kept.issued.keys.access_key_id);
    assert_eq!(desk.codes(), [Verdict::Accepted]);
}

#[tokio::test(start_paused = true)]
async fn a_session_is_renewed_ahead_where_it_is_older_than_is_wanted() {
    let desk = Desk::new();
    let (process, wanted) = (desk.process(), desk.wanted());
    let first = process.begin(&wanted).await.unwrap();
    sleep(5 * HOUR).await;
    assert_eq!(process.begin(&wanted).await.unwrap().began, first.began, "any that lives will do");
    let since = credenza::world::Clock::now(&*desk.stage.clock).wall;
    let ahead = credenza::source::mfa::How { unless_since: Some(since), ..how(None) };
    sleep(Duration::from_secs(1)).await;
    let second = begin(&wanted, ahead.clone(), &process.here, &process.world).await.unwrap();
    assert!(second.began.wall > since);
    let third = begin(&wanted, ahead, &process.here, &process.world).await.unwrap();
    assert_eq!((third.began, desk.codes().len()), (second.began, 2));
}

fn exchange(desk: &Desk, code: &str) -> credenza::source::mfa::Exchange {
    let (wanted, session) = (desk.wanted(), desk.session());
    let credenza::config::KeysOrigin::Static { keys, .. } = &session.keys else { panic!("they are static") };
    credenza::source::mfa::Exchange {
        session: wanted.key,
        identity: wanted.identity,
        sts: session.sts.clone(),
        ca_bundle: None,
        call: wanted.call,
        keys: keys.clone(),
        device: Some(credenza::source::mfa::Device {
            serial: SERIAL.to_owned(),
            code: credenza::secret::Secret::new(code),
        }),
    }
}
