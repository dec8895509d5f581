//! What a flight needs at its take-off, and what becomes of what it brings.
//!
//! Nothing that is expired, about to end, incomplete or made by a definition that no longer holds enters the tables.
//! Called by the engine's task, under the engine's lock.

use std::sync::Arc;
use std::time::Duration;

use super::Settings;
use super::attempts::Failed;
use super::chain::named;
use super::entry::{Demand, Entry};
use super::flight::{Brought, Fetch, Flight};
use super::lifetime::{LAST_MINUTE, SHORT_LIFE, SHORT_TOKEN_LIFE, TOKEN_LIFE};
use super::plan::Start;
use super::state::{Aloft, FlightId, State, Target};
use crate::credential::{
    Ask, AwsCredential, Content, Credential, Failure, FailureClass, Issued, IssuedToken, Made, Now, Renewed, Session,
    Want,
};
use crate::source::daemon::DAEMON_AWAY;
use crate::source::{Ingredient, Need, Renewal, SESSION_TOKEN_DEAD};

impl State {
    /// Begins a flight; `None` when what it needs has gone in the meantime.
    pub(super) fn take_off(&mut self, start: &Start, now: Now, settings: &Settings) -> Option<Flight> {
        let entry = self.asks.get(&start.by)?;
        let source = entry.recipe.source.clone();
        let limited_by = entry.limited_by.clone();
        let stamp = entry.stamp;
        let spends =
            matches!(start.target, Target::Session(_)) && matches!(entry.need, Need::Session { ahead: true, .. });
        let id = FlightId(self.last_flight + 1);
        let fetch = match &start.target {
            Target::Session(key) => {
                let session = self.sessions.entry(key.clone()).or_default();
                session.attempts.flight = Some(id);
                session.maker = Some((start.by.clone(), stamp));
                let refused = session.refused.clone();
                Fetch::Session(Renewal {
                    refused: refused.is_some(),
                    instead_of: refused.or_else(|| session.held.clone()),
                })
            }
            Target::Credential(ask) => {
                let ingredient = match &entry.need {
                    Need::Nothing => Ingredient::Nothing,
                    Need::Session { key, .. } => Ingredient::Session(self.sessions.get(key)?.held.clone()?),
                    Need::Credential(base) => {
                        Ingredient::Credential(self.asks.get(base)?.held.as_ref()?.credential.clone())
                    }
                };
                let entry = self.asks.get_mut(ask)?;
                entry.attempts.flight = Some(id);
                Fetch::Credential(ingredient, entry.most_wanted(settings))
            }
        };
        self.last_flight += 1;
        let target = start.target.clone();
        let aloft = Aloft { target, limited_by, began: now.boot, again: start.again, spends };
        self.aloft.insert(id, aloft);
        tracing::debug!(target = %start.target, "fetching");
        Some(Flight { id, source, fetch })
    }

    /// A flight has landed with what it brings; `jitter` is in `0.0..1.0`.
    pub(super) fn land(
        &mut self,
        id: FlightId,
        brought: Result<Brought, Failure>,
        now: Now,
        jitter: f64,
        settings: &Settings,
    ) {
        let Some(aloft) = self.aloft.remove(&id) else { return };
        self.changed = true;
        match aloft.target {
            Target::Session(key) => {
                if self.sessions.get(&key).is_some_and(|session| session.attempts.flight == Some(id)) {
                    match brought.and_then(|brought| session_of(brought, now)) {
                        Ok(session) => self.renewed(&key, session, now, jitter),
                        Err(failure) => self.not_renewed(&key, failure, now, jitter),
                    }
                }
            }
            Target::Credential(ask) => {
                if self.asks.get(&ask).is_some_and(|entry| entry.attempts.flight == Some(id)) {
                    match brought.and_then(|brought| credential_of(brought, now)) {
                        Ok((credential, warnings)) => self.received(&ask, credential, warnings, now, settings),
                        Err(failure) => self.failed(&ask, failure, aloft.began, now, jitter),
                    }
                }
            }
        }
    }

    fn received(
        &mut self,
        ask: &Ask,
        mut credential: Credential,
        warnings: Vec<String>,
        now: Now,
        settings: &Settings,
    ) {
        let failing_since = self.rests_on_a_failing_one_since(ask);
        let Some(entry) = self.asks.get_mut(ask) else { return };
        let life = credential.lifetime();
        tracing::info!(identity = %ask, life = life.as_secs(), "credential renewed");
        let short = too_short(ask, whole_life(&credential));
        let kept = kept_longer(ask, entry, &credential);
        for warning in warnings.into_iter().chain(short).chain(kept) {
            if entry.told.len() < WARNINGS_AT_MOST && entry.told.insert(warning.clone()) {
                tracing::warn!(identity = %ask, reason = %warning, "credential renewed, but");
            }
        }
        let same = entry.held.as_ref().filter(|held| held.is(&credential)).map(|held| held.credential.received);
        let again = same.is_some();
        // a token that came again began its life when it came first
        if let (Some(received), Content::Token(_)) = (same, &credential.content) {
            credential.received = received;
        }
        let servable_for = credential.remaining(now).saturating_sub(LAST_MINUTE);
        entry.hold(Arc::new(credential), settings);
        failing_since.into_iter().for_each(|since| entry.hold_no_longer(since));
        match again {
            true => entry.attempts.bring_the_same(now, entry.recipe.source.rests(), servable_for),
            false => entry.attempts.succeed(now, entry.recipe.source.rests()),
        }
        entry.demand = None;
        entry.need_renewed = false;
        self.news.push(entry.changed.clone());
        self.mended(&Target::Credential(ask.clone()));
    }

