//! What needs time to pass, in simulated time over pipes in memory (checklist 22-25), and the limits of a connection.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep};

use crate::client::{exchange, read_answer};
use crate::stage::{Does, MINUTE, SECOND, Stage};

const HOUR: Duration = Duration::from_secs(3600);
const MILLISECOND: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_millis(800);

/// What a GET is told: the key, what is left of it, and how long the answer took.
async fn get(stage: &Stage) -> (String, Duration, Duration) {
    let before = Instant::now();
    let answer = exchange(&mut stage.pipe(), stage.get("/creds/default")).await;
    let took = before.elapsed();
    assert_eq!(answer.status, 200, "{}", answer.body);
    let document = answer.json();
    let ends: std::time::SystemTime =
        document["Expiration"].as_str().unwrap().parse::<jiff::Timestamp>().unwrap().into();
    (document["AccessKeyId"].as_str().unwrap().into(), ends.duration_since(stage.now().wall).unwrap(), took)
}

/// An hour's credential that was used, on a machine that slept until so much is left of it.
async fn woken_with(left: Duration) -> Stage {
    let stage = Stage::new(Does::Lasts(HOUR));
    assert_eq!(get(&stage).await.0, "ASIAEXAMPLE00001");
    stage.clock.suspend(HOUR - left);
    stage
}

#[tokio::test(start_paused = true)]
async fn c22_with_24_minutes_left_a_refresh_begins_while_the_get_returns_at_once() {
    let stage = woken_with(24 * MINUTE).await;
    stage.source.now_takes(2 * SECOND);
    let (key, left, took) = get(&stage).await;
    assert_eq!((key.as_str(), took), ("ASIAEXAMPLE00001", Duration::ZERO));
    assert!(left >= 23 * MINUTE, "{left:?}");
    sleep(35 * SECOND).await;
    assert_eq!(stage.source.calls(), 2, "the refresh has begun by itself");
    let (key, left, took) = get(&stage).await;
    assert_eq!((key.as_str(), took), ("ASIAEXAMPLE00002", Duration::ZERO));
    assert!(left > 59 * MINUTE, "{left:?}");
}

