//! What `az account get-access-token` prints, and until when a token is good that says it in the local time of its machine.
//! Pure.
//!
//! Since 2.54 of `az` there is `expires_on`, in seconds since 1970; before there was `expiresOn` alone, which is what
//! `datetime.fromtimestamp` shows: a time without a zone, and in one hour of the year one of two (azure-cli,
//! `src/azure-cli-core/azure/cli/core/_profile.py`, `get_raw_token`).

use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::Value;

use crate::credential::{ClockOffset, IssuedToken, Token};
use crate::secret::Secret;

#[derive(Deserialize)]
struct Printed {
    #[serde(rename = "accessToken")]
    access_token: Option<Secret>,
    expires_on: Option<Value>,
    #[serde(rename = "expiresOn")]
    expires_on_here: Option<String>,
    #[serde(rename = "tokenType")]
    token_type: Option<String>,
}

/// Reads what was printed; the error says what is wrong with it, in words that hold nothing of it. `zone`: the machine's.
pub(super) fn read(stdout: &[u8], now: SystemTime, zone: &TimeZone) -> Result<IssuedToken, String> {
    let printed: Printed = serde_json::from_slice(stdout).map_err(not_json)?;
    if printed.token_type.is_some_and(|kind| !kind.eq_ignore_ascii_case("Bearer")) {
        return Err("its tokenType is not Bearer".to_owned());
    }
    let end = match (&printed.expires_on, &printed.expires_on_here) {
        (Some(secs), _) if !secs.is_null() => {
            since_1970(secs).ok_or("its expires_on is no number of seconds since 1970")?
        }
        (_, Some(text)) => {
            end_of(text, now, zone).ok_or("its expiresOn is no time such as 2026-11-21 22:04:16.000000")?
        }
        (_, None) => return Err("it has neither expires_on nor expiresOn".to_owned()),
    };
    token_of(printed.access_token.ok_or("it has no accessToken")?, end, now)
}

/// What is wrong with JSON, in words that hold nothing of it: the library's own may quote the value that it did not expect.
pub(in crate::source) fn not_json(error: serde_json::Error) -> String {
    let what = if error.is_data() { "a member is not of its type" } else { "it is not JSON" };
    format!("{what} (line {}, column {})", error.line(), error.column())
}

/// A token that was printed as good until `end`.
///
/// # Errors
///
/// Where it is no token, or over.
pub(in crate::source) fn token_of(token: Secret, end: SystemTime, now: SystemTime) -> Result<IssuedToken, String> {
    if token.is_empty() {
        return Err("the token is empty".to_owned());
    }
    if token.expose().len() > LONGEST_TOKEN {
        return Err("the token is too long for any header".to_owned());
    }
    if !token.expose().bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("the token holds characters that no token has".to_owned());
    }
    let token = Token::of(token);
    // whoever it is for goes by what is in it
    let expiration = token.claims.expiration.map_or(end, |written| written.min(end));
    if expiration <= now {
        return Err("the token ended before it was printed; see that the machine's clock is right".to_owned());
    }
    Ok(IssuedToken { token, expiration, server_offset: ClockOffset::None, warnings: Vec::new(), received: None })
}

/// Those of people with hundreds of groups have some 20 KiB; servers take no header that is much longer.
const LONGEST_TOKEN: usize = 64 << 10;

/// A number, or one that is written as text.
fn since_1970(secs: &Value) -> Option<SystemTime> {
    let secs = match secs {
        Value::Number(number) => number.as_u64().or_else(|| number.as_f64().filter(|secs| *secs >= 0.0).map(whole))?,
        Value::String(text) => text.parse().ok()?,
        _ => return None,
    };
    // a clock of Azure's counts no further than a person does
    let secs = (secs < LAST_SECOND).then_some(secs)?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(secs))
}

/// The year 9999.
const LAST_SECOND: u64 = 253_402_300_800;

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // what is too large is the largest, and refused then
fn whole(secs: f64) -> u64 {
    secs as u64
}

