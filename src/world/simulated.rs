//! Stand-ins for the outside, for tests: a clock that a test steers, files in memory, and an HTTP client whose upstream
//! lives in the same process. Nothing in the product builds one.
//!
//! A simulated clock follows tokio's own time, so on a paused runtime (`#[tokio::test(start_paused = true)]`) days pass
//! as fast as the timers fire. What tokio's time cannot do, a test does by hand: put the machine to sleep
//! ([`SimulatedClock::suspend`]) or set the wall clock ([`SimulatedClock::step_wall`]).
//!
//! Real sockets and paused time do not mix: the runtime sees nobody ready and fires every timer. A [`SimulatedHttp`] hands
//! each request to a server over an in-memory pipe instead.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use std::{fmt, io};

use bytes::Bytes;
use tokio::io::DuplexStream;
use tokio::time::Instant;

use super::BoxFuture;
use super::clock::Clock;
use super::files::{FileLock, Files};
use super::http::exchange::{exchange, host_of};
use super::http::{Http, HttpError, HttpLimits};
use super::keyring::{Keyring, KeyringError};
use crate::credential::Now;
use crate::secret::Secret;

/// A clock for tests: both clocks advance with tokio's `Instant`, and as the test says.
pub struct SimulatedClock {
    origin: Instant,
    steered: Mutex<Steered>,
}

/// What both clocks show at the origin, as steered since.
struct Steered {
    wall: SystemTime,
    boot: Duration,
}

impl SimulatedClock {
    /// A clock whose wall time is `start` now. Boot time starts at an hour: the machine has been up for a while.
    pub fn new(start: SystemTime) -> Self {
        let steered = Steered { wall: start, boot: Duration::from_secs(3600) };
        Self { origin: Instant::now(), steered: Mutex::new(steered) }
    }

    /// The machine sleeps for so long: both clocks jump, tokio's timers do not.
    pub fn suspend(&self, asleep: Duration) {
        self.steer(|steered| {
            steered.wall += asleep;
            steered.boot += asleep;
        });
    }

    /// Somebody sets the wall clock; boot time goes on as before.
    pub fn step_wall(&self, step: Step) {
        self.steer(|steered| match step {
            Step::Forward(by) => steered.wall += by,
            Step::Back(by) => steered.wall -= by,
        });
    }

