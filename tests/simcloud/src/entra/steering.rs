//! How a test steers Entra ID, and what it reads back.

use std::time::Duration;

use super::{
    app::App,
    login::Login,
    model::{Api, Challenge, Moment, Person, Tenant},
};
use crate::{
    Cloud, Issuer,
    sso::{Decision, Visitor},
    web_identity::unix_secs,
};

/// Who and what there is.
impl Cloud {
    /// Adds a tenant, or replaces the one of the same id.
    pub fn add_tenant(&self, tenant: Tenant) {
        self.state().entra.tenants.insert(tenant.id.clone(), tenant);
    }

    /// Adds a person to a tenant, or replaces the one of the same name.
    pub fn add_entra_person(&self, mut person: Person) {
        let entra = &mut self.state().entra;
        let number = entra.next_number();
        person.challenges.iter_mut().for_each(|challenge| challenge.since = number);
        entra.people.insert(person.name.clone(), person);
    }

    /// Adds an app registration, or replaces the one of the same client id. Federated credentials that it has not had before
    /// are made now.
    pub fn add_app(&self, mut app: App) {
        let now = self.now();
        let mut state = self.state();
        let known = state.entra.apps.get(&app.client_id).map(|known| known.federated.clone()).unwrap_or_default();
        for credential in &mut app.federated {
            let same = known.iter().find(|it| (&it.issuer, &it.subject) == (&credential.issuer, &credential.subject));
            credential.created = same.and_then(|it| it.created).or(Some(now));
        }
        state.entra.apps.insert(app.client_id.clone(), app);
    }

    /// Changes an app registration. Tells whether there is one.
    pub fn change_app(&self, client_id: &str, change: impl FnOnce(&mut App)) -> bool {
        let Some(mut app) = self.state().entra.apps.get(client_id).cloned() else { return false };
        change(&mut app);
        self.add_app(app);
        true
    }

    /// The app goes away: AADSTS700016. Tells whether there was one.
    pub fn remove_app(&self, client_id: &str) -> bool {
        self.state().entra.apps.remove(client_id).is_some()
    }

    /// Adds an API, or replaces the one of the same client id. Microsoft's own are there already.
    pub fn add_api(&self, api: Api) {
        let apis = &mut self.state().entra.apis;
        apis.retain(|known| known.app_id != api.app_id);
        apis.push(api);
    }

    /// Who opens the pages, and does what; nobody without one.
    pub fn set_entra_visitor(&self, visitor: Option<Visitor>) {
        self.state().entra.visitor = visitor;
    }

    /// The issuer that a tenant's tokens of version 1 or 2 name, with its key: registered as an OIDC provider
    /// (`add_issuer(issuer.audience(...))`), it lets AWS take them.
    pub fn tenant_issuer(&self, tenant: &str, version: u8) -> Issuer {
        let state = self.state();
        let known = state.entra.tenant(tenant).cloned();
        state.entra.issuer(&known.unwrap_or_else(|| Tenant::new(tenant, tenant)), version)
    }
}

/// What becomes of people.
impl Cloud {
    /// Changes a person. Tells whether there is one.
    pub fn change_entra_person(&self, name: &str, change: impl FnOnce(&mut Person)) -> bool {
        self.state().entra.people.get_mut(name).map(change).is_some()
    }

    /// From now on a policy wants something of the person: tokens are refused with this number, for one API or for all, until
    /// [`Cloud::settle_entra_person`], or until a new sign-in when such a one can meet it. Tells whether there is such a person.
    pub fn challenge_entra_person(&self, name: &str, code: u32, resource: Option<&str>) -> bool {
        let since = self.state().entra.next_number();
        let challenge = Challenge { code, resource: resource.map(str::to_owned), since };
        self.change_entra_person(name, |person| person.challenges.push(challenge))
    }

    /// No policy wants anything of the person any more.
    pub fn settle_entra_person(&self, name: &str) -> bool {
        self.change_entra_person(name, |person| person.challenges.clear())
    }

