//! Says ahead that a sign-in ends, once: in the log, and on the desktop where there is one; and says so when it has ended
//! before its time.
//!
//! Several processes follow the same sign-in: whoever announces its end first writes that down, and the others leave it at
//! that. A sign-in that nothing in use rests on is nobody's concern.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use super::end::{Ending, end_of, ending};
use super::followed::Followed;
use crate::config::sso::login_command;
use crate::credential::SessionKey;
use crate::engine::{AskState, Engine};
use crate::source::sso::wants_login;
use crate::store::SignInRecord;
use crate::world::{World, notice};

/// Remembers what was said.
#[derive(Default)]
pub(super) struct Announcer {
    /// The sign-ins that were said to be over.
    over: HashSet<SessionKey>,
}

impl Announcer {
    /// Looks at one sign-in, and says what is to be said of it.
    pub(super) async fn look(&mut self, world: &World, engine: &Engine, of: &Followed) {
        let snapshot = engine.snapshot();
        let used = |state: AskState| !matches!(state, AskState::Idle | AskState::Empty);
        let in_use = snapshot.asks.iter().any(|ask| of.identities.contains(&ask.ask.identity) && used(ask.state));
        let key = of.session.key();
        let session = snapshot.sessions.iter().find(|session| session.key == key);
        let over = session.and_then(|session| session.failure.as_ref()).is_some_and(wants_login);
        let label = of.session.label();
        if !over {
            self.over.remove(&key);
        } else if in_use && self.over.insert(key) {
            tracing::error!(session = label, "the sign-in is over: a login is needed");
            self.say_once(world, of, "The sign-in is over").await;
        }
        if over || !in_use {
            return;
        }
        let Ok(Some(token)) = of.store.token().await else { return };
        let record = of.store.record().await;
        let Some(end) = end_of(&of.session, &token, &record) else { return };
        let Ending::Soon(left) = ending(Some(end), of.session.announce, world.clock.now().wall) else { return };
        if !is_announced(&record, end) {
            // who cannot write it down says it again
            let _ = of.store.save_record(&SignInRecord { announced: Some(end), ..record }).await;
            let minutes = left.as_secs().div_ceil(60);
            tracing::warn!(session = label, left = left.as_secs(), "the sign-in ends soon: log in again");
            self.say(world, label, &format!("The sign-in ends in {minutes} min")).await;
        }
    }

    /// Several processes see a sign-in end at about the same time: one of them says so on the desktop.
    async fn say_once(&self, world: &World, of: &Followed, what: &str) {
        let (now, record) = (world.clock.now().wall, of.store.record().await);
        let lately = |at: SystemTime| at > now || now.duration_since(at).is_ok_and(|ago| ago < LATELY);
        if !record.announced.is_some_and(lately) {
            let _ = of.store.save_record(&SignInRecord { announced: Some(now), ..record }).await;
            self.say(world, of.session.label(), what).await;
        }
    }

    async fn say(&self, world: &World, label: &str, what: &str) {
        notice::show(
            &*world.processes,
            &world.environment,
            &format!("Credenza: {label}"),
            &format!("{what}: {}", login_command(label)),
        )
        .await;
    }
}

/// Whether this end was announced; the same end is written down to the second, and one that was learnt anew differs.
fn is_announced(record: &SignInRecord, end: SystemTime) -> bool {
    let apart = |announced: SystemTime| announced.duration_since(end).unwrap_or_else(|error| error.duration());
    record.announced.is_some_and(|announced| apart(announced) < SAME)
}

const SAME: Duration = Duration::from_secs(60);

/// An end that was announced needs no second notice when it comes.
const LATELY: Duration = Duration::from_secs(3600);

#[cfg(test)]
#[path = "announce_tests.rs"]
mod tests;
