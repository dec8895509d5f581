//! What the control API shows, as JSON. Times are RFC 3339 in UTC, and seconds since 1970 beside them.

use std::{collections::BTreeMap, time::SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Call, Cloud, Fault, Issued, Keys, web_identity::unix_secs};

/// The secrets are shown: they open nothing but this cloud, and a leak test must know what to look for.
pub(super) fn keys(keys: &Keys) -> Value {
    json!({
        "access_key_id": keys.access_key_id,
        "secret_access_key": keys.secret_access_key,
        "session_token": keys.session_token,
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

fn time(time: SystemTime) -> Value {
    Timestamp::try_from(time).map_or(Value::Null, |time| json!(time.to_string()))
}
