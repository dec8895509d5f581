//! `CreateToken`: codes and refresh tokens turned into access tokens.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::{AUTHORIZATION_CODE, DEVICE_CODE, Fields, REFRESH_TOKEN};
use crate::{
    Refusal,
    fault::Trouble,
    keys::opaque,
    sso::{
        directory::Directory,
        login::{Decision, Login, Way},
        model::{AccessToken, RefreshToken, Registration, SignIn},
        refusal,
    },
};

/// Tokens of a registration without scopes live this long, and have no refresh token. (fwdcloudsec/granted#615)
const WITHOUT_SCOPES: Duration = Duration::from_secs(8 * 3600);
/// What every answer of slow_down adds to the interval. (RFC 8628, section 3.5)
const SLOWER: Duration = Duration::from_secs(5);

/// Judges a request for a token and gives one.
pub(in crate::sso) fn create(
    directory: &mut Directory,
    fields: &Fields,
    region: Option<&str>,
    now: SystemTime,
    trouble: Option<&Trouble>,
) -> Result<Value, Refusal> {
    let (id, secret) = (fields.required("clientId")?, fields.required("clientSecret")?);
    let grant = fields.required("grantType")?;
    if ![DEVICE_CODE, AUTHORIZATION_CODE, REFRESH_TOKEN].contains(&grant) {
        return Err(refusal::oidc("UnsupportedGrantTypeException", None));
    }
    let client = directory.client(id, secret, now)?.clone();
    if !client.grants.iter().any(|allowed| allowed == grant) {
        return Err(refusal::oidc("UnauthorizedClientException", None));
    }
    let number = match grant {
        DEVICE_CODE => spend(directory, fields.required("deviceCode")?, id, region, now, |_| Ok(()))?,
        AUTHORIZATION_CODE => {
            let (code, uri) = (fields.required("code")?, fields.required("redirectUri")?);
            let verifier = fields.required("codeVerifier")?;
            spend(directory, code, id, region, now, |login| check_proof(login, uri, verifier))?
        }
        _ => return refresh(directory, fields.required("refreshToken")?, id, region, now, trouble),
    };
    Ok(give(directory, number, id, &client, now, trouble))
}

/// Tokens for a person without any login, as if it had happened somewhere else: the answer of `CreateToken`.
pub(in crate::sso) fn sign_in(
    directory: &mut Directory,
    client_id: &str,
    start_url: &str,
    person: &str,
    now: SystemTime,
) -> Option<Value> {
    let client = directory.registrations.get(client_id)?.clone();
    let number = begin(directory, start_url, person, now)?;
    Some(give(directory, number, client_id, &client, now, None))
}

/// Turns the code of a login into a sign-in, once.
fn spend(
    directory: &mut Directory,
    code: &str,
    client_id: &str,
    region: Option<&str>,
    now: SystemTime,
    check: impl FnOnce(&Login) -> Result<(), Refusal>,
) -> Result<u64, Refusal> {
    let invalid = || refusal::oidc("InvalidGrantException", None);
    let number = directory.login_by_code(code).ok_or_else(invalid)?;
    let login = directory.logins.get(&number).ok_or_else(invalid)?;
    let is_device_code = matches!(&login.way, Way::Device { device_code, .. } if device_code == code);
    let fits = login.client_id == client_id && !login.spent && directory.is_in(&login.start_url, region);
    if !fits || login.user_code() == Some(code) {
        return Err(invalid());
    }
    if login.is_over(now) {
        return Err(if is_device_code { refusal::oidc("ExpiredTokenException", None) } else { invalid() });
    }
    check(login)?;
    let (person, at) = match login.decided(now) {
        Some(Decision::Approved { person, at }) => (person.clone(), *at),
        Some(Decision::Denied { .. }) if is_device_code => return Err(refusal::oidc("AccessDeniedException", None)),
        None if is_device_code => return Err(wait(directory, number, now)),
        _ => return Err(invalid()),
    };
    let start_url = login.start_url.clone();
    let sign_in = begin(directory, &start_url, &person, at).ok_or_else(invalid)?;
    if let Some(login) = directory.logins.get_mut(&number) {
        login.spent = true;
    }
    Ok(sign_in)
}

/// What a poll hears while nobody decided: to wait, or to wait longer.
fn wait(directory: &mut Directory, login: u64, now: SystemTime) -> Refusal {
    let way = directory.logins.get_mut(&login).map(|login| &mut login.way);
    if let Some(Way::Device { interval, polled, .. }) = way {
        let too_soon = polled.is_some_and(|last| now.duration_since(last).unwrap_or_default() < *interval);
        *polled = Some(now);
        if too_soon {
            *interval += SLOWER;
            return refusal::oidc("SlowDownException", None);
        }
    }
    refusal::oidc("AuthorizationPendingException", None)
}

