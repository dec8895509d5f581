//! A person begins a user session: for the commands. What shows a dialog or wants a finger runs here, in the process that
//! they started, and the daemon is handed the code.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::keeper::ends_while_away;
use crate::config::sso::login_command;
use crate::config::{Config, KeysOrigin, KeysReference, UserSession};
use crate::credential::{Failure, FailureClass, IdentityName, SessionKey, remaining};
use crate::secret::Secret;
use crate::source::keys;
use crate::source::mfa::{self, How, KeptSession, UserSessions, Wanted, Who};
use crate::world::World;
use crate::world::process::Withholding;

/// How to begin one.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The code, where the person has typed it already (`--code`).
    pub code: Option<Secret>,
    /// A session that somebody began after this time will do as well.
    pub unless_since: SystemTime,
}

/// A session that has begun.
#[derive(Clone, Debug)]
pub struct Begun {
    /// What it is called.
    pub session: String,
    /// When it ends.
    pub ends: Option<SystemTime>,
    /// It ends before its person is back, by what is usual.
    pub while_away: bool,
}

/// Begins the session that an identity rests on, with the person of `world`.
///
/// # Errors
///
/// Where the identity rests on none, keys or code cannot be had, or AWS refuses them.
pub async fn begin(
    world: &World,
    config: &Arc<Config>,
    identity: &str,
    beginning: Beginning,
    sessions: &dyn UserSessions,
) -> Result<Begun, Failure> {
    let wanted = wanted(config, identity).ok_or_else(|| {
        let text = format!("{identity} needs no one-time code");
        Failure::new(FailureClass::Refused, "Unusable", text)
    })?;
    let session = wanted.session.label();
    let Beginning { code, unless_since } = beginning;
    unless_it_lacks_something(&wanted, code.is_some(), world).await?;
    let who = if world.person.is_there() { Who::Person } else { Who::Nobody };
    let how = How { who, given: code, unless_since: Some(unless_since) };
    // no program that fetches a code is told of somebody else's keys
    let world = &Withholding::of(world, config.variables_of_keys());
    let kept = mfa::begin(&wanted, how, sessions, world).await?;
    Ok(Begun { session, ends: kept.issued.expiration, while_away: ends_while_away(&kept, world) })
}

/// What this process lacks is said here: in the background it would only be that a person is needed.
async fn unless_it_lacks_something(wanted: &Wanted, has_code: bool, world: &World) -> Result<(), Failure> {
    let Wanted { identity, session, .. } = wanted;
    if let KeysOrigin::Reference { reference: KeysReference::Environment(_), .. } = &session.keys {
        keys::fetch(&session.keys, world).await?;
    }
    if world.person.is_there() {
        return Ok(());
    }
    let needs = |what: String, mend: &str| {
        let text =
            format!("{what}, and nobody sits at a terminal here: run `{}` at one{mend}", login_command(identity));
        Err(Failure::new(FailureClass::NeedsPerson, mfa::CODE_REQUIRED, text))
    };
    if mfa::keys_need_person(&session.keys, &world.environment) {
        return needs(format!("the keys of {identity}, {}, need a person", session.keys.label()), "");
    }
    match &session.device {
        Some(device) if !has_code && mfa::needs_person(session, &world.environment) => needs(
            format!("the one-time code of {identity} comes from `{}`, which needs a person", device.otp.label()),
            ", or give the code with `--code`",
        ),
        _ => Ok(()),
    }
}

/// Forgets a session. False where there was none.
///
/// # Errors
///
/// Where the daemon, which keeps it, cannot be asked.
pub async fn forget(key: &SessionKey, sessions: &dyn UserSessions) -> Result<bool, Failure> {
    sessions.forget(key).await
}

/// How the session of an identity stands, for who is about to work with it.
#[derive(Clone, Debug)]
pub struct Standing {
    /// Under which key it is kept.
    pub key: SessionKey,
    /// What it is called.
    pub session: String,
    /// When it began.
    pub began: SystemTime,
    /// When it ends.
    pub ends: SystemTime,
    /// It is past a third of its life: whoever is here anyway begins another one.
    pub renew_ahead: bool,
    /// It ends before its person is back, by what is usual.
    pub while_away: bool,
    /// Only a person can begin another one.
    pub needs_person: bool,
}

/// How the session of an identity stands; `None` where it rests on none, or none is kept.
pub async fn standing(world: &World, config: &Config, identity: &str, sessions: &dyn UserSessions) -> Option<Standing> {
    let wanted = wanted(config, identity)?;
    let kept = sessions.held(&wanted.key).await.ok()??;
    let ends = kept.issued.expiration?;
    Some(Standing {
        key: wanted.key.clone(),
        session: wanted.session.label(),
        began: kept.began.wall,
        ends,
        renew_ahead: is_past_a_third(&kept, ends, world),
        while_away: ends_while_away(&kept, world),
        needs_person: mfa::needs_person(&wanted.session, &world.environment),
    })
}

/// Whether another session needs a person here: its keys or its code do.
pub fn needs_person(session: &UserSession, world: &World) -> bool {
    mfa::needs_person(session, &world.environment)
}

/// The key of the session that an identity rests on.
pub fn key_of(config: &Config, identity: &str) -> Option<SessionKey> {
    wanted(config, identity).map(|wanted| wanted.key)
}

/// The identities that rest on the same session as this one.
pub fn resting_with(config: &Config, identity: &str) -> Vec<IdentityName> {
    wanted(config, identity).map(|wanted| config.identities_resting_on(&wanted.key)).unwrap_or_default()
}

fn wanted(config: &Config, identity: &str) -> Option<Wanted> {
    config.user_session_of(identity).and_then(|(identity, _)| Wanted::of(identity))
}

fn is_past_a_third(kept: &KeptSession, ends: SystemTime, world: &World) -> bool {
    let offset = kept.issued.server_offset;
    let life = remaining(ends, offset, kept.began, kept.began);
    let left = remaining(ends, offset, kept.began, world.clock.now());
    past_a_third(life, left)
}

fn past_a_third(life: Duration, left: Duration) -> bool {
    life.saturating_sub(left) >= life / 3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_is_there_anyway_renews_from_a_third_of_the_life_on() {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        for (life, left, past) in [
            (36, 36, false),
            (36, 25, false),
            (36, 24, true),
            (36, 1, true),
            (12, 9, false),
            (12, 8, true),
            (12, 0, true),
        ] {
            assert_eq!(past_a_third(hours(life), hours(left)), past, "{left} of {life} h left");
        }
    }
}
