//! What Entra ID's tokens say. (learn.microsoft.com, "Access token claims reference" and "ID token claims reference")

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{
    app::App,
    directory::Entra,
    model::{Api, Person, Tenant},
};
use crate::{fault::Trouble, keys::opaque, web_identity::unix_secs};

/// A token for an API that is to be made, with everything decided.
pub(super) struct Order<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) app: &'a App,
    /// Nobody when the app acts for itself.
    pub(super) person: Option<&'a Person>,
    pub(super) api: &'a Api,
    /// As the API was called in the request.
    pub(super) audience: &'a str,
    /// The scopes for a person, the roles for the app itself.
    pub(super) permissions: &'a [String],
    /// How the client proved who it is: 0 not at all, 1 by a secret, 2 by an assertion.
    pub(super) proof: u8,
    /// Whether the client can answer claims challenges.
    pub(super) cp1: bool,
}

/// A token, and for how long its answer promises that it lives.
pub(super) struct Minted {
    pub(super) token: String,
    pub(super) life_secs: i64,
}

/// Tokens begin this long before they are issued, so that they are good for clocks that are slow: `expires_on` lies 3900 s after
/// `not_before` where `expires_in` says 3599. (learn.microsoft.com, "Use a Linux VM system-assigned managed identity to access
/// Azure Resource Manager", the answer that it shows)
const BEFORE: Duration = Duration::from_secs(300);

/// Makes an access token.
pub(super) fn mint(entra: &mut Entra, order: &Order<'_>, now: SystemTime, trouble: Option<&Trouble>) -> Minted {
    let secs = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX);
    let life_secs = match trouble {
        Some(Trouble::Expired { ago_secs }) => secs(*ago_secs).saturating_neg(),
        Some(Trouble::Life { secs: life }) => secs(*life),
        _ => secs(life_of(entra, order)),
    };
    let version = if order.api.token_version == 2 { 2 } else { 1 };
    let issuer = entra.issuer(order.tenant, version);
    let start = unix_secs(now.checked_sub(BEFORE).unwrap_or(now));
    let unique = opaque("")[..22].to_owned();
    let number = entra.next_number();
    let mut claims = json!({
        "aud": if version == 2 { &order.api.app_id } else { order.audience },
        "iss": issuer.url(),
        "iat": start,
        "nbf": start,
        "exp": unix_secs(now).saturating_add_signed(life_secs),
        "tid": order.tenant.id,
        "uti": unique,
        "ver": format!("{version}.0"),
    });
    let (client, proof) = if version == 2 { ("azp", "azpacr") } else { ("appid", "appidacr") };
    claims[client] = order.app.client_id.as_str().into();
    claims[proof] = order.proof.to_string().into();
    if let Some(person) = order.person {
        entra.minted.insert(unique, number);
        claims["oid"] = person.object_id.as_str().into();
        claims["sub"] = pairwise(person, &order.api.app_id).into();
        claims["scp"] = order.permissions.join(" ").into();
        claims["upn"] = person.name.as_str().into();
        claims["idtyp"] = "user".into();
        claims[if version == 2 { "preferred_username" } else { "unique_name" }] = person.name.as_str().into();
    } else {
        claims["oid"] = order.app.object_id.as_str().into();
        claims["sub"] = order.app.object_id.as_str().into();
        claims["idtyp"] = "app".into();
        if !order.permissions.is_empty() {
            claims["roles"] = order.permissions.into();
        }
    }
    if order.cp1 {
        claims["xms_cc"] = json!(["CP1"]);
    }
    Minted { token: issuer.sign(&claims), life_secs }
}

/// Makes an ID token, which tells the app who signed in.
pub(super) fn identity(
    entra: &Entra,
    tenant: &Tenant,
    app: &App,
    person: &Person,
    nonce: Option<&str>,
    now: SystemTime,
) -> String {
    let issuer = entra.issuer(tenant, 2);
    let start = unix_secs(now.checked_sub(BEFORE).unwrap_or(now));
    let mut claims = json!({
        "aud": app.client_id,
        "iss": issuer.url(),
        "iat": start,
        "nbf": start,
        "exp": unix_secs(now) + 3600,
        "name": person.name,
        "oid": person.object_id,
        "preferred_username": person.name,
        "sub": pairwise(person, &app.client_id),
        "tid": tenant.id,
        "uti": opaque("")[..22],
        "ver": "2.0",
    });
    if let Some(nonce) = nonce {
        claims["nonce"] = Value::from(nonce);
    }
    issuer.sign(&claims)
}

/// Between 60 and 90 minutes by chance, and about a day for those who answer challenges. (learn.microsoft.com, "Access
/// tokens in the Microsoft identity platform", "Token lifetime"; "Continuous access evaluation", "Token lifetime")
fn life_of(entra: &Entra, order: &Order<'_>) -> u64 {
    let mut random = [0; 4];
    getrandom::fill(&mut random).expect("the system has randomness");
    let chance = u64::from(u32::from_ne_bytes(random));
    let by_chance = if order.cp1 { 20 * 3600 + chance % (8 * 3600) } else { 3600 + chance % 1800 };
    entra.token_life.map(|life| life.as_secs()).or(order.api.token_secs).unwrap_or(by_chance)
}

/// A person's `sub` is another one for each app that reads it.
fn pairwise(person: &Person, reader: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, format!("{} {reader}", person.object_id).as_bytes()))
}
