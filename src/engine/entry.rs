//! One line of either table: what is known of one ask, or of one session, and what follows from it at a time.
//!
//! Pure. Called by the tables, the plan and the engine's handle.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;

use super::Settings;
use super::attempts::{Attempts, Who};
use super::chain::Link;
use super::lifetime::{LAST_MINUTE, TOKEN_LIFE, Thresholds, kept_token_thresholds, thresholds, token_thresholds};
use crate::credential::{Ask, Content, Credential, Now, Session, SessionKey};
use crate::secret::Digest;
use crate::source::{Need, Recipe};

/// What is known of one ask.
pub(super) struct Entry {
    pub(super) recipe: Recipe,
    pub(super) need: Need,
    pub(super) limited_by: SessionKey,
    /// The session at the end of its chain.
    pub(super) rests_on: Option<SessionKey>,
    /// By which definitions it is made: see [`chain`](super::chain).
    pub(super) stamp: Digest,
    pub(super) held: Option<Held>,
    /// Nothing more is made from what it holds, which its own clients still get: the upstream called it dead.
    pub(super) spent_as_base: bool,
    pub(super) attempts: Attempts,
    pub(super) demand: Option<Demand>,
    /// The upstream called what this one needs dead, and a newer one has been demanded for it: once an attempt.
    pub(super) need_renewed: bool,
    /// The most that clients of one kind or another ever wanted of its life at least; zero: what all want. Kept for as
    /// long as the line: for a kind that comes no more, it is fetched a few minutes early.
    min_life: Duration,
    /// When a client last used it: time awake, and the wall clock for people.
    pub(super) used: Option<(Duration, SystemTime)>,
    /// How many requests it was asked for in.
    pub(super) uses: u64,
    /// What a person has been told about it already.
    pub(super) told: HashSet<String>,
    pub(super) changed: Arc<Notify>,
}

/// A credential with what was worked out at its receipt.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) credential: Arc<Credential>,
    /// With this much left or less, a newer one is fetched in the background: early enough for whoever wants most of it.
    pub(super) soft: Duration,
    /// In boot time: it is handed out no longer than until then, although it lives on, because a renewal failed.
    pub(super) until: Option<Duration>,
    /// What clients get of a token's life at least: as its definition says, or as much as whoever keeps it allows.
    token_life: Duration,
}

impl Held {
    /// What is left of it; nothing once it is handed out no more.
    pub(super) fn remaining(&self, now: Now) -> Duration {
        match self.until {
            Some(until) if until <= now.boot => Duration::ZERO,
            _ => self.credential.remaining(now),
        }
    }

    /// Less than this is not [enough](Entry::enough).
    pub(super) fn least_life(&self, min_life: Duration) -> Duration {
        let just_over_a_minute = LAST_MINUTE.saturating_add(Duration::from_nanos(1));
        thresholds_of(&self.credential, min_life, self.token_life).hard.max(just_over_a_minute)
    }

    /// Whether the same credential came again.
    pub(super) fn is(&self, other: &Credential) -> bool {
        self.credential.content.is(&other.content) && self.credential.expiration == other.expiration
    }
}

/// By what it is, when something happens to it. What AWS's clients want of a credential's life says nothing of tokens.
fn thresholds_of(credential: &Credential, min_life: Duration, token_life: Duration) -> Thresholds {
    match credential.content {
        Content::Aws(_) => thresholds(credential.lifetime(), min_life),
        Content::Token(_) => token_thresholds(credential.lifetime(), token_life),
    }
}

/// Who wants a credential fetched although the timetable would not do so yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Demand {
    /// Somebody expects to be asked for it.
    Ahead,
    /// A client waits, or has waited.
    Client,
}

/// What is known of one session.
#[derive(Default)]
pub(super) struct SessionEntry {
    pub(super) held: Option<Arc<Session>>,
    /// By whose source it was last begun to be made, and that one's stamp.
    pub(super) maker: Option<(Ask, Digest)>,
    pub(super) attempts: Attempts,
    /// With how much left it is renewed ahead of its end.
    pub(super) renew_with: Duration,
    /// What the upstream called dead before its end: no other one that is the same will do.
    pub(super) refused: Option<Arc<Session>>,
}

