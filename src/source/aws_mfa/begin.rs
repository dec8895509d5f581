//! How a session of an IAM user is begun: its keys are fetched and proved, a code is fetched where it is made with one, and
//! both go to whoever keeps sessions ([`UserSessions`]), who makes the call.
//!
//! One at a time for each device, in all our processes: who finds another one at it waits, and takes what that brings. Called
//! by the commands that a person started, and by the source where neither keys nor code need a person.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::attempt::Attempt;
use super::book::Book;
use super::spent;
use super::{Exchange, ExchangeCall, UserSessions, code_required, lives};
use crate::config::sso::login_command;
use crate::config::user_session::UserSession;
use crate::config::{Definition, Identity, KeysOrigin, KeysReference, RoleBase};
use crate::credential::{AwsKeys, Failure, FailureClass, IdentityName, SessionKey};
use crate::secret::Secret;
use crate::source::aws_mfa::Device;
use crate::source::aws_origin::Origin;
use crate::source::{aws_references, otp};
use crate::store::KeptSession;
use crate::world::files::FileLock;
use crate::world::{Environment, World};

/// A session that is to be begun.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The identity that it is begun for: for the sentences.
    pub identity: IdentityName,
    /// Its keys and its device.
    pub session: Arc<UserSession>,
    /// Under which key it is kept.
    pub key: SessionKey,
    /// What is asked for.
    pub call: ExchangeCall,
}

/// Who is there to be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The person who started the command.
    Person,
    /// Nobody: what would need a person fails.
    Nobody,
}

/// How to begin it.
#[derive(Clone, Debug)]
pub struct How {
    /// Who is there.
    pub who: Who,
    /// The code that the person gave (`--code`): it is tried once.
    pub given: Option<Secret>,
    /// A session that began after this will do. `None`: any that lives.
    pub unless_since: Option<SystemTime>,
}

impl Wanted {
    /// The session that an identity rests on itself; `None` for one that rests on none, or on another identity.
    pub fn of(identity: &Identity) -> Option<Self> {
        let Definition::Role(role) = identity.definition.as_ref().ok()? else {
            let Definition::Session(session) = identity.definition.as_ref().ok()? else { return None };
            return Some(Self::session(&identity.name, session));
        };
        match &role.base {
            RoleBase::Session(session) => Some(Self::session(&identity.name, session)),
            RoleBase::Code(session) => Some(Self {
                identity: identity.name.clone(),
                session: Arc::clone(session),
                key: session.key_of_role(&role.request),
                call: ExchangeCall::Role(Box::new(role.request.clone())),
            }),
            RoleBase::Identity(_) | RoleBase::Keys(_) => None,
        }
    }

    fn session(identity: &IdentityName, session: &Arc<UserSession>) -> Self {
        Self {
            identity: identity.clone(),
            session: Arc::clone(session),
            key: session.key(),
            call: ExchangeCall::Session { duration: session.duration },
        }
    }

    /// The call with these keys and this code.
    pub(super) fn exchange(&self, keys: AwsKeys, device: Option<Device>) -> Exchange {
        Exchange {
            session: self.key.clone(),
            identity: self.identity.clone(),
            sts: match &self.call {
                ExchangeCall::Session { .. } => self.session.sts.clone(),
                ExchangeCall::Role(role) => role.sts.clone(),
            },
            ca_bundle: self.session.ca_bundle.clone(),
            call: self.call.clone(),
            keys,
            device,
        }
    }
}

/// Whether its keys or its code need a person: then nothing in the background begins it.
pub fn needs_person(session: &UserSession, environment: &Environment) -> bool {
    keys_need_person(&session.keys, environment)
        || session.device.as_ref().is_some_and(|device| otp::needs_person(&device.otp, environment))
}

