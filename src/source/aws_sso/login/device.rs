//! Signing in with a code that is shown here and confirmed in a browser anywhere (RFC 8628): for machines without a browser of
//! the person's own.

use std::time::Duration;

use tokio::time::sleep;

use super::super::oidc::{DeviceCode, Flow, Grant, Minted};
use super::super::problem::{SsoProblem, What};
use super::Desk;
use crate::credential::Failure;
use crate::source::sign_in::pace::{Pace, Poll, Step};
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
    let mut pace = Pace::new(code.interval, started + code.expires_in);
    let mut wait = code.interval;
    loop {
        sleep(wait).await;
        let problem = match desk.oidc.token(client, Grant::DeviceCode(&code.device_code)).await {
            Ok(minted) => return Ok(minted),
            Err(problem) => problem,
        };
        match pace.next(step(problem.what), problem.retry_after, desk.world.clock.now().boot) {
            Poll::Again(after) => wait = after,
            Poll::NewCode => return Err(Unconfirmed::NewCode),
            Poll::Stop if problem.what == What::ClientDead => return Err(Unconfirmed::NewClient(problem)),
            Poll::Stop => return Err(Unconfirmed::Stop(problem)),
        }
    }
}

/// What an answer that was no token means for the pace. Whatever says no ends it.
fn step(what: What) -> Step {
    match what {
        What::Pending => Step::Pending,
        What::SlowDown => Step::SlowDown,
        What::Throttled | What::Later => Step::Trouble,
        What::CodeExpired => Step::Expired,
        What::ClientDead | What::Denied | What::GrantDead | What::TokenDead | What::NoAccess | What::Ours => Step::No,
    }
}
