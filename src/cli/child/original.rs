//! [`original`]: the environment as it was before we wired it, so that commands inside `exec` and `env` read the user's
//! own files, and a nested `exec` adds nothing of the outer one.
//!
//! What somebody wrote by hand inside the wired environment stays.

use std::ffi::OsStr;
use std::path::Path;

use super::wiring::{
    FULL_URI, IDENTITY, OUTER, OWN, REGION, REMOVED, SET, STATIC, STATIC_KEYS, TOKEN, TOKEN_FILE, outer_name,
};
use super::{Changes, azure, dialects, no_proxy};
use crate::app::generated;
use crate::world::Environment;

/// The environment before us. Keys and tokens that were there are gone for good: they are kept nowhere.
pub fn original(environment: &Environment) -> Environment {
    if environment.raw(IDENTITY).is_none() && environment.raw(azure::AZURE_IDENTITY).is_none() {
        return environment.clone();
    }
    let outer = |name: &str| environment.raw(&outer_name(name)).map(OsStr::to_owned);
    let set = SET.into_iter().chain(STATIC_KEYS).chain(dialects::metadata()).chain(azure::all());
    let ours: Vec<&str> = set.filter(|name| is_ours(environment, name)).collect();
    let removed = REMOVED.into_iter().chain(dialects::EC2_REMOVED).chain(azure::all());
    let absent = removed.filter(|name| environment.raw(name).is_none());
    let restored: Vec<_> = ours.iter().copied().chain(absent).filter_map(|name| Some((name, outer(name)?))).collect();
    let unwired: Environment = environment
        .clone()
        .without(&ours)
        .all()
        .filter(|(name, _)| !is_our_own_name(name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    restored.into_iter().fold(unwired, |environment, (name, value)| environment.with(name, value))
}

/// What takes a wired environment back to the original; empty for one that is not wired.
pub fn undoing(environment: &Environment) -> Changes {
    let before = original(environment);
    let mut changes = Changes::default();
    for (name, _) in environment.all() {
        if let (Some(text), None) = (name.to_str(), name.to_str().and_then(|name| before.raw(name))) {
            changes.remove(text);
        }
    }
    for (name, value) in before.all() {
        if let Some(text) = name.to_str().filter(|text| environment.raw(text) != Some(value)) {
            changes.set(text, value);
        }
    }
    changes
}

fn is_our_own_name(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    OWN.contains(&&*name) || azure::OWN.contains(&&*name) || name.starts_with(OUTER)
}

/// Whether a variable still holds what we wired into it.
fn is_ours(environment: &Environment, name: &str) -> bool {
    let holds = |name: &str| environment.raw(name);
    match name {
        FULL_URI | TOKEN | TOKEN_FILE => dialects::is_our_container(environment, name),
        "AWS_CONFIG_FILE" | "AWS_SHARED_CREDENTIALS_FILE" | "AWS_CREDENTIAL_PROFILES_FILE" => {
            holds(name).is_some_and(|path| is_generated(path.as_ref()))
        }
        "AWS_SDK_LOAD_CONFIG" => environment.text(name) == Some("1") && is_ours(environment, "AWS_CONFIG_FILE"),
        "AWS_REGION" | "AWS_DEFAULT_REGION" => holds(name) == holds(REGION),
        "NO_PROXY" | "no_proxy" => {
            let outer = |name: &str| Some((name.to_owned(), environment.raw(&outer_name(name))?.to_owned()));
            let before: Environment = ["NO_PROXY", "no_proxy"].into_iter().filter_map(outer).collect();
            holds(name) == Some(no_proxy::of(&before, name).as_ref())
        }
        _ if STATIC_KEYS.contains(&name) => {
            environment.text(STATIC).is_some_and(|ours| environment.text(KEY_ID) == Some(ours))
        }
        _ => dialects::is_ours(environment, name) || azure::is_ours(environment, name),
    }
}

const KEY_ID: &str = STATIC_KEYS[0];

/// Whether a shared file is one that we generated: `STATE/run/wired-NAME.config`.
pub(super) fn is_generated(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(generated::BEGINNING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_that_is_not_wired_is_its_own_original() {
        let environment = Environment::from_iter([("AWS_PROFILE", "prod"), ("CREDENZA_OUTER_AWS_PROFILE", "x")]);
        assert!(original(&environment).all().eq(environment.all()));
        assert_eq!(undoing(&environment).all().count(), 0);
    }
}
