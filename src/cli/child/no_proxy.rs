//! `NO_PROXY` and `no_proxy`: clients must never hand our endpoint's token to a proxy.
//!
//! Some clients send even loopback requests to `HTTP_PROXY`, token and all (the AWS SDK for Rust since behaviour version
//! 2025-08-07), and others do so for the link-local addresses (the AWS SDK for Go, botocore for the instance metadata).

use crate::world::Environment;

/// What must be reached without a proxy: names and IPv4 literals only, since a bare `::1` crashes the AWS SDK for
/// Kotlin as soon as a proxy variable is set (aws-sdk-kotlin issue 1315).
pub const DIRECT: [&str; 5] = ["127.0.0.1", "localhost", "169.254.169.254", "169.254.170.2", "169.254.170.23"];

/// The value for `NO_PROXY` or `no_proxy`. Where only the other one was set, it begins with that: a client that reads
/// the first of the two that is set would else lose what was written.
pub fn of(before: &Environment, name: &str) -> String {
    let other = if name == "NO_PROXY" { "no_proxy" } else { "NO_PROXY" };
    merged(before.text(name).or_else(|| before.text(other)))
}

/// What is there already, with what is missing of [`DIRECT`] after it. `*`, which already means everything, stays: to
/// some clients it means so only when it stands alone (Python's `urllib.request.proxy_bypass_environment`).
pub fn merged(present: Option<&str>) -> String {
    let present = present.unwrap_or_default().trim();
    if present == "*" {
        return present.to_owned();
    }
    let listed: Vec<&str> = present.split([',', ' ']).map(str::trim).filter(|entry| !entry.is_empty()).collect();
    let missing = DIRECT.into_iter().filter(|host| !listed.iter().any(|entry| entry.eq_ignore_ascii_case(host)));
    let kept = Some(present.trim_end_matches([',', ' '])).filter(|text| !text.is_empty());
    kept.into_iter().chain(missing).collect::<Vec<&str>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_comes_after_what_was_there() {
        const ALL: &str = "127.0.0.1,localhost,169.254.169.254,169.254.170.2,169.254.170.23";
        for (present, expected) in [
            (None, ALL.to_owned()),
            (Some(""), ALL.to_owned()),
            (Some(" , "), ALL.to_owned()),
            (Some("*"), "*".to_owned()),
            (Some(".corp.example,10.0.0.0/8"), format!(".corp.example,10.0.0.0/8,{ALL}")),
            (Some("corp.example,"), format!("corp.example,{ALL}")),
            (
                Some("LOCALHOST, 169.254.169.254"),
                "LOCALHOST, 169.254.169.254,127.0.0.1,169.254.170.2,169.254.170.23".to_owned(),
            ),
            // not an entry of its own
            (Some("my-localhost"), format!("my-localhost,{ALL}")),
        ] {
            assert_eq!(merged(present), expected, "{present:?}");
        }
    }

    #[test]
    fn merging_twice_changes_nothing() {
        for present in [None, Some("*"), Some("corp.example, LOCALHOST")] {
            let once = merged(present);
            assert_eq!(merged(Some(&once)), once);
        }
    }

    #[test]
    fn no_bare_ipv6_literal_is_added() {
        assert!(!merged(None).contains(':'));
    }
}