#[tokio::test(start_paused = true)]
async fn c22_with_19_minutes_left_a_get_waits_for_the_refresh() {
    let stage = woken_with(19 * MINUTE).await;
    stage.source.now_takes(500 * MILLISECOND);
    let (key, left, took) = get(&stage).await;
    assert_eq!(key, "ASIAEXAMPLE00002");
    assert!(left > 20 * MINUTE, "{left:?}");
    assert!(took >= 500 * MILLISECOND && took <= PATIENCE, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn c23_a_refresh_that_takes_three_seconds_keeps_nobody_waiting_that_long() {
    let stage = woken_with(19 * MINUTE).await;
    stage.source.now_takes(3 * SECOND);
    let (key, left, took) = get(&stage).await;
    assert_eq!(key, "ASIAEXAMPLE00001");
    assert!(left > 18 * MINUTE && took <= PATIENCE + 5 * MILLISECOND, "{left:?} {took:?}");
}

#[tokio::test(start_paused = true)]
async fn c23_a_cold_start_with_an_upstream_that_hangs_is_503_in_time() {
    let stage = Stage::new(Does::Hangs);
    let before = Instant::now();
    let answer = exchange(&mut stage.pipe(), stage.get("/creds/default")).await;
    let took = before.elapsed();
    assert_eq!(answer.status, 503);
    assert!(took >= PATIENCE && took <= PATIENCE + 5 * MILLISECOND, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn c24_a_fifteen_minute_role_is_asked_for_once_however_often_it_is_used() {
    let stage = Stage::new(Does::Lasts(15 * MINUTE));
    let mut pipe = stage.pipe();
    exchange(&mut pipe, stage.get("/creds/default")).await;
    for _ in 0..1000 {
        let before = Instant::now();
        assert_eq!(exchange(&mut pipe, stage.get("/creds/default")).await.status, 200);
        assert_eq!(before.elapsed(), Duration::ZERO, "no answer waits for anything");
        sleep(60 * MILLISECOND).await;
    }
    assert_eq!(stage.source.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn c25_a_fifteen_minute_role_keeps_ten_minutes_at_five_calls_at_most() {
    let stage = Stage::new(Does::Lasts(15 * MINUTE));
    let mut least = HOUR;
    for _ in 0..15 * 60 {
        least = least.min(get(&stage).await.1);
        sleep(SECOND).await;
    }
    assert!(least >= 10 * MINUTE, "{least:?}");
    assert!(stage.source.calls() <= 5, "{}", stage.source.calls());
}

#[tokio::test(start_paused = true)]
async fn c31_a_connection_has_five_seconds_to_its_first_whole_head() {
    let stage = Stage::new(Does::Lasts(HOUR));
    for before_the_first_byte in [HOUR, 3 * SECOND] {
        let mut pipe = stage.pipe();
        let before = Instant::now();
        tokio::select! {
            nothing = read_answer(&mut pipe, false) => assert!(nothing.is_none()),
            () = sleep(before_the_first_byte) => {
                pipe.write_all(b"GET /creds/default HTTP/1.1\r\n").await.unwrap();
                assert!(read_answer(&mut pipe, false).await.is_none());
            }
        }
        let took = before.elapsed();
        assert!(took >= 5 * SECOND && took <= 6 * SECOND, "{took:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn c31_a_head_has_five_seconds_from_its_first_byte() {
    let stage = Stage::new(Does::Lasts(HOUR));
    let mut pipe = stage.pipe();
    assert_eq!(exchange(&mut pipe, stage.get("/creds/default")).await.status, 200);
    sleep(50 * SECOND).await; // idle between requests costs nothing of it
    let before = Instant::now();
    let mut sent = 0;
    for byte in stage.get("/creds/default").bytes() {
        if pipe.write_all(&[byte]).await.is_err() {
            break;
        }
        sent += 1;
        sleep(SECOND).await;
    }
    let took = before.elapsed();
    assert!(took >= 5 * SECOND && took <= 7 * SECOND, "{took:?} after {sent} bytes");
    assert!(read_answer(&mut pipe, false).await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_head_in_two_halves_is_answered_if_it_is_in_time() {
    let stage = Stage::new(Does::Lasts(HOUR));
    let mut pipe = stage.pipe();
    for _ in 0..3 {
        let request = stage.get("/creds/default");
        let (first, second) = request.split_at(30);
        pipe.write_all(first.as_bytes()).await.unwrap();
        sleep(4 * SECOND).await;
        assert_eq!(exchange(&mut pipe, second).await.status, 200);
        sleep(30 * SECOND).await;
    }
}

#[tokio::test(start_paused = true)]
async fn pooled_connections_live_for_a_minute_between_requests() {
    let stage = Stage::new(Does::Lasts(12 * HOUR));
    let mut pipe = stage.pipe();
    for _ in 0..5 {
        assert_eq!(exchange(&mut pipe, stage.get("/creds/default")).await.status, 200);
        sleep(59 * SECOND).await;
    }
    assert_eq!(exchange(&mut pipe, stage.get("/creds/default")).await.status, 200);
    let before = Instant::now();
    assert!(read_answer(&mut pipe, false).await.is_none());
    let idle = before.elapsed();
    assert!(idle >= 59 * SECOND && idle <= 61 * SECOND, "{idle:?}");
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_read_that_held_more_than_one_head_has_five_seconds_too() {
    let stage = Stage::new(Does::Lasts(HOUR));
    let mut pipe = stage.pipe();
    exchange(&mut pipe, stage.get("/creds/default")).await;
    let both = stage.get("/creds/default") + "GET /cr";
    assert_eq!(exchange(&mut pipe, both).await.status, 200);
    let before = Instant::now();
    assert!(read_answer(&mut pipe, false).await.is_none());
    assert!(before.elapsed() <= 6 * SECOND, "{:?}", before.elapsed());
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_the_answers_is_cut_off() {
    let stage = Stage::new(Does::Lasts(HOUR));
    let mut pipe = stage.pipe();
    let request = stage.get("/creds/default");
    let before = Instant::now();
    // answers are larger than requests: the way back is full long before the way there
    while pipe.write_all(request.as_bytes()).await.is_ok() {}
    let took = before.elapsed();
    assert!(took >= 10 * SECOND && took <= 12 * SECOND, "{took:?}");
    let mut rest = Vec::new();
    pipe.read_to_end(&mut rest).await.unwrap();
    assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

#[tokio::test(start_paused = true)]
async fn who_still_sends_when_it_is_answered_is_let_finish_for_a_second() {
    // Closed at once, the system would send a reset, and some would lose the answer with it.
    let stage = Stage::new(Does::Lasts(HOUR));
    let mut pipe = stage.pipe();
    let head = stage.get("/creds/default").replacen("GET", "POST", 1);
    let answer = exchange(&mut pipe, head.replace("\r\n\r\n", "\r\nContent-Length: 200000\r\n\r\nxxxx")).await;
    assert_eq!(answer.status, 405);
    pipe.write_all(&[b'x'; 150_000]).await.expect("it is read, and thrown away");
    assert!(read_answer(&mut pipe, false).await.is_none(), "nothing more is said");
    sleep(2 * SECOND).await;
    assert!(pipe.write_all(b"x").await.is_err(), "but not for ever");
}

#[tokio::test(start_paused = true)]
async fn told_to_stop_it_answers_what_it_has_begun_and_closes_the_rest() {
    let stage = Stage::new(Does::Lasts(HOUR));
    stage.source.now_takes(Duration::from_millis(500));
    let (mut busy, mut idle) = (stage.pipe(), stage.pipe());
    busy.write_all(stage.get("/creds/default").as_bytes()).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    stage.stop.send(true).unwrap();
    let before = Instant::now();
    assert!(read_answer(&mut idle, false).await.is_none());
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!(read_answer(&mut busy, false).await.unwrap().status, 200);
    assert!(read_answer(&mut busy, false).await.is_none());
    assert!(before.elapsed() <= Duration::from_millis(400));
}
