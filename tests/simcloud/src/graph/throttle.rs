//! 429 with `Retry-After`: every so many calls, or above a rate. Who comes back earlier than told is sent away again.

use std::time::{Duration, SystemTime};

use serde::Deserialize;

use crate::Cloud;

/// How much is let through.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Throttle {
    /// Of so many calls the last is refused: 5 refuses the 5th, the 10th ...
    #[serde(default)]
    pub every: Option<u64>,
    /// More calls than this in one second of the cloud's clock are refused.
    #[serde(default)]
    pub calls_per_sec: Option<u64>,
    /// What `Retry-After` says, in seconds. Nobody is let through before; 0 lets the next one through.
    #[serde(default)]
    pub retry_after_secs: u64,
}

/// The limits and where they stand.
#[derive(Default)]
pub(crate) struct State {
    limits: Throttle,
    calls: u64,
    second: Option<(SystemTime, u64)>,
    closed_until: Option<SystemTime>,
}

impl State {
    fn new(limits: Throttle) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Counts a call; how long to wait when it is not let through.
    fn count(&mut self, now: SystemTime) -> Option<Duration> {
        if let Some(left) =
            self.closed_until.and_then(|until| until.duration_since(now).ok()).filter(|left| !left.is_zero())
        {
            return Some(Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0)));
        }
        self.calls += 1;
        let in_this_second = match self.second {
            Some((start, calls)) if now.duration_since(start).is_ok_and(|since| since < Duration::from_secs(1)) => {
                self.second = Some((start, calls + 1));
                calls + 1
            }
            _ => {
                self.second = Some((now, 1));
                1
            }
        };
        let is_nth = self.limits.every.is_some_and(|every| every > 0 && self.calls.is_multiple_of(every));
        let is_above = self.limits.calls_per_sec.is_some_and(|most| in_this_second > most);
        if !is_nth && !is_above {
            return None;
        }
        let wait = Duration::from_secs(self.limits.retry_after_secs);
        self.closed_until = now.checked_add(wait);
        Some(wait)
    }
}

impl Cloud {
    /// Limits the calls of Graph from now on, or lets all through.
    pub fn set_graph_throttle(&self, limits: Option<Throttle>) {
        self.state().graph.throttle = State::new(limits.unwrap_or_default());
    }

    pub(super) fn throttle_graph(&self) -> Option<Duration> {
        let now = self.now();
        self.state().graph.throttle.count(now)
    }
}