    /// An administrator revokes the person's sign-ins: refresh tokens from before get AADSTS50173.
    pub fn revoke_entra_sign_ins(&self, name: &str) -> bool {
        let moment = self.entra_moment();
        self.change_entra_person(name, |person| person.valid_from = Some(moment))
    }

    /// Continuous access evaluation: APIs that check ([`Cloud::judge_bearer`]) refuse the access tokens that the person has,
    /// with a claims challenge, and take newer ones. Refresh tokens stay good.
    pub fn revoke_entra_access_tokens(&self, name: &str) -> bool {
        let moment = self.entra_moment();
        self.change_entra_person(name, |person| person.evaluated_from = Some(moment))
    }

    /// From when on the person's access tokens are taken, in seconds since 1970, if any are refused.
    pub fn is_cae_revoked(&self, name: &str) -> Option<u64> {
        self.state().entra.people.get(name)?.evaluated_from.map(|moment| unix_secs(moment.at))
    }

    fn entra_moment(&self) -> Moment {
        let at = self.now();
        Moment { number: self.state().entra.next_number(), at }
    }
}

/// Logins.
impl Cloud {
    /// Every login that was started, by its number.
    pub fn entra_logins(&self) -> Vec<(u64, Login)> {
        self.state().entra.logins.iter().map(|(number, login)| (*number, login.clone())).collect()
    }

    /// The number of the login that a user code belongs to.
    pub fn entra_login_of(&self, user_code: &str) -> Option<u64> {
        let state = self.state();
        state.entra.logins.iter().find(|(_, login)| login.user_code() == Some(user_code)).map(|(number, _)| *number)
    }

    /// A person approves a login. False when there is none, it was decided, or there is no such person.
    pub fn approve_entra_login(&self, number: u64, person: &str) -> bool {
        let at = self.now();
        let known = self.state().entra.people.contains_key(person);
        known && self.decide_entra(number, Decision::Approved { person: person.to_owned(), at })
    }

    /// The login is declined. False when there is none or it was decided.
    pub fn deny_entra_login(&self, number: u64) -> bool {
        let at = self.now();
        self.decide_entra(number, Decision::Denied { at })
    }

    /// Where the browser of a login is sent, once that is decided.
    pub fn entra_redirect_of(&self, number: u64) -> Option<String> {
        let now = self.now();
        self.state().entra.logins.get(&number)?.redirect(now)
    }

    fn decide_entra(&self, number: u64, decision: Decision) -> bool {
        let mut state = self.state();
        let open = state.entra.logins.get_mut(&number).filter(|login| login.decision.is_none());
        open.map(|login| login.decision = Some(decision)).is_some()
    }
}

/// Tokens.
impl Cloud {
    /// How long access tokens live from now on; by their API or by chance when absent.
    pub fn set_entra_token_life(&self, life: Option<Duration>) {
        self.state().entra.token_life = life;
    }

    /// How long a refresh token lives without use: 90 days by default.
    pub fn set_entra_refresh_life(&self, life: Duration) {
        self.state().entra.refresh_life = life;
    }

    /// Whether a refresh token is void once a newer one came of it. The real service leaves it good.
    pub fn set_entra_spends_refresh_tokens(&self, spends: bool) {
        self.state().entra.spends_refresh_tokens = spends;
    }

    /// A refresh token is refused with this number from now on: 700082, 70043 ... Tells whether it is known.
    pub fn refuse_entra_refresh_token(&self, token: &str, code: u32) -> bool {
        self.state().entra.refresh_tokens.get_mut(token).map(|known| known.refused = Some(code)).is_some()
    }

    /// How many calls said that the client can answer claims challenges (`CP1`).
    pub fn count_cp1(&self) -> usize {
        let state = self.state();
        state.calls.values().filter(|call| call.parameters.iter().any(|(name, _)| name == "cp1")).count()
    }

    /// How many calls of `EntraToken` there were with this grant type, whatever became of them.
    pub fn count_entra_grants(&self, grant: &str) -> usize {
        let is_it = |(name, value): &(String, String)| name == "grant_type" && value == grant;
        let state = self.state();
        state.calls.values().filter(|call| call.action == "EntraToken" && call.parameters.iter().any(is_it)).count()
    }
}
