//! How a test steers Identity Center, and what it reads back.

use std::time::{Duration, SystemTime};

use super::{
    directory::{Bucket, plain},
    login::{Decision, Login},
    model::{Account, Assignment, Instance, Rate, Registration, SignIn, Vanity},
    oidc::{self, DEVICE_CODE, PORTAL_SCOPE, REFRESH_TOKEN},
};
use crate::{Cloud, keys::opaque};

/// What a login leaves with the client that made it: the content of a token file of the AWS CLI.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedIn {
    /// Its registration.
    pub client_id: String,
    /// Its registration's secret.
    pub client_secret: String,
    /// When the registration ends.
    pub registration_expires: SystemTime,
    /// For the portal.
    pub access_token: String,
    /// When it ends.
    pub expires: SystemTime,
    /// For more access tokens.
    pub refresh_token: String,
}

/// A token that was given out.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The token itself.
    pub token: String,
    /// Whose it is.
    pub person: String,
    /// The number of its sign-in.
    pub sign_in: u64,
    /// When it ends; a refresh token ends with its sign-in.
    pub expires: Option<SystemTime>,
    /// Withdrawn, or spent.
    pub revoked: bool,
}

/// Who there is.
impl Cloud {
    /// Adds an instance, or replaces the one of the same start URL. What hangs on it stays.
    pub fn add_instance(&self, instance: Instance) {
        let start_url = plain(&instance.start_url).to_owned();
        self.state().sso.instances.insert(start_url.clone(), Instance { start_url, ..instance });
    }

    /// Changes the habits of an instance. Tells whether there is one.
    pub fn change_instance(&self, start_url: &str, change: impl FnOnce(&mut Instance)) -> bool {
        self.state().sso.instances.get_mut(plain(start_url)).map(change).is_some()
    }

    /// Adds a person, who may sign in.
    pub fn add_person(&self, name: &str) {
        self.state().sso.people.insert(name.to_owned(), true);
    }

    /// The person cannot sign in and no refresh token works; access tokens do to their end, role credentials to theirs.
    /// Tells whether there is such a person.
    pub fn disable_person(&self, name: &str) -> bool {
        self.state().sso.people.get_mut(name).map(|enabled| *enabled = false).is_some()
    }

    /// Undoes [`Cloud::disable_person`].
    pub fn enable_person(&self, name: &str) -> bool {
        self.state().sso.people.get_mut(name).map(|enabled| *enabled = true).is_some()
    }

    /// Adds an account, or replaces the one of the same id.
    pub fn add_account(&self, account: Account) {
        self.state().sso.accounts.insert(account.id.clone(), account);
    }

    /// Gives a person a role in an account, with sessions of that length: 15 minutes to 12 hours.
    pub fn assign(&self, person: &str, account: &str, role: &str, session: Duration) {
        let key = (person.to_owned(), account.to_owned(), role.to_owned());
        self.state().sso.assignments.insert(key, Assignment { session, removed: false });
    }

    /// Takes a role away: 403 "No access". Credentials that were given live on. Tells whether there is such an assignment.
    pub fn remove_assignment(&self, person: &str, account: &str, role: &str) -> bool {
        self.set_removed(person, account, role, true)
    }

    /// Undoes [`Cloud::remove_assignment`].
    pub fn restore_assignment(&self, person: &str, account: &str, role: &str) -> bool {
        self.set_removed(person, account, role, false)
    }

    /// A company's own address that leads to a start URL.
    pub fn add_vanity(&self, vanity: Vanity) {
        self.state().sso.vanities.insert(vanity.host.clone(), vanity);
    }

    fn set_removed(&self, person: &str, account: &str, role: &str, removed: bool) -> bool {
        let key = (person.to_owned(), account.to_owned(), role.to_owned());
        self.state().sso.assignments.get_mut(&key).map(|assignment| assignment.removed = removed).is_some()
    }
}

/// Logins and what comes of them.
impl Cloud {
    /// Every login that was started, by its number.
    pub fn logins(&self) -> Vec<(u64, Login)> {
        self.state().sso.logins.iter().map(|(number, login)| (*number, login.clone())).collect()
    }

    /// The number of the login that a user code belongs to.
    pub fn login_of(&self, user_code: &str) -> Option<u64> {
        let state = self.state();
        state.sso.logins.iter().find(|(_, login)| login.user_code() == Some(user_code)).map(|(number, _)| *number)
    }

    /// A person approves a login. False when there is none, it was decided, or the person cannot sign in.
    pub fn approve_login(&self, number: u64, person: &str) -> bool {
        let at = self.now();
        let may = self.state().sso.may_sign_in(person);
        may && self.decide(number, Decision::Approved { person: person.to_owned(), at })
    }

    /// The login is refused. False when there is none or it was decided.
    pub fn deny_login(&self, number: u64) -> bool {
        let at = self.now();
        self.decide(number, Decision::Denied { at })
    }

    /// Where the browser of a login is sent, once that is decided.
    pub fn redirect_of(&self, number: u64) -> Option<String> {
        let now = self.now();
        self.state().sso.logins.get(&number)?.redirect(now)
    }

