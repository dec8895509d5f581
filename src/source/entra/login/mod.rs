//! How a person logs in at Entra ID: in their own browser ([`code`]) where one can be opened, else with a code that is confirmed in
//! a browser anywhere ([`device`]).
//!
//! One login at a time for each account, in all our processes: who finds one begun waits for it and takes what it brings.
//! Nothing is kept before it is whole. Called by commands alone: there is no person in the background.

mod code;
mod device;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::problem::{Asking, Judged, Party, Problem, judge};
use super::token::{Answered, TokenEndpoint};
use super::{person, scope};
use crate::config::EntraAccount;
use crate::config::child_files::shell_word;
use crate::config::sso::login_command;
use crate::credential::claims::Claims;
use crate::credential::{Failure, FailureClass, IdentityName, Resource};
use crate::source::Learnt;
use crate::source::sign_in::browser::PATIENCE;
use crate::store::{AccountStore, KeptAccount, Lies, Lock};
use crate::world::World;

/// Who logs in, and for what.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The identity that the commands in the sentences name.
    pub identity: IdentityName,
    /// The login.
    pub account: EntraAccount,
    /// What consent is asked for.
    pub resource: Resource,
    /// Whether that is the identity's own resource.
    pub is_default: bool,
}

/// How to log in.
#[derive(Clone, Copy, Debug)]
pub struct How {
    /// With a code that is confirmed in any browser, also where one could be opened here.
    pub device_code: bool,
    /// Whether a browser may be opened: not with `--no-browser`.
    pub browser: bool,
    /// Who only wants to use a login is content with one that somebody began after this time.
    pub unless_since: Option<SystemTime>,
}

/// A login that has begun.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Whose.
    pub account: KeptAccount,
    /// How it lies there; `None`: somebody else's command saw to it.
    pub lies: Option<Lies>,
}

/// Has the person log in, keeps what comes of it and says whose it is. A login that lives is made anew.
///
/// # Errors
///
/// `NeedsPerson` where the person said no or did not come, or a policy stands before it; `Refused` where the settings lead nowhere;
/// `TryLater` for trouble on the way. What was kept before stays.
pub async fn login(wanted: &Wanted, world: &World, how: How) -> Result<LoggedIn, Failure> {
    let identity = &*wanted.identity;
    let failed = |error: crate::store::AccountError| error.failure(identity);
    let scope = scope::of(&wanted.resource).map_err(|why| person::unusable_resource(identity, why))?;
    let store = AccountStore::of(&wanted.account, world).map_err(failed)?;
    let before = store.account().ok().flatten();
    let _lock = match turn(&store, before, identity, world).await? {
        Turn::Ours(lock) => lock,
        Turn::Theirs(account) => return Ok(LoggedIn { account: *account, lies: None }),
    };
    if let Some(account) = begun_meanwhile(&store, how.unless_since) {
        return Ok(LoggedIn { account, lies: None });
    }
    let endpoint = TokenEndpoint {
        authority: Arc::clone(&wanted.account.authority),
        tenant: wanted.account.tenant.clone(),
        client_id: wanted.account.client_id.clone(),
        world: world.clone(),
        learnt: Learnt::default(),
    };
    let browser = how.browser && world.person.has_browser();
    let desk = Desk { wanted, world, endpoint, scope: person::with_login(&scope), browser };
    let answered = match browser && !how.device_code {
        true => code::sign_in(&desk).await?,
        false => device::sign_in(&desk).await?,
    };
    keep(&desk, &store, answered).await
}

/// A login that lives and that a person began after `since`.
fn begun_meanwhile(store: &AccountStore, since: Option<SystemTime>) -> Option<KeptAccount> {
    let account = store.account().ok()??;
    (account.signed_in >= since? && account.ended_by.is_none()).then_some(account)
}

enum Turn {
    Ours(Lock),
    Theirs(Box<KeptAccount>),
}

