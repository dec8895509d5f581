//! A person begins a user session: for the commands. What shows a dialog or wants a finger runs here, in the process that
//! they started, and the daemon is handed the code.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::keeper::ends_while_away;
use crate::config::{Config, UserSession};
use crate::credential::{Failure, FailureClass, IdentityName, remaining};
use crate::secret::Secret;
use crate::source::mfa::{self, How, KeptSession, UserSessions, Wanted, Who};
use crate::world::World;

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
    let who = if world.person.is_there() { Who::Person } else { Who::Nobody };
    let how = How { who, given: code, unless_since: Some(unless_since) };
    let kept = mfa::begin(&wanted, how, sessions, world).await?;
    Ok(Begun { session, ends: kept.issued.expiration, while_away: ends_while_away(&kept, world) })
}

/// Forgets the session that an identity rests on. False where there was none.
///
/// # Errors
///
/// Where the daemon, which keeps it, cannot be asked.
pub async fn forget(config: &Config, identity: &str, sessions: &dyn UserSessions) -> Result<bool, Failure> {
    match wanted(config, identity) {
        Some(wanted) => sessions.forget(&wanted.key).await,
        None => Ok(false),
    }
}

/// How the session of an identity stands, for who is about to work with it.
#[derive(Clone, Debug)]
pub struct Standing {
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
