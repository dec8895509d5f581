//! Sources: how sessions are renewed and credentials issued. One file each.
//!
//! A source never calls another source: it says what it [`needs`](Source::needs), the engine obtains that first, once
//! for everyone, and passes it to [`issue`](Source::issue). A source never waits for a person, keeps no state of its own
//! beyond its definition but what it [`Learnt`] with others, and makes no retry: whether and when to try again is the
//! engine's to decide.

pub mod account;
pub mod daemon;
pub mod keys;
pub mod mfa;
pub mod otp;
pub mod sso;

use std::sync::Arc;
use std::time::Duration;

use crate::credential::{Ask, Credential, Failure, FailureClass, Made, Renewed, Session, SessionKey};
use crate::secret::Digest;
use crate::world::BoxFuture;

mod aws_build;
mod aws_container;
mod aws_error;
mod aws_iam;
mod aws_identity_token;
mod aws_identity_token_error;
mod aws_instance;
mod aws_keys;
mod aws_mfa;
mod aws_origin;
mod aws_process;
mod aws_references;
mod aws_role;
mod aws_sso;
mod aws_sts;
mod aws_sts_code;
mod aws_transport;
mod aws_web_identity;
mod aws_web_identity_error;
mod aws_wire;
mod aws_words;
mod azd;
mod azure_build;
mod azure_cli;
mod build;
mod entra;
mod federated;
mod foreign_token;
mod learnt;
mod op_words;
mod said;
mod shape;
mod sign_in;
mod surroundings;
mod warned;

pub use self::build::{Means, build};
pub use self::learnt::Learnt;

/// How one identity's credentials are made. One implementation a kind of source; one value an identity.
pub trait Source: Send + Sync {
    /// What must be at hand before [`issue`](Source::issue).
    fn needs(&self) -> Need;

    /// Makes the session that [`Need::Session`] named.
    fn renew(&self, renewal: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>>;

    /// Makes a credential from what was needed.
    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>>;

    /// The same for clients that want so much of its life at least, such as 26 min: for sources that hand on what another one
    /// keeps. Who makes it anew has nothing longer to give.
    fn issue_lasting(&self, ingredient: Ingredient, min_life: Duration) -> BoxFuture<'static, Result<Made, Failure>> {
        let _ = min_life;
        self.issue(ingredient)
    }

    /// Whose limit this source's calls count against: at most four at once for each.
    fn limited_by(&self) -> SessionKey;

    /// The failure of a session that it shares with others, in words of its own: the command that mends it names it.
    fn as_its_own(&self, failure: &Failure) -> Failure {
        failure.clone()
    }

    /// How long it is left alone after it has issued, however short the life of what it gave.
    fn rests(&self) -> Duration {
        BETWEEN_SUCCESSES
    }
}

/// How long an upstream is left alone after it has issued.
pub const BETWEEN_SUCCESSES: Duration = Duration::from_secs(60);

/// What a source needs before it can issue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it makes its credential from what it is (a web-identity token file).
    Nothing,
    /// A session of this key, renewed by the same source.
    Session {
        /// The session's key in the engine's table.
        key: SessionKey,
        /// The credential ends when the session does, so a new one needs a new session. Says nothing of a session without
        /// an end: what is made of it has an end of its own.
        freshly: bool,
        /// A session whose end nobody named is made anew at this age, such as an hour: by then asking again may bring
        /// other keys.
        no_older_than: Option<Duration>,
        /// It is renewed before its end, although what is held would still do: another one can be had without a person
        /// only as long as somebody sees to it.
        ahead: bool,
    },
    /// Another ask's credential: the base of a role.
    Credential(Ask),
}

/// Why a session is made anew.
#[derive(Clone, Debug, Default)]
pub struct Renewal {
    /// What is held so far, or was until the upstream called it dead.
    pub instead_of: Option<Arc<Session>>,
    /// The upstream called that one dead before its end: it will not do, wherever it may lie.
    pub refused: bool,
}

/// The code of a failure that says: the upstream called the session dead before its end, and makes no other one. Whoever
/// ended it meant it: what was made of it is handed out no more.
pub const SESSION_ENDED: &str = "SessionEnded";

/// The code of a failure that says: the upstream does not take the token that the session holds. Another one may do.
pub const SESSION_TOKEN_DEAD: &str = "SessionTokenDead";

/// What was needed, at hand.
#[derive(Clone, Debug)]
pub enum Ingredient {
    /// For [`Need::Nothing`].
    Nothing,
    /// For [`Need::Session`].
    Session(Arc<Session>),
    /// For [`Need::Credential`].
    Credential(Arc<Credential>),
}

/// What the engine knows of an ask: how it is made and how it is to be kept.
#[derive(Clone)]
pub struct Recipe {
    /// How it is made.
    pub source: Arc<dyn Source>,
    /// The digest of the identity's resolved definition: when it changes, what is held is dropped.
    pub digest: Digest,
    /// Refreshed even when nobody asks.
    pub keep_warm: bool,
    /// How long what is held is handed out after a renewal failed; `None`: to its end.
    pub max_hold: Option<Duration>,
    /// How much of a token's life clients get at least, where another one can be had; `None`: 5 min.
    pub min_life: Option<Duration>,
}

/// Every ask that can be served, and how. Replaced as a whole when the configuration changes.
pub trait Recipes: Send + Sync {
    /// The recipe of an ask; a `Failure` of class `Refused` for one that is unknown or unusable.
    fn recipe(&self, ask: &Ask) -> Result<Recipe, Failure>;

    /// What their sources learnt of the upstream.
    fn learnt(&self) -> Learnt {
        Learnt::default()
    }

    /// They take the place of others, whose sources learnt this: called before the first recipe is asked for.
    fn go_on_with(&self, learnt: Learnt) {
        drop(learnt);
    }
}

/// A source was handed something that it does not need: a mistake of ours, which an engine that asks
/// [`Source::needs`] first cannot make.
fn wrong_ingredient() -> Failure {
    let text = "this source was asked in a way that it does not know: please report it";
    Failure::new(FailureClass::TryLater, "InternalError", text)
}