    fn failed(&mut self, ask: &Ask, failure: Failure, began: Duration, now: Now, jitter: f64) {
        if is_about_what_it_needs(&failure) && self.demand_newer_need(ask, began, now) {
            return;
        }
        let Some(entry) = self.asks.get_mut(ask) else { return };
        // who waits goes on waiting: another source is about to take this one's place
        if failure.code == DAEMON_AWAY && entry.attempts.put_off(now) {
            return;
        }
        log_failure(&Target::Credential(ask.clone()), &failure);
        if failure.class == FailureClass::Refused {
            entry.held = None;
        }
        entry.hold_no_longer(now.boot);
        entry.attempts.fail(failure, now, jitter);
        entry.demand = None;
        entry.need_renewed = false;
        self.news.push(entry.changed.clone());
    }

    /// The upstream called the base or the session dead that this ask was to be made from: the next plan has another one
    /// fetched first. Once an attempt, and not where that one is itself new; `false` then. A base stays with its own
    /// clients: it may be the role that is broken.
    fn demand_newer_need(&mut self, ask: &Ask, began: Duration, now: Now) -> bool {
        let Some(entry) = self.asks.get_mut(ask) else { return false };
        if entry.need_renewed {
            return false;
        }
        let demanded = match entry.need.clone() {
            Need::Nothing => false,
            Need::Session { key, .. } => self.sessions.get_mut(&key).is_some_and(|session| {
                let renewed_since = session.held.as_ref().is_some_and(|held| held.received.boot > began);
                renewed_since || (!session.attempts.just_succeeded(now.boot) && session.refuse())
            }),
            Need::Credential(base) => self.asks.get_mut(&base).is_some_and(|base| {
                let renewed_since = base.held.as_ref().is_some_and(|held| held.credential.received.boot > began);
                let renewable = !base.attempts.just_succeeded(now.boot) && base.held.is_some();
                base.spent_as_base |= renewable && !renewed_since;
                renewed_since || renewable
            }),
        };
        if demanded && let Some(entry) = self.asks.get_mut(ask) {
            entry.attempts.flight = None;
            entry.need_renewed = true;
        }
        demanded
    }

    /// Lets `ask` fail because `cause`, which it needs, has failed. What it holds goes with its own session when that is
    /// refused; what was made from another one's credential lives on when that one is.
    pub(super) fn inherit(&mut self, ask: &Ask, cause: &Target, now: Now) {
        let Some(from) = self.failure_of(cause).cloned() else { return };
        let Some(entry) = self.asks.get_mut(ask) else { return };
        let failure = match cause {
            Target::Credential(base) => named(&from.failure, &ask.to_string(), &base.to_string()),
            // its key means nothing to people
            Target::Session(_) => entry.recipe.source.as_its_own(&from.failure),
        };
        let of_its_own = matches!((&entry.need, cause), (Need::Session { key, .. }, Target::Session(of)) if key == of);
        if failure.class == FailureClass::Refused && of_its_own {
            entry.held = None;
        }
        entry.hold_no_longer(now.boot);
        entry.attempts.inherit(failure, &from, cause.clone(), now);
        entry.demand = None;
        entry.need_renewed = false;
        self.news.push(entry.changed.clone());
        (self.changed, self.inherited) = (true, true);
    }

    fn failure_of(&self, target: &Target) -> Option<&Failed> {
        match target {
            Target::Session(key) => self.sessions.get(key)?.attempts.failed.as_ref(),
            Target::Credential(ask) => self.asks.get(ask)?.attempts.failed.as_ref(),
        }
    }

    /// What failed because of `target` may be tried again.
    pub(super) fn mended(&mut self, target: &Target) {
        if !std::mem::take(&mut self.inherited) {
            return;
        }
        for entry in self.asks.values_mut() {
            entry.attempts.cause_is_mended(target);
            self.inherited |= entry.attempts.inherited();
        }
    }

    /// Somebody wants `ask` fetched: `true` when the timetable does not know yet.
    pub(super) fn demand(&mut self, ask: &Ask, demand: Demand) -> bool {
        let Some(entry) = self.asks.get_mut(ask) else { return false };
        let news = entry.demand < Some(demand);
        entry.demand = entry.demand.max(Some(demand));
        news
    }
}

const WARNINGS_AT_MOST: usize = 16;

