//! What is believed of an answer to who signs in: texts that can be sent on and shown, times that can be. Called by
//! `aws_sso/oidc.rs`, `aws_sso/portal.rs` and `entra/login/`.

use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use crate::secret::Secret;

/// A short text that may be shown, without blanks.
pub(in crate::source) fn word(text: Option<String>) -> Option<String> {
    text.filter(|text| is_graphic(text, LONGEST_WORD))
}

/// A token, as a header can carry it.
pub(in crate::source) fn token(text: Option<String>) -> Option<Secret> {
    let token = Secret::new(text?);
    is_graphic(token.expose(), LONGEST_TOKEN).then_some(token)
}

/// A name that people gave, such as an account's, in one line.
pub(in crate::source) fn name(text: Option<String>) -> String {
    let line = |letter: char| if letter.is_control() { ' ' } else { letter };
    text.unwrap_or_default().chars().map(line).take(LONGEST_WORD).collect::<String>().trim().to_owned()
}

/// A positive number of seconds, up to a limit.
pub(in crate::source) fn duration(secs: i32, longest: Duration) -> Option<Duration> {
    let duration = Duration::from_secs(u64::try_from(secs).ok()?);
    (!duration.is_zero() && duration <= longest).then_some(duration)
}

/// A time after the epoch.
pub(in crate::source) fn epoch(since: Option<Duration>) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(since?)
}

/// An address that a browser may be sent to: `https`, or `http` on this machine where `on_loopback`, without a user's name
/// before the host, which would hide where it leads.
pub(in crate::source) fn web_address(text: Option<String>, on_loopback: bool) -> Option<String> {
    let text = text.filter(|text| is_graphic(text, LONGEST_ADDRESS))?;
    let uri: http::Uri = text.parse().ok()?;
    let host = uri.host().filter(|host| !host.is_empty())?;
    let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
    let fits = match uri.scheme_str()? {
        "https" => true,
        "http" => on_loopback && is_loopback(host),
        _ => false,
    };
    (plain && fits).then_some(text)
}

/// Whether an address is one of this machine.
pub(in crate::source) fn is_on_loopback(address: &str) -> bool {
    address.parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some_and(is_loopback))
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn is_graphic(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && text.bytes().all(|byte| byte.is_ascii_graphic())
}

const LONGEST_WORD: usize = 256;

/// What curl and browsers take as well.
const LONGEST_ADDRESS: usize = 2048;

/// Known tokens and client secrets stay below 4 KiB.
const LONGEST_TOKEN: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_sent_to_https_or_to_this_machine() {
        for (address, anywhere, on_loopback) in [
            ("https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH", true, true),
            ("https://d-1234567890.awsapps.com/start/#/device?user_code=ABCD-EFGH", true, true),
            ("http://127.0.0.1:8080/device", false, true),
            ("http://localhost/device", false, true),
            ("http://[::1]:1/device", false, true),
            ("http://device.example.com/", false, false),
            ("http://127.0.0.1.example.com/", false, false),
            ("https://amazonaws.com@evil.example/", false, false),
            ("javascript:alert(1)", false, false),
            ("file:///etc/passwd", false, false),
            ("https://x.example/\u{1b}[31m", false, false),
            ("https://x.example/ --flag", false, false),
            ("--flag", false, false),
            ("", false, false),
        ] {
            assert_eq!(web_address(Some(address.into()), false).is_some(), anywhere, "{address}");
            assert_eq!(web_address(Some(address.into()), true).is_some(), on_loopback, "{address}");
        }
        assert!(web_address(None, true).is_none());
    }

    #[test]
    fn words_tokens_and_durations_have_limits() {
        for (text, good) in [("ABCD-EFGH", true), ("", false), ("A B", false), ("A\u{7}", false), ("Ä", false)] {
            assert_eq!(word(Some(text.into())).is_some(), good, "{text:?}");
            assert_eq!(token(Some(text.into())).is_some(), good, "{text:?}");
        }
        assert!(word(Some("x".repeat(LONGEST_WORD + 1))).is_none());
        assert!(
            token(Some("x".repeat(LONGEST_TOKEN))).is_some() && token(Some("x".repeat(LONGEST_TOKEN + 1))).is_none()
        );
        for (secs, good) in [(-1, false), (0, false), (1, true), (60, true), (61, false), (i32::MAX, false)] {
            assert_eq!(duration(secs, Duration::from_secs(60)).is_some(), good, "{secs}");
        }
        assert_eq!(name(Some(" Größe\r\n\u{1b}[31m ".into())), "Größe   [31m");
    }
}
