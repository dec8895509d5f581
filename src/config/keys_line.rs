//! The two lines of our own TOML that say where an identity's keys lie, written behind what is there. Pure; called by
//! `credenza keys add --from-profile`, before it takes the keys away from where they were found.
//!
//! What is there stays to the byte. Nothing is written into a table that is there: its owner knows best.

use ::toml::de::{DeTable, DeValue};

/// The configuration with `keys = "keyring:NAME"` for an identity; `None` where it says something of that identity already, or
/// cannot be read.
///
/// ```
/// use credenza::config::keys_line::with_keys;
/// let written = with_keys("[server]\nsessions = \"memory\"\n", "base", "ada").unwrap();
/// assert_eq!(written, "[server]\nsessions = \"memory\"\n\n[identity.base]\nkeys = \"keyring:ada\"\n");
/// assert!(with_keys(&written, "base", "ada").is_none());
/// ```
pub fn with_keys(text: &str, identity: &str, name: &str) -> Option<String> {
    let table = DeTable::parse(text).ok()?;
    let said = table.get_ref().get("identity").map(|identities| identities.get_ref());
    match said {
        None => {}
        Some(DeValue::Table(identities)) if !identities.contains_key(identity) => {}
        Some(_) => return None,
    }
    let apart = match text {
        "" => "",
        text if text.ends_with('\n') => "\n",
        _ => "\n\n",
    };
    let written = format!("{text}{apart}{}", lines(identity, name));
    // a table on one line takes no other behind it
    DeTable::parse(&written).is_ok().then_some(written)
}

/// `[identity.base]` and `keys = "keyring:ada"`, a line each.
pub fn lines(identity: &str, name: &str) -> String {
    format!("{}\nkeys = \"keyring:{name}\"\n", table_of(identity))
}

/// `[identity.base]`
pub fn table_of(identity: &str) -> String {
    let bare = identity.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    match bare && !identity.is_empty() {
        true => format!("[identity.{identity}]"),
        false => format!("[identity.{identity:?}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_come_behind_what_is_there_and_never_into_it() {
        let added = "[identity.base]\nkeys = \"keyring:ada\"\n";
        for (text, apart) in [
            ("", ""),
            ("# mine", "\n\n"),
            ("[identity.other]\nprofile = \"base\"\n", "\n"),
            ("[server]\r\nsessions = \"memory\"\r\n", "\n"),
            ("[identity]\n", "\n"),
        ] {
            assert_eq!(with_keys(text, "base", "ada").unwrap(), format!("{text}{apart}{added}"));
        }
        for text in [
            "[identity.base]\n",
            "[identity.\"base\"]\nregion = \"x\"\n",
            "identity.base.region = \"x\"\n",
            "identity = { other = { region = \"x\" } }\n",
            "identity = 7\n",
            "not toml",
        ] {
            assert_eq!(with_keys(text, "base", "ada"), None, "{text}");
        }
    }

    #[test]
    fn names_are_written_as_toml_has_them() {
        for (name, expected) in [("ada", "ada"), ("a.b", "\"a.b\""), ("a \"b\"", "\"a \\\"b\\\"\""), ("", "\"\"")] {
            assert_eq!(table_of(name), format!("[identity.{expected}]"));
        }
    }
}
