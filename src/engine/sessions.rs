//! What becomes of sessions: one that was renewed, one that was not, one that is forgotten; and with it of what was made
//! from it, at the end of whatever chain.
//!
//! A renewal that fails takes nothing away by itself: what is held, the session too, is used to its end. Only a session that
//! the upstream called dead before its end, and that it makes no other one of, was ended on purpose: what was made of it is
//! dropped. Called by the engine's task and its handle, under the engine's lock.

use std::sync::Arc;
use std::time::Duration;

use super::attempts::BETWEEN_SUCCESSES;
use super::entry::{Entry, SessionEntry};
use super::landing::log_failure;
use super::lifetime::renew_session_with;
use super::state::{FlightId, State, Target};
use crate::credential::{Ask, Failure, FailureClass, IdentityName, Now, Session, SessionKey};
use crate::source::{Need, SESSION_ENDED};

impl State {
    /// A session was made anew; `jitter` is in `0.0..1.0`.
    pub(super) fn renewed(&mut self, key: &SessionKey, renewed: Session, now: Now, jitter: f64) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let adopted = renewed.sign_in().is_some_and(|sign_in| sign_in.adopted);
        let life = if adopted { None } else { renewed.lifetime() };
        session.renew_with = renew_session_with(life, jitter);
        session.held = Some(Arc::new(renewed));
        session.refused = None;
        // what lay there cost the upstream nothing, and may be dead
        session.attempts.succeed(now, if adopted { Duration::ZERO } else { BETWEEN_SUCCESSES });
        tracing::debug!(target = %key, "session renewed");
        self.mended(&Target::Session(key.clone()));
        self.each_that_rests_on(key, Entry::hold_on);
    }

    /// A session could not be made anew.
    pub(super) fn not_renewed(&mut self, key: &SessionKey, failure: Failure, now: Now, jitter: f64) {
        log_failure(&Target::Session(key.clone()), &failure);
        match failure.code {
            SESSION_ENDED => {
                self.each_that_rests_on(key, Entry::drop_all);
                self.give_up_strays();
            }
            _ => self.each_that_rests_on(key, |entry| entry.hold_no_longer(now.boot)),
        }
        let Some(session) = self.sessions.get_mut(key) else { return };
        if failure.class == FailureClass::Refused || failure.code == SESSION_ENDED {
            session.held = None;
        }
        session.attempts.fail(failure, now, jitter);
    }

    /// What is held for these asks, and for all that are made from theirs, is handed out no more, and what is in the air for
    /// them is not taken; so are the sessions that they need. Waits are forgotten.
    pub(super) fn forget(&mut self, identities: &[IdentityName]) {
        let mut forgotten: Vec<Ask> =
            self.asks.keys().filter(|ask| identities.contains(&ask.identity)).cloned().collect();
        loop {
            let above = |(ask, entry): (&Ask, &Entry)| {
                let made_of_them = entry.base().is_some_and(|base| forgotten.contains(base));
                (made_of_them && !forgotten.contains(ask)).then(|| ask.clone())
            };
            let more: Vec<Ask> = self.asks.iter().filter_map(above).collect();
            if more.is_empty() {
                break;
            }
            forgotten.extend(more);
        }
        for ask in &forgotten {
            let Some(entry) = self.asks.get_mut(ask) else { continue };
            entry.drop_all();
            if let Need::Session { key, .. } = &entry.need
                && let Some(session) = self.sessions.get_mut(key)
            {
                *session = SessionEntry { maker: session.maker.take(), ..SessionEntry::default() };
            }
        }
        self.give_up_strays();
        self.tell_all();
    }

    /// Somebody signed in: waits of this session are forgotten, of what rests on it, and of all that is asked of
    /// `identities`.
    pub(super) fn forget_waits_of(&mut self, key: &SessionKey, identities: &[IdentityName]) {
        for (_, entry) in self.asks.iter_mut().filter(|(ask, _)| identities.contains(&ask.identity)) {
            entry.attempts.forget_waits();
        }
        if let Some(session) = self.sessions.get_mut(key) {
            session.attempts.forget_waits();
        }
        self.each_that_rests_on(key, |entry| entry.attempts.forget_waits());
        self.tell_all();
    }

    /// Since when the session that an ask rests on could not be renewed, in boot time.
    pub(super) fn rests_on_a_failing_one_since(&self, ask: &Ask) -> Option<Duration> {
        let key = self.asks.get(ask)?.rests_on.as_ref()?;
        Some(self.sessions.get(key)?.attempts.failed.as_ref()?.since)
    }

    /// What is in the air and must not be ended halfway.
    pub(super) fn spending(&self) -> Vec<FlightId> {
        self.aloft.iter().filter(|(_, aloft)| aloft.spends).map(|(id, _)| *id).collect()
    }

    fn each_that_rests_on(&mut self, key: &SessionKey, change: impl Fn(&mut Entry)) {
        self.asks.values_mut().filter(|entry| entry.rests_on.as_ref() == Some(key)).for_each(change);
    }

    /// When the session that an ask rests on is to be renewed ahead of its end, and by whose source: for as long as the ask
    /// is kept fresh.
    pub(super) fn renewed_ahead(&self, entry: &Entry, ask: &Ask, now: Now) -> Option<(Duration, Ask)> {
        let key = entry.rests_on.as_ref()?;
        let session = self.sessions.get(key).filter(|session| session.attempts.flight.is_none())?;
        let renewed_in = session.renewed_in(now)?;
        let mut by = (ask, entry);
        while let Some(base) = by.1.base() {
            by = (base, self.asks.get(base)?);
        }
        matches!(by.1.need, Need::Session { ahead: true, .. }).then(|| (renewed_in, by.0.clone()))
    }
}