impl Entry {
    pub(super) fn new(link: Link) -> Self {
        Self {
            limited_by: link.recipe.source.limited_by(),
            rests_on: link.rests_on,
            recipe: link.recipe,
            need: link.need,
            stamp: link.stamp,
            held: None,
            spent_as_base: false,
            attempts: Attempts::default(),
            demand: None,
            need_renewed: false,
            min_life: Duration::ZERO,
            used: None,
            uses: 0,
            told: HashSet::new(),
            changed: Arc::default(),
        }
    }

    /// The same by a definition read again; where it is another one than before, nothing made by the old one stays.
    pub(super) fn following(mut self, link: Link) -> Self {
        if self.stamp != link.stamp {
            self.held = None;
            self.spent_as_base = false;
            self.attempts.forget_waits();
            self.attempts.flight = None;
            self.need_renewed = false;
            self.told.clear();
        }
        Self {
            limited_by: link.recipe.source.limited_by(),
            rests_on: link.rests_on,
            recipe: link.recipe,
            need: link.need,
            stamp: link.stamp,
            ..self
        }
    }

    /// The ask whose credential this one is made from.
    pub(super) fn base(&self) -> Option<&Ask> {
        match &self.need {
            Need::Credential(base) => Some(base),
            Need::Nothing | Need::Session { .. } => None,
        }
    }

    /// What clients that want so much of its life get without waiting, if it has enough, whatever others want of it.
    pub(super) fn enough(&self, min_life: Duration, now: Now) -> Option<&Arc<Credential>> {
        let held = self.held.as_ref()?;
        (held.remaining(now) >= held.least_life(min_life)).then_some(&held.credential)
    }

    /// What clients get when nothing newer can be had.
    pub(super) fn servable(&self, now: Now) -> Option<&Arc<Credential>> {
        let held = self.held.as_ref()?;
        (held.remaining(now) > LAST_MINUTE).then_some(&held.credential)
    }

    /// What is left of the credential that is held; zero for none.
    pub(super) fn remaining(&self, now: Now) -> Duration {
        self.held.as_ref().map_or(Duration::ZERO, |held| held.remaining(now))
    }

    /// Whether it will do as the base of another one's credential: 5 min, or a third of its life where that is less.
    pub(super) fn can_be_base(&self, now: Now) -> bool {
        let lasts = |held: &Held| held.remaining(now) >= enough_for_a_call(held.credential.lifetime());
        !self.spent_as_base && self.held.as_ref().is_some_and(lasts)
    }

    /// A client of this kind would ask for it now.
    pub(super) fn client(&self, now: Now) -> Who {
        Who::Client { without: self.servable(now).is_none() }
    }

    /// Whether it is kept fresh unasked.
    pub(super) fn active(&self, awake: Duration, settings: &Settings) -> bool {
        self.recipe.keep_warm || self.used.is_some_and(|(used, _)| awake.saturating_sub(used) < settings.idle_after)
    }

    pub(super) fn abandoned(&self, awake: Duration, now: Now, settings: &Settings) -> bool {
        !self.active(awake, settings)
            && self.held.is_none()
            && self.demand.is_none()
            && self.attempts.flight.is_none()
            && !self.attempts.remembers_failure(now.boot)
    }

    /// Renewals fail since then, in boot time: what is held is handed out for so long yet as its definition says.
    pub(super) fn hold_no_longer(&mut self, since: Duration) {
        if let (Some(held), Some(most)) = (&mut self.held, self.recipe.max_hold) {
            held.until = held.until.or(Some(since.saturating_add(most)));
        }
    }

    /// What it rests on was ended on purpose: what is held is handed out no more, and what is in the air is not taken.
    pub(super) fn drop_all(&mut self) {
        self.held = None;
        self.spent_as_base = false;
        self.need_renewed = false;
        self.attempts.flight = None;
        self.attempts.forget_waits();
    }

