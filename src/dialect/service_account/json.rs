//! JSON as tokens and key sets are read: whole, and with no member twice.
//!
//! RFC 7515 section 4 and RFC 7519 section 4 let a reader take the last of two members of one name; another reader takes the
//! first, and the two see different tokens. Called by the verification of tokens and by the reading of key sets.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeOwned, Deserializer, MapAccess, SeqAccess, Visitor};

/// What the text holds. `None`: it is no such JSON, an object has a member twice, at whatever depth, or more follows.
pub(super) fn read<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
    let Distinct = serde_json::from_slice(text).ok()?;
    serde_json::from_slice(text).ok()
}

/// Any JSON whose objects have no member twice. Depth is serde_json's to bound.
struct Distinct;

impl<'de> Deserialize<'de> for Distinct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Distinct {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without a member twice")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name) {
                return Err(de::Error::custom("a member twice"));
            }
            map.next_value::<Self>()?;
        }
        Ok(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self, A::Error> {
        while list.next_element::<Self>()?.is_some() {}
        Ok(self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(self)
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn json_is_read_whole_and_with_no_member_twice() {
        for text in [r#"{"a":1,"b":[{"a":-1},{"a":1.5e3}]}"#, r#" [true, null, "x"] "#, "{}"] {
            assert_eq!(read::<Value>(text.as_bytes()), serde_json::from_str(text).ok(), "{text}");
        }
        let deep = "[".repeat(2000) + &"]".repeat(2000);
        for text in
            [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"x":[{"a":1,"a":2}]}"#, "{} {}", "{}x", "", "{", &deep]
        {
            assert_eq!(read::<Value>(text.as_bytes()), None, "{text}");
        }
        assert_eq!(read::<Value>(b"\"\xff\""), None);
    }
}
