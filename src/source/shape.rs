//! What credentials from outside must look like before they are believed.
//!
//! Whether they live long enough is the engine's to judge; here it is whether they are whole.

use crate::credential::AwsKeys;

/// The longest that a key id may be (API_Credentials: 128 characters).
const LONGEST_ID: usize = 128;

/// The longest that the secret and the token may be together: AWS names no limit for tokens, known ones stay below
/// 4 KiB, and aws-c-auth reads no answer over 10,000 bytes (`credentials_provider_ecs.c`), whose clients are ours.
const LONGEST_SECRETS: usize = 9000;

/// Why keys cannot be used, in words that hold nothing of them; `Ok` when they can.
pub(super) fn check(keys: &AwsKeys) -> Result<(), &'static str> {
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
    if keys.access_key_id.len() > LONGEST_ID || secret.len() + token.map_or(0, str::len) > LONGEST_SECRETS {
        return Err("they are too long to be keys of AWS");
    }
    let odd = |text: &str| !text.bytes().all(|byte| byte.is_ascii_graphic());
    if odd(&keys.access_key_id) || odd(secret) || token.is_some_and(odd) {
        return Err("they hold characters that keys of AWS do not have");
    }
    Ok(())
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
        let long = "x".repeat(9001);
        for (keys, good) in [
            (keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG", None), true),
            (keys("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG", Some("FwoGZXIvYXdzEBY==")), true),
            (keys("", "s", None), false),
            (keys("A", "", None), false),
            (keys("A", "s", Some("")), false),
            (keys("A", "s", Some(&long)), false),
            (keys(&long, "s", None), false),
            (keys("A", "s\r\nX-Injected: 1", None), false),
            (keys("A", "s", Some("a b")), false),
            (keys("A", "s", Some("tök")), false),
        ] {
            assert_eq!(check(&keys).is_ok(), good, "{}", keys.access_key_id);
        }
    }
}