    /// What it rests on was renewed.
    pub(super) fn hold_on(&mut self) {
        if let (Some(held), None) = (&mut self.held, &self.attempts.failed) {
            held.until = None;
        }
    }

    /// Clients want so much of its life at least. `true`: more than any before, so it may be due sooner, or now.
    pub(super) fn want_life(&mut self, min_life: Duration, settings: &Settings) -> bool {
        if min_life <= self.most_wanted(settings) {
            return false;
        }
        self.min_life = min_life;
        if let Some(held) = self.held.as_mut().filter(|held| held.credential.aws().is_some()) {
            held.soft = thresholds_of(&held.credential, min_life, held.token_life).soft;
        }
        true
    }

    /// What those of its clients want that want most of its life.
    pub(super) fn most_wanted(&self, settings: &Settings) -> Duration {
        settings.min_life.max(self.min_life)
    }

    /// How much of a token's life clients should get at least.
    pub(super) fn token_life(&self) -> Duration {
        self.recipe.min_life.unwrap_or(TOKEN_LIFE)
    }

    /// Takes over what was just received.
    pub(super) fn hold(&mut self, credential: Arc<Credential>, settings: &Settings) {
        let again = self.held.as_ref().is_some_and(|held| held.is(&credential));
        let kept = again && matches!(credential.content, Content::Token(_));
        let token_life = if kept { TOKEN_LIFE } else { self.token_life() };
        let soft = if kept {
            kept_token_thresholds(credential.lifetime()).soft
        } else {
            thresholds_of(&credential, self.most_wanted(settings), token_life).soft
        };
        self.held = Some(Held { credential, soft, until: None, token_life });
        self.spent_as_base = false;
    }
}

impl SessionEntry {
    /// The upstream called it dead before its end: nothing more is made from it. `false`: there was none.
    pub(super) fn refuse(&mut self) -> bool {
        let Some(held) = self.held.take() else { return false };
        self.refused = Some(held);
        true
    }

    /// How long until it is to be renewed ahead of its end; `None` where nothing that is held could be.
    pub(super) fn renewed_in(&self, now: Now) -> Option<Duration> {
        let held = self.held.as_ref().filter(|held| held.sign_in().is_some_and(|sign_in| sign_in.renewable))?;
        Some(held.remaining(now)?.saturating_sub(self.renew_with))
    }

    /// Whether its renewal has failed for as long as what is made from it may be handed out then: more of that would be
    /// handed to nobody.
    pub(super) fn fails_for(&self, most: Option<Duration>, now: Now) -> bool {
        let (Some(failed), Some(most)) = (&self.attempts.failed, most) else { return false };
        failed.since.saturating_add(most) <= now.boot
    }

    /// Whether a credential can be made from it now. One without an end is used again and again, also after failures of
    /// what is made of it: its source may be a program that opens a browser.
    pub(super) fn usable(&self, freshly: bool, no_older_than: Option<Duration>, now: Now) -> bool {
        let Some(session) = &self.held else { return false };
        let age = now.boot.saturating_sub(session.received.boot);
        match session.remaining(now) {
            // the access portal takes it to its very end
            Some(left) if session.sign_in().is_some() => left > LAST_MOMENT,
            None => no_older_than.is_none_or(|limit| age < limit),
            Some(_) if freshly => age < FRESH,
            Some(left) => left >= enough_for_a_call(session.lifetime().unwrap_or_default()),
        }
    }
}

/// A token that ends sooner may end on its way.
const LAST_MOMENT: Duration = Duration::from_secs(5);

/// How old a session may be that a credential is made of and can be no younger than: asks that need the same one and
/// come together get one.
const FRESH: Duration = Duration::from_secs(60);

/// What a base or a session must have left to be used for a call that may take a while.
fn enough_for_a_call(life: Duration) -> Duration {
    (life / 3).min(Duration::from_secs(5 * 60))
}
