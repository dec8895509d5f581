//! Sessions of an IAM user, with a one-time code or without: `GetSessionToken` once for all roles that share a device, or
//! `AssumeRole` with the code in it for one role that wants more than an hour (IAM User Guide, "Configuring MFA-protected API
//! access"; API_GetSessionToken; API_AssumeRole).
//!
//! A code is spent by the call that carries it, so sessions are begun in one place for all processes ([`UserSessions`]): the
//! daemon. A source only takes what is kept there, and begins one by itself only where neither keys nor code need a person.

mod attempt;
mod begin;
mod book;
mod exchange;
mod here;
mod passed;
mod record;
mod spent;
mod told;

use std::sync::Arc;
use std::time::Duration;

pub use begin::{How, Wanted, Who, begin, keys_need_person, needs_person, paused_until};
pub use exchange::{Device, Exchange, ExchangeCall};
pub use here::Here;
pub use passed::{read_kept, write_kept};

use super::aws_sts::Sts;
use super::learnt::Learnt;
use super::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::config::sso::login_command;
use crate::config::{RoleRequest, UserSession};
use crate::credential::{Failure, FailureClass, IdentityName, Issued, Made, Now, Renewed, SessionKey, remaining};
use crate::secret::Digest;
use crate::store::KeptSession;
use crate::world::{BoxFuture, World};

/// Whoever keeps user sessions, and begins them: the daemon, or the way to it.
pub trait UserSessions: Send + Sync {
    /// The session of this key, if one is kept; it may have ended.
    fn held(&self, key: &SessionKey) -> BoxFuture<'static, Result<Option<KeptSession>, Failure>>;

    /// Sends the one call that an exchange is, and keeps what comes of it. Whoever drops the future cancels nothing: a code
    /// that is on its way is spent.
    fn begin(&self, exchange: Exchange) -> BoxFuture<'static, Result<KeptSession, Failure>>;

    /// Forgets a session. False where there was none.
    fn forget(&self, key: &SessionKey) -> BoxFuture<'static, Result<bool, Failure>>;
}

/// Who keeps none, and begins none.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSessions;

impl UserSessions for NoSessions {
    fn held(&self, _: &SessionKey) -> BoxFuture<'static, Result<Option<KeptSession>, Failure>> {
        Box::pin(async { Ok(None) })
    }

    fn begin(&self, exchange: Exchange) -> BoxFuture<'static, Result<KeptSession, Failure>> {
        Box::pin(async move { Err(code_required(&exchange.identity)) })
    }

    fn forget(&self, _: &SessionKey) -> BoxFuture<'static, Result<bool, Failure>> {
        Box::pin(async { Ok(false) })
    }
}

/// An identity that rests on a user session.
pub(super) struct Mfa {
    pub(super) identity: IdentityName,
    pub(super) session: Arc<UserSession>,
    pub(super) served: Served,
    pub(super) sts: Sts,
    pub(super) sessions: Arc<dyn UserSessions>,
    pub(super) world: World,
}

/// What is served of it.
#[derive(Clone, Debug)]
pub(super) enum Served {
    /// The session itself.
    Session,
    /// A role that is assumed from it.
    Role(RoleRequest),
    /// A role that is assumed with the code: the session is the role's.
    RoleByCode(RoleRequest),
}

impl Mfa {
    /// The key under which its session is kept.
    fn key(&self) -> SessionKey {
        match &self.served {
            Served::Session | Served::Role(_) => self.session.key(),
            Served::RoleByCode(role) => self.session.key_of_role(role),
        }
    }

    fn wanted(&self) -> Wanted {
        let call = match &self.served {
            Served::Session | Served::Role(_) => ExchangeCall::Session { duration: self.session.duration },
            Served::RoleByCode(role) => ExchangeCall::Role(Box::new(role.clone())),
        };
        Wanted { identity: self.identity.clone(), session: Arc::clone(&self.session), key: self.key(), call }
    }
}

impl Source for Mfa {
    fn needs(&self) -> Need {
        let freshly = !matches!(self.served, Served::Role(_));
        Need::Session { key: self.key(), freshly, no_older_than: None, ahead: false }
    }

    fn renew(&self, renewal: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        let (wanted, sessions, world) = (self.wanted(), Arc::clone(&self.sessions), self.world.clone());
        Box::pin(async move {
            let held = sessions.held(&wanted.key).await?;
            let unless_since = match held {
                Some(kept) if will_do(&kept, &renewal, world.clock.now()) => return Ok(Renewed::Keys(kept.issued)),
                held => held.map(|kept| kept.began.wall),
            };
            let how = How { who: Who::Nobody, given: None, unless_since };
            begin(&wanted, how, &*sessions, &world).await.map(|kept| Renewed::Keys(kept.issued))
        })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let (sts, served) = (self.sts.for_one_issue(), self.served.clone());
        Box::pin(async move {
            let Ingredient::Session(session) = ingredient else { return Err(wrong_ingredient()) };
            let issued = session.keys().ok_or_else(wrong_ingredient)?;
            let issued = match served {
                Served::Role(role) => sts.assume_role(&role, &issued.keys).await,
                // its life began with the session's, and a clock that was set since must not lengthen it
                Served::Session | Served::RoleByCode(_) => {
                    Ok(Issued { received: issued.received.or(Some(session.received)), ..issued.clone() })
                }
            };
            issued.map(Made::from)
        })
    }

    fn limited_by(&self) -> SessionKey {
        self.key()
    }

    /// Another identity's attempt at the session that this one shares failed: the command to name is this one's.
    fn as_its_own(&self, failure: &Failure) -> Failure {
        match failure.code {
            CODE_REQUIRED => code_required(&self.identity),
            _ => failure.clone(),
        }
    }
}

/// The code of a failure that a person mends who fetches keys and code: `credenza login`.
pub const CODE_REQUIRED: &str = "CodeRequired";

/// Nobody is asked in the background: this is what an identity says whose session has to be begun by a person.
fn code_required(identity: &IdentityName) -> Failure {
    let text = format!("{identity} needs a one-time code: run `{}`", login_command(identity));
    Failure::new(FailureClass::NeedsPerson, CODE_REQUIRED, text)
}

/// Whether a session that is kept may be used: it has more than a minute left, and is not the one that is to be replaced.
fn will_do(kept: &KeptSession, renewal: &Renewal, now: Now) -> bool {
    if !lives(kept, now) {
        return false;
    }
    let replaced = renewal.instead_of.as_ref().and_then(|session| session.keys());
    replaced.is_none_or(|replaced| replaced.keys.access_key_id != kept.issued.keys.access_key_id)
}

/// Whether it has more than a minute left.
fn lives(kept: &KeptSession, now: Now) -> bool {
    let issued = &kept.issued;
    issued.expiration.is_some_and(|end| remaining(end, issued.server_offset, kept.began, now) > LAST_MINUTE)
}

/// The way to the STS that an exchange asks.
fn sts_of(exchange: &Exchange, world: &World, learnt: &Learnt) -> Sts {
    Sts {
        identity: exchange.identity.clone(),
        // the key tells apart all that is asked for
        digest: Digest::of(exchange.session.0.as_bytes()),
        endpoint: exchange.sts.clone(),
        ca_bundle: exchange.ca_bundle.clone(),
        world: world.clone(),
        learnt: learnt.clone(),
        until: None,
    }
}

const LAST_MINUTE: Duration = Duration::from_secs(60);
