//! `${NAME}` in what `[identity.X]` says: one setup for many accounts, told apart by variables.
//!
//! Nothing else of a shell means anything here: `$$` is a `$`, and a `$` before anything but `{` is itself. Called by
//! [`super::Own`].

use super::user::SaidOfKeys;
use super::{Said, Value};
use crate::config::identity::{Place, Unusable};
use crate::config::user_session::{KeysReference, Otp};
use crate::config::web_identity::TokenSource;
use crate::credential::IdentityName;

/// Whether every `${NAME}` of a text is one.
pub(in crate::config) fn check(text: &str) -> Result<(), String> {
    replaced(text, &mut |_| Some(String::new())).map(|_| ())
}

/// A variable's name: letters, digits and `_`, no digit first.
pub(in crate::config) fn is_name(text: &str) -> bool {
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    letters && !text.starts_with(|first: char| first.is_ascii_digit()) && !text.is_empty()
}

/// Replaces what stands in an identity's settings. The first variable that nobody set makes it unusable.
pub(super) fn replace(identity: &IdentityName, said: &mut Said, variable: &dyn Fn(&str) -> Option<String>) {
    let mut unset = None;
    let mut one = |key: &str, place: &Place, text: &mut String| {
        let mut missing = None;
        let mut lookup = |name: &str| {
            let value = variable(name).filter(|value| !value.is_empty());
            if value.is_none() {
                missing.get_or_insert_with(|| name.to_owned());
            }
            value
        };
        match replaced(text, &mut lookup) {
            Ok(new) => *text = new,
            Err(_) if let Some(name) = missing => {
                let reason = format!(
                    "{key} names ${{{name}}}, and no such variable is set: set it, or take it from a file, such as \
                     `credenza exec --env-file FILE {identity}`"
                );
                unset.get_or_insert(Unusable { place: Some(place.clone()), reason });
            }
            // was checked as it was read
            Err(_) => {}
        }
    };
    for (key, value) in
        [("role_arn", &mut said.role_arn), ("mfa_serial", &mut said.user.mfa_serial), ("region", &mut said.region)]
    {
        if let Some(written) = value {
            let mut text = written.text().to_owned();
            one(key, &written.place, &mut text);
            *written = Value::new(&text, written.place.clone());
        }
    }
    if let Some(written) = &mut said.user.keys {
        for text in texts_of_keys(&mut written.value) {
            one("keys", &written.place, text);
        }
    }
    if let Some(written) = &mut said.user.otp {
        for text in texts_of_otp(&mut written.value) {
            one("otp", &written.place, text);
        }
    }
    if let Some(written) = &mut said.web_identity {
        match &mut written.value {
            TokenSource::File(path) => {
                // it was read as a text
                let mut text = path.to_string_lossy().into_owned();
                one("web_identity", &written.place, &mut text);
                *path = text.into();
            }
            TokenSource::Command(argv) => argv.iter_mut().for_each(|word| one("web_identity", &written.place, word)),
            TokenSource::GitHubActions { audience } => one("web_identity", &written.place, audience),
            TokenSource::Azure { from: _, resource } => {
                let mut text = resource.to_string();
                one("web_identity", &written.place, &mut text);
                *resource = text.into();
            }
        }
    }
    if let Some(azure) = &mut said.azure {
        for (key, place, text) in azure.texts_mut() {
            one(key, &place, text);
        }
    }
    if unset.is_some() {
        // shown to people, where the others are not
        said.region = None;
    }
    said.unset = unset;
}

/// The text with its variables; the error is a reason.
fn replaced(text: &str, variable: &mut dyn FnMut(&str) -> Option<String>) -> Result<String, String> {
    let mut done = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        done.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            done.push('$');
            rest = after;
        } else if let Some(after) = after.strip_prefix('{') {
            let Some((name, after)) = after.split_once('}').filter(|(name, _)| is_name(name)) else {
                return Err("a variable is written ${NAME}, and a plain `$` as `$$`".to_owned());
            };
            done.push_str(&variable(name).ok_or_else(|| format!("{name} is not set"))?);
            rest = after;
        } else {
            done.push('$');
            rest = after;
        }
    }
    done.push_str(rest);
    Ok(done)
}

fn texts_of_keys(keys: &mut SaidOfKeys) -> Vec<&mut String> {
    match keys {
        SaidOfKeys::Text(text, account) => std::iter::once(text).chain(account).collect(),
        SaidOfKeys::Command(KeysReference::Command { argv, .. }) => argv.iter_mut().collect(),
        SaidOfKeys::Command(_) => Vec::new(),
    }
}

fn texts_of_otp(otp: &mut Otp) -> Vec<&mut String> {
    match otp {
        Otp::Prompt { .. } => Vec::new(),
        Otp::OnePassword { item, vault, account } => std::iter::once(item).chain(vault).chain(account).collect(),
        Otp::Ykman { name, device } => std::iter::once(name).chain(device).collect(),
        Otp::Command { argv, .. } => argv.iter_mut().collect(),
        Otp::MfaProcess { line } => vec![line],
        Otp::Totp { name } => vec![name],
    }
}
