//! The routes of Entra ID, below `/_simcloud/entra/`, and its part of a seed.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Complaint,
    routes::{done, found, read, unknown},
    sso::Decided,
};
use crate::{
    Cloud,
    entra::{Api, App, BearerProblem, FederatedCredential, Login, Person, Presented, Tenant},
    sso::{Decision, Visitor},
    web_identity::unix_secs,
};

/// Entra ID: `{"tenants": [...], "people": [...], "apps": [...], "apis": [...], "visitor": {...}}`, each part optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EntraSeed {
    /// Directories.
    pub tenants: Vec<Tenant>,
    /// Who signs in.
    pub people: Vec<Person>,
    /// App registrations.
    pub apps: Vec<App>,
    /// APIs that are not Microsoft's.
    pub apis: Vec<Api>,
    /// Who opens the pages.
    pub visitor: Option<Visitor>,
    /// How long access tokens live, in seconds.
    pub token_secs: Option<u64>,
}

impl EntraSeed {
    pub(super) fn sow(self, cloud: &Cloud) {
        self.tenants.into_iter().for_each(|tenant| cloud.add_tenant(tenant));
        self.people.into_iter().for_each(|person| cloud.add_entra_person(person));
        self.apps.into_iter().for_each(|app| cloud.add_app(app));
        self.apis.into_iter().for_each(|api| cloud.add_api(api));
        cloud.set_entra_visitor(self.visitor);
        cloud.set_entra_token_life(self.token_secs.map(Duration::from_secs));
    }
}

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(cloud: &Cloud, method: &str, path: &str, body: &[u8]) -> Option<Result<Value, Complaint>> {
    Some(match (method, path) {
        ("POST", "tenants") => put::<Tenant>(body, |new| cloud.add_tenant(new)),
        ("POST", "tenants/trust") => put::<Trusted>(body, |it| {
            cloud.add_issuer(cloud.tenant_issuer(&it.tenant, it.version).audience(it.audience));
        }),
        ("POST", "people") => put::<Person>(body, |new| cloud.add_entra_person(new)),
        ("POST", "people/disable") => change(cloud, body, |person| person.enabled = false),
        ("POST", "people/enable") => change(cloud, body, |person| person.enabled = true),
        ("POST", "people/challenge") => read::<Challenged>(body)
            .and_then(|it| found(cloud.challenge_entra_person(&it.person, it.code, it.resource.as_deref()), "person")),
        ("POST", "people/settle") => named(body, |it| cloud.settle_entra_person(it)),
        ("POST", "people/revoke-sign-ins") => named(body, |it| cloud.revoke_entra_sign_ins(it)),
        ("POST", "people/revoke-access-tokens") => named(body, |it| cloud.revoke_entra_access_tokens(it)),
        ("POST", "apis") => put::<Api>(body, |new| cloud.add_api(new)),
        ("POST", "apps") => put::<App>(body, |new| cloud.add_app(new)),
        ("POST", "apps/remove") => read::<Client>(body).and_then(|it| found(cloud.remove_app(&it.client_id), "app")),
        ("POST", "apps/federated") => read::<Federated>(body)
            .and_then(|it| found(cloud.change_app(&it.client_id, |app| app.federated.push(it.credential)), "app")),
        ("POST", "visitor") => put::<Sitting>(body, |it| cloud.set_entra_visitor(it.visitor)),
        ("GET", "logins") => Ok(cloud.entra_logins().iter().map(|(number, it)| login(cloud, *number, it)).collect()),
        ("POST", "logins/approve") => read(body).and_then(|it| decide(cloud, &it, true)),
        ("POST", "logins/deny") => read(body).and_then(|it| decide(cloud, &it, false)),
        ("POST", "tokens/life") => put::<Life>(body, |it| cloud.set_entra_token_life(it.secs.map(Duration::from_secs))),
        ("POST", "tokens/judge") => read(body).map(|it| judge(cloud, &it)),
        ("POST", "refresh-tokens/life") => {
            put::<RefreshLife>(body, |it| cloud.set_entra_refresh_life(Duration::from_secs(it.secs)))
        }
        ("POST", "refresh-tokens/refuse") => read::<Refused>(body)
            .and_then(|it| found(cloud.refuse_entra_refresh_token(&it.token, it.code), "refresh token")),
        ("POST", "refresh-tokens/spend") => put::<Spends>(body, |it| cloud.set_entra_spends_refresh_tokens(it.spends)),
        ("GET", "presented") => Ok(cloud.presented().iter().map(presented).collect()),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trusted {
    tenant: String,
    #[serde(default = "one")]
    version: u8,
    audience: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    person: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Challenged {
    person: String,
    code: u32,
    #[serde(default)]
    resource: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Client {
    client_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Federated {
    client_id: String,
    credential: FederatedCredential,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sitting {
    #[serde(default)]
    visitor: Option<Visitor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    #[serde(default)]
    secs: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefreshLife {
    secs: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    token: String,
    code: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Spends {
    spends: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shown {
    token: String,
    /// Any when absent.
    #[serde(default)]
    audience: Option<String>,
}

fn change(cloud: &Cloud, body: &[u8], act: impl Fn(&mut Person)) -> Result<Value, Complaint> {
    named(body, |name| cloud.change_entra_person(name, &act))
}

fn named(body: &[u8], act: impl FnOnce(&str) -> bool) -> Result<Value, Complaint> {
    read::<Named>(body).and_then(|it| found(act(&it.person), "person"))
}

fn decide(cloud: &Cloud, decided: &Decided, approves: bool) -> Result<Value, Complaint> {
    let by_code = || cloud.entra_login_of(decided.user_code.as_deref()?);
    let number = decided.login.or_else(by_code).ok_or_else(|| unknown("login"))?;
    let did =
        if approves { cloud.approve_entra_login(number, &decided.person) } else { cloud.deny_entra_login(number) };
    if !did {
        return Err(unknown("undecided login, or no such person"));
    }
    Ok(json!({ "login": number, "redirect": cloud.entra_redirect_of(number) }))
}

fn judge(cloud: &Cloud, shown: &Shown) -> Value {
    let is_meant = |audience: &str| shown.audience.as_deref().is_none_or(|wanted| wanted == audience);
    match cloud.judge_bearer(&shown.token, &is_meant) {
        Ok(claims) => json!({ "valid": true, "claims": claims }),
        Err(problem) => {
            json!({ "valid": false, "problem": name(&problem), "message": problem.to_string(), "challenge": problem.challenge() })
        }
    }
}

fn name(problem: &BearerProblem) -> &'static str {
    match problem {
        BearerProblem::Malformed => "malformed",
        BearerProblem::Forged => "forged",
        BearerProblem::Early => "early",
        BearerProblem::Expired => "expired",
        BearerProblem::Audience(_) => "audience",
        BearerProblem::Revoked(_) => "revoked",
    }
}

fn login(cloud: &Cloud, number: u64, login: &Login) -> Value {
    let now = cloud.now();
    json!({
        "login": number,
        "way": login.way.word(),
        "user_code": login.user_code(),
        "client_id": login.client_id,
        "tenant": login.tenant,
        "scope": login.scope,
        "started": time(login.started),
        "person": login.person(),
        "decision": Decision::word(login.decided(now)),
        "spent": login.spent,
        "redirect": login.redirect(now),
    })
}

fn presented(presented: &Presented) -> Value {
    json!({
        "at": time(presented.at),
        "at_secs": unix_secs(presented.at),
        "kind": presented.kind,
        "client_id": presented.client_id,
        "issuer": presented.issuer,
        "subject": presented.subject,
        "digest": presented.digest,
    })
}

fn time(time: SystemTime) -> Value {
    Timestamp::try_from(time).map_or(Value::Null, |time| json!(time.to_string()))
}

/// Reads a body and does with it what cannot fail.
fn put<T: DeserializeOwned>(body: &[u8], act: impl FnOnce(T)) -> Result<Value, Complaint> {
    act(read(body)?);
    done()
}

fn one() -> u8 {
    1
}
