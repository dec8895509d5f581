//! What STS accepts, as pure checks. From the STS API reference, `AssumeRole` (botocore's `data/sts/2011-06-15`). And what
//! IAM Identity Center calls an account and a role.
//!
//! An error is the end of a sentence: what is wrong, and what is allowed. Called by the reader of our TOML and by `resolve`.

use std::time::Duration;

/// What is asked for where nothing is written: STS's own default.
pub const DEFAULT_DURATION: Duration = Duration::from_secs(3600);
/// The least that STS grants.
pub const LEAST_DURATION: Duration = Duration::from_secs(900);
/// The most that a role can grant.
pub const MOST_DURATION: Duration = Duration::from_secs(43_200);
/// The most that a role grants which was assumed from another role's session (role chaining).
pub const MOST_CHAINED_DURATION: Duration = Duration::from_secs(3600);

/// A duration of our TOML: strict, so out of bounds is an error rather than clamped.
pub fn written_duration(duration: Duration) -> Result<Duration, String> {
    if (LEAST_DURATION..=MOST_DURATION).contains(&duration) {
        Ok(duration)
    } else {
        Err("a role's session lasts 15m to 12h".to_owned())
    }
}

/// `RoleSessionName`: 2 to 64 of `[\w+=,.@-]`.
pub fn session_name(name: &str) -> Result<(), String> {
    named("a session name", name, 64)
}

/// `SourceIdentity`: 2 to 64 of `[\w+=,.@-]`, not beginning with `aws:`.
pub fn source_identity(name: &str) -> Result<(), String> {
    if name.starts_with("aws:") {
        return Err("a source identity does not begin with `aws:`".to_owned());
    }
    named("a source identity", name, 64)
}

/// An account: twelve digits.
pub fn account_id(id: &str) -> Result<(), String> {
    if id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else {
        Err(format!("{id} is no account, which has twelve digits, zeros in front among them"))
    }
}

/// The name of a permission set, which is the role's in IAM Identity Center: 1 to 32 of `[\w+=,.@-]` (its API reference,
/// `CreatePermissionSet`).
pub fn permission_set(name: &str) -> Result<(), String> {
    if (1..=32).contains(&name.len()) && name.bytes().all(in_names) {
        Ok(())
    } else {
        Err("a role of IAM Identity Center has 1 to 32 letters, digits and `_+=,.@-`".to_owned())
    }
}

/// `ExternalId`: 2 to 1224 of `[\w+=,.@:/-]`.
pub fn external_id(id: &str) -> Result<(), String> {
    let allowed = |byte: u8| in_names(byte) || matches!(byte, b':' | b'/');
    if (2..=1224).contains(&id.len()) && id.bytes().all(allowed) {
        Ok(())
    } else {
        Err("an external id has 2 to 1224 letters, digits and `_+=,.@:/-`".to_owned())
    }
}

/// `SerialNumber`: 9 to 256 of `[\w+=/:,.@-]`.
pub fn mfa_serial(serial: &str) -> Result<(), String> {
    let allowed = |byte: u8| in_names(byte) || matches!(byte, b':' | b'/');
    if (9..=256).contains(&serial.len()) && serial.bytes().all(allowed) {
        Ok(())
    } else {
        Err("mfa_serial is no device, such as arn:aws:iam::123456789012:mfa/ada or GAHT12345678".to_owned())
    }
}

/// Session tags: at most 50, keys of 1 to 128 characters that do not begin with `aws:`, values of at most 256, no key twice
/// (case does not count).
pub fn tags(tags: &[(String, String)]) -> Result<(), String> {
    if tags.len() > 50 {
        return Err(format!("{} session tags are written, and STS takes 50 at most", tags.len()));
    }
    let mut seen = std::collections::BTreeSet::new();
    for (key, value) in tags {
        if !(1..=128).contains(&key.chars().count()) || value.chars().count() > 256 {
            return Err(format!("session tag `{key}`: a key has 1 to 128 characters, a value at most 256"));
        }
        if key.to_lowercase().starts_with("aws:") {
            return Err(format!("session tag `{key}`: keys that begin with `aws:` are AWS's own"));
        }
        if !seen.insert(key.to_lowercase()) {
            return Err(format!("session tag `{key}` is written twice"));
        }
    }
    Ok(())
}

/// The keys of transitive tags: at most 50.
pub fn transitive_tag_keys(keys: &[String]) -> Result<(), String> {
    if keys.len() > 50 {
        return Err(format!("{} transitive tags are written, and STS takes 50 at most", keys.len()));
    }
    Ok(())
}

/// An inline session policy: a JSON object of at most 2048 characters.
pub fn policy(text: &str) -> Result<(), String> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) => {}
        Ok(_) => return Err("a policy is a JSON object".to_owned()),
        Err(error) => return Err(format!("a policy is a JSON object, and this is none: {error}")),
    }
    policies_together(Some(text), &[])
}

/// Managed session policies: at most ten ARNs.
pub fn policy_arns(arns: &[String]) -> Result<(), String> {
    if arns.len() > 10 {
        return Err(format!("{} policies are written, and STS takes ten at most", arns.len()));
    }
    match arns.iter().find(|arn| !arn.starts_with("arn:") || !arn.contains(":policy/")) {
        Some(arn) => Err(format!("`{arn}` is no policy's ARN, such as arn:aws:iam::aws:policy/ReadOnlyAccess")),
        None => Ok(()),
    }
}

