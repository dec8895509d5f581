//! What a browser is answered that comes back from signing in, and what it brought. Pure; the sockets are
//! `world/redirect.rs`.
//!
//! Anybody may come: another program of this machine, a page that guesses our port, a name that was rebound to 127.0.0.1. Only
//! who brings the state of this sign-in is listened to, and only once (RFC 6749 section 10.12, RFC 8252 section 8.9): whoever
//! does not cannot end it either.

use bytes::Bytes;
use http::header::{self, HeaderValue};
use http::{Method, StatusCode};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::source::aws_words::words;

/// Where a browser comes back to, and who sends it.
#[derive(Clone, Copy, Debug)]
pub(in crate::source) struct Back {
    /// The path: `/oauth/callback`.
    pub(in crate::source) path: &'static str,
    /// Who sends it, as a person reads it: `AWS`.
    pub(in crate::source) from: &'static str,
}

/// One sign-in that waits for its browser.
pub(in crate::source) struct Callback {
    port: u16,
    state: Secret,
    back: Back,
    over: bool,
}

/// What the browser brought.
#[derive(Debug)]
pub(in crate::source) enum Came {
    /// The code that a token is given for.
    Code(Secret),
    /// Why there is none, in the words of who sent it, made safe to be shown: `access_denied: the request was denied`.
    Refused(String),
}

impl Callback {
    pub(in crate::source) fn new(back: Back, port: u16, state: Secret) -> Self {
        Self { port, state, back, over: false }
    }

    /// Answers a request. Whatever was brought ends the waiting.
    pub(in crate::source) fn answer(&mut self, request: &http::Request<()>) -> (http::Response<Bytes>, Option<Came>) {
        match self.examine(request) {
            Ok(came) => {
                self.over = true;
                let page = match &came {
                    Came::Code(_) => page(StatusCode::OK, "Signed in", "Your terminal goes on by itself."),
                    Came::Refused(why) => {
                        let text = format!("{} says: {why}. Your terminal says how to try again.", self.back.from);
                        page(StatusCode::OK, "Not signed in", &text)
                    }
                };
                (page, Some(came))
            }
            Err((status, why)) => (page(status, "Nothing happened", why), None),
        }
    }

    fn examine(&self, request: &http::Request<()>) -> Result<Came, (StatusCode, &'static str)> {
        let target = request.uri();
        if !self.is_ours(request.headers()) {
            return Err((StatusCode::BAD_REQUEST, "This address is not the one that a sign-in waits at."));
        }
        // a page that loads us as an image or a script, or shows us in a frame (W3C Fetch Metadata); what comes from the upstream's own
        // page is cross-site as well, but it is a visit
        let marks = [("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        if marks.iter().any(|(name, good)| request.headers().get(*name).is_some_and(|value| value != good)) {
            return Err((StatusCode::FORBIDDEN, "A sign-in ends in a page of its own."));
        }
        if target.authority().is_some() || target.path() != self.back.path {
            return Err((StatusCode::NOT_FOUND, "There is nothing here."));
        }
        if request.method() != Method::GET {
            return Err((StatusCode::METHOD_NOT_ALLOWED, "A sign-in ends in a visit."));
        }
        if self.over {
            return Err((StatusCode::GONE, "This sign-in is over."));
        }
        let query = Query::read(target.query().unwrap_or_default());
        let query = query.ok_or((StatusCode::BAD_REQUEST, "This cannot be read."))?;
        if !query.state.is_some_and(|state| self.state.same_as(&state)) {
            return Err((StatusCode::BAD_REQUEST, "This is not the sign-in that the terminal waits for."));
        }
        match (query.error, query.code) {
            (Some(error), _) => Ok(Came::Refused(refusal(&error, query.description.as_deref().map(Vec::as_slice)))),
            (None, Some(code)) => Ok(Came::Code(code)),
            (None, None) => Err((StatusCode::BAD_REQUEST, "It brings no code.")),
        }
    }

    /// Whether one `Host` names our loopback and our port: another one's name that leads to 127.0.0.1 does not count.
    fn is_ours(&self, headers: &http::HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
        ["127.0.0.1", "localhost"]
            .iter()
            .any(|name| host.as_bytes().eq_ignore_ascii_case(format!("{name}:{}", self.port).as_bytes()))
    }
}

type Wiped = Zeroizing<Vec<u8>>;

/// What we know of a query.
#[derive(Default)]
struct Query {
    state: Option<Wiped>,
    code: Option<Secret>,
    error: Option<Wiped>,
    description: Option<Wiped>,
}

impl Query {
    /// `None` for what could be read in two ways: a member twice, or a code that is no text.
    fn read(query: &str) -> Option<Self> {
        let mut read = Self::default();
        for member in query.split('&') {
            let (name, value) = member.split_once('=').unwrap_or((member, ""));
            if value.is_empty() {
                continue;
            }
            let twice = match name {
                "state" => read.state.replace(decoded(value)).is_some(),
                "error" => read.error.replace(decoded(value)).is_some(),
                "error_description" => read.description.replace(decoded(value)).is_some(),
                "code" => {
                    let code = String::from_utf8(std::mem::take(&mut *decoded(value)));
                    read.code.replace(Secret::new(code.ok()?)).is_some()
                }
                _ => false,
            };
            if twice {
                return None;
            }
        }
        Some(read)
    }
}

/// Percent signs undone. Whole from the start: a vector that grows would leave copies of a code behind.
fn decoded(value: &str) -> Wiped {
    let mut bytes = Zeroizing::new(Vec::with_capacity(value.len()));
    bytes.extend(percent_encoding::percent_decode_str(value));
    bytes
}

/// An OAuth error in one line (RFC 6749 section 4.1.2.1).
fn refusal(error: &[u8], description: Option<&[u8]>) -> String {
    let line = |bytes: &[u8]| words(&String::from_utf8_lossy(bytes).replace('+', " "), &[]);
    match description.map(line).filter(|description| !description.is_empty()) {
        Some(description) => format!("{}: {}", line(error), description.trim_end_matches('.')),
        None => line(error),
    }
}

/// A page that loads nothing, runs nothing, tells nobody where it was and is kept nowhere: its address holds the code.
fn page(status: StatusCode, title: &str, text: &str) -> http::Response<Bytes> {
    let text = escaped(text);
    let html = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title} - Credenza</title>\
         <meta name=\"color-scheme\" content=\"light dark\"></head>\n<body><h1>{title}</h1><p>{text}</p><p>You can close this page.</p></body></html>\n"
    );
    let mut response = http::Response::new(Bytes::from(html));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
#[path = "redirect_tests.rs"]
mod tests;
