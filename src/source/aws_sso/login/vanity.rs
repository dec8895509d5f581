//! A company's own start URL, such as `https://aws.example.com`, which leads to AWS's by one redirect (AWS CLI 2.35.13 and
//! later, `awscli/customizations/sso/resolve.py`). It is asked without any secret, and only a host of AWS's is believed.
//! What is kept and looked up by the start URL goes on to use the one that is written.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, StatusCode, Uri};

use crate::config::SsoSession;
use crate::credential::{Failure, FailureClass};
use crate::world::World;
use crate::world::http::{ExtraRoots, HttpLimits};

/// Where a start URL leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resolved {
    /// AWS's own start URL.
    pub(super) start_url: String,
    /// The region in its host, where there is one.
    pub(super) region: Option<String>,
}

/// Asks where the session's start URL leads; `None`: it is AWS's own, or nothing that is to be asked: who replaces the address
/// of sign-in (`sso_oidc` of `[services X]`) says by that where it is.
///
/// # Errors
///
/// An address that leads nowhere, or to somebody else; and the network's.
pub(super) async fn resolve(session: &SsoSession, world: &World) -> Result<Option<Resolved>, Failure> {
    if session.oidc_url.is_some() {
        return Ok(None);
    }
    let wrong = |why: String| {
        let text =
            format!("cannot sign in to `{}`: sso_start_url {} {why}; correct it", session.label(), session.start_url);
        Failure::new(FailureClass::Refused, "StartUrlUnusable", text)
    };
    let Some(url) = to_ask(&session.start_url).map_err(|why| wrong(why.to_owned()))? else { return Ok(None) };
    let mut method = Method::HEAD;
    loop {
        let mut request = http::Request::new(Bytes::new());
        (*request.method_mut(), *request.uri_mut()) = (method.clone(), url.clone());
        if let Some(bundle) = session.ca_bundle.clone() {
            request.extensions_mut().insert(ExtraRoots(bundle));
        }
        let answer = world.http.send(request, LIMITS).await.map_err(|error| {
            let text = format!(
                "cannot sign in to `{}`: {} was asked where it leads: {error}; try again",
                session.label(),
                session.start_url
            );
            Failure::new(FailureClass::TryLater, "UpstreamUnavailable", text)
        })?;
        match led(&method, answer.status(), answer.headers().get(http::header::LOCATION)) {
            Led::To(resolved) => return Ok(Some(resolved)),
            Led::AskWithGet => method = Method::GET,
            Led::Astray(why) => return Err(wrong(why)),
        }
    }
}

const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(10), body_bytes: 1 << 20 };

/// The address to ask; `None` for one of AWS's own.
fn to_ask(start_url: &str) -> Result<Option<Uri>, &'static str> {
    let url: Uri = start_url.parse().map_err(|_| "is no address")?;
    let host = url.host().filter(|host| !host.is_empty()).ok_or("is no address")?;
    if url.scheme_str() != Some("https") {
        return Err("must begin with https://");
    }
    if has_user(&url) {
        return Err("has a user's name in it");
    }
    Ok((!is_of_aws(host)).then_some(url))
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
enum Led {
    To(Resolved),
    AskWithGet,
    Astray(String),
}

fn led(method: &Method, status: StatusCode, location: Option<&http::HeaderValue>) -> Led {
    match status.as_u16() {
        405 | 501 if *method == Method::HEAD => Led::AskWithGet,
        301 | 302 | 303 | 307 | 308 => {
            let location = location.and_then(|location| location.to_str().ok());
            let Some(location) = location else { return Led::Astray("leads nowhere".to_owned()) };
            led_to(location).map_or_else(|| Led::Astray("does not lead to AWS".to_owned()), Led::To)
        }
        200..=299 => Led::Astray("is not AWS's, and does not lead there".to_owned()),
        status => Led::Astray(format!("leads nowhere (status {status})")),
    }
}

/// A relative address leads back to who is not AWS.
fn led_to(location: &str) -> Option<Resolved> {
    let location = if location.starts_with("//") { format!("https:{location}") } else { location.to_owned() };
    let url: Uri = location.parse().ok()?;
    let host = url.host()?.to_ascii_lowercase();
    if url.scheme_str() != Some("https") || has_user(&url) || !is_of_aws(&host) {
        return None;
    }
    let port = url.port_u16().filter(|port| *port != 443).map(|port| format!(":{port}")).unwrap_or_default();
    let start_url = format!("https://{host}{port}{}", url.path().trim_end_matches('/'));
    Some(Resolved { start_url, region: region_of(&host).map(str::to_owned) })
}

/// `https://awsapps.com@evil.example/` leads to evil.example.
fn has_user(url: &Uri) -> bool {
    url.authority().is_some_and(|authority| authority.as_str().contains('@'))
}

/// Whether a host belongs to AWS (`resolve.py`, `is_aws_owned_domain`).
fn is_of_aws(host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    let host = host.trim_end_matches('.');
    let below = |domain: &&str| host.strip_suffix(*domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    HOSTS.contains(&host) || DOMAINS.iter().any(below)
}

const HOSTS: &[&str] = &[
    "identitycenter.amazonaws.com",
    "identitycenter.amazonaws.com.cn",
    "identitycenter.amazonaws.eu",
    "identitycenter.us-gov.amazonaws.com",
];

const DOMAINS: &[&str] = &[
    "app.aws",
    "portal.amazonaws.com",
    "portal.amazonaws.com.cn",
    "app.amazonwebservices.com.cn",
    "portal.amazonaws.eu",
    "api.amazonwebservices.eu",
    "awsapps.com",
    "awsapps.cn",
];

/// The region in a host, such as `ssoins-1.eu-west-1.portal.amazonaws.com` (`resolve.py`, `_REGION_PATTERNS`).
fn region_of(host: &str) -> Option<&str> {
    let (instance, rest) = host.trim_end_matches('.').split_once('.')?;
    let between = |before: &str, after: &str| rest.strip_prefix(before)?.strip_suffix(after);
    let region = REGION_STANDS.iter().find_map(|(before, after)| between(before, after))?;
    let plain = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == b'-';
    (!instance.is_empty() && !region.is_empty() && region.bytes().all(plain)).then_some(region)
}

/// What stands before a region, after the name of the instance, and what behind it.
const REGION_STANDS: &[(&str, &str)] = &[
    ("portal.", ".app.aws"),
    ("", ".portal.amazonaws.com"),
    ("", ".portal.amazonaws.com.cn"),
    ("portal.", ".app.amazonwebservices.com.cn"),
    ("", ".portal.amazonaws.eu"),
    ("portal.", ".api.amazonwebservices.eu"),
];

#[cfg(test)]
#[path = "vanity_tests.rs"]
mod tests;
