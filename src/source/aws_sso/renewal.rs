//! How a sign-in is kept: what lies there is taken, else its refresh token is used, by one process at a time.
//!
//! The AWS CLI and its friends share the file and take no lock, so every step looks again: somebody may have renewed it
//! meanwhile, or signed in anew, or out. Nobody is asked here: where a person is needed, that is the failure. Called by the
//! source, for the engine.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::oidc::{Grant, Minted, Oidc};
use super::problem::{SETTINGS_CONTRADICT, SsoProblem, What};
use crate::config::SsoSession;
use crate::config::sso::login_command;
use crate::credential::{ClockOffset, Failure, FailureClass, IdentityName, SignIn};
use crate::source::{Renewal, SESSION_ENDED};
use crate::store::{LockFor, Registration, SignInRecord, StoreError, StoredToken, TokenStore};
use crate::world::World;

/// The code of a failure that a login mends.
pub(super) const LOGIN_REQUIRED: &str = "LoginRequired";

/// The renewal of one sign-in, for one identity.
pub(super) struct Renewing {
    pub(super) identity: IdentityName,
    pub(super) session: Arc<SsoSession>,
    pub(super) world: World,
}

impl Renewing {
    /// The sign-in as it is now: what lies there, or what its refresh token brought.
    pub(super) async fn renew(&self, renewal: &Renewal) -> Result<SignIn, Failure> {
        let store = TokenStore::of(&self.session, &self.world).map_err(|error| self.unstored(&error))?;
        let found = self.found(&store).await?;
        if let Some(sign_in) = self.adopt(&found, renewal) {
            return Ok(sign_in);
        }
        self.refreshable(&found, renewal)?;
        let lock = store.lock(LockFor::Refresh, LOCK_PATIENCE).await.map_err(|error| self.unstored(&error))?;
        if lock.is_none() {
            let text = format!("another process has been renewing the sign-in of {} for a while", self.identity);
            return Err(Failure::new(FailureClass::TryLater, "UpstreamTimeout", text));
        }
        // whoever held the lock may have done it
        let found = self.found(&store).await?;
        if let Some(sign_in) = self.adopt(&found, renewal) {
            return Ok(sign_in);
        }
        let (token, client) = self.refreshable(&found, renewal)?;
        self.refresh(&store, token, client, renewal).await
    }

    async fn refresh(
        &self,
        store: &TokenStore,
        token: StoredToken,
        client: Registration,
        renewal: &Renewal,
    ) -> Result<SignIn, Failure> {
        let Some(refresh_token) = &token.refresh_token else { return Err(self.login_required(NOT_RENEWABLE)) };
        let oidc = Oidc::new(self.session.clone(), self.world.clone()).asked_by(self.identity.clone());
        let oidc = match &token.region {
            Some(region) => oidc.resolved_as(self.session.start_url.as_str(), region.as_str()),
            None => oidc,
        };
        let minted = match oidc.token(&client, Grant::Refresh(refresh_token)).await {
            Ok(minted) => minted,
            Err(problem) if is_refusal(&problem) => {
                // a login may have finished meanwhile
                let found = self.found(store).await?;
                if let Some(sign_in) = self.adopt(&found, renewal) {
                    return Ok(sign_in);
                }
                if problem.what == What::GrantDead {
                    self.note_end(store).await;
                }
                return Err(self.over(self.refused(problem), renewal));
            }
            Err(problem) => return Err(problem.failure),
        };
        self.keep(store, &token, minted).await
    }

