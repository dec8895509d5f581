//! [`Kept`]: what `exec` renews for its command while that runs: the token in a file, and what is shown to Entra ID.

use std::path::PathBuf;
use std::time::Duration;

use super::command::Command;
use super::files::Files;
use crate::app::Endpoint;
use crate::app::assertion_file::AssertionFile;
use crate::app::token_rotation::TokenRotation;
use crate::cli::Trouble;
use crate::credential::IdentityName;
use crate::secret::Secret;

/// What is renewed.
#[derive(Default)]
pub(super) struct Kept {
    /// The endpoint's token, in a file.
    pub(super) rotation: Option<TokenRotation>,
    /// What this identity shows to Entra ID, in a file.
    pub(super) assertion: Option<(IdentityName, AssertionFile)>,
}

/// What is due.
pub(super) enum Due {
    /// The token.
    Token,
    /// This is to be shown from now on.
    Assertion(Secret),
}

impl Kept {
    /// Waits until something is due; for ever where nothing is kept. May be dropped and called again.
    pub(super) async fn due(&mut self, endpoint: &Endpoint) -> Due {
        let Self { rotation, assertion } = self;
        let token = async {
            match rotation {
                Some(rotation) => rotation.due().await,
                None => std::future::pending().await,
            }
        };
        let assertion = async {
            match assertion {
                Some((identity, file)) => file.next(async || endpoint.assertion(identity, LOOK_PATIENCE).await).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = token => Due::Token,
            assertion = assertion => Due::Assertion(assertion),
        }
    }

    /// Does it.
    pub(super) fn step(&mut self, due: Due, files: &Files, endpoint: &Endpoint) {
        match (due, &mut self.rotation, &mut self.assertion) {
            (Due::Token, Some(rotation), _) => {
                let write = |token: &Secret| files.generated.write_token(token).map(|_| ());
                rotation.step(|overlap| endpoint.renew_token(overlap), write);
            }
            (Due::Assertion(assertion), _, Some((_, file))) => {
                file.write(&assertion, |assertion| files.generated.write_assertion(assertion).map(|_| ()));
            }
            (Due::Token, None, _) | (Due::Assertion(_), _, None) => {}
        }
    }
}

/// The file with what an identity shows to Entra ID, before the command starts: it must not find an empty one.
///
/// # Errors
///
/// Where it cannot be had, or not be written.
pub(super) async fn first_assertion(
    endpoint: &Endpoint,
    identity: &IdentityName,
    files: &Files,
    command: &Command,
) -> Result<(PathBuf, AssertionFile), Trouble> {
    let credential = endpoint.assertion(identity, FIRST_PATIENCE).await;
    let credential = credential.map_err(|failure| Trouble::of_failure(command.cannot_with(identity), &failure))?;
    let Some(token) = credential.token() else {
        return Err(Trouble::failed(command.cannot_with(identity), "it has nothing that could be shown to Entra ID"));
    };
    let path = files.generated.write_assertion(&token.access_token).map_err(|error| command.unbuilt(error))?;
    Ok((path, AssertionFile::holding(&token.access_token)))
}

/// How long the first one may take, as the first credential.
const FIRST_PATIENCE: Duration = Duration::from_secs(60);

/// A later one comes from memory.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);
