//! What the configuration says instead of the defaults: `[listener.metadata]`. Called by the tree and the defaults.

use std::collections::BTreeMap;

/// The values that are written, by their path below a version: `meta-data/placement/region`, `user-data`.
pub(super) struct Given(BTreeMap<String, Option<String>>);

impl Given {
    /// Those that can be; the others are passed over.
    pub(super) fn of(values: BTreeMap<String, Option<String>>) -> Self {
        let good = values.into_iter().filter_map(|(path, value)| {
            let path = below_version(&path).ok()?;
            let value = match value {
                Some(value) if path == USER_DATA => Some(value),
                // a client that reads one line must not find two
                Some(value) => Some(check_value(&value).map(|()| value.trim_end_matches('\n').to_owned()).ok()?),
                None => None,
            };
            Some((path, value))
        });
        Self(good.collect())
    }

    /// What is at a path below `meta-data`: what is written, or the default.
    pub(super) fn or(&self, path: &str, default: impl FnOnce() -> Option<String>) -> Option<String> {
        self.0.get(&format!("{META_DATA}/{path}")).cloned().unwrap_or_else(default)
    }

    /// All of it, the shorter path before the longer.
    pub(super) fn all(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(path, value)| (path.as_str(), value.as_deref()))
    }
}

/// Whether a value can be at a path below `meta-data`, or be `user-data`. Slashes at both ends mean nothing.
///
/// # Errors
///
/// The reason, such as `an empty part`: a path that could not be asked for, and what is the role's own.
///
/// ```
/// use credenza::dialect::ec2::check_path;
/// assert!(check_path("placement/availability-zone").is_ok());
/// assert!(check_path("iam/security-credentials/admin").is_err());
/// ```
pub fn check_path(path: &str) -> Result<(), String> {
    below_version(path).map(drop)
}

/// Whether a path below `meta-data` can have this value; `user-data` may be anything.
///
/// # Errors
///
/// The reason: a control character that is neither a newline nor a tab.
pub fn check_value(value: &str) -> Result<(), String> {
    match value.chars().find(|letter| letter.is_control() && !matches!(letter, '\n' | '\t')) {
        Some(letter) => Err(format!("a control character, U+{:04X}", u32::from(letter))),
        None => Ok(()),
    }
}

fn below_version(path: &str) -> Result<String, String> {
    let path = path.trim_matches('/');
    let reason = if path.is_empty() || path.split('/').any(str::is_empty) {
        "an empty part"
    } else if path.split('/').any(|part| part == "." || part == "..") {
        "a part that is only dots leads elsewhere"
    } else if path.chars().any(char::is_control) {
        "a control character"
    } else if path.split('/').next() == Some("iam") {
        "the role and its credential are those of the identity"
    } else {
        return Ok(if path == USER_DATA { path.to_owned() } else { format!("{META_DATA}/{path}") });
    };
    Err(reason.to_owned())
}

pub(super) const META_DATA: &str = "meta-data";
pub(super) const USER_DATA: &str = "user-data";