/// When a token ends by a text without a zone. Where the clock is set back, an hour comes twice: then it is the earlier one,
/// so that nothing is thought to live longer than it does, unless that is over: `az` prints no token that is. A time that is
/// skipped when the clock is set forward is the earlier reading too.
pub(super) fn end_of(text: &str, now: SystemTime, zone: &TimeZone) -> Option<SystemTime> {
    // Azure's Cloud Shell says the zone (azure-sdk-for-go, `azure_cli_credential.go`, `parseExpirationDate`)
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.into());
    }
    let shown = ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f"];
    let shown = shown.iter().find_map(|form| DateTime::strptime(form, text).ok())?;
    let earlier = SystemTime::from(zone.to_ambiguous_timestamp(shown).earlier().ok()?);
    if earlier > now {
        return Some(earlier);
    }
    zone.to_ambiguous_timestamp(shown).later().ok().map(SystemTime::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> SystemTime {
        text.parse::<Timestamp>().unwrap().into()
    }

    #[test]
    fn a_local_time_is_right_across_both_changes_of_the_clock() {
        for (zone, now, shown, end) in [
            // before, between and after: an hour ahead of UTC in winter, two in summer
            ("Europe/Berlin", "2026-10-24T22:30:00Z", "2026-10-25 01:30:00.000000", "2026-10-24T23:30:00Z"),
            // 02:30 comes twice: in summer time, and an hour later; a token that was printed before is not thought to be the later
            ("Europe/Berlin", "2026-10-24T23:40:00Z", "2026-10-25 02:30:00.123456", "2026-10-25T00:30:00.123456Z"),
            // the first 02:30 is over: it is the second
            ("Europe/Berlin", "2026-10-25T00:40:00Z", "2026-10-25 02:30:00.123456", "2026-10-25T01:30:00.123456Z"),
            ("Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-25 02:40:00.000000", "2026-10-25T01:40:00Z"),
            ("Europe/Berlin", "2026-10-25T01:30:00Z", "2026-10-25 03:30:00.000000", "2026-10-25T02:30:00Z"),
            // forward: what is read on the other side
            ("Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29 03:30:00.000000", "2026-03-29T01:30:00Z"),
            ("Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29 01:45:00.000000", "2026-03-29T00:45:00Z"),
            // no clock shows this one; the earlier reading
            ("Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29 02:30:00.000000", "2026-03-29T00:30:00Z"),
            ("America/New_York", "2026-11-01T04:50:00Z", "2026-11-01 01:50:00.000000", "2026-11-01T05:50:00Z"),
            ("America/New_York", "2026-11-01T05:55:00Z", "2026-11-01 01:50:00.000000", "2026-11-01T06:50:00Z"),
            ("America/New_York", "2026-03-08T06:30:00Z", "2026-03-08 03:30:00.000000", "2026-03-08T07:30:00Z"),
            // by half an hour
            ("Australia/Lord_Howe", "2026-04-04T14:30:00Z", "2026-04-05 01:45:00.000000", "2026-04-04T14:45:00Z"),
            ("Australia/Lord_Howe", "2026-04-04T14:50:00Z", "2026-04-05 01:45:00.000000", "2026-04-04T15:15:00Z"),
            // none of either
            ("Asia/Kolkata", "2026-10-25T00:00:00Z", "2026-10-25 06:30:00.000000", "2026-10-25T01:00:00Z"),
            ("UTC", "2026-10-25T00:00:00Z", "2026-10-25 01:00:00", "2026-10-25T01:00:00Z"),
            // with a zone of its own
            ("Europe/Berlin", "2026-10-24T23:40:00Z", "2026-10-25T01:30:00Z", "2026-10-25T01:30:00Z"),
            ("Europe/Berlin", "2026-10-24T23:40:00Z", "2026-10-25T01:30:00+02:00", "2026-10-24T23:30:00Z"),
        ] {
            let zone = TimeZone::get(zone).unwrap();
            assert_eq!(end_of(shown, at(now), &zone), Some(at(end)), "{zone:?} {now} {shown}");
        }
    }

    #[test]
    fn whenever_it_is_printed_no_local_time_claims_more_life_than_there_is() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let hour = Duration::from_secs(3600);
        for change in ["2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z"] {
            for minutes in 0..360 {
                let now = at(change) - 3 * hour + Duration::from_secs(60 * minutes);
                for life in [5, 30, 59, 61, 75, 120] {
                    let end = now + Duration::from_secs(60 * life);
                    let instant = Timestamp::try_from(end).unwrap();
                    let shown = instant.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S.%6f").to_string();
                    let read = end_of(&shown, now, &zone).unwrap();
                    assert!(read <= end && read > now, "{shown} at {now:?}: {read:?}");
                    assert!(end.duration_since(read).unwrap() <= hour, "{shown}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for text in ["", "soon", "2026-13-01 00:00:00", "2026-10-25", "25.10.2026 01:00:00", "1800000000"] {
            assert_eq!(end_of(text, SystemTime::UNIX_EPOCH, &TimeZone::UTC), None, "{text}");
        }
    }

    const NOW: &str = "2026-10-25T00:40:00Z";

    fn printed(body: &str) -> Result<IssuedToken, String> {
        read(format!("{{{body}}}").as_bytes(), at(NOW), &TimeZone::get("Europe/Berlin").unwrap())
    }

    #[test]
    fn seconds_since_1970_go_before_a_local_time() {
        let both = r#""accessToken":"a.b.c","expires_on":1792894800,"expiresOn":"2026-10-25 02:30:00.000000","#;
        let token = printed(&format!(r#"{both}"subscription":"s","tenant":"t","tokenType":"Bearer""#)).unwrap();
        assert_eq!(token.expiration, SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_894_800));
        assert_eq!(token.token.access_token.expose(), "a.b.c");
        assert_eq!(printed(r#""accessToken":"x","expires_on":"1792894800""#).unwrap().expiration, token.expiration);
        let local = printed(r#""accessToken":"x","expires_on":null,"expiresOn":"2026-10-25 02:30:00.000000""#).unwrap();
        assert_eq!(local.expiration, at("2026-10-25T01:30:00Z"));
    }

    #[test]
    fn a_token_that_says_an_earlier_end_has_it() {
        use base64::Engine as _;
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"exp":1792892000,"tid":"t"}"#);
        let token = printed(&format!(r#""accessToken":"e30.{claims}.c2ln","expires_on":1792894800"#)).unwrap();
        assert_eq!(token.expiration, SystemTime::UNIX_EPOCH + Duration::from_secs(1_792_892_000));
        assert_eq!(token.token.claims.tenant.as_deref(), Some("t"));
    }

    #[test]
    fn what_is_no_whole_token_is_refused_in_words_that_hold_nothing_of_it() {
        let good = r#""expires_on":1792894800"#;
        let long = format!(r#""accessToken":"{}",{good}"#, "hunter2".repeat(10_000));
        for (body, why) in [
            (r#""accessToken":"hunter2""#, "neither expires_on nor expiresOn"),
            (good, "no accessToken"),
            (&format!(r#""accessToken":"",{good}"#), "empty"),
            (&format!(r#""accessToken":7,{good}"#), "not of its type"),
            (&format!(r#""accessToken":"hunter2\r\nx: y",{good}"#), "characters that no token has"),
            (&format!(r#""accessToken":"hunter2","tokenType":"pop",{good}"#), "not Bearer"),
            (&long, "too long"),
            (r#""accessToken":"hunter2","expires_on":1792888000"#, "ended before"),
            (r#""accessToken":"hunter2","expires_on":-1"#, "no number of seconds"),
            (r#""accessToken":"hunter2","expires_on":1e300"#, "no number of seconds"),
            (r#""accessToken":"hunter2","expires_on":[]"#, "no number of seconds"),
            (r#""accessToken":"hunter2","expiresOn":"tomorrow""#, "no time such as"),
            (r#""accessToken":"hunter2"#, "not JSON"),
        ] {
            let error = printed(body).unwrap_err();
            assert!(error.contains(why) && !error.contains("hunter2"), "{error}: {why}");
        }
        assert!(read(b"", at(NOW), &TimeZone::UTC).unwrap_err().contains("not JSON"));
    }
}
