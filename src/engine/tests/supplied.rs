//! Two engines: a daemon's, and that of an `exec` which the daemon supplies. What holds for clients of the one holds for
//! clients of the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::stage::*;
use crate::credential::handover::{self, PROTOCOL, PROTOCOL_HEADER, Refusal, Wanted};
use crate::credential::{Credential, FailureClass, Want};
use crate::engine::lifetime::{CONTAINER_LIFE, INSTANCE_LIFE};
use crate::engine::{Engine, Settings};
use crate::secret::Digest;
use crate::source::Recipe;
use crate::source::daemon::DaemonSource;
use crate::world::http::{Http, HttpError, HttpLimits};
use crate::world::simulated::{SimulatedClock, Step};
use crate::world::{BoxFuture, Clock as _};

/// The daemon's end of the control socket, without a socket.
struct Daemon {
    engine: Engine,
    clock: Arc<SimulatedClock>,
    /// It is of a version that knows nothing of what a command's own clients want.
    older: bool,
    asked: Arc<AtomicUsize>,
}

impl Http for Daemon {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let (engine, clock, older) = (self.engine.clone(), self.clock.clone(), self.older);
        self.asked.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let wanted: Wanted = serde_json::from_slice(request.body()).unwrap();
            let digest = Digest::from_hex(&wanted.digest.unwrap()).unwrap();
            let min_life = wanted.min_life_secs.filter(|_| !older).map_or(CONTAINER_LIFE, Duration::from_secs);
            let (status, body) = match engine.answer_with(&ask(&wanted.identity), min_life, PATIENCE).await {
                Ok(credential) => (200, handover::write(&credential, digest, clock.now()).expose().to_owned()),
                Err(failure) => (503, serde_json::to_string(&Refusal::of(&failure)).unwrap()),
            };
            let answer = http::Response::builder().status(status).header(PROTOCOL_HEADER, PROTOCOL);
            Ok(answer.body(Bytes::from(body)).unwrap())
        })
    }
}

/// An `exec` that the stage's engine supplies.
struct Exec {
    engine: Engine,
    clock: Arc<SimulatedClock>,
    /// How often it asked the daemon.
    asked: Arc<AtomicUsize>,
}

impl Exec {
    fn supplied_by(stage: &Stage, names: &[&str]) -> Self {
        Self::supplied_by_daemon(stage, names, false)
    }

    fn supplied_by_daemon(stage: &Stage, names: &[&str], older: bool) -> Self {
        let asked = Arc::<AtomicUsize>::default();
        let recipe = |name: &&str| {
            let digest = Digest::of(name.as_bytes());
            let source = DaemonSource {
                daemon: Arc::new(Daemon {
                    engine: stage.engine.clone(),
                    clock: stage.clock.clone(),
                    older,
                    asked: asked.clone(),
                }),
                clock: stage.clock.clone(),
                identity: (*name).into(),
                want: Want::Keys,
                digest,
                handed_back: Arc::new(|why| panic!("{why:?}")),
            };
            (ask(name), Recipe { source: Arc::new(source), digest, keep_warm: false, max_hold: None, min_life: None })
        };
        let book = Book(names.iter().map(recipe).collect::<HashMap<_, _>>());
        let engine = Engine::start(world(stage.clock.clone()), Arc::new(book), Settings::default());
        Self { engine, clock: stage.clock.clone(), asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }

    /// Asks as a client does, and checks that nothing dead comes back.
    async fn get(&self, name: &str) -> Option<Arc<Credential>> {
        self.answer_with(name, CONTAINER_LIFE).await
    }

    /// The same as a client that wants so much of its life.
    async fn answer_with(&self, name: &str, min_life: Duration) -> Option<Arc<Credential>> {
        let credential = self.engine.answer_with(&ask(name), min_life, PATIENCE).await.ok()?;
        assert!(credential.expiration > cloud_time(self.clock.now()), "{name}: a dead credential was served");
        Some(credential)
    }
}

const OUTAGE: Does = Does::Fails(FailureClass::TryLater, "UpstreamUnavailable");

#[tokio::test(start_paused = true)]
async fn a_clock_set_back_before_the_exec_began_serves_no_dead_key() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.pass(10 * MINUTE).await;
    stage.fake("prod").now_does(OUTAGE);
    stage.clock.step_wall(Step::Back(HOUR));
    let exec = Exec::supplied_by(&stage, &["prod"]);
    let credential = exec.get("prod").await.unwrap();
    assert_eq!(credential.lifetime(), HOUR);
    for minute in 10..180 {
        let served = exec.get("prod").await.is_some();
        assert_eq!(served, minute < 59, "minute {minute}");
        stage.pass(MINUTE).await;
    }
}

