//! Requests to Entra ID's v2.0 endpoints for one application of one tenant: a form goes there, a token comes back.
//!
//! Each call is made once, never follows a redirect (what would follow has the secret in it) and is bounded in time and size.
//! Who waits for a person and tries again is `login/`; whether and when a source is asked again is the engine's to decide.
//! Called by the sources of this folder and by the federated one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

use super::problem::{Problem, Said};
use crate::config::AzureDefinition;
use crate::credential::claims::Claims;
use crate::credential::{ClockOffset, IssuedToken, Now, Token};
use crate::secret::Secret;
use crate::source::aws_wire::offset_shown;
use crate::source::{Learnt, Means};
use crate::world::World;
use crate::world::http::HttpLimits;

/// Where one application of one tenant asks for tokens.
#[derive(Clone)]
pub(in crate::source) struct TokenEndpoint {
    /// Where Entra ID answers, without a slash at the end: `https://login.microsoftonline.com`.
    pub(in crate::source) authority: Arc<str>,
    /// The tenant, by its id or by a domain of it; `organizations` where a login decides.
    pub(in crate::source) tenant: String,
    /// The application's id. It is part of each form.
    pub(in crate::source) client_id: String,
    /// The outside.
    pub(in crate::source) world: World,
    /// How long Entra ID wants to be left alone.
    pub(in crate::source) learnt: Learnt,
}

/// A value of a form.
#[derive(Clone, Debug)]
pub(in crate::source) enum FormValue {
    /// One that may be seen.
    Plain(String),
    /// One that may not: an assertion, a code, a refresh token.
    Secret(Secret),
}

/// A token, and what came with it.
#[derive(Clone, Debug)]
pub(in crate::source) struct Answered {
    /// The token.
    pub(in crate::source) access_token: Secret,
    /// What the next one is asked for with: for a person, where `offline_access` was asked for.
    pub(in crate::source) refresh_token: Option<Secret>,
    /// Who signed in, as far as Entra ID says it (`id_token`). Nothing is decided by it.
    pub(in crate::source) id_claims: Option<Claims>,
    /// How long the token lives from now.
    pub(in crate::source) expires_in: Duration,
    /// The server's clock less ours.
    pub(in crate::source) server_offset: ClockOffset,
}

impl Answered {
    /// The token as the engine takes it, where it came `now`.
    pub(in crate::source) fn issued(self, now: Now) -> IssuedToken {
        let token = Token::of(self.access_token);
        let there = self.server_offset.server_time(now.wall);
        let told = there.checked_add(self.expires_in).unwrap_or(there);
        // whoever the token is for goes by what is in it
        let expiration = token.claims.expiration.map_or(told, |written| written.min(told));
        IssuedToken { token, expiration, server_offset: self.server_offset, warnings: Vec::new(), received: None }
    }
}

impl TokenEndpoint {
    /// That of an identity's application; `tenant`: where its definition names none.
    pub(in crate::source) fn of(definition: &AzureDefinition, client_id: &str, tenant: &str, means: &Means) -> Self {
        Self {
            authority: Arc::clone(&definition.authority),
            tenant: definition.tenant.clone().unwrap_or_else(|| tenant.to_owned()),
            client_id: client_id.to_owned(),
            world: means.world.clone(),
            learnt: means.learnt.clone(),
        }
    }

    /// The address that tokens are asked for at, which is also whom an application's own assertion is meant for.
    pub(in crate::source) fn url(&self) -> String {
        self.address("token")
    }

    /// Another endpoint beside it: `authorize`, `devicecode`.
    pub(super) fn address(&self, endpoint: &str) -> String {
        format!("{}/{}/oauth2/v2.0/{endpoint}", self.authority.trim_end_matches('/'), self.tenant)
    }

