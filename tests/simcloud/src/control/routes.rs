//! The routes, as a table: method and path, then what is done.

use std::time::Duration;

use http::{Method, Uri};
use jiff::SignedDuration;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Complaint, arm, blob, devices, entra, github, graph, outbound,
    seed::{NewIssuer, NewRole, NewUser},
    sso, view,
};
use crate::{Cloud, Fault, Keys};

/// Carries out one request.
pub(super) fn answer(cloud: &Cloud, method: &Method, uri: &Uri, body: &[u8]) -> Result<Value, Complaint> {
    let path = uri.path().strip_prefix("/_simcloud/").ok_or_else(|| no_route(method, uri))?;
    if let Some(answer) = path.strip_prefix("sso/").and_then(|path| sso::answer(cloud, method.as_str(), path, body)) {
        return answer;
    }
    if let Some(answer) = path.strip_prefix("entra/").and_then(|path| entra::answer(cloud, method.as_str(), path, body))
    {
        return answer;
    }
    if let Some(answer) = github::answer(cloud, method.as_str(), path, body) {
        return answer;
    }
    let query = uri.query().unwrap_or_default();
    let azure = arm::answer(cloud, method.as_str(), path, body)
        .or_else(|| graph::answer(cloud, method.as_str(), path, query, body))
        .or_else(|| blob::answer(cloud, method.as_str(), path, body))
        .or_else(|| outbound::answer(cloud, method.as_str(), path, body));
    if let Some(answer) = azure {
        return answer;
    }
    if let Some(answer) = devices::answer(cloud, method.as_str(), path, query, body) {
        return answer;
    }
    match (method.as_str(), path) {
        ("POST", "users") => user(cloud, read(body)?),
        ("POST", "roles") => {
            read::<NewRole>(body)?.add_to(cloud);
            done()
        }
        ("POST", "roles/revoke") => found(cloud.revoke_role(&read::<Named>(body)?.arn), "role"),
        ("POST", "roles/restore") => found(cloud.restore_role(&read::<Named>(body)?.arn), "role"),
        ("POST", "issuers") => {
            read::<NewIssuer>(body)?.add_to(cloud);
            done()
        }
        ("POST", "issuers/token") => token(cloud, &read(body)?),
        ("POST", "faults") => Ok(json!({ "number": cloud.add_fault(read::<Fault>(body)?) })),
        ("GET", "faults") => Ok(view::faults(&cloud.faults())),
        ("DELETE", "faults") => {
            cloud.clear_faults();
            done()
        }
        ("POST", "regions/disable") => {
            cloud.disable_region(&read::<Region>(body)?.region);
            done()
        }
        ("POST", "regions/enable") => found(cloud.enable_region(&read::<Region>(body)?.region), "disabled region"),
        ("GET", "clock") => Ok(view::clock(cloud)),
        ("POST", "clock") => clock(cloud, &read(body)?),
        ("GET", "calls") => Ok(view::calls(&cloud.calls())),
        ("DELETE", "calls") => {
            cloud.forget_calls();
            done()
        }
        ("GET", "keys") => Ok(cloud.all_issued().iter().map(view::issued).collect()),
        ("POST", "keys/judge") => Ok(judge(cloud, read(body)?)),
        ("POST", "keys/expire") => found(cloud.expire(&read::<Key>(body)?.access_key_id), "temporary key"),
        ("POST", "keys/deactivate") => found(cloud.deactivate(&read::<Key>(body)?.access_key_id), "key"),
        ("POST", "keys/delay") => {
            cloud.set_key_delay(Duration::from_secs(read::<Delay>(body)?.secs));
            done()
        }
        ("POST", "keys/activate") => found(cloud.activate(&read::<Key>(body)?.access_key_id), "key"),
        ("DELETE", path) => match path.strip_prefix("faults/").and_then(|number| number.parse().ok()) {
            Some(number) => found(cloud.clear_fault(number), "fault"),
            None => Err(no_route(method, uri)),
        },
        _ => Err(no_route(method, uri)),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    arn: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Region {
    region: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Key {
    access_key_id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Delay {
    secs: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllKeys {
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    session_token: Option<String>,
}

/// A step of the clock. Absent parts stay as they are.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    offset_secs: Option<i64>,
    advance_secs: Option<i64>,
    date_skew_secs: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Token {
    url: String,
    subject: String,
    #[serde(default = "five_minutes")]
    life_secs: u64,
}

fn user(cloud: &Cloud, new: NewUser) -> Result<Value, Complaint> {
    if !new.is_readable() {
        return Err(devices::bad_seed());
    }
    Ok(view::user(cloud, &new.add_to(cloud)))
}

fn clock(cloud: &Cloud, step: &Clock) -> Result<Value, Complaint> {
    let start = step.offset_secs.map_or_else(|| cloud.offset(), SignedDuration::from_secs);
    cloud.set_offset(start.saturating_add(SignedDuration::from_secs(step.advance_secs.unwrap_or(0))));
    if let Some(skew) = step.date_skew_secs {
        cloud.set_date_skew(SignedDuration::from_secs(skew));
    }
    Ok(view::clock(cloud))
}

fn token(cloud: &Cloud, wanted: &Token) -> Result<Value, Complaint> {
    let issuer = cloud.state().issuers.get(&wanted.url).cloned();
    let issuer = issuer.ok_or_else(|| unknown("issuer"))?;
    Ok(json!({ "token": issuer.mint(&wanted.subject, cloud.now(), Duration::from_secs(wanted.life_secs)) }))
}

fn judge(cloud: &Cloud, keys: AllKeys) -> Value {
    let keys = Keys {
        access_key_id: keys.access_key_id,
        secret_access_key: keys.secret_access_key,
        session_token: keys.session_token,
    };
    match cloud.judge(&keys) {
        Ok(issued) => json!({ "valid": true, "issued": view::issued(&issued) }),
        Err(refusal) => json!({ "valid": false, "code": refusal.code, "message": refusal.message }),
    }
}

pub(super) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Complaint> {
    serde_json::from_slice(body).map_err(|error| Complaint { status: 400, message: error.to_string() })
}

pub(super) fn done() -> Result<Value, Complaint> {
    Ok(json!({}))
}

pub(super) fn found(found: bool, what: &str) -> Result<Value, Complaint> {
    if found { Ok(json!({})) } else { Err(unknown(what)) }
}

pub(super) fn unknown(what: &str) -> Complaint {
    Complaint { status: 404, message: format!("there is no such {what}") }
}

fn no_route(method: &Method, uri: &Uri) -> Complaint {
    Complaint { status: 404, message: format!("no route {method} {}: see tests/simcloud/README.md", uri.path()) }
}

fn five_minutes() -> u64 {
    300
}
