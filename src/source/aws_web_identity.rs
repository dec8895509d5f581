//! A role assumed with a web-identity token, of a file, a program, GitHub Actions or one of our Azure identities: Kubernetes, CI systems, OIDC in general.
//!
//! The token is got anew at every issue, since it lives for minutes and whoever writes a file rotates it. When AWS refuses it,
//! it is got again at once, and asked with again only if it is another one by then.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::aws_error::{Action, Verdict};
use super::aws_sts::Sts;
use super::{Ingredient, Need, Renewal, Source, github_token, said, wrong_ingredient};
use crate::config::{TokenSource, WebIdentityDefinition, asked};
use crate::credential::{Ask, Failure, FailureClass, Made, Renewed, SessionKey};
use crate::secret::Secret;
use crate::world::BoxFuture;
use crate::world::process::{Run, RunError, Seat};

/// A role with a token.
pub(super) struct WebIdentity {
    pub(super) definition: WebIdentityDefinition,
    pub(super) sts: Sts,
}

impl Source for WebIdentity {
    fn needs(&self) -> Need {
        match &self.definition.token {
            TokenSource::Azure { from, resource } => {
                Need::Credential(Ask::token(Arc::clone(from), Arc::clone(resource)))
            }
            TokenSource::File(_) | TokenSource::Command(_) | TokenSource::GitHubActions { .. } => Need::Nothing,
        }
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let (sts, definition) = (self.sts.for_one_issue(), self.definition.clone());
        Box::pin(async move {
            let token = token(&sts, &definition, &ingredient).await?;
            let verdict = match sts.assume_with_token(&definition, &token).await {
                Ok(issued) => return Ok(issued.into()),
                Err(verdict) => verdict,
            };
            if let Verdict { action: Action::ReadTokenAgain, .. } = verdict
                && let Ok(again) = self::token(&sts, &definition, &ingredient).await
                && !again.same_as(token.expose().as_bytes())
            {
                let issued = sts.assume_with_token(&definition, &again).await;
                return issued.map(Made::from).map_err(|verdict| verdict.failure);
            }
            Err(verdict.failure)
        })
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey(format!("web-identity:{}", self.sts.identity).into())
    }
}

/// A token as it is now: 4 to 20,000 characters (API_AssumeRoleWithWebIdentity).
async fn token(sts: &Sts, definition: &WebIdentityDefinition, ingredient: &Ingredient) -> Result<Secret, Failure> {
    match &definition.token {
        TokenSource::Azure { .. } => match ingredient {
            Ingredient::Credential(credential) => {
                Ok(credential.token().ok_or_else(wrong_ingredient)?.access_token.clone())
            }
            Ingredient::Nothing | Ingredient::Session(_) => Err(wrong_ingredient()),
        },
        TokenSource::File(path) => of_file(sts, path),
        TokenSource::Command(argv) => of_command(sts, argv).await,
        TokenSource::GitHubActions { audience } => {
            let token = github_token::token(&sts.world, audience).await?;
            shaped(token.expose().as_bytes()).map_err(|why| {
                let text = format!("the OIDC endpoint of GitHub Actions gave no token: {why}; it is asked again soon");
                Failure::new(FailureClass::TryLater, "UpstreamUnavailable", text)
            })
        }
    }
}

fn of_file(sts: &Sts, path: &Path) -> Result<Secret, Failure> {
    let failed = |why: String| {
        let path = path.display();
        let text = format!("the web-identity token of `{}` cannot be read from {path}: {why}", sts.identity);
        // it is somebody's to write: what is held goes on until its end
        Failure::new(FailureClass::TryLater, "TokenFileUnusable", text)
    };
    let content = sts.world.files.read(path).map_err(|error| failed(error.to_string()))?;
    shaped(&zeroize::Zeroizing::new(content)).map_err(|why| failed(why.to_owned()))
}

/// What a program prints. One that fails may have wanted its person: it is run again when a client asks.
async fn of_command(sts: &Sts, argv: &[String]) -> Result<Secret, Failure> {
    let failed = |why: &str| {
        let text = format!(
            "the command that gives the web-identity token of `{}` {why}; run it by hand, and correct what it says",
            sts.identity
        );
        Failure::new(FailureClass::NeedsPerson, "ProcessFailed", text)
    };
    let mark = format!("web-identity:{}", sts.identity);
    if asked::by(&sts.world.environment, &mark) {
        return Err(failed("asks for itself"));
    }
    let run = Run {
        argv: argv.iter().map(OsString::from).collect(),
        environment: asked::told(&sts.world.environment, &mark),
        input: None,
        time_limit: TIME_LIMIT,
        output_limit: OUTPUT_LIMIT,
        seat: Seat::Background,
    };
    let ran = sts.world.processes.run(run).await.map_err(|error| match error {
        RunError::Start { .. } => failed("could not be started").because(error.to_string()),
        RunError::NoRoom { .. } => Failure { class: FailureClass::TryLater, ..failed("could not be started now") },
        RunError::TimedOut { .. } => failed("took too long and was ended"),
        RunError::TooMuch { .. } => failed("printed too much and was ended"),
        RunError::NoTerminal { .. } | RunError::Interrupted { .. } => failed("wanted a terminal"),
    })?;
    if ran.code != Some(0) {
        let how = ran.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
        let failure = failed(&how);
        let private = format!("{} ({})", failure.public, said::by_a_program(&ran.stderr, &[]));
        return Err(failure.because(private));
    }
    shaped(&ran.stdout).map_err(|why| failed(&format!("printed no token: {why}")))
}

/// As for a `credential_process`.
const TIME_LIMIT: Duration = Duration::from_secs(55);
const OUTPUT_LIMIT: usize = 64 << 10;

/// The token in a text, without what is blank around it; the error says what is wrong, in words that hold nothing of it.
fn shaped(content: &[u8]) -> Result<Secret, &'static str> {
    let text = std::str::from_utf8(content).map_err(|_| "it is no text")?.trim();
    match (4..=20_000).contains(&text.len()) {
        true => Ok(Secret::new(text)),
        false => Err("it holds no token"),
    }
}
