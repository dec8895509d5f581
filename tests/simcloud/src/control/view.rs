//! What the control API shows, as JSON. Times are RFC 3339 in UTC, and seconds since 1970 beside them.

use std::{collections::BTreeMap, time::SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{
    Call, Cloud, Device, Exchange, Fault, Issued, Keys, SentCode, Workflow,
    sso::{Decision, SignedIn, Token},
    user::is_named,
    web_identity::unix_secs,
};

/// The secrets are shown: they open nothing but this cloud, and a leak test must know what to look for.
pub(super) fn keys(keys: &Keys) -> Value {
    json!({
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "session_token": keys.session_token,
    })
}

/// A job, with what its environment holds.
pub fn workflow(workflow: &Workflow) -> Value {
    json!({
        "request_path": workflow.request_path,
        "request_token": workflow.request_token,
        "subject": workflow.subject,
        "repository": workflow.repository,
        "reference": workflow.reference,
    })
}

pub(super) fn exchange(exchange: &Exchange) -> Value {
    json!({
        "at": time(exchange.at),
        "at_secs": unix_secs(exchange.at),
        "issuer": exchange.issuer,
        "subject": exchange.subject,
        "digest": exchange.digest,
    })
}

/// The keys of a user, and the device, if there is one.
pub fn user(cloud: &Cloud, keys: &Keys) -> Value {
    let mut shown = self::keys(keys);
    let owner = cloud.issued(&keys.access_key_id).map(|issued| issued.principal.arn).unwrap_or_default();
    let device = cloud.devices().into_iter().find(|device| is_named(&owner, &device.user));
    if let Some(device) = &device {
        shown["device"] = self::device(device);
    }
    shown
}

pub(super) fn device(device: &Device) -> Value {
    json!({ "serial": device.serial, "user": device.user, "seed": device.seed() })
}

pub(super) fn sent_code(sent: &SentCode) -> Value {
    json!({
        "at": time(sent.at),
        "at_secs": unix_secs(sent.at),
        "action": sent.action,
        "step": sent.step,
        "digest": sent.digest,
        "verdict": sent.verdict,
    })
}

pub(super) fn issued(issued: &Issued) -> Value {
    let mut shown = keys(&issued.keys);
    shown["arn"] = json!(issued.principal.arn);
    shown["role"] = json!(issued.principal.role);
    shown["at"] = time(issued.at);
    shown["expires"] = issued.expires.map_or(Value::Null, time);
    shown["expires_secs"] = json!(issued.expires.map(unix_secs));
    shown["active"] = json!(issued.active);
    shown["mfa"] = json!(issued.mfa);
    shown["chained"] = json!(issued.chained);
    shown["tags"] = json!(issued.tags);
    shown["transitive"] = json!(issued.transitive);
    shown["source_identity"] = json!(issued.source_identity);
    shown
}

pub(super) fn calls(calls: &[Call]) -> Value {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for call in calls {
        *counts.entry(&call.action).or_default() += 1;
    }
    json!({ "counts": counts, "calls": calls.iter().map(call).collect::<Value>() })
}

pub(super) fn faults(faults: &[(u64, Fault)]) -> Value {
    faults.iter().map(|(number, fault)| json!({ "number": number, "fault": fault })).collect()
}

pub(super) fn clock(cloud: &Cloud) -> Value {
    let now = cloud.now();
    json!({ "now": time(now), "now_secs": unix_secs(now), "offset_secs": cloud.offset().as_secs() })
}

pub(super) fn logins(cloud: &Cloud) -> Value {
    let now = cloud.now();
    let all = cloud.logins().into_iter().map(|(number, login)| {
        json!({
            "login": number,
            "way": login.way.word(),
            "user_code": login.user_code(),
            "client_id": login.client_id,
            "start_url": login.start_url,
            "started": time(login.started),
            "person": login.person(),
            "decision": Decision::word(login.decided(now)),
            "spent": login.spent,
            "redirect": login.redirect(now),
        })
    });
    all.collect()
}

pub(super) fn sign_ins(cloud: &Cloud) -> Value {
    let all = cloud.sign_ins().into_iter().map(|(number, sign_in)| {
        json!({
            "sign_in": number,
            "person": sign_in.person,
            "start_url": sign_in.start_url,
            "started": time(sign_in.started),
            "ends": time(sign_in.ends),
            "ended": sign_in.ended,
        })
    });
    all.collect()
}

pub(super) fn token(token: &Token) -> Value {
    json!({
        "token": token.token,
        "person": token.person,
        "sign_in": token.sign_in,
        "expires": token.expires.map(time),
        "revoked": token.revoked,
    })
}

/// In the names of the AWS CLI's token file.
pub(super) fn signed_in(signed_in: &SignedIn) -> Value {
    json!({
        "accessToken": signed_in.access_token,
        "expiresAt": time(signed_in.expires),
        "refreshToken": signed_in.refresh_token,
        "clientId": signed_in.client_id,
        "clientSecret": signed_in.client_secret,
        "registrationExpiresAt": time(signed_in.registration_expires),
    })
}

fn call(call: &Call) -> Value {
    json!({
        "at": time(call.at),
        "at_secs": unix_secs(call.at),
        "action": call.action,
        "principal": call.principal,
        "access_key_id": call.access_key_id,
        "role": call.role,
        "parameters": call.parameters.iter().cloned().collect::<BTreeMap<String, String>>(),
        "outcome": call.outcome,
    })
}

pub(super) fn time(time: SystemTime) -> Value {
    Timestamp::try_from(time).map_or(Value::Null, |time| json!(time.to_string()))
}