    fn steer(&self, change: impl FnOnce(&mut Steered)) {
        change(&mut self.steered.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// How the wall clock is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Later than it showed.
    Forward(Duration),
    /// Earlier than it showed.
    Back(Duration),
}

impl Clock for SimulatedClock {
    fn now(&self) -> Now {
        let elapsed = self.origin.elapsed();
        let steered = self.steered.lock().unwrap_or_else(PoisonError::into_inner);
        Now { wall: steered.wall + elapsed, boot: steered.boot + elapsed }
    }
}

/// Files in memory, by their paths: what is not there does not exist. There are no links, and all of it is private. A clone
/// has the same files, as two programs on one machine.
#[derive(Clone, Default)]
pub struct MemoryFiles {
    files: Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>,
    locked: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl MemoryFiles {
    /// The same with one file more, or with other content.
    #[must_use]
    pub fn with(self, path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        self.files().insert(path.into(), content.into());
        self
    }

    fn files(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Files for MemoryFiles {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files().get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn replace(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.files().insert(path.to_owned(), content.to_owned());
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<bool> {
        Ok(self.files().remove(path).is_some())
    }

    fn read_private(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read(path)
    }

    fn read_owners(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read(path)
    }

    fn replace_private(&self, path: &Path, content: &[u8]) -> io::Result<()> {
        self.replace(path, content)
    }

    fn try_lock(&self, path: &Path) -> io::Result<Option<FileLock>> {
        let fresh = self.locked.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned());
        Ok(fresh.then(|| FileLock::new(MemoryLock { locked: self.locked.clone(), path: path.to_owned() })))
    }
}

/// Their names: what stands in them may be secret.
impl fmt::Debug for MemoryFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.files().keys()).finish()
    }
}

struct MemoryLock {
    locked: Arc<Mutex<BTreeSet<PathBuf>>>,
    path: PathBuf,
}

impl Drop for MemoryLock {
    fn drop(&mut self) {
        self.locked.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.path);
    }
}

/// A keyring in memory. A clone has the same secrets.
#[derive(Clone, Default)]
pub struct MemoryKeyring(Arc<Mutex<BTreeMap<String, Secret>>>);

impl MemoryKeyring {
    fn secrets(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keyring for MemoryKeyring {
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Secret>, KeyringError>> {
        let found = self.secrets().get(name).cloned();
        Box::pin(async { Ok(found) })
    }

    fn write(&self, name: &str, _: &str, secret: Secret) -> BoxFuture<'static, Result<(), KeyringError>> {
        self.secrets().insert(name.to_owned(), secret);
        Box::pin(async { Ok(()) })
    }

    fn remove(&self, name: &str) -> BoxFuture<'static, Result<bool, KeyringError>> {
        let was_there = self.secrets().remove(name).is_some();
        Box::pin(async move { Ok(was_there) })
    }
}

/// An HTTP client for tests: every request goes over a pipe of its own to whoever `connect` gives the other end to.
pub struct SimulatedHttp {
    connect: Box<Connect>,
}

/// Takes the server's end of a fresh pipe to this address, or tells why there is no connection.
type Connect = dyn Fn(&http::Uri, DuplexStream) -> Result<(), String> + Send + Sync;

impl SimulatedHttp {
    /// `connect` is called for each request with its address and the server's end of a fresh pipe: it hands the end to a
    /// task that serves HTTP/1 on it, or tells why there is no connection.
    pub fn new(connect: impl Fn(&http::Uri, DuplexStream) -> Result<(), String> + Send + Sync + 'static) -> Self {
        Self { connect: Box::new(connect) }
    }
}

impl Http for SimulatedHttp {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let (ours, theirs) = tokio::io::duplex(64 << 10);
        let host = host_of(request.uri());
        let connected = (self.connect)(request.uri(), theirs);
        Box::pin(async move {
            match connected {
                Ok(()) => exchange(ours, request, limits, &host).await,
                Err(reason) => Err(HttpError::Connect { host, reason }),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::{BodyExt as _, Full};
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;

    use super::*;

    /// Answers `/slow` after an hour, everything else with what it was sent.
    async fn serve(io: DuplexStream) {
        let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
            if request.uri().path() == "/slow" {
                tokio::time::sleep(HOUR).await;
            }
            let host = request.headers()["host"].to_str().unwrap().to_owned();
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from([host.as_bytes(), b" ", &body].concat()))))
        });
        let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service).await;
    }

    fn upstream() -> Arc<dyn Http> {
        Arc::new(SimulatedHttp::new(|uri, io| {
            if uri.host() == Some("down.test") {
                return Err("down".to_owned());
            }
            tokio::spawn(serve(io));
            Ok(())
        }))
    }

    async fn ask(url: &str) -> Result<http::Response<Bytes>, HttpError> {
        let request = http::Request::post(url).body(Bytes::from("hello")).unwrap();
        upstream().send(request, HttpLimits::default()).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_is_answered_over_a_pipe_in_paused_time() {
        let before = Instant::now();
        assert_eq!(ask("https://sts.test:8443/").await.unwrap().body(), "sts.test:8443 hello");
        assert!(before.elapsed() < Duration::from_secs(1));
        assert!(matches!(ask("https://down.test/").await, Err(HttpError::Connect { reason, .. }) if reason == "down"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_upstream_costs_the_limit_in_simulated_time() {
        let before = Instant::now();
        assert!(matches!(ask("https://sts.test/slow").await, Err(HttpError::TimedOut { .. })));
        assert_eq!(before.elapsed(), HttpLimits::default().total);
    }

    const HOUR: Duration = Duration::from_secs(3600);

    fn start() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000)
    }

    #[tokio::test(start_paused = true)]
    async fn both_clocks_follow_the_paused_timers() {
        let clock = SimulatedClock::new(start());
        let before = clock.now();
        tokio::time::sleep(24 * HOUR).await;
        let after = clock.now();
        assert_eq!(after.wall.duration_since(before.wall).ok(), Some(24 * HOUR));
        assert_eq!(after.boot - before.boot, 24 * HOUR);
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspend_moves_both_and_a_step_only_the_wall() {
        let clock = SimulatedClock::new(start());
        let before = clock.now();
        clock.suspend(8 * HOUR);
        assert_eq!(clock.now(), Now { wall: before.wall + 8 * HOUR, boot: before.boot + 8 * HOUR });
        clock.step_wall(Step::Back(HOUR));
        assert_eq!(clock.now(), Now { wall: before.wall + 7 * HOUR, boot: before.boot + 8 * HOUR });
        clock.step_wall(Step::Forward(3 * HOUR));
        assert_eq!(clock.now(), Now { wall: before.wall + 10 * HOUR, boot: before.boot + 8 * HOUR });
    }
}