/// The same of its keys alone.
pub fn keys_need_person(keys: &KeysOrigin, environment: &Environment) -> bool {
    let KeysOrigin::Reference { reference, .. } = keys else { return false };
    match reference {
        // whoever has the variables is the process that the person started
        KeysReference::Environment(prefix) => environment.text(&format!("{prefix}_ACCESS_KEY_ID")).is_none(),
        reference => aws_references::needs_person(reference, environment),
    }
}

/// Until when no code of the device is sent, because AWS refused too many in a row; by our clock. `None`: there is no pause.
pub fn paused_until(session: &UserSession, world: &World) -> Option<SystemTime> {
    let record = Book::of(&session.device.as_ref()?.serial, world).ok()?.record().ok()?;
    let now = world.clock.now();
    let at = spent::believed(&record, now).unwrap_or_default().server_time(now.wall);
    let pause = spent::pause(&record, at);
    (!pause.is_zero()).then(|| now.wall + pause)
}

/// Begins a session, or takes the one that somebody else has begun meanwhile.
///
/// # Errors
///
/// `NeedsPerson` where a code was wrong, or nobody is there to be asked ([`super::CODE_REQUIRED`]); `Refused` where AWS does
/// not take the keys, which is found out before a code is fetched; `TryLater` for trouble on the way.
pub async fn begin(
    wanted: &Wanted,
    how: How,
    sessions: &dyn UserSessions,
    world: &World,
) -> Result<KeptSession, Failure> {
    let session = &wanted.session;
    let needed = match how.given {
        Some(_) => keys_need_person(&session.keys, &world.environment),
        None => needs_person(session, &world.environment),
    };
    if how.who == Who::Nobody && needed {
        return Err(code_required(&wanted.identity));
    }
    let book = Book::of(session.device.as_ref().map_or(&*wanted.key.0, |device| &device.serial), world)?;
    let _turn = turn(&book, wanted, how.who, world).await?;
    if let Some(kept) = sessions.held(&wanted.key).await?
        && lives(&kept, world.clock.now())
        && how.unless_since.is_none_or(|since| kept.began.wall > since)
    {
        return Ok(kept);
    }
    let keys = Origin { keys: session.keys.clone(), world: world.clone() }.fetch().await?.keys;
    if matches!(wanted.call, ExchangeCall::Session { .. }) && !keys.long_term() {
        return Err(temporary(wanted));
    }
    let Some(device) = &session.device else { return sessions.begin(wanted.exchange(keys, None)).await };
    let attempt = Attempt { wanted, device, keys, book, sessions, world };
    match how.given {
        Some(code) => attempt.with_given(code).await,
        None => attempt.with_fetched().await,
    }
}

/// The turn to begin a session with this device.
async fn turn(book: &Book, wanted: &Wanted, who: Who, world: &World) -> Result<FileLock, Failure> {
    if let Some(turn) = book.try_turn()? {
        return Ok(turn);
    }
    let label = wanted.session.label();
    let (patience, class) = match who {
        Who::Person => (Duration::from_secs(120), FailureClass::NeedsPerson),
        Who::Nobody => (Duration::from_secs(30), FailureClass::TryLater),
    };
    world.person.tell(&format!("Waiting for the session of {label} that another process has begun."));
    book.turn(patience).await?.ok_or_else(|| {
        let text = format!(
            "cannot begin a session of {label} for {}: another process has been at it for {} s; end it there, then run `{}`",
            wanted.identity,
            patience.as_secs(),
            login_command(&wanted.identity)
        );
        Failure::new(class, "CodeTurnTaken", text)
    })
}

/// `GetSessionToken` takes an IAM user's own keys only (API_GetSessionToken), and a code would be spent to hear that.
fn temporary(wanted: &Wanted) -> Failure {
    let text = format!(
        "the keys of {} for {} are temporary, and only an IAM user's long-term keys make a session: name those",
        wanted.session.keys.label(),
        wanted.identity
    );
    Failure::new(FailureClass::Refused, "KeysTemporary", text)
}
