//! The loop that keeps a job supplied, in simulated time, with a daemon on a real socket.

mod stage;

use self::stage::*;
use super::News;
use crate::source::daemon::HandedBack;

fn differs(name: &str) -> HandedBack {
    HandedBack::Differs { identity: name.into(), why: "test".to_owned() }
}

fn unable(name: &str) -> HandedBack {
    HandedBack::Unable { identity: name.into(), why: "test".to_owned() }
}

fn away() -> HandedBack {
    HandedBack::Away { why: "test".to_owned() }
}

/// Sources of the daemon were made once.
const CURRENT: u64 = 1;

#[tokio::test(start_paused = true)]
async fn news_of_sources_that_are_in_use_no_more_change_nothing() {
    let stage = Stage::with(|_| {}).await;
    for generation in [CURRENT - 1, CURRENT + 1] {
        for found in [differs("one"), unable("one"), away()] {
            stage.tell(News::Back { generation, found });
            pass(SECOND).await;
            assert_eq!([stage.supplied_by("one").await, stage.supplied_by("two").await], [DAEMONS; 2]);
        }
    }
    pass(120 * SECOND).await;
    assert_eq!(stage.daemon.announced(), [0]);
}

#[tokio::test(start_paused = true)]
async fn what_a_fetch_hands_back_is_made_by_ourselves_and_the_rest_stays() {
    for found in [differs("one"), unable("one")] {
        let stage = Stage::with(|_| {}).await;
        stage.tell(News::Back { generation: CURRENT, found });
        pass(SECOND / 2).await;
        assert_eq!([stage.supplied_by("one").await, stage.supplied_by("two").await], [OWN, DAEMONS]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_asked_about_again_and_what_is_lifted_supplied() {
    let stage = Stage::with(|daemon| daemon.refuses("one", true)).await;
    assert_eq!([stage.supplied_by("one").await, stage.supplied_by("two").await], [OWN, DAEMONS]);
    stage.daemon.refuses("one", false);
    pass(SECOND).await;
    assert_eq!([stage.supplied_by("one").await, stage.supplied_by("two").await], [DAEMONS; 2]);
    // and content is left alone
    pass(200 * SECOND).await;
    assert_eq!(stage.daemon.announced(), [0, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_stays_is_asked_about_ever_more_seldom_and_another_one_soon() {
    let stage = Stage::with(|daemon| daemon.refuses("one", true)).await;
    pass(200 * SECOND).await;
    assert_eq!(stage.daemon.announced(), [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    // it says something else: who looks again soon learns what comes of it
    stage.daemon.refuses("two", true);
    pass(49 * SECOND).await;
    assert_eq!(stage.daemon.announced()[9..], [243, 244, 246]);
    stage.daemon.refuses("one", false);
    stage.daemon.refuses("two", false);
    pass(10 * SECOND).await;
    assert_eq!(stage.daemon.announced()[12..], [250]);
    // later, the pauses of then are forgotten
    pass(120 * SECOND).await;
    stage.daemon.differs("one", true);
    stage.daemon.refuses("one", true);
    assert_eq!(stage.supplied_by("one").await, OWN);
    let before = stage.daemon.announced().len();
    pass(SECOND).await;
    assert_eq!(stage.daemon.announced().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_comes_after_a_long_absence_and_refuses_is_asked_again_after_a_second() {
    let mut stage = Stage::without_daemon().await;
    pass(600 * SECOND).await;
    assert_eq!(stage.supplied_by("one").await, OWN);
    stage.daemon.refuses("one", true);
    stage.daemon_comes().await;
    pass(60 * SECOND).await;
    let [found, again, ..] = stage.daemon.announced()[..] else { panic!("{:?}", stage.daemon.announced()) };
    assert_eq!(again, found + 1);
}

#[tokio::test(start_paused = true)]
async fn who_agrees_and_then_hands_back_is_asked_ever_more_seldom() {
    let stage = Stage::with(|daemon| daemon.differs("one", true)).await;
    for _ in 0..300 {
        assert_eq!(stage.supplied_by("one").await, OWN);
        pass(SECOND / 2).await;
    }
    let announced = stage.daemon.announced();
    assert!((6..=9).contains(&announced.len()), "{announced:?}");
}

#[tokio::test(start_paused = true)]
async fn what_the_daemon_could_not_make_is_asked_for_again_after_a_minute_and_not_before() {
    let stage = Stage::with(|daemon| daemon.unable("one", true)).await;
    for minute in 1..=3 {
        // the first fetch finds out; the others are made by ourselves
        for _ in 0..50 {
            assert_eq!(stage.supplied_by("one").await, OWN);
            assert_eq!(stage.daemon.asked(), minute, "in minute {minute}");
            pass(SECOND).await;
        }
        pass(11 * SECOND).await;
    }
    stage.daemon.unable("one", false);
    assert_eq!(stage.supplied_by("one").await, DAEMONS);
    // who can make it is left alone
    let announced = stage.daemon.announced().len();
    pass(200 * SECOND).await;
    assert_eq!(stage.daemon.announced().len(), announced);
}

#[tokio::test(start_paused = true)]
async fn looks_for_what_could_not_be_made_do_not_let_a_refusal_wait() {
    let stage = Stage::with(|daemon| daemon.unable("one", true)).await;
    for _ in 0..10 {
        assert_eq!(stage.supplied_by("one").await, OWN);
        pass(62 * SECOND).await;
    }
    let before = stage.daemon.announced().len();
    assert!((9..=11).contains(&before), "{before}");
    stage.daemon.differs("two", true);
    stage.daemon.refuses("two", true);
    assert_eq!(stage.supplied_by("two").await, OWN);
    pass(SECOND).await;
    assert_eq!(stage.daemon.announced().len(), before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_fails_everywhere_is_not_run_again_unasked() {
    let stage = Stage::with(|daemon| daemon.unable("one", true)).await;
    stage.program.fails();
    assert_eq!(stage.get("one").await.unwrap_err().code, "ProcessFailed");
    pass(600 * SECOND).await;
    assert_eq!((stage.program.runs(), stage.daemon.asked()), (1, 1));
    // and for a client that asks every second by the waits after any failure: now, after 2 min, after 4 min
    for _ in 0..420 {
        assert!(stage.get("one").await.is_err());
        pass(SECOND).await;
    }
    assert_eq!((stage.program.runs(), stage.daemon.asked()), (4, 4));
}

#[tokio::test(start_paused = true)]
async fn the_connections_end_turns_to_our_own_sources_and_a_daemon_that_comes_back_is_found() {
    let mut stage = Stage::with(|_| {}).await;
    assert_eq!(stage.supplied_by("one").await, DAEMONS);
    stage.daemon_dies().await;
    stage.daemon_comes().await;
    pass(4 * SECOND).await;
    // no fetch had to find out
    assert_eq!((stage.daemon.announced().len(), stage.daemon.asked()), (2, 1));
    assert_eq!([stage.supplied_by("one").await, stage.supplied_by("two").await], [DAEMONS; 2]);
    stage.daemon_dies().await;
    assert_eq!([stage.supplied_by("one").await, stage.supplied_by("two").await], [OWN; 2]);
    stage.daemon_comes().await;
    pass(4 * SECOND).await;
    assert_eq!([stage.supplied_by("one").await, stage.supplied_by("two").await], [DAEMONS; 2]);
    // what it holds stays through all that
    let runs = stage.program.runs();
    stage.daemon_dies().await;
    assert_eq!(stage.get("one").await.unwrap().aws().unwrap().keys.access_key_id, DAEMONS);
    assert_eq!(stage.program.runs(), runs);
}
