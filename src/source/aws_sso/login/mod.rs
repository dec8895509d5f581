//! How a person signs in to IAM Identity Center: in their own browser ([`code`]) where one can be opened, else with a code that
//! is confirmed in a browser anywhere ([`device`]).
//!
//! One sign-in at a time for each session, in all our processes: who finds one begun waits for it and takes what it brings.
//! Nothing is kept before it is whole, so that dropping the future at any point leaves what was there. Called by commands
//! alone: there is no person in the background.

mod code;
mod device;
mod vanity;

use std::sync::Arc;
use std::time::SystemTime;

use super::oidc::{self, Minted, Oidc};
use super::problem::{SsoProblem, What};
use crate::config::{SsoSession, sso};
use crate::credential::{Failure, FailureClass};
use crate::source::sign_in::browser::PATIENCE;
use crate::store::{Flow, Lock, LockFor, Registration, StoredToken, TokenStore};
use crate::world::World;

/// How to sign in.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// `Some(Flow::Device)`: as `--device-code` says. `None`: with the browser where there is one.
    pub flow: Option<Flow>,
    /// Whether a browser may be opened: not with `--no-browser`.
    pub browser: bool,
    /// Who only wants to use a sign-in is content with one that somebody began after this time.
    pub unless_since: Option<SystemTime>,
}

/// Has the person sign in, keeps what comes of it and returns it. A sign-in that lives is made anew: who has one and only
/// wants to use it does not call this.
///
/// # Errors
///
/// `NeedsPerson` where the person said no or did not come; `Refused` where the settings lead nowhere; `TryLater` for trouble
/// on the way. What was kept before stays.
pub async fn login(session: &Arc<SsoSession>, world: &World, how: How) -> Result<StoredToken, Failure> {
    let store = TokenStore::of(session, world).map_err(|error| error.failure())?;
    let before = store.token().await.ok().flatten();
    let _lock = match turn(&store, before, session, world).await? {
        Turn::Ours(lock) => lock,
        Turn::Theirs(token) => return Ok(*token),
    };
    if let Some(token) = begun_meanwhile(&store, world, how.unless_since).await {
        return Ok(token);
    }
    let mut oidc = Oidc::new(Arc::clone(session), world.clone());
    if let Some(led) = vanity::resolve(session, world).await? {
        let region = led.region.unwrap_or_else(|| session.region.clone());
        if !region.eq_ignore_ascii_case(&session.region) {
            return Err(another_region(session, &region));
        }
        oidc = oidc.resolved_as(led.start_url, region);
    }
    let browser = how.browser && world.person.has_browser();
    let desk = Desk { session, world, store: &store, oidc, browser };
    let (client, minted) = match how.flow.unwrap_or(if browser { Flow::Code } else { Flow::Device }) {
        Flow::Code => code::sign_in(&desk).await?,
        Flow::Device => device::sign_in(&desk).await?,
    };
    keep(&desk, client, minted).await
}

/// A sign-in that lives and that a person began after `since`.
async fn begun_meanwhile(store: &TokenStore, world: &World, since: Option<SystemTime>) -> Option<StoredToken> {
    let signed_in = store.record().await.signed_in?;
    let token = store.token().await.ok()??;
    (signed_in >= since? && token.expires_at > world.clock.now().wall).then_some(token)
}

enum Turn {
    Ours(Lock),
    Theirs(Box<StoredToken>),
}

