//! [`TokenRotation`]: when the token in a child's file gives way to another, so that each is good for a day.
//!
//! That is how long the projected tokens of EKS Pod Identity are good by default (the EKS user guide, "Understand how EKS Pod
//! Identity works"). Most clients read the file at every fetch; AWS CLI v2 keeps the first one that it read for its whole
//! run. So the one before stays good for as long as it was alone. It neither makes tokens nor writes files: its caller, `exec
//! --pod-identity`, hands it both.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use crate::secret::Secret;
use crate::world::Clock;

/// How long tokens are good.
#[derive(Clone, Copy, Debug)]
pub struct Timetable {
    /// How long one is the newest, such as 12 hours.
    pub period: Duration,
    /// How long it is good after that, such as 12 hours.
    pub overlap: Duration,
}

impl Default for Timetable {
    /// 12 hours and 12 hours.
    fn default() -> Self {
        Self { period: HALF_A_DAY, overlap: HALF_A_DAY }
    }
}

const HALF_A_DAY: Duration = Duration::from_secs(12 * 3600);

/// The rotation of one token file.
pub struct TokenRotation {
    clock: Arc<dyn Clock>,
    timetable: Timetable,
    /// When a token was last made, in boot time: the machine's sleep counts, what somebody sets the wall clock to does not.
    made: Duration,
    /// The newest one, while it is not in the file yet: the one in the file is good all the while.
    unwritten: Option<Secret>,
    /// What went wrong last: said once.
    trouble: Option<String>,
}

impl TokenRotation {
    /// For a file whose first token was made and written just now.
    pub fn new(clock: Arc<dyn Clock>, timetable: Timetable) -> Self {
        let made = clock.now().boot;
        Self { clock, timetable, made, unwritten: None, trouble: None }
    }

    /// Waits until there is something to do. May be dropped and called again.
    pub async fn due(&self) {
        if self.trouble.is_some() {
            tokio::time::sleep(SLICE).await;
        }
        while let Due::Wait(left) = self.now() {
            // timers do not count a laptop's sleep: it costs one slice
            tokio::time::sleep(left.min(SLICE)).await;
        }
    }

    /// Does it. `renew` makes another token and lets those before it be good for so long yet; `write` puts one into the file,
    /// in the place of the one before. What fails is warned of, and due again soon.
    pub fn step<R: Display, W: Display>(
        &mut self,
        renew: impl FnOnce(Duration) -> Result<Secret, R>,
        write: impl FnOnce(&Secret) -> Result<(), W>,
    ) {
        if matches!(self.now(), Due::Renew) {
            match renew(self.timetable.overlap) {
                Ok(token) => {
                    self.made = self.clock.now().boot;
                    self.unwritten = Some(token);
                }
                Err(error) => return self.failed(error.to_string()),
            }
        }
        let Some(token) = &self.unwritten else { return };
        match write(token) {
            Ok(()) => {
                (self.unwritten, self.trouble) = (None, None);
                tracing::info!("the child's token file holds a new token");
            }
            Err(error) => self.failed(error.to_string()),
        }
    }

    fn failed(&mut self, error: String) {
        if self.trouble.as_ref() != Some(&error) {
            tracing::warn!(error, "the child's token file does not follow");
        }
        self.trouble = Some(error);
    }

    fn now(&self) -> Due {
        due(self.clock.now().boot.saturating_sub(self.made), self.unwritten.is_none(), self.timetable)
    }
}

/// How long nothing is looked at.
const SLICE: Duration = Duration::from_secs(30);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// Nothing for so long.
    Wait(Duration),
    /// The newest token is to be written.
    Write,
    /// Another token is to be made, and written.
    Renew,
}

/// What is due when the newest token is of this age. While it could not be `written`, the one in the file is good from each
/// renewal on for the overlap alone: half of that is not waited for longer, then another renewal begins it anew.
fn due(age: Duration, written: bool, timetable: Timetable) -> Due {
    let Timetable { period, overlap } = timetable;
    match written {
        true if age < period => Due::Wait(period.saturating_sub(age)),
        false if age < overlap / 2 => Due::Write,
        _ => Due::Renew,
    }
}

#[cfg(test)]
#[path = "token_rotation_tests.rs"]
mod tests;
