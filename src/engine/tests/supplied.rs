//! Two engines: a daemon's, and that of an `exec` which the daemon supplies. What holds for clients of the one holds for
//! clients of the other.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::stage::*;
use crate::credential::handover::{self, PROTOCOL, PROTOCOL_HEADER, Refusal, Wanted};
use crate::credential::{Credential, FailureClass};
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
}

impl Http for Daemon {
    fn send(
        &self,
        request: http::Request<Bytes>,
        _: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let (engine, clock) = (self.engine.clone(), self.clock.clone());
        Box::pin(async move {
            let wanted: Wanted = serde_json::from_slice(request.body()).unwrap();
            let digest = Digest::from_hex(&wanted.digest.unwrap()).unwrap();
            let (status, body) = match engine.get(&ask(&wanted.identity), PATIENCE).await {
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
}

impl Exec {
    fn supplied_by(stage: &Stage, names: &[&str]) -> Self {
        let recipe = |name: &&str| {
            let digest = Digest::of(name.as_bytes());
            let source = DaemonSource {
                daemon: Arc::new(Daemon { engine: stage.engine.clone(), clock: stage.clock.clone() }),
                clock: stage.clock.clone(),
                identity: (*name).into(),
                digest,
                handed_back: Arc::new(|why| panic!("{why:?}")),
            };
            (ask(name), Recipe { source: Arc::new(source), digest, keep_warm: false, max_hold: None })
        };
        let book = Book(names.iter().map(recipe).collect::<HashMap<_, _>>());
        let engine = Engine::start(world(stage.clock.clone()), Arc::new(book), Settings::default());
        Self { engine, clock: stage.clock.clone() }
    }

    /// Asks as a client does, and checks that nothing dead comes back.
    async fn get(&self, name: &str) -> Option<Arc<Credential>> {
        let credential = self.engine.get(&ask(name), PATIENCE).await.ok()?;
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