    /// Writes down what the refresh token brought, unless somebody signed in or out meanwhile.
    async fn keep(&self, store: &TokenStore, used: &StoredToken, minted: Minted) -> Result<SignIn, Failure> {
        let Some(there) = self.found(store).await? else {
            return Err(Failure { code: SESSION_ENDED, ..self.login_required(SIGNED_OUT) });
        };
        if is_newer(&there, used, &minted) {
            return Ok(sign_in_of(&there, true));
        }
        let token = StoredToken {
            access_token: minted.access_token.clone(),
            expires_at: minted.expires_at,
            // AWS need not hand out another one; the one that was used goes on then
            refresh_token: minted.refresh_token.clone().or_else(|| used.refresh_token.clone()),
            ..used.clone()
        };
        store.save(&token).await.map_err(|error| self.unstored(&error))?;
        if minted.life <= LAST_MINUTE {
            // AWS cuts tokens at the end of the sign-in: the next one would be none
            return Err(self.login_required(AT_ITS_END));
        }
        self.note_life(store).await;
        Ok(SignIn { server_offset: minted.server_offset, ..sign_in_of(&token, false) })
    }

    /// What lies there. What cannot be read counts as nothing where a login would replace it.
    async fn found(&self, store: &TokenStore) -> Result<Option<StoredToken>, Failure> {
        match store.token().await {
            Ok(found) => Ok(found),
            Err(error @ StoreError::Unusable { .. }) => Err(self.login_required(&error.to_string())),
            Err(error) => Err(self.unstored(&error)),
        }
    }

    /// What lies there, if it will do.
    fn adopt(&self, found: &Option<StoredToken>, renewal: &Renewal) -> Option<SignIn> {
        let token = found.as_ref()?;
        let now = self.world.clock.now().wall;
        will_do(token, renewal, now).then(|| sign_in_of(token, true))
    }

    /// The token and the registration that it can be renewed with.
    fn refreshable(
        &self,
        found: &Option<StoredToken>,
        renewal: &Renewal,
    ) -> Result<(StoredToken, Registration), Failure> {
        let Some(token) = found else {
            return Err(match renewal.instead_of {
                Some(_) => Failure { code: SESSION_ENDED, ..self.login_required(SIGNED_OUT) },
                None => self.login_required(NEVER_SIGNED_IN),
            });
        };
        let (Some(_), Some(registration)) = (&token.refresh_token, &token.registration) else {
            return Err(self.over(self.login_required(NOT_RENEWABLE), renewal));
        };
        if registration.expires_at <= self.world.clock.now().wall {
            return Err(self.over(self.login_required(REGISTRATION_OVER), renewal));
        }
        Ok((token.clone(), registration.clone()))
    }

    /// The refresh token was refused, in whatever words: a person is needed. What is held is not the refresh token's affair,
    /// and stays.
    fn refused(&self, problem: SsoProblem) -> Failure {
        match problem.what {
            What::GrantDead | What::ClientDead => problem.failure,
            _ => self.login_required(&problem.failure.private),
        }
    }

    /// The sign-in is over. One that the upstream called dead before its token's end was ended on purpose.
    fn over(&self, failure: Failure, renewal: &Renewal) -> Failure {
        if renewal.refused { Failure { code: SESSION_ENDED, ..failure } } else { failure }
    }

    fn login_required(&self, why: &str) -> Failure {
        let text = needs_login(&self.identity);
        Failure::new(FailureClass::NeedsPerson, LOGIN_REQUIRED, &text).because(format!("{text}: {why}"))
    }

    fn unstored(&self, error: &StoreError) -> Failure {
        let text = format!("the sign-in of {} cannot be kept: {error}", self.identity);
        Failure::new(FailureClass::TryLater, "SignInUnusable", text)
    }

    /// The sign-in ended: the next one will last as long, as far as anybody can tell.
    async fn note_end(&self, store: &TokenStore) {
        let record = store.record().await;
        let lasted = record.signed_in.and_then(|at| self.world.clock.now().wall.duration_since(at).ok());
        if let Some(lasted) = lasted {
            // not worth failing for
            let _ = store.save_record(&SignInRecord { length: Some(whole_length(lasted)), ..record }).await;
        }
    }

