//! Tokens that somebody else signs, and that we only show: of a file, of a program, of GitHub Actions.
//!
//! Nothing is kept: whoever shows one gets it anew, since such a token lives for minutes and whoever writes a file rotates it.
//! Called by [`super::aws_web_identity`], and by who shows such a token to Entra ID.

mod github;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use super::said;
use crate::config::asked;
use crate::credential::{Failure, FailureClass};
use crate::secret::Secret;
use crate::world::World;
use crate::world::process::{Run, RunError, Seat};

/// A token as it is now, for one identity.
#[derive(Clone, Copy)]
pub(super) struct ForeignToken<'a> {
    /// The outside.
    pub(super) world: &'a World,
    /// Whose.
    pub(super) identity: &'a str,
    /// What it is to that one, as sentences name it: `web-identity token`, `assertion`.
    pub(super) called: &'a str,
}

impl ForeignToken<'_> {
    /// What a file holds.
    pub(super) fn of_file(self, path: &Path) -> Result<Secret, Failure> {
        let Self { world, identity, called } = self;
        let failed = |why: String| {
            let text = format!("the {called} of `{identity}` cannot be read from {}: {why}", path.display());
            // it is somebody's to write: what is held goes on until its end
            Failure::new(FailureClass::TryLater, "TokenFileUnusable", text)
        };
        let content = world.files.read(path).map_err(|error| failed(error.to_string()))?;
        shaped(&zeroize::Zeroizing::new(content)).map_err(|why| failed(why.to_owned()))
    }

    /// What a program prints. One that fails may have wanted its person: it is run again when a client asks.
    pub(super) async fn of_command(self, argv: &[String]) -> Result<Secret, Failure> {
        let Self { world, identity, called } = self;
        let failed = |why: &str| {
            let text = format!(
                "the command that gives the {called} of `{identity}` {why}; run it by hand, and correct what it says"
            );
            Failure::new(FailureClass::NeedsPerson, "ProcessFailed", text)
        };
        let mark = format!("web-identity:{identity}");
        if asked::by(&world.environment, &mark) {
            return Err(failed("asks for itself"));
        }
        let run = Run {
            argv: argv.iter().map(OsString::from).collect(),
            environment: asked::told(&world.environment, &mark),
            input: None,
            time_limit: TIME_LIMIT,
            output_limit: OUTPUT_LIMIT,
            seat: Seat::Background,
        };
        let ran = world.processes.run(run).await.map_err(|error| match error {
            RunError::Start { .. } => failed("could not be started").because(error.to_string()),
            RunError::NoRoom { .. } => Failure { class: FailureClass::TryLater, ..failed("could not be started now") },
            RunError::TimedOut { .. } => failed("took too long and was ended"),
            RunError::TooMuch { .. } => failed("printed too much and was ended"),
            RunError::NoTerminal { .. } | RunError::Interrupted { .. } => failed("wanted a terminal"),
        })?;
        if ran.code != Some(0) {
            let how =
                ran.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
            let failure = failed(&how);
            let private = format!("{} ({})", failure.public, said::by_a_program(&ran.stderr, &[]));
            return Err(failure.because(private));
        }
        shaped(&ran.stdout).map_err(|why| failed(&format!("printed no token: {why}")))
    }

    /// What GitHub gives to the running job, for this audience.
    pub(super) async fn of_github(self, audience: &str) -> Result<Secret, Failure> {
        let token = github::token(self.world, audience).await?;
        shaped(token.expose().as_bytes()).map_err(|why| {
            let text = format!("the OIDC endpoint of GitHub Actions gave no token: {why}; it is asked again soon");
            Failure::new(FailureClass::TryLater, "UpstreamUnavailable", text)
        })
    }
}

/// As for a `credential_process`.
const TIME_LIMIT: Duration = Duration::from_secs(55);
const OUTPUT_LIMIT: usize = 64 << 10;

/// The token in a text, without what is blank around it; the error says what is wrong, in words that hold nothing of it.
/// 4 to 20,000 characters (API_AssumeRoleWithWebIdentity).
fn shaped(content: &[u8]) -> Result<Secret, &'static str> {
    let text = std::str::from_utf8(content).map_err(|_| "it is no text")?.trim();
    match (4..=20_000).contains(&text.len()) {
        true => Ok(Secret::new(text)),
        false => Err("it holds no token"),
    }
}