#[tokio::test(start_paused = true)]
async fn c25_a_15_minute_role_never_has_less_than_ten_in_a_supplied_exec_either() {
    let stage = Stage::set([plain("prod", 15 * MINUTE)]);
    stage.key_id("prod").await;
    // two that came at different times
    let mut jobs = Vec::new();
    for _ in 0..2 {
        stage.pass(2 * MINUTE).await;
        jobs.push(Exec::supplied_by(&stage, &["prod"]));
    }
    for quarter in 1..=8 {
        let before = stage.fake("prod").issues();
        for second in 0..900 {
            for job in &jobs {
                let left = job.get("prod").await.unwrap().remaining(stage.clock.now());
                assert!(left >= 10 * MINUTE, "quarter {quarter}, second {second}: {left:?}");
            }
            stage.pass(SECOND).await;
        }
        let calls = stage.fake("prod").issues() - before;
        assert!((3..=5).contains(&calls), "quarter {quarter}: {calls}");
    }
    for job in &jobs {
        let warnings = &job.engine.snapshot().asks[0].warnings;
        assert!(matches!(&warnings[..], [only] if only.contains("15 min")), "{warnings:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_instances_clients_get_26_minutes_of_a_daemon_too() {
    let stage = Stage::set([plain("prod", HOUR)]);
    // the daemon's own clients are content with 20, and what it holds is half an hour old
    stage.key_id("prod").await;
    stage.pass(35 * MINUTE - SECOND).await;
    let exec = Exec::supplied_by(&stage, &["prod"]);
    for second in 0..3 * 3600 {
        let left = exec.answer_with("prod", INSTANCE_LIFE).await.unwrap().remaining(stage.clock.now());
        assert!(left >= INSTANCE_LIFE, "second {second}: {left:?}");
        stage.pass(SECOND).await;
    }
    let fetched = stage.fake("prod").issues();
    assert!((7..=8).contains(&fetched), "one in 29 minutes: {fetched}");
    assert!(exec.asked() <= 3 * fetched, "{} times for {fetched}", exec.asked());
}

#[tokio::test(start_paused = true)]
async fn an_older_daemon_that_gives_an_instances_clients_less_is_asked_once_a_minute() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    stage.pass(35 * MINUTE - SECOND).await;
    let exec = Exec::supplied_by_daemon(&stage, &["prod"], true);
    for hour in 0..4 {
        let before = exec.asked();
        for second in 0..3600 {
            let credential = exec.answer_with("prod", INSTANCE_LIFE).await.expect("the daemon has one");
            let left = credential.remaining(stage.clock.now());
            assert!(left > 20 * MINUTE, "hour {hour}, second {second}: {left:?}");
            stage.pass(SECOND).await;
        }
        // at 31 minutes and a few times after that, then once a minute until the daemon has another one at 25
        let asked = exec.asked() - before;
        assert!(asked <= 2 * 12, "hour {hour}: {asked}");
    }
    let fetched = stage.fake("prod").issues();
    assert!((7..=9).contains(&fetched), "the daemon fetches as it would without us: {fetched}");
}

#[tokio::test(start_paused = true)]
async fn a_daemon_in_an_outage_is_asked_once_a_minute_and_served_from_to_the_end() {
    let stage = Stage::set([plain("prod", HOUR)]);
    stage.key_id("prod").await;
    let exec = Exec::supplied_by(&stage, &["prod"]);
    exec.get("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(34 * MINUTE).await;
    let before = exec.asked();
    for second in (62..26 * 60).rev() {
        assert!(exec.get("prod").await.is_some(), "{second} s are left");
        stage.pass(SECOND).await;
    }
    let asked = exec.asked() - before;
    assert!((20..=32).contains(&asked), "{asked} times in 25 minutes");
    stage.pass(2 * SECOND).await;
    assert!(exec.get("prod").await.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_a_daemon_has_anew_after_an_outage_is_known_a_minute_later() {
    let stage = Stage::set([plain("prod", HOUR)]);
    let exec = Exec::supplied_by(&stage, &["prod"]);
    exec.get("prod").await;
    stage.fake("prod").now_does(OUTAGE);
    stage.pass(50 * MINUTE).await;
    stage.fake("prod").now_does(Does::Works);
    stage.engine.reset(crate::engine::Reset::All);
    stage.pass(MINUTE + SECOND).await;
    assert!(exec.get("prod").await.unwrap().remaining(stage.clock.now()) > 50 * MINUTE);
}