    /// A login as if it had happened elsewhere, with a registration of its own: what the AWS CLI would have cached. None when
    /// there is no such instance, or the person cannot sign in.
    pub fn sign_in(&self, start_url: &str, person: &str) -> Option<SignedIn> {
        let now = self.now();
        let directory = &mut self.state().sso;
        let (client_id, client_secret) = (opaque(""), opaque("eyJraWQiOiJr"));
        let registration_expires = now.checked_add(directory.registration_life)?;
        let registration = Registration {
            name: "elsewhere".to_owned(),
            secret: client_secret.clone(),
            expires: registration_expires,
            scopes: vec![PORTAL_SCOPE.to_owned()],
            grants: vec![DEVICE_CODE.to_owned(), REFRESH_TOKEN.to_owned()],
            redirect_uris: Vec::new(),
            issuer_url: None,
        };
        directory.registrations.insert(client_id.clone(), registration);
        let answer = oidc::sign_in(directory, &client_id, start_url, person, now)?;
        Some(SignedIn {
            client_id,
            client_secret,
            registration_expires,
            access_token: answer["accessToken"].as_str()?.to_owned(),
            expires: now.checked_add(Duration::from_secs(answer["expiresIn"].as_u64()?))?,
            refresh_token: answer["refreshToken"].as_str()?.to_owned(),
        })
    }

    /// Every sign-in, by its number.
    pub fn sign_ins(&self) -> Vec<(u64, SignIn)> {
        self.state().sso.sign_ins.iter().map(|(number, sign_in)| (*number, sign_in.clone())).collect()
    }

    /// An administrator ends what sessions a person has: the portal says 401, a refresh `InvalidGrantException`. Tells how many.
    pub fn end_sign_ins(&self, person: &str) -> usize {
        let now = self.now();
        let mut state = self.state();
        let living = state.sso.sign_ins.values_mut().filter(|sign_in| sign_in.person == person && sign_in.lives(now));
        living.map(|sign_in| sign_in.ended = true).count()
    }

    fn decide(&self, number: u64, decision: Decision) -> bool {
        let mut state = self.state();
        let open = state.sso.logins.get_mut(&number).filter(|login| login.decision.is_none());
        open.map(|login| login.decision = Some(decision)).is_some()
    }
}

/// Tokens, registrations, patience.
impl Cloud {
    /// Every access token that was given out.
    pub fn access_tokens(&self) -> Vec<Token> {
        let state = self.state();
        let all = state.sso.access_tokens.iter();
        all.map(|(token, known)| Token {
            token: token.clone(),
            person: state.sso.sign_ins.get(&known.sign_in).map(|sign_in| sign_in.person.clone()).unwrap_or_default(),
            sign_in: known.sign_in,
            expires: Some(known.expires),
            revoked: known.revoked,
        })
        .collect()
    }

    /// Every refresh token that was given out.
    pub fn refresh_tokens(&self) -> Vec<Token> {
        let state = self.state();
        let all = state.sso.refresh_tokens.iter();
        all.map(|(token, known)| Token {
            token: token.clone(),
            person: state.sso.sign_ins.get(&known.sign_in).map(|sign_in| sign_in.person.clone()).unwrap_or_default(),
            sign_in: known.sign_in,
            expires: None,
            revoked: known.revoked,
        })
        .collect()
    }

    /// Withdraws one access token before its end, or one refresh token; the rest of the sign-in stays as it is. Tells whether
    /// it is known.
    pub fn revoke_token(&self, token: &str) -> bool {
        let directory = &mut self.state().sso;
        let access = directory.access_tokens.get_mut(token).map(|known| known.revoked = true);
        access.or_else(|| directory.refresh_tokens.get_mut(token).map(|known| known.revoked = true)).is_some()
    }

    /// Withdraws all access tokens of a person; refresh tokens live on. Tells how many.
    pub fn revoke_access_tokens(&self, person: &str) -> usize {
        let directory = &mut self.state().sso;
        let sign_ins = &directory.sign_ins;
        let is_theirs = |number: &u64| sign_ins.get(number).is_some_and(|sign_in: &SignIn| sign_in.person == person);
        let theirs = directory.access_tokens.values_mut().filter(|known| is_theirs(&known.sign_in));
        theirs.map(|known| known.revoked = true).count()
    }

    /// How long registrations last that are made from now on: 90 days by default.
    pub fn set_registration_life(&self, life: Duration) {
        self.state().sso.registration_life = life;
    }

    /// Ends every registration now: `InvalidClientException`. Tells how many there are.
    pub fn expire_registrations(&self) -> usize {
        let now = self.now();
        let mut state = self.state();
        state.sso.registrations.values_mut().map(|registration| registration.expires = now).count()
    }

    /// Every registration, by its client id.
    pub fn registrations(&self) -> Vec<(String, Registration)> {
        self.state().sso.registrations.iter().map(|(id, registration)| (id.clone(), registration.clone())).collect()
    }

    /// How many calls the portal takes; all without a rate.
    pub fn set_portal_rate(&self, rate: Option<Rate>) {
        let now = self.now();
        self.state().sso.rate = rate.map(|rate| Bucket::full(rate, now));
    }

    /// How many calls of `CreateToken` there were with this grant type, whatever became of them.
    pub fn count_grants(&self, grant: &str) -> usize {
        let is_it = |(name, value): &(String, String)| name == "grantType" && value == grant;
        let state = self.state();
        state.calls.values().filter(|call| call.action == "CreateToken" && call.parameters.iter().any(is_it)).count()
    }
}
