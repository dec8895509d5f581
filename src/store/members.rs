//! The members of a JSON object, each kept as it was written: what we do not know of comes out as it went in, numbers to their
//! last digit. And the times in them.

use std::fmt;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::secret::Secret;

/// Whether these bytes are one JSON text.
pub(super) fn is_json(bytes: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(bytes).is_ok()
}

/// The members of an object in their order, borrowed from its text.
pub(super) struct Members<'t>(pub(super) Vec<(String, &'t RawValue)>);

impl<'t> Members<'t> {
    /// Reads an object.
    ///
    /// # Errors
    ///
    /// Tells what it is instead, without a word of it: it may be half a secret.
    pub(super) fn read(bytes: &'t [u8]) -> Result<Self, String> {
        if bytes.len() > MOST_BYTES {
            return Err("it is over 1 MiB".to_owned());
        }
        if bytes.trim_ascii().is_empty() {
            return Err("it is empty".to_owned());
        }
        if !is_json(bytes) {
            return Err("it is no JSON, or was cut off".to_owned());
        }
        serde_json::from_slice(bytes).map_err(|_| "it is no JSON object".to_owned())
    }

    /// The text of a member; `None` where there is none, or null. Names count whatever their case, as in the Rust SDK
    /// (aws-config, `sso/cache.rs`); of several the one that is written exactly so, and of those the last, as Python has it.
    pub(super) fn text(&self, name: &str) -> Result<Option<String>, String> {
        self.value(name).map_or(Ok(None), |value| read_text(value, name))
    }

    /// The same for a text that must not leak.
    pub(super) fn secret(&self, name: &str) -> Result<Option<Secret>, String> {
        self.value(name).map_or(Ok(None), |value| read_text(value, name))
    }

    /// The same for a time.
    pub(super) fn time(&self, name: &str) -> Result<Option<SystemTime>, String> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        read_time(&text).map(Some).ok_or_else(|| format!("its {name} is no time"))
    }

    /// The list of texts that a member is; `None` where it is anything else.
    pub(super) fn texts(&self, name: &str) -> Option<Vec<String>> {
        serde_json::from_str(self.value(name)?.get()).ok()
    }

    fn value(&self, name: &str) -> Option<&'t RawValue> {
        let last = |same: &dyn Fn(&str) -> bool| self.0.iter().rev().find(|(found, _)| same(found));
        let found = last(&|found| found == name).or_else(|| last(&|found| found.eq_ignore_ascii_case(name)));
        found.map(|(_, value)| *value)
    }
}

/// More than any sign-in has: access tokens have some kilobytes.
const MOST_BYTES: usize = 1 << 20;

fn read_text<'t, T: Deserialize<'t>>(value: &'t RawValue, name: &str) -> Result<Option<T>, String> {
    serde_json::from_str(value.get()).map_err(|_| format!("its {name} is no text"))
}

impl<'t, 'de: 't> Deserialize<'de> for Members<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A value that is about to be written.
pub(super) enum Value<'v> {
    /// As it was read.
    Raw(&'v RawValue),
    /// A text.
    Text(&'v str),
    /// A list of texts.
    Texts(&'v [String]),
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Raw(value) => value.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Texts(texts) => texts.serialize(serializer),
        }
    }
}

/// Writes an object of these members.
pub(super) fn write(members: &[(&str, Value<'_>)]) -> Secret {
    struct Object<'m>(&'m [(&'m str, Value<'m>)]);
    impl Serialize for Object<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
        }
    }
    // a list of texts always has a form in JSON, and memory takes it
    Secret::written(|out| Ok(serde_json::to_writer(out, &Object(members))?)).unwrap_or_else(|_| Secret::new("{}"))
}

/// A time as the tools of AWS write it, or once wrote it: `2027-01-15T08:00:00Z`, `2027-01-15T08:00:00UTC`, with fractions,
/// with an offset in place of the zone. `None` for a time of no zone: nobody knows when that is.
pub(super) fn read_time(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    let moment: Timestamp = match text.strip_suffix("UTC") {
        Some(time) => format!("{}Z", time.trim_end()).parse().ok()?,
        None => text.parse().ok()?,
    };
    Some(moment.into())
}

/// A time as every tool of AWS reads it: `2027-01-15T08:00:00Z`, without the fraction of its second.
pub(super) fn write_time(time: SystemTime) -> String {
    let moment = Timestamp::try_from(time).unwrap_or(Timestamp::MAX);
    Timestamp::from_second(moment.as_second()).unwrap_or(moment).to_string()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_read_in_every_form_that_was_ever_written() {
        let at = |secs, ms| SystemTime::UNIX_EPOCH + Duration::from_secs(secs) + Duration::from_millis(ms);
        for (text, time) in [
            ("2027-01-15T08:00:00Z", Some(at(1_800_000_000, 0))),
            ("2027-01-15T08:00:00UTC", Some(at(1_800_000_000, 0))),
            ("2027-01-15T08:00:00 UTC", Some(at(1_800_000_000, 0))),
            ("2027-01-15T08:00:00.250Z", Some(at(1_800_000_000, 250))),
            ("2027-01-15T09:00:00+01:00", Some(at(1_800_000_000, 0))),
            ("2027-01-15T08:00:00+0000", Some(at(1_800_000_000, 0))),
            ("2027-01-15 08:00:00+00:00", Some(at(1_800_000_000, 0))),
            ("2027-01-15T08:00:00", None),
            ("2027-01-15", None),
            ("UTC", None),
            ("", None),
            ("1800000000", None),
        ] {
            assert_eq!(read_time(text), time, "{text}");
        }
    }

    #[test]
    fn times_are_written_in_whole_seconds() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_800_000_000_999);
        assert_eq!(write_time(time), "2027-01-15T08:00:00Z");
    }

    #[test]
    fn a_name_counts_whatever_its_case_and_the_exact_one_first() {
        let found = |text: &str| Members::read(text.as_bytes()).unwrap().text("startUrl").unwrap();
        assert_eq!(found(r#"{"STARTURL": "a"}"#).as_deref(), Some("a"));
        assert_eq!(found(r#"{"startUrl": "a", "starturl": "b"}"#).as_deref(), Some("a"));
        assert_eq!(found(r#"{"startUrl": "a", "startUrl": "b"}"#).as_deref(), Some("b"));
        assert_eq!(found(r#"{"startUrl": null}"#), None);
    }
}
