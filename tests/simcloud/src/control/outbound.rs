//! The routes of outbound identity federation, below `/_simcloud/outbound`.

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Complaint,
    routes::{found, read},
    view,
};
use crate::{Cloud, WebIdentityToken, web_identity::unix_secs};

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(cloud: &Cloud, method: &str, path: &str, body: &[u8]) -> Option<Result<Value, Complaint>> {
    Some(match (method, path) {
        ("POST", "outbound/enable") => {
            read::<Account>(body).map(|it| json!({ "issuer": cloud.enable_outbound_federation(&it.account) }))
        }
        ("POST", "outbound/disable") => read::<Account>(body)
            .and_then(|it| found(cloud.disable_outbound_federation(&it.account), "account with outbound federation")),
        ("POST", "outbound/deny") => read::<Denied>(body).map(|it| {
            cloud.set_web_identity_denied(&it.arn, it.denied);
            json!({})
        }),
        ("GET", "outbound") => Ok(json!(cloud.outbound_issuers())),
        ("GET", "outbound/tokens") => Ok(cloud.web_identity_tokens().iter().map(token).collect()),
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Account {
    account: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Denied {
    arn: String,
    #[serde(default = "yes")]
    denied: bool,
}

fn token(token: &WebIdentityToken) -> Value {
    json!({
        "at": view::time(token.at),
        "at_secs": unix_secs(token.at),
        "account": token.account,
        "subject": token.subject,
        "audiences": token.audiences,
        "algorithm": token.algorithm,
        "life_secs": token.life.as_secs(),
        "digest": token.digest,
    })
}

fn yes() -> bool {
    true
}