/// Waits for a login that somebody else has begun, and takes what it brought; else it is our turn.
async fn turn(
    store: &AccountStore,
    before: Option<KeptAccount>,
    identity: &str,
    world: &World,
) -> Result<Turn, Failure> {
    let try_it = || store.try_login().map_err(|error| error.failure(identity));
    if let Some(lock) = try_it()? {
        return Ok(Turn::Ours(lock));
    }
    world.person.tell(&format!("Waiting for the login of {identity} that another terminal has begun."));
    let deadline = Instant::now() + PATIENCE;
    let lock = loop {
        sleep(TRY_EVERY).await;
        match try_it()? {
            Some(lock) => break lock,
            None if Instant::now() >= deadline => {
                let text = format!(
                    "cannot log in as {identity}: another terminal has been at it for 10 min; end it there, then run `{}`",
                    login_command(identity)
                );
                return Err(Failure::new(FailureClass::NeedsPerson, "LoginRequired", text));
            }
            None => {}
        }
    };
    let is_new = |account: &KeptAccount| before.as_ref().is_none_or(|before| before.login != account.login);
    Ok(match store.account().ok().flatten().filter(is_new) {
        Some(account) => Turn::Theirs(Box::new(account)),
        None => Turn::Ours(lock),
    })
}

const TRY_EVERY: Duration = Duration::from_millis(50);

async fn keep(desk: &Desk<'_>, store: &AccountStore, answered: Answered) -> Result<LoggedIn, Failure> {
    let Some(refresh_token) = &answered.refresh_token else {
        let why = "Entra ID gave no refresh token";
        let remedy = "allow `offline_access` for the application, or ask who administers the tenant";
        let text = format!("cannot log in as {}: {why}; {remedy}", desk.wanted.identity);
        return Err(Failure::new(FailureClass::Refused, "UpstreamRefused", text));
    };
    let claims = answered.id_claims.clone().or_else(|| Claims::read(answered.access_token.expose()));
    let claims = claims.unwrap_or_default();
    let mut login = [0_u8; 8];
    desk.world.random.fill(&mut login);
    let account = KeptAccount {
        login: login.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into(),
        name: claims.name,
        tenant: claims.tenant,
        signed_in: desk.world.clock.now().wall,
        ended_by: None,
    };
    let lies = store.begin(&account, refresh_token).await.map_err(|error| error.failure(&desk.wanted.identity))?;
    Ok(LoggedIn { account, lies: Some(lies) })
}

/// One login.
struct Desk<'a> {
    wanted: &'a Wanted,
    world: &'a World,
    endpoint: TokenEndpoint,
    /// What is asked for.
    scope: String,
    /// Whether a browser is to be opened.
    browser: bool,
}

impl Desk<'_> {
    fn judge(&self, problem: &Problem) -> Judged {
        let EntraAccount { tenant, client_id, .. } = &self.wanted.account;
        let asking = Asking {
            identity: &self.wanted.identity,
            client_id,
            tenant,
            resource: &self.wanted.resource,
            is_default: self.wanted.is_default,
            party: Party::Person,
        };
        let judged = judge(problem, &asking);
        // there is no session yet that could be dead
        let code = if judged.failure.code == crate::source::SESSION_TOKEN_DEAD {
            "LoginRequired"
        } else {
            judged.failure.code
        };
        Judged { failure: Failure { code, ..judged.failure }, ..judged }
    }

    fn nobody_came(&self, why: &str) -> Failure {
        let identity = &self.wanted.identity;
        let text = format!("cannot log in as {identity}: {why}; run `{}` again", self.command());
        Failure::new(FailureClass::NeedsPerson, "LoginRequired", text)
    }

    fn command(&self) -> String {
        let command = login_command(&self.wanted.identity);
        match self.wanted.is_default {
            true => command,
            false => format!("{command} --resource {}", shell_word(&self.wanted.resource)),
        }
    }

    /// What a person is told that they log in to.
    fn label(&self) -> String {
        format!("Entra ID as {}", self.wanted.identity)
    }
}
