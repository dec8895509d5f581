//! What `credenza keys add NAME` keeps in the keyring: the entry's name, and its text.
//!
//! ```text
//! {"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
//! ```
//!
//! Called where a reference `keyring:NAME` is read, and by the commands that write it.

use serde::{Deserialize, Serialize};

use crate::credential::AwsKeys;
use crate::secret::Secret;

/// The keyring's name of the keys called so: `keys/ada`.
pub fn entry(name: &str) -> String {
    format!("keys/{name}")
}

/// Where a rotation keeps the new keys until they have proved themselves: `keys/ada.next`.
pub fn next_entry(name: &str) -> String {
    format!("keys/{name}{NEXT}")
}

/// The keyring's name of the seed called so: `totp/ada`.
pub fn seed_entry(name: &str) -> String {
    format!("totp/{name}")
}

const NEXT: &str = ".next";

/// Why keys cannot be called so; `Ok` where they can. The name is a part of a keyring's entry, of a file's name and of a
/// reference in TOML.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if !(1..=64).contains(&name.len()) || !name.bytes().all(plain) || name.starts_with(['.', '-']) {
        return Err("a name is up to 64 letters, digits, `-`, `_` and `.`, and begins with a letter or a digit");
    }
    if name.ends_with(NEXT) {
        return Err("a name that ends with .next is for keys that are being rotated");
    }
    Ok(())
}

/// The keys of an entry; `None` where it was not written by [`written`].
pub fn read(entry: &Secret) -> Option<AwsKeys> {
    #[derive(Deserialize)]
    struct Kept {
        access_key_id: String,
        secret_access_key: Secret,
    }
    let Kept { access_key_id, secret_access_key } = serde_json::from_str(entry.expose()).ok()?;
    Some(AwsKeys { access_key_id, secret_access_key, session_token: None })
}

/// The text of an entry. `None` where there is no memory left.
pub fn written(keys: &AwsKeys) -> Option<Secret> {
    #[derive(Serialize)]
    struct Kept<'a> {
        access_key_id: &'a str,
        secret_access_key: &'a str,
    }
    let kept = Kept { access_key_id: &keys.access_key_id, secret_access_key: keys.secret_access_key.expose() };
    Secret::written(|out| serde_json::to_writer(out, &kept).map_err(Into::into)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let keys = AwsKeys {
            access_key_id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            secret_access_key: Secret::new("a\"b\\c"),
            session_token: None,
        };
        let back = read(&written(&keys).unwrap()).unwrap();
        assert_eq!(back.access_key_id, keys.access_key_id);
        assert!(back.secret_access_key.same_as(b"a\"b\\c") && back.long_term());
        for other in ["", "{}", "AKIA", r#"{"access_key_id":"AKIA"}"#, r#"{"access_key_id":1,"secret_access_key":"x"}"#]
        {
            assert!(read(&Secret::new(other)).is_none(), "{other}");
        }
    }

    #[test]
    fn names() {
        let long = "a".repeat(65);
        for (name, good) in [
            ("ada", true),
            ("ada.work_2-x", true),
            ("7", true),
            ("", false),
            (".ada", false),
            ("-ada", false),
            ("a/b", false),
            ("a b", false),
            ("ädä", false),
            ("ada.next", false),
            (&long, false),
        ] {
            assert_eq!(check_name(name).is_ok(), good, "{name}");
        }
    }
}
