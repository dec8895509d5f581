//! Tokens of a person: each is bought with the refresh token that their login left, which is good for every resource.
//!
//! The login is the session, one for all resources and for all identities of the same application; a person begins it elsewhere
//! (`login/`). Its refresh token stays in the store: what each use of it brings is written down before the token is handed on. What
//! Entra ID says to one resource (consent, a policy) is that resource's affair; what ends the login is written down too, so that
//! nobody asks with a dead token again. Called by the engine.

use std::sync::Arc;

use super::problem::{needs_login, needs_login_too};
use super::{Answered, Asking, FormValue, Judged, Party, TokenEndpoint, What, judge, scope, words};
use crate::config::EntraAccount;
use crate::credential::{
    Account, Failure, FailureClass, IdentityName, IssuedToken, Made, Renewed, Resource, SessionKey,
};
use crate::source::{Ingredient, Need, Renewal, SESSION_ENDED, Source, wrong_ingredient};
use crate::store::{AccountStore, KeptAccount, KeptToken};
use crate::world::BoxFuture;

/// The code of a failure that a login mends.
pub(in crate::source) const LOGIN_REQUIRED: &str = "LoginRequired";

/// How often a token is asked for while others use up the refresh tokens.
const MOST_TRIES: u32 = 3;

/// A person's tokens for one resource.
#[derive(Clone)]
pub(super) struct Person {
    pub(in crate::source) identity: IdentityName,
    pub(in crate::source) account: EntraAccount,
    pub(in crate::source) resource: Resource,
    /// Whether that is what a login is for where nobody says.
    pub(in crate::source) is_default: bool,
    pub(in crate::source) endpoint: TokenEndpoint,
}

impl Source for Person {
    fn needs(&self) -> Need {
        Need::Session { key: self.account.key(), freshly: false, no_older_than: None, ahead: false }
    }

    fn renew(&self, renewal: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        let person = self.clone();
        Box::pin(async move { person.found(&renewal).map(Renewed::Account) })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let person = self.clone();
        Box::pin(async move {
            match ingredient {
                Ingredient::Session(session) if session.account().is_some() => person.issued().await.map(Made::from),
                _ => Err(wrong_ingredient()),
            }
        })
    }

    fn limited_by(&self) -> SessionKey {
        self.account.key()
    }

    /// Another identity's look at the login that this one shares failed: the command to name is this one's.
    fn as_its_own(&self, failure: &Failure) -> Failure {
        needs_login_too(failure, &self.identity)
    }
}

impl Person {
    /// The login that lies there. Entra ID is not asked.
    fn found(&self, renewal: &Renewal) -> Result<Account, Failure> {
        let held = renewal.instead_of.as_ref().and_then(|session| session.account());
        match self.store()?.account().map_err(|error| error.failure(&self.identity))? {
            None => Err(match held {
                Some(_) => self.needs_login(SESSION_ENDED, Some("somebody logged out")),
                None => self.needs_login(LOGIN_REQUIRED, None),
            }),
            Some(there) if there.ended_by.is_some() => Err(self.needs_login(LOGIN_REQUIRED, why_over(&there))),
            Some(there) if renewal.refused && held.is_some_and(|held| held.login == there.login) => {
                Err(self.needs_login(LOGIN_REQUIRED, None))
            }
            Some(there) => Ok(Account { login: there.login, name: there.name.map(Arc::from) }),
        }
    }

    /// A token, for what lies there now: another process may have used it, or somebody logged in anew.
    async fn issued(&self) -> Result<IssuedToken, Failure> {
        let scope = scope::of(&self.resource).map_err(|why| unusable_resource(&self.identity, why))?;
        let store = self.store()?;
        let mut kept = self.kept(&store).await?;
        let mut tries = 1;
        loop {
            match self.endpoint.ask(form(&kept, &scope)).await {
                Ok(answered) => return Ok(self.keep(&store, &kept, answered).await),
                Err(problem) => {
                    let judged = judge(&problem, &self.asking());
                    if judged.what != What::LoginDead {
                        return Err(judged.failure);
                    }
                    if let Some(failure) = self.over(&store, &kept, judged, tries).await {
                        return Err(failure);
                    }
                    (kept, tries) = (self.kept(&store).await?, tries + 1);
                }
            }
        }
    }