    /// Asks for a token. `client_id` is added to the form.
    ///
    /// # Errors
    ///
    /// What Entra ID or the way to it says, or an answer that cannot be true: [`super::problem::judge`] tells what it means.
    pub(in crate::source) async fn ask(&self, form: Vec<(&'static str, FormValue)>) -> Result<Answered, Problem> {
        let (body, server_offset) = self.post("token", form).await?;
        read(&body, server_offset).map_err(|why| Problem::Unusable { why })
    }

    /// Sends a form; the body of an answer with status 200, and the server's clock.
    pub(super) async fn post(
        &self,
        endpoint: &str,
        form: Vec<(&'static str, FormValue)>,
    ) -> Result<(Bytes, ClockOffset), Problem> {
        let address = self.address(endpoint);
        let sent = self.world.clock.now();
        if let Some(left) = self.learnt.pause_left(&self.pause_key(), sent.boot) {
            return Err(Problem::Paused { left });
        }
        let request = self.request(&address, &form)?;
        let answer = self.world.http.send(request, LIMITS).await.map_err(Problem::Transport)?;
        let status = answer.status().as_u16();
        let now = self.world.clock.now();
        if status == 200 {
            return Ok((answer.body().clone(), offset_shown(&answer, sent, now)));
        }
        let retry_after = answer.headers().get("retry-after").and_then(|secs| secs.to_str().ok());
        let retry_after = retry_after.and_then(|secs| secs.trim().parse().ok()).map(Duration::from_secs);
        if let (429 | 503, Some(pause)) = (status, retry_after) {
            self.learnt.pause(self.pause_key(), now.boot, pause.min(LONGEST_PAUSE));
        }
        let secrets: Vec<&str> = form.iter().filter_map(|(_, value)| value.secret()).collect();
        Err(match Said::read(answer.body(), status, retry_after, &secrets) {
            Some(said) => Problem::Answer(Box::new(Said { server_offset: offset_shown(&answer, sent, now), ..said })),
            None => Problem::Unreadable { status },
        })
    }

    fn request(&self, address: &str, form: &[(&'static str, FormValue)]) -> Result<http::Request<Bytes>, Problem> {
        if !is_safe(address) {
            return Err(Problem::Unsent { why: "its authority is neither https nor on this machine" });
        }
        if !is_tenant(&self.tenant) {
            return Err(Problem::Unsent { why: "its tenant is neither an id nor a domain" });
        }
        let client_id = FormValue::Plain(self.client_id.clone());
        let members = || [("client_id", &client_id)].into_iter().chain(form.iter().map(|(name, value)| (*name, value)));
        let body = Secret::written(|out| {
            members().enumerate().try_for_each(|(at, (name, value))| {
                let joint = if at == 0 { "" } else { "&" };
                let value = percent_encoding::utf8_percent_encode(value.text(), ENCODED);
                write!(out, "{joint}{name}={value}")
            })
        });
        let body = body.map_err(|_| Problem::Unsent { why: "there is no memory left" })?;
        http::Request::post(address)
            .header("accept", "application/json")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body.into_bytes())
            .map_err(|_| Problem::Unsent { why: "its authority and tenant make no address" })
    }

    fn pause_key(&self) -> String {
        format!("{} {}", self.address(""), self.client_id)
    }
}

impl FormValue {
    fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Secret(secret) => secret.expose(),
        }
    }

    fn secret(&self) -> Option<&str> {
        match self {
            Self::Plain(_) => None,
            Self::Secret(secret) => Some(secret.expose()),
        }
    }
}

impl From<&str> for FormValue {
    fn from(text: &str) -> Self {
        Self::Plain(text.to_owned())
    }
}

impl From<&Secret> for FormValue {
    fn from(secret: &Secret) -> Self {
        Self::Secret(secret.clone())
    }
}

/// What a signed statement is shown as (RFC 7523 section 2.2).
pub(in crate::source) const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What one call may cost. A person's token with its groups stays below 16 KiB.
const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(20), body_bytes: 256 << 10 };

/// What is waited at the most because Entra ID says so.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// All but what RFC 3986 calls unreserved.
pub(super) const ENCODED: &percent_encoding::AsciiSet =
    &percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// HTTPS, or this machine.
fn is_safe(address: &str) -> bool {
    let Ok(uri) = address.parse::<http::Uri>() else { return false };
    let here = |host: &str| {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        literal == "localhost" || literal.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    };
    match uri.scheme_str() {
        Some("https") => uri.host().is_some(),
        Some("http") => uri.host().is_some_and(here),
        _ => false,
    }
}

/// A tenant is a part of the path: a GUID, a domain, or `organizations`.
fn is_tenant(tenant: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    !tenant.is_empty() && tenant.len() <= 253 && !tenant.starts_with('.') && tenant.bytes().all(fits)
}

/// Reads an answer with status 200; the error says what is wrong with it, in words that hold nothing of it.
fn read(body: &[u8], server_offset: ClockOffset) -> Result<Answered, &'static str> {
    #[derive(Deserialize)]
    struct Given {
        token_type: Option<String>,
        access_token: Option<Secret>,
        refresh_token: Option<Secret>,
        id_token: Option<Secret>,
        expires_in: Option<Value>,
    }
    let given: Given = serde_json::from_slice(body).map_err(|_| "it is not the JSON that it should be")?;
    if !given.token_type.is_some_and(|kind| kind.eq_ignore_ascii_case("bearer")) {
        return Err("its token is no bearer token");
    }
    let access_token = given.access_token.filter(is_token).ok_or("it holds no token")?;
    let refresh_token = match given.refresh_token {
        None => None,
        Some(token) if is_token(&token) => Some(token),
        Some(_) => return Err("its refresh token cannot be one"),
    };
    let secs = match &given.expires_in {
        Some(Value::Number(secs)) => secs.as_u64(),
        // version 1 writes numbers as texts, and so do proxies that were made for it
        Some(Value::String(secs)) => secs.parse().ok(),
        _ => None,
    };
    let expires_in = secs.map(Duration::from_secs).filter(|life| !life.is_zero() && *life <= LONGEST_LIFE);
    Ok(Answered {
        access_token,
        refresh_token,
        id_claims: given.id_token.and_then(|token| Claims::read(token.expose())),
        expires_in: expires_in.ok_or("its token lives an odd time")?,
        server_offset,
    })
}

/// A token that a header can carry.
fn is_token(token: &Secret) -> bool {
    let text = token.expose();
    !text.is_empty() && text.len() <= LONGEST_TOKEN && text.bytes().all(|byte| byte.is_ascii_graphic())
}

const LONGEST_TOKEN: usize = 64 << 10;

/// Token lifetime policies end at one day ("Configurable token lifetimes"); tokens for who evaluates access continuously live up to
/// 28 hours.
const LONGEST_LIFE: Duration = Duration::from_secs(48 * 3600);

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
