//! A tenant of the simulated Entra ID, its tokens minted as a test wants them, and a client that shows them to an API.

use serde_json::{Value, json};
use simcloud::{Cloud, Issuer, entra::Tenant};

use super::{
    START,
    client::{Answer, Request},
    sso,
};

pub const TENANT: &str = "11112222-3333-4444-5555-666677778888";
pub const OTHER_TENANT: &str = "99992222-3333-4444-5555-666677778888";
pub const OBJECT: &str = "0d0d0d0d-0000-4000-8000-000000000001";
pub const APPLICATION: &str = "0a0a0a0a-0000-4000-8000-000000000001";
pub const GRAPH: &str = "https://graph.microsoft.com";
pub const MANAGEMENT: &str = "https://management.core.windows.net/";

pub fn populate(cloud: &Cloud) {
    cloud.add_tenant(Tenant::new(TENANT, "contoso.onmicrosoft.com"));
    cloud.add_tenant(Tenant::new(OTHER_TENANT, "fabrikam.onmicrosoft.com"));
}

/// What a token of the tenant says for an hour from the start on; `more` on top.
pub fn claims(audience: &str, more: Value) -> Value {
    let mut claims = json!({
        "aud": audience,
        "iss": format!("https://sts.windows.net/{TENANT}/"),
        "iat": START - 300,
        "nbf": START - 300,
        "exp": START + 3600,
        "tid": TENANT,
        "oid": OBJECT,
        "sub": OBJECT,
        "appid": APPLICATION,
        "ver": "1.0",
    });
    sso::merge(&mut claims, more);
    claims
}

/// The same, signed by the tenant.
pub fn token(cloud: &Cloud, audience: &str, more: Value) -> String {
    cloud.tenant_issuer(TENANT, 1).sign(&claims(audience, more))
}

/// The same, signed by somebody who only says that it is the tenant.
pub fn forged(audience: &str) -> String {
    Issuer::rs256(format!("https://sts.windows.net/{TENANT}/")).sign(&claims(audience, json!({})))
}

/// GET of a path or of a whole URL, over a pipe.
pub async fn ask(cloud: &Cloud, host: &str, path: &str, token: Option<&str>) -> Answer {
    let request = sso::request("GET", host, path_of(path), String::new());
    let request: Request = match token {
        Some(token) => request.with("authorization", &format!("Bearer {token}")),
        None => request,
    };
    request.send(cloud).await
}

/// Status and code of an error in Azure's envelope.
pub fn error_of(answer: &Answer) -> (u16, String) {
    let body = sso::json_of(answer);
    (answer.status(), body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

pub fn message_of(answer: &Answer) -> String {
    sso::json_of(answer)["error"]["message"].as_str().unwrap_or_default().to_owned()
}

fn path_of(url: &str) -> &str {
    match url.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/').unwrap_or(rest.len())..],
        None => url,
    }
}
