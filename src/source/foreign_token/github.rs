//! The OIDC endpoint of a job of GitHub Actions (GitHub, "OpenID Connect reference"): `GET $ACTIONS_ID_TOKEN_REQUEST_URL` with
//! the audience, and with `$ACTIONS_ID_TOKEN_REQUEST_TOKEN` as bearer, answers `{"value": TOKEN}`.
//!
//! A token lives for minutes, so each exchange asks for one of its own. Called by [`super`].

use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::credential::{Failure, FailureClass};
use crate::secret::Secret;
use crate::world::World;
use crate::world::http::HttpLimits;

const LIMITS: HttpLimits =
    HttpLimits { connect: Duration::from_secs(5), total: Duration::from_secs(15), body_bytes: 64 << 10 };

/// A fresh token for this audience.
pub(super) async fn token(world: &World, audience: &str) -> Result<Secret, Failure> {
    let variable = |name: &str| world.environment.text(name).filter(|text| !text.is_empty());
    let (Some(url), Some(bearer)) = (variable(URL), variable(BEARER)) else {
        let text = format!(
            "{NAME}: {URL} and {BEARER} are not both set; the workflow needs `permissions: id-token: write`, and the job's \
             own step has to run Credenza"
        );
        return Err(Failure::new(FailureClass::Refused, "SurroundingsUnusable", text));
    };
    let bearer =
        Secret::written(|out| write!(out, "bearer {bearer}")).map_err(|_| refused("there is no memory left"))?;
    let mut authorization = http::HeaderValue::from_str(bearer.expose())
        .map_err(|_| refused("its token holds a line break or another character that no header may"))?;
    authorization.set_sensitive(true);
    let address = address(url, audience)?;
    let request =
        http::Request::get(address).header("accept", "application/json").header("authorization", authorization);
    let request = request.body(Bytes::new()).map_err(|_| refused("its address is no address"))?;
    let answer = world.http.send(request, LIMITS).await;
    let answer = answer.map_err(|error| later("it cannot be reached").because(format!("{NAME}: {error}")))?;
    if answer.status() != http::StatusCode::OK {
        // a redirect too: whoever is asked next would have the bearer
        return Err(later(&format!("it answered with status {}", answer.status().as_u16())));
    }
    read(answer.body()).map_err(later)
}

const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const BEARER: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

const NAME: &str = "the OIDC endpoint of GitHub Actions";

fn refused(why: &str) -> Failure {
    Failure::new(
        FailureClass::Refused,
        "SurroundingsUnusable",
        format!("{NAME}: {why}; run it in a job of GitHub Actions"),
    )
}

fn later(why: &str) -> Failure {
    let text = format!("{NAME} gave no token: {why}; it is asked again soon");
    Failure::new(FailureClass::TryLater, "UpstreamUnavailable", text)
}

/// Where the token is asked for: HTTPS, or this machine.
fn address(url: &str, audience: &str) -> Result<String, Failure> {
    let uri: http::Uri = url.parse().map_err(|_| refused(&format!("{URL} is no address")))?;
    let here = |host: &str| {
        let literal = host.trim_start_matches('[').trim_end_matches(']');
        literal == "localhost" || literal.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    };
    let safe = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => uri.host().is_some_and(here),
        _ => false,
    };
    if !safe {
        return Err(refused(&format!("{URL} is not https")));
    }
    let joint = if uri.query().is_some() { '&' } else { '?' };
    Ok(format!("{url}{joint}audience={}", utf8_percent_encode(audience, NON_ALPHANUMERIC)))
}

/// Reads an answer with 200; the error says what is wrong with it, in words that hold nothing of it.
fn read(body: &[u8]) -> Result<Secret, &'static str> {
    #[derive(Deserialize)]
    struct Given {
        value: Option<Secret>,
    }
    let given: Given = serde_json::from_slice(body).map_err(|_| "its answer is not the JSON that it should be")?;
    given.value.ok_or("its answer has no value")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_asked_for_over_https_or_on_this_machine() {
        for (url, expected) in [
            ("https://x.test/t?api-version=2.0", Some("https://x.test/t?api-version=2.0&audience=a%20%26b")),
            ("https://x.test/t", Some("https://x.test/t?audience=a%20%26b")),
            ("http://127.0.0.1:1/t?a=b", Some("http://127.0.0.1:1/t?a=b&audience=a%20%26b")),
            ("http://[::1]:1/t?a=b", Some("http://[::1]:1/t?a=b&audience=a%20%26b")),
            ("http://x.test/t", None),
            ("http://127.0.0.1.x.test/t", None),
            ("ftp://x.test/t", None),
            ("/t", None),
            ("no address", None),
        ] {
            assert_eq!(address(url, "a &b").ok().as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn half_an_answer_is_no_token_and_shows_nothing() {
        for body in ["", "{}", "[]", r#"{"value":null}"#, r#"{"value":7}"#, r#"{"value":"hunter2"#, "hunter2"] {
            let why = read(body.as_bytes()).unwrap_err();
            assert!(!why.contains("hunter2"), "{why}");
        }
        assert!(read(br#"{"count":1,"value":"a.b.c"}"#).unwrap().same_as(b"a.b.c"));
    }
}