    /// Writes down what the use of the login brought, before the token is handed on. Where that fails the token is good all the
    /// same, and so is what lies there: Entra ID takes it again ("Refresh tokens in the Microsoft identity platform").
    async fn keep(&self, store: &AccountStore, used: &KeptToken, answered: Answered) -> IssuedToken {
        let kept = match &answered.refresh_token {
            Some(another) => store.rotate(used, another).await,
            None => Ok(()),
        };
        let mut issued = answered.issued(self.endpoint.world.clock.now());
        if let Err(error) = kept {
            let identity = &self.identity;
            issued.warnings.push(format!(
                "the login of {identity} was renewed, and that cannot be kept: {error}; it goes on with what was kept before"
            ));
        }
        issued
    }

    /// The login is over: written down, so that it is not tried with again. `None`: somebody left another token meanwhile.
    async fn over(&self, store: &AccountStore, dead: &KeptToken, judged: Judged, tries: u32) -> Option<Failure> {
        match store.note_end(dead, judged.number).await {
            Ok(false) if tries < MOST_TRIES => None,
            // the login is not over, and what is tried with it next may do
            Ok(false) => Some(Failure { class: FailureClass::TryLater, ..judged.failure }),
            Ok(true) => Some(judged.failure),
            Err(error) => {
                let private = format!("{} (and that cannot be written down: {error})", judged.failure.private);
                Some(judged.failure.because(private))
            }
        }
    }

    /// What lies there, while it is not known to be over. The failure has the engine look for another login.
    async fn kept(&self, store: &AccountStore) -> Result<KeptToken, Failure> {
        let failed = |error: crate::store::AccountError| error.failure(&self.identity);
        let dead = |why| needs_login(&self.identity, why);
        let account = store.account().map_err(failed)?.ok_or_else(|| dead(None))?;
        if account.ended_by.is_some() {
            return Err(dead(why_over(&account)));
        }
        store.token().await.map_err(failed)?.ok_or_else(|| dead(None))
    }

    fn store(&self) -> Result<AccountStore, Failure> {
        AccountStore::of(&self.account, &self.endpoint.world).map_err(|error| error.failure(&self.identity))
    }

    fn needs_login(&self, code: &'static str, why: Option<&str>) -> Failure {
        Failure { code, ..needs_login(&self.identity, why) }
    }

    fn asking(&self) -> Asking<'_> {
        Asking {
            identity: &self.identity,
            client_id: &self.account.client_id,
            tenant: &self.account.tenant,
            resource: &self.resource,
            is_default: self.is_default,
            party: Party::Person,
        }
    }
}

/// What a token is asked for with. `offline_access` brings another refresh token, `openid` and `profile` who it is.
fn form(kept: &KeptToken, scope: &str) -> Vec<(&'static str, FormValue)> {
    vec![
        ("grant_type", "refresh_token".into()),
        ("scope", FormValue::Plain(with_login(scope))),
        ("refresh_token", (&kept.refresh_token).into()),
    ]
}

/// A scope with what a login is asked for besides.
pub(super) fn with_login(scope: &str) -> String {
    format!("{scope} offline_access openid profile")
}

fn why_over(account: &KeptAccount) -> Option<&'static str> {
    words::why_over(account.ended_by?)
}

/// A resource that makes no scope.
pub(in crate::source) fn unusable_resource(identity: &str, why: &str) -> Failure {
    // what a client wrote is not repeated where it may be anything
    let text = format!(
        "{identity} has no token for what was asked for: {why}; ask for a resource such as https://graph.microsoft.com"
    );
    Failure::new(FailureClass::Refused, "ResourceUnknown", text)
}
