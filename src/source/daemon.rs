//! The source that asks a running daemon: how `exec` is supplied, so that one upstream call serves every job.
//!
//! It asks for one identity by its name and by the digest of its definition. A daemon that understands something else by
//! the name, that is gone or that is of another age is no failure of the identity: whoever made this source is told, and
//! serves from sources of its own from then on.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, sleep_until};

use super::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::credential::handover::{self, HANGS, PATIENCE, PROTOCOL, PROTOCOL_HEADER, Refusal, Wanted};
use crate::credential::{Failure, FailureClass, IdentityName, Made, Renewed, SessionKey, Want, codes};
use crate::secret::Digest;
use crate::world::http::{Http, HttpLimits};
use crate::world::{BoxFuture, Clock};

/// The code of the failure of a fetch that was handed back: whoever is told of it serves otherwise at once.
pub const DAEMON_AWAY: &str = "DaemonAway";

/// One identity, as a daemon hands it over.
pub struct DaemonSource {
    /// Whoever answers at the daemon's control socket.
    pub daemon: Arc<dyn Http>,
    /// Both clocks, which the daemon and we share.
    pub clock: Arc<dyn Clock>,
    /// The identity.
    pub identity: IdentityName,
    /// What is wanted of it.
    pub want: Want,
    /// The digest of its definition as we understand it.
    pub digest: Digest,
    /// Called when the daemon cannot be had for it, before the fetch fails.
    pub handed_back: Arc<dyn Fn(HandedBack) + Send + Sync>,
}

/// Why a daemon does not supply an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HandedBack {
    /// It is gone, silent, or of a version that we do not understand: it supplies nothing.
    Away {
        /// One line.
        why: String,
    },
    /// It understands something else by this name, or cannot serve it.
    Differs {
        /// The identity.
        identity: IdentityName,
        /// One line.
        why: String,
    },
    /// It cannot make it in its own surroundings, which may be poorer than ours.
    Unable {
        /// The identity.
        identity: IdentityName,
        /// One line.
        why: String,
    },
}

impl Source for DaemonSource {
    fn needs(&self) -> Need {
        Need::Nothing
    }

    /// Never called: nothing is needed.
    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        self.issue_wanted(None)
    }

    /// The daemon keeps it fresh for our clients as for its own.
    fn issue_lasting(&self, _: Ingredient, min_life: Duration) -> BoxFuture<'static, Result<Made, Failure>> {
        self.issue_wanted(Some(min_life.as_secs()))
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey(format!("daemon:{}", self.identity).into())
    }

    /// The daemon leaves the upstream alone, and answers from memory. It may hand over again what it is about to replace,
    /// which may not last another minute.
    fn rests(&self) -> Duration {
        RESTS
    }
}

impl DaemonSource {
    fn issue_wanted(&self, min_life_secs: Option<u64>) -> BoxFuture<'static, Result<Made, Failure>> {
        let wanted = Wanted { min_life_secs, ..Wanted::of(&self.identity, self.digest, &self.want) };
        let (daemon, clock) = (self.daemon.clone(), self.clock.clone());
        let (identity, digest) = (self.identity.clone(), self.digest);
        let handed_back = self.handed_back.clone();
        Box::pin(async move {
            loop {
                let again = Instant::now() + PATIENCE;
                match ask(&*daemon, &*clock, &identity, digest, &wanted).await {
                    Answer::Given(issued) => return Ok(*issued),
                    Answer::Pending => sleep_until(again).await,
                    Answer::Failed(failure) => return Err(failure),
                    Answer::HandedBack(why) => {
                        handed_back(why);
                        let text = "the daemon does not supply it any more: it is fetched without it from now on";
                        return Err(Failure::new(FailureClass::TryLater, DAEMON_AWAY, text));
                    }
                }
            }
        })
    }
}

enum Answer {
    Given(Box<Made>),
    /// The upstream has not answered the daemon yet, or must be left alone for now.
    Pending,
    Failed(Failure),
    HandedBack(HandedBack),
}

async fn ask(daemon: &dyn Http, clock: &dyn Clock, identity: &IdentityName, digest: Digest, wanted: &Wanted) -> Answer {
    let away = |why: String| Answer::HandedBack(HandedBack::Away { why });
    let request = http::Request::post("http://credenza/v1/credential")
        .header(PROTOCOL_HEADER, PROTOCOL)
        .body(Bytes::from(serde_json::to_vec(wanted).unwrap_or_default()));
    let request = match request {
        Ok(request) => request,
        Err(error) => return away(error.to_string()),
    };
    let asked = clock.now();
    let answer = match daemon.send(request, LIMITS).await {
        Ok(answer) => answer,
        Err(error) => return away(error.to_string()),
    };
    let theirs = answer.headers().get(PROTOCOL_HEADER).and_then(|value| value.to_str().ok()?.parse().ok());
    match theirs.map(|theirs: u32| handover::agree(theirs, PROTOCOL)) {
        Some(Ok(())) => {}
        Some(Err(apart)) => return away(apart.to_string()),
        None => return away("what answers at its socket is no daemon of ours".to_owned()),
    }
    if answer.status() == http::StatusCode::OK {
        return match handover::read(answer.body()) {
            Some(given) if given.digest == digest.to_hex() => Answer::Given(Box::new(given.since_its_receipt(asked))),
            Some(_) => differs(identity, "it answered for another definition".to_owned()),
            None => away("it answered with half a credential".to_owned()),
        };
    }
    match serde_json::from_slice::<Refusal>(answer.body()) {
        Ok(refusal) => refused(identity, refusal),
        Err(_) => away(format!("it answered with status {}", answer.status().as_u16())),
    }
}

fn refused(identity: &IdentityName, refusal: Refusal) -> Answer {
    let Some(class) = refusal.class() else { return differs(identity, refusal.message) };
    if refusal.is_pending() {
        return Answer::Pending;
    }
    if refusal.is_of_its_surroundings() {
        return Answer::HandedBack(HandedBack::Unable { identity: identity.clone(), why: refusal.message });
    }
    let code = codes::known(&refusal.code).unwrap_or(match class {
        FailureClass::NeedsPerson => "LoginRequired",
        FailureClass::TryLater => "UpstreamUnavailable",
        FailureClass::Refused => "AccessDenied",
    });
    let public = refusal.public.unwrap_or_else(|| format!("{identity} cannot be had: see `credenza status`"));
    Answer::Failed(Failure::new(class, code, public).because(refusal.message))
}

fn differs(identity: &IdentityName, why: String) -> Answer {
    Answer::HandedBack(HandedBack::Differs { identity: identity.clone(), why })
}

/// How long the daemon is left alone.
const RESTS: Duration = Duration::from_secs(2);

const LIMITS: HttpLimits = HttpLimits { connect: HANGS, total: HANGS, body_bytes: 1 << 20 };

#[cfg(test)]
#[path = "daemon_tests.rs"]
mod tests;