    /// The sign-in lives: where it has outlived what was learnt, that was wrong.
    async fn note_life(&self, store: &TokenStore) {
        let record = store.record().await;
        let (Some(at), Some(length)) = (record.signed_in, record.length) else { return };
        if self.world.clock.now().wall.duration_since(at).is_ok_and(|lived| lived > length) {
            let _ = store.save_record(&SignInRecord { length: None, ..record }).await;
        }
    }
}

/// Whether AWS refuses the refresh token for good: because it is over, or because AWS wants none of this registration, this
/// person or this request any more, which a sign-in made anew may mend. Settings that make no request are refused by nobody.
fn is_refusal(problem: &SsoProblem) -> bool {
    match problem.what {
        What::GrantDead | What::ClientDead | What::Denied => true,
        What::Ours => problem.failure.code != SETTINGS_CONTRADICT,
        _ => false,
    }
}

const NEVER_SIGNED_IN: &str = "nobody has signed in";
const AT_ITS_END: &str = "the sign-in ends within a minute";
const SIGNED_OUT: &str = "somebody signed out";
const NOT_RENEWABLE: &str = "the sign-in is over, and cannot be renewed";
const REGISTRATION_OVER: &str = "the registration that the sign-in was made with is over";

/// A refresh takes a second; whoever holds the lock for longer hangs, or has died with its machine.
const LOCK_PATIENCE: Duration = Duration::from_secs(30);

/// Whether what lies there may be used. A token is good to its end, so only what ends within a minute is left; what the
/// upstream called dead is left too; and where a renewal ahead is due, only what lasts longer will do.
fn will_do(token: &StoredToken, renewal: &Renewal, now: SystemTime) -> bool {
    let left = token.expires_at.duration_since(now).unwrap_or_default();
    if left <= LAST_MINUTE {
        return false;
    }
    let Some(held) = renewal.instead_of.as_ref().and_then(|session| session.sign_in()) else { return true };
    let same = token.access_token.same_as(held.access_token.expose().as_bytes());
    !same && (renewal.refused || token.expires_at > held.expiration)
}

const LAST_MINUTE: Duration = Duration::from_secs(60);

/// Whether somebody signed in while the refresh token of `used` was: then theirs stays.
fn is_newer(there: &StoredToken, used: &StoredToken, minted: &Minted) -> bool {
    let refresh = |token: &StoredToken| token.refresh_token.clone();
    let same = match (refresh(there), refresh(used)) {
        (Some(there), Some(used)) => there.same_as(used.expose().as_bytes()),
        (None, None) => true,
        _ => false,
    };
    // the end of ours was counted from when the answer came, not from when it was made
    !same && there.expires_at + LAST_MINUTE >= minted.expires_at
}

fn sign_in_of(token: &StoredToken, adopted: bool) -> SignIn {
    SignIn {
        access_token: token.access_token.clone(),
        expiration: token.expires_at,
        server_offset: ClockOffset::None,
        renewable: token.refresh_token.is_some() && token.registration.is_some(),
        adopted,
        region: token.region.clone(),
    }
}

/// How long sign-ins last, from how long one was seen to last: it was over a little before that was seen, and
/// administrators choose whole hours, or quarters of one.
fn whole_length(lasted: Duration) -> Duration {
    let unit = if lasted >= HOUR { HOUR } else { HOUR / 4 };
    let units = lasted.as_secs() / unit.as_secs();
    unit * u32::try_from(units.max(1)).unwrap_or(u32::MAX)
}

const HOUR: Duration = Duration::from_secs(3600);

fn needs_login(identity: &str) -> String {
    format!("{identity} needs a login: run `{}`", login_command(identity))
}

/// The same failure of the shared sign-in, with this identity's command.
pub(super) fn named_for(failure: &Failure, identity: &str) -> Failure {
    if !super::wants_login(failure) {
        return failure.clone();
    }
    let public = needs_login(identity);
    let why = failure.private.strip_prefix(&failure.public).unwrap_or_default();
    Failure { private: format!("{public}{why}"), public, ..failure.clone() }
}

#[cfg(test)]
#[path = "renewal_tests.rs"]
mod tests;
