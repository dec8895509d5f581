//! [`Value`] and [`Section`]: what stands in a shared file, each with its place.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::Zeroizing;

use crate::config::identity::Place;
use crate::secret::Secret;

/// One value of a shared file. It may be a secret access key, so it is wiped when dropped and prints only its place.
#[derive(Clone)]
pub struct Value {
    text: Zeroizing<String>,
    /// Where its key stands.
    pub place: Place,
    /// The indented `key = value` lines below an empty value, in their order: `s3 =`, the parts of `[services X]`.
    pub nested: Vec<(String, Value)>,
}

impl Value {
    /// A value with its place.
    pub(in crate::config) fn new(text: &str, place: Place) -> Self {
        Self { text: Zeroizing::new(text.to_owned()), place, nested: Vec::new() }
    }

    /// The text, trimmed; lines that continue it follow after a line feed. For what is no secret.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as a secret: for `aws_secret_access_key` and the session token.
    pub fn secret(&self) -> Secret {
        Secret::new(self.text.as_str())
    }

    /// Whether the line gave neither a text nor a nested block.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.nested.is_empty()
    }

    /// The text of a key of the nested block; the last one where it is written twice.
    pub fn nested(&self, key: &str) -> Option<&Value> {
        self.nested.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value)
    }

    /// Adds a line that continues the text. The old text is wiped.
    pub(super) fn continue_with(&mut self, line: &str) {
        let mut longer = Zeroizing::new(String::with_capacity(self.text.len() + 1 + line.len()));
        longer.push_str(&self.text);
        longer.push('\n');
        longer.push_str(line);
        self.text = longer;
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Value({})", self.place)
    }
}

/// A section: a profile, an `[sso-session X]` or a `[services X]`.
#[derive(Clone, Debug)]
pub struct Section {
    /// Where its header stands: the first one, where several were merged.
    pub place: Place,
    /// Its values by their keys, in lower case.
    pub values: BTreeMap<String, Value>,
}

impl Section {
    /// A section without values.
    pub(super) fn new(place: Place) -> Self {
        Self { place, values: BTreeMap::new() }
    }

    /// The value of a key; `None` where it is absent or empty: an empty value says nothing.
    pub fn value(&self, key: &str) -> Option<&Value> {
        self.values.get(key).filter(|value| !value.is_empty())
    }

    /// The text of a key; `None` where it is absent, empty or a nested block.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.value(key).map(Value::text).filter(|text| !text.is_empty())
    }
}