/// The inline policy and the ARNs together: at most 2048 characters.
pub fn policies_together(policy: Option<&str>, arns: &[String]) -> Result<(), String> {
    let count = policy.unwrap_or_default().chars().count() + arns.iter().map(|arn| arn.chars().count()).sum::<usize>();
    if count > 2048 {
        return Err(format!("the session policies have {count} characters, and STS takes 2048 at most"));
    }
    Ok(())
}

/// A session name made of a text that may hold anything: what STS refuses becomes `-`.
///
/// ```
/// use credenza::config::limits::sanitised_session_name;
/// assert_eq!(sanitised_session_name("ada lovelace@laptop"), "ada-lovelace@laptop");
/// assert_eq!(sanitised_session_name(""), "credenza");
/// ```
pub fn sanitised_session_name(text: &str) -> String {
    let name: String = text
        .chars()
        .map(|character| if u8::try_from(character).is_ok_and(in_names) { character } else { '-' })
        .take(64)
        .collect();
    if name.len() < 2 { "credenza".to_owned() } else { name }
}

fn named(what: &str, name: &str, most: usize) -> Result<(), String> {
    if (2..=most).contains(&name.len()) && name.bytes().all(in_names) {
        Ok(())
    } else {
        Err(format!("{what} has 2 to {most} letters, digits and `_+=,.@-`"))
    }
}

/// `[\w+=,.@-]`, with the ASCII `\w` that AWS means.
fn in_names(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+' | b'=' | b',' | b'.' | b'@' | b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(count: usize) -> Vec<String> {
        (0..count).map(|index| format!("arn:aws:iam::aws:policy/P{index}")).collect()
    }

    #[test]
    fn session_names_and_source_identities() {
        for good in ["ab", "ada@laptop", "a+=,.@-_", &"x".repeat(64)] {
            assert_eq!(session_name(good), Ok(()), "{good}");
            assert_eq!(source_identity(good), Ok(()), "{good}");
        }
        for bad in ["", "a", "a b", "a/b", "ä2", &"x".repeat(65)] {
            assert!(session_name(bad).is_err() && source_identity(bad).is_err(), "{bad}");
        }
        assert!(source_identity("aws:x").is_err());
    }

    #[test]
    fn a_session_name_is_sanitised() {
        for (text, expected) in [
            ("ada@laptop", "ada@laptop"),
            ("ada lovelace@büro/2", "ada-lovelace@b-ro-2"),
            ("x", "credenza"),
            ("", "credenza"),
        ] {
            assert_eq!(sanitised_session_name(text), expected);
        }
        let long = sanitised_session_name(&"é".repeat(100));
        assert_eq!(long, "-".repeat(64));
        assert_eq!(session_name(&long), Ok(()));
    }

    #[test]
    fn external_ids() {
        for (id, good) in [("ab", true), ("a:b/c", true), ("a", false), ("a b", false), (&*"x".repeat(1225), false)] {
            assert_eq!(external_id(id).is_ok(), good, "{id}");
        }
    }

    #[test]
    fn serials_of_devices() {
        let arn = "arn:aws:iam::123456789012:mfa/";
        let of_length = |length: usize| format!("{arn}{}", "a".repeat(length - arn.len()));
        for (serial, good) in [
            ("GAHT12345678", true),
            ("arn:aws-us-gov:iam::123456789012:mfa/team/ada+=,.@-_", true),
            (&*"7".repeat(8), false),
            (&*"7".repeat(9), true),
            (&*of_length(256), true),
            (&*of_length(257), false),
            ("", false),
            ("GAHT 12345678", false),
            ("GAHT12345678\n", false),
            ("arn:aws:iam::123456789012:mfa/ädä", false),
        ] {
            assert_eq!(mfa_serial(serial).is_ok(), good, "{serial}");
        }
    }

    #[test]
    fn tags_have_bounds() {
        let tag = |key: &str, value: &str| vec![(key.to_owned(), value.to_owned())];
        assert_eq!(tags(&tag("team", "")), Ok(()));
        assert!(tags(&tag("", "x")).is_err());
        assert!(tags(&tag(&"k".repeat(129), "x")).is_err());
        assert!(tags(&tag("k", &"v".repeat(257))).is_err());
        assert!(tags(&[tag("Team", "a"), tag("team", "b")].concat()).is_err());
        let many: Vec<_> = (0..51).map(|index| (index.to_string(), String::new())).collect();
        assert!(tags(&many).is_err() && tags(&many[1..]).is_ok());
        for reserved in ["aws:team", "AWS:team"] {
            assert!(tags(&[(reserved.to_owned(), String::new())]).is_err(), "{reserved}");
        }
        assert!(transitive_tag_keys(&texts(50)).is_ok() && transitive_tag_keys(&texts(51)).is_err());
    }

    #[test]
    fn policies_have_bounds() {
        assert_eq!(policy("{}"), Ok(()));
        assert!(policy("[]").is_err() && policy("{").is_err());
        assert!(policy(&format!("{{\"a\":\"{}\"}}", "x".repeat(2048))).is_err());
        assert!(policy_arns(&texts(10)).is_ok() && policy_arns(&texts(11)).is_err());
        assert!(policy_arns(&["ReadOnlyAccess".to_owned()]).is_err());
        assert!(policies_together(Some(&"x".repeat(2000)), &texts(1)).is_ok());
        assert!(policies_together(Some(&"x".repeat(2000)), &texts(2)).is_err());
    }

    #[test]
    fn a_written_duration_stays_within_what_roles_grant() {
        for (secs, good) in [(899, false), (900, true), (43_200, true), (43_201, false)] {
            assert_eq!(written_duration(Duration::from_secs(secs)).is_ok(), good, "{secs}");
        }
    }
}
