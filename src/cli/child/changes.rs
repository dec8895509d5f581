//! [`Changes`]: what becomes of an environment, variable by variable.

use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::secret::Secret;
use crate::world::Environment;

/// What becomes of one variable.
#[derive(Clone, Debug)]
pub enum Change {
    /// It gets this value.
    Set(OsString),
    /// It gets this value, which is no one else's business.
    SetSecret(Secret),
    /// It goes.
    Remove,
}

impl Change {
    /// The value that it gets; `None` where it goes.
    pub fn value(&self) -> Option<OsString> {
        match self {
            Self::Set(value) => Some(value.clone()),
            Self::SetSecret(secret) => Some(secret.expose().into()),
            Self::Remove => None,
        }
    }
}

/// What becomes of an environment; a variable that is not named stays as it is.
#[derive(Clone, Debug, Default)]
pub struct Changes(BTreeMap<String, Change>);

impl Changes {
    /// Gives a variable a value.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<OsString>) {
        self.0.insert(name.into(), Change::Set(value.into()));
    }

    /// Gives a variable a secret value.
    pub fn set_secret(&mut self, name: impl Into<String>, value: Secret) {
        self.0.insert(name.into(), Change::SetSecret(value));
    }

    /// Takes a variable away.
    pub fn remove(&mut self, name: impl Into<String>) {
        self.0.insert(name.into(), Change::Remove);
    }

    /// These and others, which go before.
    pub fn and(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Every change, in the order of names.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Change)> {
        self.0.iter().map(|(name, change)| (name.as_str(), change))
    }

    /// What becomes of one variable; `None` where it stays as it is.
    pub fn of(&self, name: &str) -> Option<&Change> {
        self.0.get(name)
    }

    /// The environment with every change made.
    pub fn applied_to(&self, environment: &Environment) -> Environment {
        let removed: Vec<&str> = self.0.keys().map(String::as_str).collect();
        self.all()
            .filter_map(|(name, change)| Some((name, change.value()?)))
            .fold(environment.clone().without(&removed), |environment, (name, value)| environment.with(name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_with_changes_made() {
        let mut changes = Changes::default();
        changes.set("A", "new");
        changes.set_secret("T", Secret::new("token"));
        changes.remove("B");
        let before = Environment::from_iter([("A", "old"), ("B", "old"), ("C", "kept")]);
        let after = changes.applied_to(&before);
        assert_eq!(after.text("A"), Some("new"));
        assert_eq!(after.raw("B"), None);
        assert_eq!(after.text("C"), Some("kept"));
        assert_eq!(after.text("T"), Some("token"));
        assert!(!format!("{changes:?}").contains("token"));
    }
}
