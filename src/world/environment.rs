//! The environment as it was when the process started: read once, never written.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

/// A snapshot of the variables.
///
/// ```
/// use credenza::world::Environment;
/// let environment = Environment::from_iter([("AWS_REGION", "eu-west-1"), ("EMPTY", "")]);
/// assert_eq!(environment.text("AWS_REGION"), Some("eu-west-1"));
/// assert_eq!(environment.text("EMPTY"), None);
/// ```
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// What a program finds itself, the bus and the person's screen by: all that our helpers for a desktop are given, and none
/// of the keys that we may have been started with.
pub(super) const OF_THE_DESKTOP: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_RUNTIME_DIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
];

impl Environment {
    /// The variables that this process was started with, but for those that tell this process alone of sockets
    /// ([`super::activation`]).
    #[allow(clippy::disallowed_methods)] // this is the place
    pub fn system() -> Self {
        std::env::vars_os().collect::<Self>().without(super::activation::VARIABLES)
    }

    /// The variable's bytes, even when empty.
    pub fn raw(&self, name: &str) -> Option<&OsStr> {
        self.0.get(OsStr::new(name)).map(OsString::as_os_str)
    }

    /// The variable as text; `None` when it is unset, empty or not UTF-8.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.raw(name).and_then(OsStr::to_str).filter(|text| !text.is_empty())
    }

    /// Every variable, in the order of names.
    pub fn all(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.0.iter().map(|(name, value)| (name.as_os_str(), value.as_os_str()))
    }

    /// The same without some variables.
    pub fn without(mut self, names: &[&str]) -> Self {
        self.0.retain(|name, _| !names.iter().any(|unwanted| name == *unwanted));
        self
    }

    /// The same with one variable more, or another value.
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.0.insert(name.into(), value.into());
        self
    }
}

impl<N: Into<OsString>, V: Into<OsString>> FromIterator<(N, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(variables: I) -> Self {
        Self(variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl std::fmt::Debug for Environment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Environment({} variables)", self.0.len())
    }
}
