//! Signing in with a code that is shown here and confirmed in a browser anywhere (RFC 8628): for machines without a browser of
//! the person's own.

use std::time::Duration;

use tokio::time::sleep;

use super::super::oidc::{DeviceCode, Flow, Grant, Minted};
use super::super::problem::{SsoProblem, What};
use super::Desk;
use crate::credential::Failure;
use crate::store::Registration;

/// Shows codes until one is confirmed.
///
/// # Errors
///
/// Where the person said no, or confirmed none; and what AWS or the way to it says.
pub(super) async fn sign_in(desk: &Desk<'_>) -> Result<(Registration, Minted), Failure> {
    let mut client = desk.registered(Flow::Device, false).await?;
    let (mut registered_anew, mut more_codes) = (false, MORE_CODES);
    loop {
        let shown = match desk.oidc.start_device(&client).await {
            Ok(code) => {
                let started = desk.world.clock.now().boot;
                show(desk, &code).await;
                confirmed(desk, &client, &code, started).await
            }
            Err(problem) if problem.what == What::ClientDead => Err(Unconfirmed::NewClient(problem)),
            Err(problem) => Err(Unconfirmed::Stop(problem)),
        };
        match shown {
            Ok(minted) => return Ok((client, minted)),
            Err(Unconfirmed::NewClient(_)) if !registered_anew => {
                registered_anew = true;
                client = desk.registered(Flow::Device, true).await?;
            }
            Err(Unconfirmed::NewCode) if more_codes > 0 && desk.world.person.is_there() => {
                more_codes -= 1;
                desk.world.person.tell("The code was not confirmed in time. Here is another one.");
            }
            Err(Unconfirmed::NewCode) => return Err(desk.nobody_came("nobody confirmed the code in time")),
            Err(Unconfirmed::NewClient(problem) | Unconfirmed::Stop(problem)) => return Err(desk.failure(problem)),
        }
    }
}

/// How often another code is shown to a person who confirmed none.
const MORE_CODES: u32 = 2;

async fn show(desk: &Desk<'_>, code: &DeviceCode) {
    let person = &desk.world.person;
    person.tell(&format!("To sign in to {}, open {}", desk.session.label(), code.verification_uri));
    person.tell(&format!("and confirm that it shows this code, or type it: {}", code.user_code));
    if code.verification_uri_complete != code.verification_uri {
        person.tell(&format!("The same with the code in it: {}", code.verification_uri_complete));
    }
    if desk.browser && person.open(&code.verification_uri_complete).await {
        person.tell("Your browser was opened there.");
    }
}

/// Why there is no token.
enum Unconfirmed {
    /// Its time is over.
    NewCode,
    /// AWS has forgotten us meanwhile.
    NewClient(SsoProblem),
    Stop(SsoProblem),
}

/// Asks at the code's pace until it is confirmed.
async fn confirmed(
    desk: &Desk<'_>,
    client: &Registration,
    code: &DeviceCode,
    started: Duration,
) -> Result<Minted, Unconfirmed> {
    let mut pace = Pace { interval: code.interval, deadline: started + code.expires_in, failures: 0 };
    let mut wait = code.interval;
    loop {
        sleep(wait).await;
        let problem = match desk.oidc.token(client, Grant::DeviceCode(&code.device_code)).await {
            Ok(minted) => return Ok(minted),
            Err(problem) => problem,
        };
        match pace.next(problem.what, problem.retry_after, desk.world.clock.now().boot) {
            Poll::Again(after) => wait = after,
            Poll::NewCode => return Err(Unconfirmed::NewCode),
            Poll::NewClient => return Err(Unconfirmed::NewClient(problem)),
            Poll::Stop => return Err(Unconfirmed::Stop(problem)),
        }
    }
}

/// When to ask again. Pure.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    /// When the code ends, by boot time: a machine that slept must not ask for ever.
    deadline: Duration,
    /// Failures in a row.
    failures: u32,
}

