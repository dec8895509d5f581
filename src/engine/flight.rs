//! One fetch: a call of a source, with a hard deadline. Nobody waits for it but the engine's task, so a client that hangs
//! up cancels nothing.

use std::sync::Arc;
use std::time::Duration;

use super::state::FlightId;
use crate::credential::{Failure, FailureClass, Made, Renewed};
use crate::source::{Ingredient, Renewal, Source};

/// A fetch about to begin.
pub(super) struct Flight {
    pub(super) id: FlightId,
    pub(super) source: Arc<dyn Source>,
    pub(super) fetch: Fetch,
}

/// What is fetched.
pub(super) enum Fetch {
    /// A session.
    Session(Renewal),
    /// A credential, from this, for clients that want so much of its life.
    Credential(Ingredient, Duration),
}

/// What a fetch brings.
#[derive(Debug)]
pub(super) enum Brought {
    /// A session.
    Session(Renewed),
    /// A credential.
    Credential(Made),
}

impl Flight {
    /// Fetches. A source that panics does so in here: run it as a task of its own.
    pub(super) async fn run(self, limit: Duration) -> Result<Brought, Failure> {
        let fetch = async {
            match self.fetch {
                Fetch::Session(renewal) => self.source.renew(renewal).await.map(Brought::Session),
                Fetch::Credential(ingredient, min_life) => {
                    self.source.issue_lasting(ingredient, min_life).await.map(Brought::Credential)
                }
            }
        };
        tokio::time::timeout(limit, fetch).await.unwrap_or_else(|_| Err(took_too_long(limit)))
    }
}

fn took_too_long(limit: Duration) -> Failure {
    let text = format!("the upstream did not answer within {} s", limit.as_secs());
    Failure::new(FailureClass::TryLater, "UpstreamTimeout", text)
}

/// What a fetch that panicked comes to.
pub(super) fn panicked() -> Failure {
    let text = "fetching the credential failed inside Credenza: please report it with the output of `credenza logs`";
    Failure::new(FailureClass::TryLater, "InternalError", text)
}
