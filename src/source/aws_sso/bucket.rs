//! [`Bucket`]: how often an access portal may be asked. Ten calls at once, then ten a second; less for a while after it
//! said that this was too often.
//!
//! AWS publishes no number; about 20 calls a second are known to pass, and whoever lists the roles of hundreds of accounts at
//! full speed is refused (`TooManyRequestsException`). One bucket a sign-in, shared by all in this process who ask its portal;
//! called by `portal.rs`, kept by `Learnt`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The pace of one sign-in's portal. Clones share it.
#[derive(Clone, Debug)]
pub struct Bucket {
    origin: Instant,
    rule: Arc<Mutex<Rule>>,
}

impl Bucket {
    /// Waits until one more call is within the pace.
    pub async fn take(&self) {
        let wait = self.lock().take_at(self.origin.elapsed());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    /// The portal said that it is asked too often, and perhaps for how long it wants to be left alone.
    pub fn slow_down(&self, retry_after: Option<Duration>) {
        self.lock().slow_down_at(self.origin.elapsed(), retry_after);
    }

    /// Whether somebody has it, or a new one in its place would allow more.
    pub(in crate::source) fn matters(&self) -> bool {
        Arc::strong_count(&self.rule) > 1 || self.lock().is_busy_at(self.origin.elapsed())
    }

    fn lock(&self) -> MutexGuard<'_, Rule> {
        self.rule.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Bucket {
    fn default() -> Self {
        Self { origin: Instant::now(), rule: Arc::default() }
    }
}

/// The rule, in time since the bucket was made: the generic cell rate algorithm (ITU-T I.371), which needs one number.
#[derive(Debug, Default)]
struct Rule {
    /// When the next call is due at an even pace; it may be made earlier by [`AHEAD`].
    due: Duration,
    /// How often the pace was halved.
    halved: u32,
    halved_at: Duration,
    slow_until: Duration,
}

impl Rule {
    /// How long to wait before one more call, which is counted as made then.
    fn take_at(&mut self, now: Duration) -> Duration {
        let due = self.due.max(now);
        self.due = due.saturating_add(self.pace_at(now));
        due.saturating_sub(AHEAD).saturating_sub(now)
    }

    fn slow_down_at(&mut self, now: Duration, retry_after: Option<Duration>) {
        let still_slow = now < self.slow_until;
        if !still_slow {
            (self.halved, self.halved_at) = (1, now);
        } else if now.saturating_sub(self.halved_at) >= ONE_ANSWER {
            (self.halved, self.halved_at) = ((self.halved + 1).min(MOST_HALVED), now);
        }
        let pause = retry_after.unwrap_or_default().min(LONGEST_PAUSE);
        self.due = self.due.max(now + pause + AHEAD);
        self.slow_until = now + pause + SLOW;
    }

    fn is_busy_at(&self, now: Duration) -> bool {
        now < self.due.max(self.slow_until)
    }

    fn pace_at(&self, now: Duration) -> Duration {
        if now < self.slow_until { PACE * (1 << self.halved) } else { PACE }
    }
}

/// Ten calls a second.
const PACE: Duration = Duration::from_millis(100);

/// Ten calls at once: nine of them before they are due.
const AHEAD: Duration = Duration::from_millis(900);

/// How long the pace stays low after the last complaint.
const SLOW: Duration = Duration::from_secs(30);

/// Complaints that come together are one.
const ONE_ANSWER: Duration = Duration::from_secs(1);

/// Slower than 10 / 8 calls a second it never gets.
const MOST_HALVED: u32 = 3;

/// What is waited at the most because the portal says so.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;
