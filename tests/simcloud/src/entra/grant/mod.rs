//! The token endpoint: one grant a file, and what their answers have in common.

mod client;
mod code;
mod device;
mod refresh;

use std::{collections::BTreeMap, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{
    Request,
    app::App,
    assertion,
    directory::{Entra, RefreshToken, Session},
    exchange::{Kind, Presented},
    form::Form,
    model::{Person, Tenant},
    policy, realm,
    refusal::{json_answer, refuse_with},
    scope::{Granted, Scopes},
    token::{Order, identity, mint},
};
use crate::{Issuer, Refusal, fault::Trouble, keys::opaque, wire::Answer};

/// A device code, polled for.
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A client that has proved who it is, and what it asks.
struct Asking<'a> {
    form: &'a Form,
    realm: Option<Tenant>,
    app: App,
    proof: u8,
    cp1: bool,
    now: SystemTime,
    trouble: Option<&'a Trouble>,
}

/// A person who signed in.
struct Signed {
    person: Person,
    tenant: Tenant,
    session: u64,
    nonce: Option<String>,
    /// Whether the request that began it said that the client can answer claims challenges.
    cp1: bool,
}

/// Judges a request for a token and gives one.
pub(super) fn answer(
    entra: &mut Entra,
    issuers: &BTreeMap<String, Issuer>,
    request: &Request<'_>,
    trouble: Option<&Trouble>,
) -> Result<Answer, Refusal> {
    let (form, now) = (&request.form, request.at);
    form.check()?;
    let grant = form.required("grant_type")?;
    let realm = realm::tenant(entra, request.tenant, request.host())?;
    let app = realm::app(entra, realm.as_ref(), form.required("client_id")?)?;
    let proof = assertion::authenticate(entra, issuers, form, &app, &request.audiences(realm.as_ref()), now)?;
    let asking = Asking { form, realm, app, proof, cp1: form.cp1()?, now, trouble };
    let body = match grant {
        "authorization_code" => code::redeem(entra, &asking)?,
        DEVICE_CODE => device::poll(entra, &asking)?,
        "refresh_token" => refresh::refresh(entra, &asking)?,
        "client_credentials" => client::credentials(entra, &asking)?,
        other => {
            let words = format!("The app requested an unsupported grant type '{other}'.");
            return Err(refuse_with("AADSTS70003", words));
        }
    };
    Ok(json_answer(200, &body))
}

/// Begins what a person's refresh tokens hang on, and notes what it came from.
fn begin(entra: &mut Entra, asking: &Asking<'_>, person: Person, tenant: Tenant, from: (Kind, &str)) -> Signed {
    let session = entra.next_number();
    entra.sessions.insert(session, Session { person: person.name.clone(), started: asking.now });
    entra.presented.push(Presented::new(from.0, &asking.app.client_id, &person.name, from.1, asking.now));
    Signed { person, tenant, session, nonce: None, cp1: false }
}

/// Tokens for a person. A refresh token is among them when `offline`.
fn give(
    entra: &mut Entra,
    asking: &Asking<'_>,
    signed: &Signed,
    scopes: &Scopes,
    offline: bool,
) -> Result<Value, Refusal> {
    let granted = scopes.for_person(entra, &signed.tenant, &asking.app)?;
    policy::admit(&signed.person, signed.session, &granted.api)?;
    let mut body = access(entra, asking, Some(signed), &signed.tenant, &granted);
    let with_openid = if scopes.openid { " openid profile email" } else { "" };
    body["scope"] = format!("{}{with_openid}", granted.scope()).into();
    if offline {
        let token = opaque("1.A");
        let known = RefreshToken {
            session: signed.session,
            client_id: asking.app.client_id.clone(),
            issued: asking.now,
            scope: scopes.text().to_owned(),
            refused: None,
        };
        entra.refresh_tokens.insert(token.clone(), known);
        body["refresh_token"] = token.into();
    }
    if scopes.openid {
        let nonce = signed.nonce.as_deref();
        body["id_token"] = identity(entra, &signed.tenant, &asking.app, &signed.person, nonce, asking.now).into();
    }
    // MSAL asks for it, to know under which account to keep the tokens.
    if asking.form.text("client_info") == Some("1") {
        let account = json!({ "uid": signed.person.object_id, "utid": signed.tenant.id });
        body["client_info"] = URL_SAFE_NO_PAD.encode(account.to_string()).into();
    }
    Ok(blanked(body, asking.trouble))
}

/// The part of an answer that has the access token.
fn access(
    entra: &mut Entra,
    asking: &Asking<'_>,
    signed: Option<&Signed>,
    tenant: &Tenant,
    granted: &Granted,
) -> Value {
    let order = Order {
        tenant,
        app: &asking.app,
        person: signed.map(|signed| &signed.person),
        api: &granted.api,
        audience: &granted.audience,
        permissions: &granted.permissions,
        proof: asking.proof,
        cp1: asking.cp1 || signed.is_some_and(|signed| signed.cp1),
    };
    let minted = mint(entra, &order, asking.now, asking.trouble);
    let mut body = json!({
        "token_type": "Bearer",
        "expires_in": minted.life_secs,
        "ext_expires_in": minted.life_secs,
        "access_token": minted.token,
    });
    // Long-lived tokens come with a hint to renew them at half of their time.
    if minted.life_secs >= 7200 {
        body["refresh_in"] = (minted.life_secs / 2).into();
    }
    body
}

fn blanked(mut body: Value, trouble: Option<&Trouble>) -> Value {
    if matches!(trouble, Some(Trouble::BlankCredentials)) {
        for name in ["access_token", "refresh_token", "id_token"] {
            if !body[name].is_null() {
                body[name] = "".into();
            }
        }
    }
    body
}
