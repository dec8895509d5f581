//! Any program that prints a code, and aws-vault's `mfa_process` (aws-vault, `USAGE.md`, "Using a prompt").
//!
//! Run as a `credential_process` is: without a shell, in the whole environment. Its arguments may hold a secret, so only its
//! name is ever said.

use std::time::Duration;

use super::Asked;
use super::program::{Program, UNATTENDED, WITH_A_PERSON};
use crate::config::{asked as asking, user_session::words};
use crate::credential::{Failure, FailureClass};
use crate::secret::Secret;
use crate::world::process::Seat;
use crate::world::{Environment, World};

/// The code that a program prints; at the terminal, unless it needs nobody.
pub(super) async fn code(
    asked: &Asked<'_>,
    argv: &[String],
    unattended: bool,
    time_limit: Option<Duration>,
    world: &World,
) -> Result<Secret, Failure> {
    let usual = if unattended { UNATTENDED } else { WITH_A_PERSON };
    let program = Program {
        argv: words(argv),
        environment: environment(asked, world)?,
        input: None,
        time_limit: time_limit.unwrap_or(usual),
        seat: if unattended { Seat::Background } else { Seat::Terminal },
        without_terminal: false,
        name: format!("`{}`", argv.first().map_or("", String::as_str)),
        install: "install it, or correct the path in `otp`".to_owned(),
        mend: "run the command of `otp` by hand, and correct what it says".to_owned(),
    };
    program.code(asked, world, |_| None).await
}

/// The code that a shell's line prints.
pub(super) async fn line(asked: &Asked<'_>, line: &str, world: &World) -> Result<Secret, Failure> {
    let program = Program {
        argv: words(&["/bin/sh".to_owned(), "-c".to_owned(), line.to_owned()]),
        environment: environment(asked, world)?,
        input: None,
        time_limit: WITH_A_PERSON,
        seat: Seat::Terminal,
        without_terminal: false,
        name: "`mfa_process`".to_owned(),
        install: "install a shell at /bin/sh".to_owned(),
        mend: "run the line of `mfa_process` by hand, and correct what it says".to_owned(),
    };
    program.code(asked, world, |_| None).await
}

/// The whole environment; the program is told for whom it runs, so that it cannot ask us for what we ask it for.
fn environment(asked: &Asked<'_>, world: &World) -> Result<Environment, Failure> {
    if asking::by(&world.environment, asked.identity) {
        let text = format!(
            "the command for one-time codes of {} asks for itself: have it get its credentials from elsewhere",
            asked.identity
        );
        return Err(Failure::new(FailureClass::Refused, "ProcessAsksItself", text));
    }
    Ok(asking::told(&world.environment, asked.identity))
}