#[derive(Debug, PartialEq, Eq)]
enum Poll {
    /// After so long.
    Again(Duration),
    NewCode,
    NewClient,
    Stop,
}

impl Pace {
    /// What comes after an answer that was no token. Waiting for the person and trouble on the way go on; whatever says no
    /// does not. SlowDown counts for good (RFC 8628 section 3.5).
    fn next(&mut self, what: What, retry_after: Option<Duration>, now: Duration) -> Poll {
        match what {
            What::Pending => self.failures = 0,
            What::SlowDown => {
                self.failures = 0;
                self.interval += SLOWER;
            }
            What::Throttled | What::Later => {
                self.failures += 1;
                if self.failures >= MOST_FAILURES {
                    return Poll::Stop;
                }
            }
            What::CodeExpired => return Poll::NewCode,
            What::ClientDead => return Poll::NewClient,
            What::Denied | What::GrantDead | What::TokenDead | What::NoAccess | What::Ours => return Poll::Stop,
        }
        if now >= self.deadline {
            return Poll::NewCode;
        }
        // not past its end by more than an interval, whatever the upstream asks for
        let left = (self.deadline - now).max(self.interval);
        Poll::Again(retry_after.unwrap_or_default().max(self.interval).min(left))
    }
}

const SLOWER: Duration = Duration::from_secs(5);

/// A minute and more of silence: by then the person is to be told.
const MOST_FAILURES: u32 = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn pace() -> Pace {
        Pace { interval: secs(5), deadline: secs(1600), failures: 0 }
    }

    #[test]
    fn every_answer_has_its_next_step() {
        for (what, retry_after, now, expected) in [
            (What::Pending, None, 1000, Poll::Again(secs(5))),
            (What::SlowDown, None, 1000, Poll::Again(secs(10))),
            (What::Later, None, 1000, Poll::Again(secs(5))),
            (What::Throttled, None, 1000, Poll::Again(secs(5))),
            (What::Throttled, Some(30), 1000, Poll::Again(secs(30))),
            (What::Throttled, Some(1), 1000, Poll::Again(secs(5))),
            (What::Throttled, Some(9999), 1000, Poll::Again(secs(600))),
            (What::Pending, None, 1599, Poll::Again(secs(5))),
            (What::Pending, None, 1600, Poll::NewCode),
            (What::SlowDown, None, 9999, Poll::NewCode),
            (What::Later, None, 1600, Poll::NewCode),
            (What::CodeExpired, None, 1000, Poll::NewCode),
            (What::ClientDead, None, 1000, Poll::NewClient),
            (What::Denied, None, 1000, Poll::Stop),
            (What::GrantDead, None, 1000, Poll::Stop),
            (What::TokenDead, None, 1000, Poll::Stop),
            (What::NoAccess, None, 1000, Poll::Stop),
            (What::Ours, None, 1000, Poll::Stop),
        ] {
            let next = pace().next(what, retry_after.map(secs), secs(now));
            assert_eq!(next, expected, "{what:?} {retry_after:?} at {now}");
        }
    }

    #[test]
    fn slower_is_for_good() {
        let mut pace = pace();
        let steps = [What::SlowDown, What::Pending, What::Later, What::SlowDown, What::Pending];
        let waits = steps.map(|what| pace.next(what, None, secs(1000)));
        assert_eq!(waits, [10, 10, 10, 15, 15].map(|wait| Poll::Again(secs(wait))));
    }

    #[test]
    fn only_failures_in_a_row_end_it() {
        let mut pace = pace();
        for _ in 0..MOST_FAILURES - 1 {
            assert_eq!(pace.next(What::Later, None, secs(1000)), Poll::Again(secs(5)));
        }
        assert_eq!(pace.next(What::Pending, None, secs(1000)), Poll::Again(secs(5)));
        for _ in 0..MOST_FAILURES - 1 {
            assert_eq!(pace.next(What::Throttled, None, secs(1000)), Poll::Again(secs(5)));
        }
        assert_eq!(pace.next(What::Later, None, secs(1000)), Poll::Stop);
    }
}
