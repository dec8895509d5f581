//! A person signs in, or out: for the commands. A daemon never does either.
//!
//! What is known of a sign-in beside its tokens (when it began, whose it is) is kept in a record of ours, for `status` and
//! for the announcement of its end.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::background;
use super::recipes::Book;
use super::sign_ins::end_of;
use crate::config::{Config, Definition, SsoSession};
use crate::credential::{Ask, Failure, IdentityName};
use crate::engine::{Engine, Settings};
use crate::source::mfa::NoSessions;
use crate::source::sso::{self, Bucket, Portal};
use crate::store::{Flow, SignInRecord, StoreError, TokenStore};
use crate::world::World;

pub use crate::source::sso::{is_mended_by_login, wants_login};

/// How to sign in.
#[derive(Clone, Copy, Debug)]
pub struct LoginOptions {
    /// With a code that is confirmed in any browser, also where one could be opened here.
    pub device_code: bool,
    /// A browser may be opened.
    pub browser: bool,
    /// A sign-in that somebody began after this time will do as well.
    pub unless_since: Option<SystemTime>,
}

/// A sign-in that has begun.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// Who signed in, as AWS names them, where that could be found out.
    pub person: Option<String>,
    /// When it ends, as far as anybody can tell.
    pub ends: Option<SystemTime>,
}

/// Has the person of `world` sign in to `session`, and tells a daemon.
///
/// # Errors
///
/// Where the person said no or did not come, where the settings lead nowhere, or the upstream is in trouble.
pub async fn sign_in(
    world: &World,
    config: &Arc<Config>,
    session: &Arc<SsoSession>,
    options: LoginOptions,
) -> Result<SignedIn, Failure> {
    let LoginOptions { device_code, browser, unless_since } = options;
    let how = sso::How { flow: device_code.then_some(Flow::Device), browser, unless_since };
    let token = sso::login(session, world, how).await?;
    tell_daemon(config, session, true).await;
    let store = TokenStore::of(session, world).map_err(|error| error.failure())?;
    let person = person(world, config, session).await;
    // it was written as the login ended; who is there to see it later is known now
    let record = SignInRecord { person: person.clone(), ..store.record().await };
    let _ = store.save_record(&record).await;
    Ok(SignedIn { person, ends: end_of(session, &token, &record) })
}

/// Who signed in: the last part of the name that AWS gives to any role of theirs, which is the name of the person.
async fn person(world: &World, config: &Arc<Config>, session: &SsoSession) -> Option<String> {
    let key = session.key();
    let of_session = |name: &&IdentityName| {
        let definition = config.identities.get(*name).and_then(|identity| identity.definition.as_ref().ok());
        matches!(definition, Some(Definition::Sso(sso)) if sso.session.key() == key)
    };
    let name = config.identities.keys().find(of_session)?.clone();
    let settings = Settings { renew_ahead: false, ..Settings::default() };
    let engine = Engine::start(
        world.clone(),
        Arc::new(Book::of(Arc::clone(config), world.clone(), Arc::new(NoSessions))),
        settings,
    );
    let credential = engine.get(&Ask::aws(Arc::clone(&name)), PERSON_PATIENCE).await;
    engine.stop().await;
    let arn = sso::caller_arn(config.identities.get(&name)?, &credential.ok()?.aws()?.keys, world).await?;
    arn.rsplit('/').next().filter(|person| !person.is_empty()).map(str::to_owned)
}

/// Nobody waits long for a name.
const PERSON_PATIENCE: Duration = Duration::from_secs(5);

/// Ends a sign-in: at AWS, and here at once, with what was made of it wherever a process of ours follows it. `false`: there
/// was none.
///
/// # Errors
///
/// Where it cannot be taken away here. Where AWS could not be told, `told` says why, and the sign-in is gone here all the
/// same.
pub async fn sign_out(world: &World, config: &Config, session: &Arc<SsoSession>) -> Result<SignedOut, StoreError> {
    let store = TokenStore::of(session, world)?;
    let untold = match store.token().await {
        Ok(Some(token)) => {
            let portal = Portal::new(Arc::clone(session), world.clone(), Bucket::default());
            let portal = match token.region {
                Some(region) => portal.in_region(region),
                None => portal,
            };
            portal.logout(&token.access_token).await.err().map(|problem| problem.failure)
        }
        // a file that nobody can read goes too
        Ok(None) | Err(_) => None,
    };
    let was_there = store.forget().await?;
    store.forget_record().await?;
    tell_daemon(config, session, false).await;
    Ok(SignedOut { was_there, untold })
}

/// What came of signing out.
#[derive(Clone, Debug)]
pub struct SignedOut {
    /// There was a sign-in.
    pub was_there: bool,
    /// Why AWS could not be told.
    pub untold: Option<Failure>,
}

/// Tells a daemon what became of a sign-in, so that the next request already finds it so.
async fn tell_daemon(config: &Config, session: &SsoSession, signed_in: bool) {
    let Ok(mut daemon) = background::connect(&config.places).await else { return };
    // one that cannot be told finds out by the files
    let _ = match signed_in {
        true => daemon.signed_in(session.label()).await,
        false => daemon.signed_out(session.label()).await,
    };
}

/// How long is left of the sign-in that an identity rests on, where it ends so soon that its person should know.
pub async fn ends_soon(world: &World, session: &SsoSession) -> Option<Duration> {
    let store = TokenStore::of(session, world).ok()?;
    let token = store.token().await.ok()??;
    let end = end_of(session, &token, &store.record().await);
    match super::sign_ins::ending(end, session.announce, world.clock.now().wall) {
        super::sign_ins::Ending::Soon(left) => Some(left),
        super::sign_ins::Ending::No | super::sign_ins::Ending::Over => None,
    }
}