/// The redirect URI must be the very one, and the verifier must be what the challenge was made from (RFC 7636, section 4.6).
fn check_proof(login: &Login, uri: &str, verifier: &str) -> Result<(), Refusal> {
    let Way::Redirect { redirect_uri, challenge, .. } = &login.way else {
        return Err(refusal::oidc("InvalidGrantException", None));
    };
    let made = URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()));
    if redirect_uri != uri || *challenge != made {
        return Err(refusal::oidc("InvalidGrantException", None));
    }
    Ok(())
}

fn begin(directory: &mut Directory, start_url: &str, person: &str, at: SystemTime) -> Option<u64> {
    if !directory.may_sign_in(person) {
        return None;
    }
    let instance = directory.instance(start_url)?;
    let sign_in = SignIn {
        person: person.to_owned(),
        start_url: instance.start_url.clone(),
        started: at,
        ends: at.checked_add(instance.session)?,
        ended: false,
    };
    let number = directory.next_number();
    directory.sign_ins.insert(number, sign_in);
    Some(number)
}

fn refresh(
    directory: &mut Directory,
    token: &str,
    client_id: &str,
    region: Option<&str>,
    now: SystemTime,
    trouble: Option<&Trouble>,
) -> Result<Value, Refusal> {
    let invalid = || refusal::oidc("InvalidGrantException", Some("Invalid refresh token provided"));
    let known = directory.refresh_tokens.get(token).filter(|known| !known.revoked && known.client_id == client_id);
    let number = known.ok_or_else(invalid)?.sign_in;
    let sign_in = directory.sign_ins.get(&number).filter(|sign_in| {
        sign_in.lives(now) && directory.may_sign_in(&sign_in.person) && directory.is_in(&sign_in.start_url, region)
    });
    let instance = sign_in.and_then(|sign_in| directory.instance(&sign_in.start_url)).ok_or_else(invalid)?;
    let (rotates, omits) = (instance.rotate_refresh_tokens, instance.omit_refresh_token);
    let client = directory.client(client_id, &directory.registrations[client_id].secret, now)?.clone();
    let mut answer = access(directory, number, &client, now, trouble);
    if rotates {
        if let Some(spent) = directory.refresh_tokens.get_mut(token) {
            spent.revoked = true;
        }
        answer["refreshToken"] = new_refresh_token(directory, number, client_id).into();
    } else if !omits {
        answer["refreshToken"] = token.into();
    }
    Ok(blanked(answer, trouble))
}

/// An access token, and a refresh token where the registration has scopes and may use one.
fn give(
    directory: &mut Directory,
    sign_in: u64,
    client_id: &str,
    client: &Registration,
    now: SystemTime,
    trouble: Option<&Trouble>,
) -> Value {
    let mut answer = access(directory, sign_in, client, now, trouble);
    if !client.scopes.is_empty() && client.grants.iter().any(|grant| grant == REFRESH_TOKEN) {
        answer["refreshToken"] = new_refresh_token(directory, sign_in, client_id).into();
    }
    blanked(answer, trouble)
}

fn new_refresh_token(directory: &mut Directory, sign_in: u64, client_id: &str) -> String {
    let token = opaque("aorAAAAAG");
    let known = RefreshToken { sign_in, client_id: client_id.to_owned(), revoked: false };
    directory.refresh_tokens.insert(token.clone(), known);
    token
}

fn access(
    directory: &mut Directory,
    number: u64,
    client: &Registration,
    now: SystemTime,
    trouble: Option<&Trouble>,
) -> Value {
    let sign_in = &directory.sign_ins[&number];
    let instance = &directory.instances[&sign_in.start_url];
    let left = sign_in.ends.duration_since(now).unwrap_or_default();
    let whole = if client.scopes.is_empty() { WITHOUT_SCOPES } else { instance.access_token };
    let life = if instance.clip_tokens { whole.min(left) } else { whole };
    let secs = |secs: u64| i64::try_from(secs).unwrap_or(i64::MAX);
    let (expires, expires_in) = match trouble {
        Some(Trouble::Expired { ago_secs }) => (now, secs(*ago_secs).saturating_neg()),
        Some(Trouble::Life { secs: life }) => (now + Duration::from_secs(*life), secs(*life)),
        // In whole seconds, since the answer cannot say more.
        _ => (now + Duration::from_secs(life.as_secs()), secs(life.as_secs())),
    };
    let token = opaque("aoaAAAAAG");
    let known = AccessToken { sign_in: number, scopes: client.scopes.clone(), expires, revoked: false };
    directory.access_tokens.insert(token.clone(), known);
    json!({ "accessToken": token, "tokenType": "Bearer", "expiresIn": expires_in })
}

fn blanked(mut answer: Value, trouble: Option<&Trouble>) -> Value {
    if matches!(trouble, Some(Trouble::BlankCredentials)) {
        answer["accessToken"] = "".into();
        answer["refreshToken"] = "".into();
    }
    answer
}
