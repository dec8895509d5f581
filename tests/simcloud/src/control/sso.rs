//! The routes of Identity Center, below `/_simcloud/sso/`.

use std::time::Duration;

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Complaint,
    routes::{done, found, read, unknown},
    seed::{NewAssignment, NewPerson},
    view,
};
use crate::{
    Cloud,
    sso::{Account, Instance, Rate, Vanity, Visitor},
};

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(cloud: &Cloud, method: &str, path: &str, body: &[u8]) -> Option<Result<Value, Complaint>> {
    Some(match (method, path) {
        ("POST", "instances") => put::<Instance>(body, |new| cloud.add_instance(new)),
        ("POST", "visitor") => read::<Sitting>(body).and_then(|sitting| {
            found(cloud.change_instance(&sitting.start_url, |instance| instance.visitor = sitting.visitor), "instance")
        }),
        ("POST", "people") => put::<NewPerson>(body, |new| new.add_to(cloud)),
        ("POST", "people/disable") => {
            read::<Person>(body).and_then(|it| found(cloud.disable_person(&it.person), "person"))
        }
        ("POST", "people/enable") => {
            read::<Person>(body).and_then(|it| found(cloud.enable_person(&it.person), "person"))
        }
        ("POST", "people/end-sessions") => count(body, |it| cloud.end_sign_ins(it)),
        ("POST", "people/revoke-access-tokens") => count(body, |it| cloud.revoke_access_tokens(it)),
        ("POST", "accounts") => put::<Account>(body, |new| cloud.add_account(new)),
        ("POST", "assignments") => put::<NewAssignment>(body, |new| new.add_to(cloud)),
        ("POST", "assignments/remove") => read::<Assigned>(body)
            .and_then(|it| found(cloud.remove_assignment(&it.person, &it.account, &it.role), "assignment")),
        ("POST", "assignments/restore") => read::<Assigned>(body)
            .and_then(|it| found(cloud.restore_assignment(&it.person, &it.account, &it.role), "assignment")),
        ("POST", "vanities") => put::<Vanity>(body, |new| cloud.add_vanity(new)),
        ("GET", "logins") => Ok(view::logins(cloud)),
        ("POST", "logins/approve") => read(body).and_then(|it| decide(cloud, &it, true)),
        ("POST", "logins/deny") => read(body).and_then(|it| decide(cloud, &it, false)),
        ("GET", "sign-ins") => Ok(view::sign_ins(cloud)),
        ("POST", "sign-ins") => read(body).and_then(|it| sign_in(cloud, &it)),
        ("GET", "tokens") => Ok(json!({
            "access_tokens": cloud.access_tokens().iter().map(view::token).collect::<Value>(),
            "refresh_tokens": cloud.refresh_tokens().iter().map(view::token).collect::<Value>(),
        })),
        ("POST", "tokens/revoke") => read::<Token>(body).and_then(|it| found(cloud.revoke_token(&it.token), "token")),
        ("POST", "registrations") => {
            put::<Life>(body, |it| cloud.set_registration_life(Duration::from_secs(it.life_secs)))
        }
        ("POST", "registrations/expire") => Ok(json!({ "count": cloud.expire_registrations() })),
        ("POST", "rate") => put::<Rate>(body, |rate| cloud.set_portal_rate(Some(rate))),
        ("DELETE", "rate") => {
            cloud.set_portal_rate(None);
            done()
        }
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sitting {
    start_url: String,
    #[serde(default)]
    visitor: Option<Visitor>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Person {
    person: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Assigned {
    person: String,
    account: String,
    role: String,
}

/// A login, by its number or by what its person types.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Decided {
    #[serde(default)]
    pub(super) login: Option<u64>,
    #[serde(default)]
    pub(super) user_code: Option<String>,
    #[serde(default)]
    pub(super) person: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct At {
    start_url: String,
    person: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    token: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Life {
    life_secs: u64,
}

fn decide(cloud: &Cloud, decided: &Decided, approves: bool) -> Result<Value, Complaint> {
    let by_code = || cloud.login_of(decided.user_code.as_deref()?);
    let number = decided.login.or_else(by_code).ok_or_else(|| unknown("login"))?;
    let did = if approves { cloud.approve_login(number, &decided.person) } else { cloud.deny_login(number) };
    if !did {
        return Err(unknown("undecided login, or no such enabled person"));
    }
    Ok(json!({ "login": number, "redirect": cloud.redirect_of(number) }))
}

fn sign_in(cloud: &Cloud, at: &At) -> Result<Value, Complaint> {
    let signed_in = cloud.sign_in(&at.start_url, &at.person).ok_or_else(|| unknown("instance or enabled person"))?;
    Ok(view::signed_in(&signed_in))
}

fn count(body: &[u8], act: impl Fn(&str) -> usize) -> Result<Value, Complaint> {
    read::<Person>(body).map(|it| json!({ "count": act(&it.person) }))
}

/// Reads a body and does with it what cannot fail.
fn put<T: DeserializeOwned>(body: &[u8], act: impl FnOnce(T)) -> Result<Value, Complaint> {
    act(read(body)?);
    done()
}
