//! `authorization_code`: the code that a browser brought, with the proof that whoever has it asked for it. (RFC 7636)

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::Value;

use super::{Asking, Signed, begin, give};
use crate::{
    Refusal,
    entra::{
        directory::Entra,
        exchange::Kind,
        login::Login,
        realm,
        refusal::{missing, refuse, refuse_with},
        scope::Scopes,
    },
    sso::{Decision, Way},
};

pub(super) fn redeem(entra: &mut Entra, asking: &Asking<'_>) -> Result<Value, Refusal> {
    let (code, uri) = (asking.form.required("code")?, asking.form.required("redirect_uri")?);
    let is_it = |login: &Login| matches!(&login.way, Way::Redirect { code: known, .. } if known == code);
    let found = entra.logins.iter().find(|(_, login)| is_it(login));
    let (number, login) =
        found.map(|(number, login)| (*number, login.clone())).ok_or_else(|| refuse("AADSTS9002313"))?;
    if login.client_id != asking.app.client_id {
        return Err(refuse("AADSTS70000"));
    }
    if login.tenant != asking.realm.as_ref().map(|tenant| tenant.id.clone()) {
        return Err(refuse("AADSTS700005"));
    }
    if login.spent {
        return Err(refuse("AADSTS54005"));
    }
    if login.is_over(asking.now) {
        return Err(refuse("AADSTS70008"));
    }
    check_proof(&login, uri, asking.form.text("code_verifier"))?;
    let Some(Decision::Approved { person, .. }) = login.decided(asking.now) else {
        return Err(refuse("AADSTS9002313"));
    };
    let (person, tenant) = realm::person(entra, asking.realm.as_ref(), person)?;
    let named = asking.form.text("scope");
    let scopes = Scopes::read(named.unwrap_or(&login.scope), &tenant.authority)?;
    // The page may have asked for several APIs; without a scope of its own the redemption is for the first.
    let scopes = if named.is_some() { scopes } else { scopes.of_first_api() };
    scopes.for_person(entra, &tenant, &asking.app)?;
    if let Some(login) = entra.logins.get_mut(&number) {
        login.spent = true;
    }
    let signed = begin(entra, asking, person, tenant, (Kind::Code, code));
    let signed = Signed { nonce: login.nonce.clone(), cp1: login.cp1, ..signed };
    let offline = scopes.offline || login.scope.split_whitespace().any(|scope| scope == "offline_access");
    give(entra, asking, &signed, &scopes, offline)
}

/// The redirect URI must be the very one, and the verifier must be what the challenge was made from (RFC 7636, section 4.6).
fn check_proof(login: &Login, uri: &str, verifier: Option<&str>) -> Result<(), Refusal> {
    let Way::Redirect { redirect_uri, challenge, .. } = &login.way else { return Err(refuse("AADSTS70000")) };
    if redirect_uri != uri {
        let words = format!(
            "The reply address '{uri}' does not match the reply address '{redirect_uri}' provided when requesting Authorization code."
        );
        return Err(refuse_with("AADSTS500112", words));
    }
    match verifier {
        None if challenge.is_empty() => Ok(()),
        None => Err(missing("code_verifier")),
        Some(verifier) if *challenge == URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes())) => Ok(()),
        Some(_) => Err(refuse("AADSTS501481")),
    }
}