/// How long it lives from when it was made, where it says so: whoever keeps tokens hands out what is left of them.
fn whole_life(credential: &Credential) -> Duration {
    let made = credential.token().and_then(|token| token.not_before);
    let whole = made.and_then(|made| credential.expiration.duration_since(made).ok());
    whole.unwrap_or_default().max(credential.lifetime())
}

/// What a person should know of a life that clients can do little with.
fn too_short(ask: &Ask, life: Duration) -> Option<String> {
    // to the nearest: the upstream's clock may be a little ahead of what it meant
    let minutes = life.as_secs().saturating_add(29) / 60;
    match ask.want {
        Want::Keys => (life <= SHORT_LIFE).then(|| {
            format!(
                "the session of {ask} is {minutes} min: Python and .NET clients will ask on every call; \
                 set its duration to 30 min or more"
            )
        }),
        Want::Token(_) => (life <= SHORT_TOKEN_LIFE).then(|| {
            format!(
                "a token of {ask} lives {minutes} min: nothing longer can be had, and clients ask again with 5 min left; \
                 look at the token lifetime policy of the tenant"
            )
        }),
        Want::Assertion => None,
    }
}

/// What a person should know who wants more of a token's life than whoever keeps it gives.
fn kept_longer(ask: &Ask, entry: &Entry, credential: &Credential) -> Option<String> {
    let again = entry.held.as_ref().is_some_and(|held| held.is(credential));
    let minutes = entry.token_life().as_secs() / 60;
    (again && credential.token().is_some() && entry.token_life() > TOKEN_LIFE).then(|| {
        format!(
            "{ask} cannot always give the {minutes} min of `min_life`: who keeps its token gives another one with 5 min left"
        )
    })
}

/// Answers of STS that say that it was not the request but the keys it was signed with: others may do. Temporary ones are
/// over before their time, or a helper program printed a pair that was rotated since (AWS, "Common error types").
fn is_about_what_it_needs(failure: &Failure) -> bool {
    matches!(failure.code, "ExpiredToken" | "InvalidClientTokenId" | "SignatureDoesNotMatch" | SESSION_TOKEN_DEAD)
}

fn credential_of(brought: Brought, now: Now) -> Result<(Credential, Vec<String>), Failure> {
    let Brought::Credential(made) = brought else { return Err(unfit("it is a session")) };
    let (content, expiration, server_offset, received, warnings) = match made {
        Made::Keys(issued) => {
            let Issued { keys, expiration, server_offset, account_id, role_arn, warnings, received } = issued;
            let no_token = keys.session_token.as_ref().is_none_or(|token| token.is_empty());
            if keys.access_key_id.is_empty() || keys.secret_access_key.is_empty() || no_token {
                return Err(unfit("it has no key id, no secret or no session token"));
            }
            let Some(expiration) = expiration else { return Err(unfit("it has no end")) };
            let content = Content::Aws(AwsCredential { keys, account_id, role_arn });
            (content, expiration, server_offset, received, warnings)
        }
        Made::Token(IssuedToken { token, expiration, server_offset, warnings, received }) => {
            if token.access_token.is_empty() {
                return Err(unfit("its token is empty"));
            }
            (Content::Token(token), expiration, server_offset, received, warnings)
        }
    };
    // its life is the upstream's, and both clocks have run since then, whoever had it meanwhile
    let credential = Credential { content, expiration, server_offset, received: received.unwrap_or(now) };
    if credential.remaining(now) < LAST_MINUTE {
        return Err(unfit("it is expired or ends within a minute"));
    }
    Ok((credential, warnings))
}

fn session_of(brought: Brought, now: Now) -> Result<Session, Failure> {
    let Brought::Session(renewed) = brought else { return Err(unfit("it is no session")) };
    match &renewed {
        Renewed::Keys(Issued { keys, .. }) if keys.access_key_id.is_empty() || keys.secret_access_key.is_empty() => {
            return Err(unfit("it has no key id or no secret"));
        }
        Renewed::SignIn(sign_in) if sign_in.access_token.is_empty() => return Err(unfit("its token is empty")),
        Renewed::Keys(_) | Renewed::SignIn(_) | Renewed::Account(_) => {}
    }
    let session = Session { renewed, received: now };
    if session.lifetime().is_some_and(|life| life < LAST_MINUTE) {
        return Err(unfit("it is expired or ends within a minute"));
    }
    Ok(session)
}

fn unfit(why: &str) -> Failure {
    let public = "the upstream sent a credential that cannot be used: see `credenza status`";
    Failure::new(FailureClass::TryLater, "UnusableCredential", public)
        .because(format!("the upstream sent a credential that cannot be used: {why}"))
}

pub(super) fn log_failure(target: &Target, failure: &Failure) {
    let (code, reason) = (failure.code, &failure.private);
    match failure.class {
        FailureClass::NeedsPerson | FailureClass::Refused => {
            tracing::error!(%target, error_code = code, reason, "not renewed")
        }
        FailureClass::TryLater => tracing::warn!(%target, error_code = code, reason, "not renewed"),
    }
}
