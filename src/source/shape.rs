//! What credentials from outside must look like before they are believed.
//!
//! Whether they live long enough is the engine's to judge; here it is whether they are whole.

use crate::credential::AwsKeys;

/// Why keys cannot be used, in words that hold nothing of them; `Ok` when they can.
pub fn check(keys: &AwsKeys) -> Result<(), &'static str> {
    let token = keys.session_token.as_ref().map(|token| token.expose());
    let secret = keys.secret_access_key.expose();
    if keys.access_key_id.is_empty() {
        return Err("the access key id is empty");
    }
    if secret.is_empty() {
        return Err("the secret access key is empty");
    }
    if token == Some("") {
        return Err("the session token is empty");
    }
    let long = written(secret) + token.map_or(0, written) > AwsKeys::LONGEST_SECRETS;
    if long || keys.access_key_id.len() > AwsKeys::LONGEST_ID {
        return Err("they are too long to be keys of AWS");
    }
    let odd = |text: &str| !text.bytes().all(|byte| byte.is_ascii_graphic());
    if odd(&keys.access_key_id) || odd(secret) || token.is_some_and(odd) {
        return Err("they hold characters that keys of AWS do not have");
    }
    Ok(())
}

/// How long a text is once it is written as JSON.
fn written(text: &str) -> usize {
    text.len() + text.bytes().filter(|byte| matches!(byte, b'"' | b'\\')).count()
}

/// An account's number, if it is one: clients put it into the names of endpoints.
pub(super) fn account(id: Option<String>) -> Option<String> {
    id.filter(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Secret;

    fn keys(id: &str, secret: &str, token: Option<&str>) -> AwsKeys {
        AwsKeys {
            access_key_id: id.to_owned(),
            secret_access_key: Secret::new(secret),
            session_token: token.map(Secret::new),
        }
    }

    #[test]
    fn whole_keys_are_believed_and_others_are_not() {
        let longest = "x".repeat(AwsKeys::LONGEST_SECRETS - 1);
        let long = "x".repeat(AwsKeys::LONGEST_SECRETS);
        let doubled = "\\\"".repeat(AwsKeys::LONGEST_SECRETS / 4 + 1);
        for (keys, good) in [
            (keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG", None), true),
            (keys("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG", Some("FwoGZXIvYXdzEBY==")), true),
            (keys("", "s", None), false),
            (keys("A", "", None), false),
            (keys("A", "s", Some("")), false),
            (keys("A", "s", Some(&longest)), true),
            (keys("A", "s", Some(&long)), false),
            (keys("A", "s", Some(&doubled)), false),
            (keys(&"A".repeat(129), "s", None), false),
            (keys(&long, "s", None), false),
            (keys("A", "s\r\nX-Injected: 1", None), false),
            (keys("A", "s", Some("a b")), false),
            (keys("A", "s", Some("tök")), false),
        ] {
            assert_eq!(check(&keys).is_ok(), good, "{}", keys.access_key_id);
        }
    }

    #[test]
    fn an_account_is_twelve_digits() {
        assert_eq!(account(Some("012345678901".into())).as_deref(), Some("012345678901"));
        for other in ["", "1234", "0123456789012", "01234567890x", "\"; drop"] {
            assert_eq!(account(Some(other.into())), None, "{other}");
        }
    }
}
