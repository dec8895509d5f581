//! Logging in with a code that is shown here and confirmed in a browser anywhere (RFC 8628; Microsoft, "Microsoft identity platform
//! and the OAuth 2.0 device authorization grant flow"): for machines without a browser of the person's own.

use std::time::Duration;

use serde::Deserialize;
use tokio::time::sleep;

use super::super::problem::{Judged, Problem, What};
use super::super::token::{Answered, FormValue};
use super::Desk;
use crate::credential::Failure;
use crate::secret::Secret;
use crate::source::sign_in::pace::{Pace, Poll, Step};
use crate::source::sign_in::sane;

/// Shows codes until one is confirmed.
///
/// # Errors
///
/// Where the person said no, or confirmed none; and what Entra ID or the way to it says.
pub(super) async fn sign_in(desk: &Desk<'_>) -> Result<Answered, Failure> {
    let mut more_codes = MORE_CODES;
    loop {
        let code = started(desk).await.map_err(|problem| desk.judge(&problem).failure)?;
        let since = desk.world.clock.now().boot;
        show(desk, &code).await;
        match confirmed(desk, &code, since).await {
            Ok(answered) => return Ok(answered),
            Err(Some(judged)) => return Err(judged.failure),
            Err(None) if more_codes > 0 && desk.world.person.is_there() => {
                more_codes -= 1;
                desk.world.person.tell("The code was not confirmed in time. Here is another one.");
            }
            Err(None) => return Err(desk.nobody_came("nobody confirmed the code in time")),
        }
    }
}

/// How often another code is shown to a person who confirmed none.
const MORE_CODES: u32 = 2;

/// A login that waits for a person.
struct DeviceCode {
    device_code: Secret,
    user_code: String,
    verification_uri: String,
    expires_in: Duration,
    interval: Duration,
}

async fn started(desk: &Desk<'_>) -> Result<DeviceCode, Problem> {
    let form = vec![("scope", FormValue::Plain(desk.scope.clone()))];
    let (body, _) = desk.endpoint.post("devicecode", form).await?;
    let loopback = sane::is_on_loopback(&desk.wanted.account.authority);
    read(&body, loopback).map_err(|why| Problem::Unusable { why })
}

/// Reads an answer; the error says what is wrong with it, in words that hold nothing of it. `loopback`: who answered is on this
/// machine, and may send the person to it.
fn read(body: &[u8], loopback: bool) -> Result<DeviceCode, &'static str> {
    #[derive(Deserialize)]
    struct Given {
        device_code: Option<String>,
        user_code: Option<String>,
        verification_uri: Option<String>,
        expires_in: Option<i32>,
        interval: Option<i32>,
    }
    let given: Given = serde_json::from_slice(body).map_err(|_| "it is not the JSON that it should be")?;
    let interval = match given.interval {
        None | Some(0) => INTERVAL,
        Some(secs) => sane::duration(secs, LONGEST_INTERVAL).ok_or("its interval is odd")?,
    };
    let life = given.expires_in.and_then(|secs| sane::duration(secs, LONGEST_CODE));
    Ok(DeviceCode {
        device_code: sane::token(given.device_code).ok_or("it holds no device code")?,
        user_code: sane::word(given.user_code).ok_or("it holds no code that a person could read")?,
        verification_uri: sane::web_address(given.verification_uri, loopback)
            .ok_or("it names no web address to confirm at")?,
        expires_in: life.ok_or("its code lives an odd time")?,
        interval,
    })
}

/// Where Entra ID says nothing (RFC 8628 section 3.2).
const INTERVAL: Duration = Duration::from_secs(5);

const LONGEST_INTERVAL: Duration = Duration::from_secs(5 * 60);

const LONGEST_CODE: Duration = Duration::from_secs(24 * 3600);

async fn show(desk: &Desk<'_>, code: &DeviceCode) {
    let person = &desk.world.person;
    person.tell(&format!("To sign in to {}, open {}", desk.label(), code.verification_uri));
    person.tell(&format!("and type this code there: {}", code.user_code));
    if desk.browser && person.open(&code.verification_uri).await {
        person.tell("Your browser was opened there.");
    }
}

/// Asks at the code's pace until it is confirmed. `None`: its time is over.
async fn confirmed(desk: &Desk<'_>, code: &DeviceCode, since: Duration) -> Result<Answered, Option<Judged>> {
    let mut pace = Pace::new(code.interval, since.saturating_add(code.expires_in));
    let mut wait = code.interval;
    loop {
        sleep(wait).await;
        let form = vec![
            ("grant_type", "urn:ietf:params:oauth:grant-type:device_code".into()),
            ("device_code", (&code.device_code).into()),
        ];
        let judged = match desk.endpoint.ask(form).await {
            Ok(answered) => return Ok(answered),
            Err(problem) => desk.judge(&problem),
        };
        match pace.next(step(judged.what), judged.retry_after, desk.world.clock.now().boot) {
            Poll::Again(after) => wait = after,
            Poll::NewCode => return Err(None),
            Poll::Stop => return Err(Some(judged)),
        }
    }
}

fn step(what: What) -> Step {
    match what {
        What::Pending => Step::Pending,
        What::SlowDown => Step::SlowDown,
        What::Throttled | What::Later => Step::Trouble,
        What::CodeExpired => Step::Expired,
        What::Declined | What::LoginDead | What::PersonNeeded | What::NotFederated | What::Ours => Step::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_shown_only_where_it_can_be_believed() {
        let whole = |uri: &str, rest: &str| {
            format!(r#"{{"device_code":"d","user_code":"ABCD","verification_uri":"{uri}","expires_in":900{rest}}}"#)
        };
        let uri = "https://microsoft.com/devicelogin";
        let code = read(whole(uri, r#","interval":7,"message":"..."}"#).trim_end_matches('}').as_bytes(), false);
        assert!(code.is_err(), "half an answer");
        let code = read(whole(uri, r#","interval":7,"message":"...""#).as_bytes(), false).ok().unwrap();
        assert_eq!((code.interval, code.expires_in), (Duration::from_secs(7), Duration::from_secs(900)));
        assert_eq!(read(whole(uri, "").as_bytes(), false).ok().unwrap().interval, INTERVAL);
        for (body, loopback) in [
            (whole("http://127.0.0.1:1/devicelogin", ""), false),
            (whole("javascript:alert(1)", ""), true),
            (whole(uri, r#","interval":-1"#), false),
            (whole(uri, "").replace("900", "0"), false),
            (whole(uri, "").replace("ABCD", "A\\u001bB"), false),
            ("{}".to_owned(), false),
        ] {
            assert!(read(body.as_bytes(), loopback).is_err(), "{body}");
        }
        assert!(read(whole("http://127.0.0.1:1/devicelogin", "").as_bytes(), true).is_ok());
    }
}