/// Waits for a sign-in that somebody else has begun, and takes what it brought; else it is our turn.
async fn turn(
    store: &TokenStore,
    before: Option<StoredToken>,
    session: &SsoSession,
    world: &World,
) -> Result<Turn, Failure> {
    if let Some(lock) = store.try_lock(LockFor::Login).await.map_err(|error| error.failure())? {
        return Ok(Turn::Ours(lock));
    }
    let label = session.label();
    world.person.tell(&format!("Waiting for the sign-in to {label} that another terminal has begun."));
    let lock = store.lock(LockFor::Login, PATIENCE).await.map_err(|error| error.failure())?;
    let Some(lock) = lock else {
        let text = format!(
            "cannot sign in to `{label}`: another terminal has been at it for 10 min; end it there, then run `{}`",
            login_command(session)
        );
        return Err(Failure::new(FailureClass::NeedsPerson, "LoginRequired", text));
    };
    let now = world.clock.now().wall;
    let is_new = |token: &StoredToken| {
        let old = before.as_ref();
        token.expires_at > now
            && !old.is_some_and(|old| old.access_token.same_as(token.access_token.expose().as_bytes()))
    };
    Ok(match store.token().await.ok().flatten().filter(is_new) {
        Some(token) => Turn::Theirs(Box::new(token)),
        None => Turn::Ours(lock),
    })
}

/// The AWS CLI writes the region of the host into the user's file; we write none of the user's files unasked, and with another
/// one written there neither we nor any SDK could use what a sign-in brings.
fn another_region(session: &SsoSession, region: &str) -> Failure {
    let text = format!(
        "cannot sign in to `{}`: {} leads to IAM Identity Center in {region}, and sso_region is {}; set sso_region = {region}",
        session.label(),
        session.start_url,
        session.region
    );
    Failure::new(FailureClass::Refused, "SettingsContradict", text)
}

/// Keeps a sign-in as others look for it: by what is written, wherever that led.
async fn keep(desk: &Desk<'_>, client: Registration, minted: Minted) -> Result<StoredToken, Failure> {
    let token = StoredToken {
        access_token: minted.access_token,
        expires_at: minted.expires_at,
        refresh_token: minted.refresh_token,
        registration: Some(client),
        start_url: Some(desk.session.start_url.clone()),
        region: Some(desk.session.region.clone()),
    };
    desk.store.save(&token).await.map_err(|error| error.failure())?;
    let mut record = desk.store.record().await;
    record.signed_in = Some(desk.world.clock.now().wall);
    (record.person, record.announced) = (None, None); // it may be somebody else than last time
    let _ = desk.store.save_record(&record).await; // nothing that is missed
    Ok(token)
}

/// One sign-in.
struct Desk<'a> {
    session: &'a SsoSession,
    world: &'a World,
    store: &'a TokenStore,
    oidc: Oidc,
    /// Whether a browser is to be opened.
    browser: bool,
}

impl Desk<'_> {
    /// What AWS knows us as: from an earlier time, unless `anew`.
    async fn registered(&self, flow: oidc::Flow, anew: bool) -> Result<Registration, Failure> {
        let kind = match flow {
            oidc::Flow::Device => Flow::Device,
            oidc::Flow::Code { .. } => Flow::Code,
        };
        let now = self.world.clock.now().wall;
        let earlier = if anew { None } else { self.store.registration(kind, now).await.ok().flatten() };
        if let Some(earlier) = earlier {
            return Ok(earlier);
        }
        let client = self.oidc.register(flow).await?;
        // one that is not kept is made again next time
        let _ = self.store.save_registration(kind, &client).await;
        Ok(client)
    }

    /// A problem as the person at the terminal is told.
    fn failure(&self, problem: SsoProblem) -> Failure {
        let why = match problem.what {
            What::GrantDead => "AWS does not take its code",
            What::ClientDead => "AWS does not know the registration that it has just made",
            _ => return problem.failure,
        };
        let text = format!(
            "cannot sign in to `{}`: {why}; check that sso_region is {}, then run `{}` again",
            self.session.label(),
            self.session.region,
            self.command()
        );
        Failure::new(FailureClass::NeedsPerson, "LoginRequired", text).because(problem.failure.private)
    }

    fn nobody_came(&self, why: &str) -> Failure {
        let text = format!("cannot sign in to `{}`: {why}; run `{}` again", self.session.label(), self.command());
        Failure::new(FailureClass::NeedsPerson, "LoginRequired", text)
    }

    fn command(&self) -> String {
        login_command(self.session)
    }
}

fn login_command(session: &SsoSession) -> String {
    let label = session.label();
    sso::login_command(label)
}

#[cfg(test)]
mod tests;
