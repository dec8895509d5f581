//! Says ahead that a user session ends and needs its person, once each: shortly before, and, where the person would come
//! back too late, at the end of their last working day before it. In the log, and on the desktop where there is one.
//!
//! Called by the daemon, which keeps them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use super::absence::is_about_to_leave;
use super::{ANNOUNCE, Keeper};
use crate::config::sso::login_command;
use crate::control::daemon::SessionDesk as _;
use crate::control::view::UserSession;
use crate::engine::{AskState, Engine};
use crate::world::{World, notice};

/// Looks at the sessions now and then, for ever.
pub(in crate::app) struct Announcer {
    pub(in crate::app) world: World,
    pub(in crate::app) engine: Engine,
    pub(in crate::app) keeper: Keeper,
}

/// What was said of a session that ends at this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Said {
    /// It ends while its person is away.
    Away,
    /// It ends soon.
    Soon,
}

impl Announcer {
    /// Announces ends, for ever.
    pub(in crate::app) async fn run(self) {
        // by the identity that each is begun by: two devices may have one name
        let mut said: BTreeMap<(String, String), Said> = BTreeMap::new();
        loop {
            for session in self.keeper.views() {
                let Some(ends) = session.ends.clone().filter(|_| self.is_in_use(&session)) else { continue };
                let now = self.world.clock.now().wall;
                let leaving = is_about_to_leave(now, &self.world.clock.zone());
                let Some(what) = to_say(&session, now, leaving) else { continue };
                if said.get(&(session.login.clone(), ends.clone())).is_none_or(|before| *before < what) {
                    said.retain(|(login, _), _| *login != session.login);
                    said.insert((session.login.clone(), ends.clone()), what);
                    self.say(&session, &ends, what).await;
                }
            }
            sleep(NOW_AND_THEN).await;
        }
    }

    fn is_in_use(&self, session: &UserSession) -> bool {
        let used = |state: AskState| !matches!(state, AskState::Idle | AskState::Empty);
        let resting = self.keeper.resting_with(&session.login);
        self.engine.snapshot().asks.iter().any(|ask| resting.contains(&ask.ask.identity) && used(ask.state))
    }

    async fn say(&self, session: &UserSession, ends: &str, what: Said) {
        let name = &session.session;
        let text = match what {
            Said::Soon => format!("The session ends soon, at {ends}"),
            Said::Away => {
                format!("The session ends at {ends}, before the next working day: begin another one before you leave")
            }
        };
        tracing::warn!(session = %name, "a user session ends, and only its person can begin another one");
        let title = format!("Credenza: {name}");
        let text = format!("{text}: {}", login_command(&session.login));
        notice::show(&*self.world.processes, &self.world.environment, &title, &text).await;
    }
}

/// What is to be said of a session now.
fn to_say(session: &UserSession, now: SystemTime, leaving: bool) -> Option<Said> {
    if session.unattended {
        return None;
    }
    let ends = SystemTime::from(session.ends.as_deref()?.parse::<jiff::Timestamp>().ok()?);
    let left = ends.duration_since(now).ok()?;
    if left <= ANNOUNCE {
        return Some(Said::Soon);
    }
    (session.ends_unattended && leaving).then_some(Said::Away)
}

const NOW_AND_THEN: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_said_ahead_and_before_a_weekend() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let session = |minutes: u64, ends_unattended: bool, unattended: bool| UserSession {
            key: "user:ada:0f3a11c2".to_owned(),
            session: "ada".to_owned(),
            state: "begun".to_owned(),
            serial: None,
            began: None,
            ends: Some(crate::control::view::time(now + Duration::from_secs(minutes * 60))),
            ends_unattended,
            unattended,
            paused_until: None,
            login: "prod".to_owned(),
            identities: 1,
        };
        for (minutes, away, unattended, leaving, expected) in [
            (16, false, false, true, None),
            (15, false, false, false, Some(Said::Soon)),
            (600, true, false, false, None),
            (600, true, false, true, Some(Said::Away)),
            (10, true, false, true, Some(Said::Soon)),
            (10, true, true, true, None),
        ] {
            assert_eq!(
                to_say(&session(minutes, away, unattended), now, leaving),
                expected,
                "{minutes} {away} {leaving}"
            );
        }
    }
}
