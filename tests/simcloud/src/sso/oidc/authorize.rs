//! The authorize endpoint: what a browser opens, and where it is sent. No SDK knows it; the AWS CLI builds its URL by hand
//! (`botocore/utils.py`, `SSOTokenFetcherAuth`).

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Uri;

use super::AUTHORIZATION_CODE;
use crate::{
    Refusal,
    keys::opaque,
    sso::{
        directory::{Directory, plain},
        login::{Login, Way, with_query},
        query::Query,
        refusal,
    },
};

/// Where an opened page leads.
pub(in crate::sso) enum Opened {
    /// To a page, for this login.
    Page(u64),
    /// Away, with an error that the client must hear.
    Away(String),
}

/// Looks at the URL that a browser opened. What is wrong with the client or its redirect URI is told to the person only, the
/// rest to the client (RFC 6749, section 4.1.2.1). Opening the same URL again is the same login.
pub(in crate::sso) fn open(
    directory: &mut Directory,
    query: &Query,
    region: Option<&str>,
    now: SystemTime,
) -> Result<Opened, Refusal> {
    let required = |name: &str| {
        let missing = || refusal::oidc("InvalidRequestException", Some(&format!("Missing parameter: {name}")));
        query.text(name).ok_or_else(missing)
    };
    let (client_id, redirect_uri) = (required("client_id")?, required("redirect_uri")?);
    let client = directory.registrations.get(client_id).filter(|client| now < client.expires);
    let client = client.ok_or_else(|| refusal::oidc("InvalidClientException", None))?;
    if !client.redirect_uris.iter().any(|registered| is_same(registered, redirect_uri)) {
        return Err(refusal::oidc("InvalidRedirectUriException", None));
    }
    let start_url = plain(client.issuer_url.as_deref().unwrap_or_default()).to_owned();
    if !directory.is_in(&start_url, region) {
        return Err(refusal::oidc("InvalidRequestException", Some("Invalid issuer URL provided")));
    }
    let state = query.text("state").unwrap_or_default();
    let away = |error: &str| {
        let parameters = [("error", error), ("state", state)];
        Ok(Opened::Away(with_query(redirect_uri, &parameters[..if state.is_empty() { 1 } else { 2 }])))
    };
    if !client.grants.iter().any(|grant| grant == AUTHORIZATION_CODE) {
        return away("unauthorized_client");
    }
    if query.text("response_type") != Some("code") {
        return away("unsupported_response_type");
    }
    let challenge = query.text("code_challenge").unwrap_or_default();
    if query.text("code_challenge_method") != Some("S256") || !is_challenge(challenge) || state.is_empty() {
        return away("invalid_request");
    }
    // `scopes`, not the `scope` of the RFC.
    let scopes: Vec<String> = query
        .text("scopes")
        .unwrap_or_default()
        .split(' ')
        .filter(|scope| !scope.is_empty())
        .map(str::to_owned)
        .collect();
    if scopes.is_empty() || !scopes.iter().all(|scope| client.scopes.contains(scope)) {
        return away("invalid_scope");
    }
    let is_it = |login: &Login| {
        let Way::Redirect { redirect_uri: known, state: known_state, challenge: known_challenge, .. } = &login.way
        else {
            return false;
        };
        login.client_id == client_id && known == redirect_uri && known_state == state && known_challenge == challenge
    };
    if let Some((number, _)) = directory.logins.iter().find(|(_, login)| is_it(login)) {
        return Ok(Opened::Page(*number));
    }
    let login = Login {
        way: Way::Redirect {
            redirect_uri: redirect_uri.to_owned(),
            state: state.to_owned(),
            challenge: challenge.to_owned(),
            code: opaque(""),
        },
        client_id: client_id.to_owned(),
        start_url,
        started: now,
        decision: None,
        spent: false,
        scopes,
    };
    let number = directory.next_number();
    directory.logins.insert(number, login);
    Ok(Opened::Page(number))
}

/// A loopback address that was registered without a port is meant with any (RFC 8252, section 7.3).
fn is_same(registered: &str, asked: &str) -> bool {
    let (Ok(registered_uri), Ok(asked_uri)) = (registered.parse::<Uri>(), asked.parse::<Uri>()) else { return false };
    let is_loopback = matches!(registered_uri.host(), Some("127.0.0.1" | "localhost"));
    registered == asked
        || (is_loopback
            && registered_uri.port().is_none()
            && registered_uri.scheme() == asked_uri.scheme()
            && registered_uri.host() == asked_uri.host()
            && registered_uri.path_and_query() == asked_uri.path_and_query())
}

/// 32 bytes in base64url without padding (RFC 7636, section 4.2).
fn is_challenge(text: &str) -> bool {
    URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}
