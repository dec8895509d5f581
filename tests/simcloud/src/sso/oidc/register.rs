//! `RegisterClient`: public clients only, each for one way of logging in.

use std::time::SystemTime;

use http::Uri;
use serde_json::{Value, json};

use super::{AUTHORIZATION_CODE, DEVICE_CODE, Fields, REFRESH_TOKEN, is_scope, unix_secs};
use crate::{
    Refusal,
    keys::opaque,
    sso::{directory::Directory, model::Registration, refusal},
};

/// Registers a client, or says what is wrong with it.
pub(in crate::sso) fn register(directory: &mut Directory, fields: &Fields, now: SystemTime) -> Result<Value, Refusal> {
    let name = fields.required("clientName")?.to_owned();
    if fields.required("clientType")? != "public" {
        return Err(refusal::oidc("InvalidClientMetadataException", None));
    }
    let scopes = fields.list("scopes")?;
    if !scopes.iter().all(|scope| is_scope(scope)) {
        return Err(refusal::oidc("InvalidScopeException", None));
    }
    let redirect_uris = fields.list("redirectUris")?;
    let issuer_url = fields.text("issuerUrl").map(str::to_owned);
    let mut grants = fields.list("grantTypes")?;
    check_grants(&grants)?;
    if grants.iter().any(|grant| grant == AUTHORIZATION_CODE) {
        check_redirect_uris(&redirect_uris)?;
        let known = issuer_url.as_deref().is_some_and(|url| directory.instance(url).is_some());
        if !known {
            return Err(refusal::oidc("InvalidRequestException", Some("Invalid issuer URL provided")));
        }
    }
    // A client that names no grants, such as the AWS CLI for its device logins, may do what a device may.
    if grants.is_empty() {
        grants = vec![DEVICE_CODE.to_owned(), REFRESH_TOKEN.to_owned()];
    }
    let (id, secret) = (opaque(""), opaque("eyJraWQiOiJr"));
    let expires = now.checked_add(directory.registration_life).unwrap_or(now);
    let answer = json!({
        "clientId": id,
        "clientSecret": secret,
        "clientIdIssuedAt": unix_secs(now),
        "clientSecretExpiresAt": unix_secs(expires),
    });
    let registration = Registration { name, secret, expires, scopes, grants, redirect_uris, issuer_url };
    directory.registrations.insert(id, registration);
    Ok(answer)
}

fn check_grants(grants: &[String]) -> Result<(), Refusal> {
    if !grants.iter().all(|grant| [DEVICE_CODE, AUTHORIZATION_CODE, REFRESH_TOKEN].contains(&grant.as_str())) {
        return Err(refusal::oidc("UnsupportedGrantTypeException", None));
    }
    let asks = |wanted| grants.iter().any(|grant| grant == wanted);
    // AWS answers so (a comment in sorah/mairu, `src/ext_awssso.rs`), therefore every flow needs a registration of its own.
    if asks(DEVICE_CODE) && asks(AUTHORIZATION_CODE) {
        return Err(refusal::oidc("InternalServerException", None));
    }
    Ok(())
}

/// Loopback addresses of version 4 (version 6 is refused by AWS, as sorah/mairu found out) or https.
fn check_redirect_uris(uris: &[String]) -> Result<(), Refusal> {
    let fits = |uri: &String| {
        let Ok(uri) = uri.parse::<Uri>() else { return false };
        match (uri.scheme_str(), uri.host()) {
            (Some("http"), Some(host)) => matches!(host, "127.0.0.1" | "localhost"),
            (Some("https"), Some(host)) => !host.starts_with('['),
            _ => false,
        }
    };
    if uris.is_empty() || !uris.iter().all(fits) {
        return Err(refusal::oidc("InvalidRedirectUriException", None));
    }
    Ok(())
}
