//! What `[identity.X]` says about an IAM user: where the long-term keys lie, which device gives codes and where they come
//! from, and how a session is begun.
//!
//! Called by [`super::Own`]. `${NAME}` is still in the texts that are read here; `own/variables.rs` replaces it, and
//! `config/resolve/user.rs` makes a [`UserSession`](crate::config::UserSession) of them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use ::toml::de::{DeTable, DeValue};

use super::{Own, variables};
use crate::config::duration;
use crate::config::shared::Value;
use crate::config::toml::{Item, Keys, Reader, Written};
use crate::config::user_session::{KeysReference, Otp, Strategy};
use crate::world::{Environment, places};

/// What `[identity.X]` says about an IAM user.
#[derive(Clone, Debug, Default)]
pub struct SaidOfUser {
    /// Where the long-term keys lie.
    pub keys: Option<Written<SaidOfKeys>>,
    /// Where one-time codes come from.
    pub otp: Option<Written<Otp>>,
    /// The device.
    pub mfa_serial: Option<Value>,
    /// How a role is assumed with the device.
    pub strategy: Option<Written<Strategy>>,
    /// How long a user's session is asked to last, as it is written.
    pub session_duration: Option<Written<Duration>>,
}

/// `keys`, as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaidOfKeys {
    /// `"op://vault/item"`, `"keyring:NAME"`, `"env:PREFIX"`, `"file:PATH#PROFILE"`; and 1Password's account, where the
    /// reference stands in a table.
    Text(String, Option<String>),
    /// `{ command = [...] }`; it prints only as its program's name.
    Command(KeysReference),
}

impl Own {
    /// The variables that `keys = "env:PREFIX"` names.
    pub(in crate::config) fn variables_of_keys(&self) -> Vec<String> {
        let keys = self.identities.values().filter_map(|said| said.user.keys.as_ref());
        let prefixes = keys.filter_map(|keys| match &keys.value {
            SaidOfKeys::Text(text, _) => text.strip_prefix("env:"),
            SaidOfKeys::Command(_) => None,
        });
        prefixes
            .flat_map(|prefix| ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"].map(|half| format!("{prefix}_{half}")))
            .collect()
    }
}

impl SaidOfUser {
    pub(super) fn read<'a>(reader: &mut Reader<'a>, table: &DeTable<'a>) -> Self {
        let item = |key: &str| table.get(key);
        Self {
            keys: item("keys").and_then(|item| keys(reader, item)),
            otp: item("otp").and_then(|item| otp(reader, item)),
            mfa_serial: item("mfa_serial").and_then(|item| value(reader, "mfa_serial", item)),
            strategy: item("strategy").and_then(|item| reader.word("strategy", item, STRATEGIES)),
            session_duration: item("session_duration")
                .and_then(|item| reader.parsed("session_duration", item, duration::parse)),
        }
    }

    pub(super) fn lay_over(&mut self, upper: Self) {
        self.keys = upper.keys.or(self.keys.take());
        self.otp = upper.otp.or(self.otp.take());
        self.mfa_serial = upper.mfa_serial.or(self.mfa_serial.take());
        self.strategy = upper.strategy.or(self.strategy.take());
        self.session_duration = upper.session_duration.or(self.session_duration.take());
    }
}

const STRATEGIES: &[(&str, Strategy)] =
    &[("auto", Strategy::Auto), ("session", Strategy::Session), ("direct", Strategy::Direct)];

/// A text that stands for a key of the profile.
pub(super) fn value(reader: &mut Reader<'_>, name: &str, item: &Item<'_>) -> Option<Value> {
    let written = text(reader, name, item)?;
    Some(Value::new(&written.value, written.place))
}

/// A text in which `${NAME}` is replaced.
fn text(reader: &mut Reader<'_>, name: &str, item: &Item<'_>) -> Option<Written<String>> {
    reader.parsed(name, item, |text| variables::check(text).map(|()| text.to_owned()))
}

fn keys<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<Written<SaidOfKeys>> {
    let DeValue::Table(table) = item.get_ref() else {
        let written = reader.parsed("keys", item, |text| variables::check(text).and_then(|()| checked(text)))?;
        return Some(Written { value: SaidOfKeys::Text(written.value, None), place: written.place });
    };
    let place = reader.place(item.span().start);
    if table.contains_key("reference") {
        reader.check_keys(&KEYS_OF_ONE_PASSWORD, table);
        let reference = reader.parsed("reference", table.get("reference")?, |text| {
            variables::check(text)?;
            match text.starts_with("op://") || text.starts_with("${") {
                true => checked(text),
                false => Err("in a table it is one of 1Password's, such as op://Private/aws".to_owned()),
            }
        })?;
        let account = table.get("account").and_then(|item| text(reader, "account", item));
        let value = SaidOfKeys::Text(reference.value, account.map(|account| account.value));
        return Some(Written { value, place });
    }
    reader.check_keys(&KEYS_OF_A_COMMAND, table);
    let argv = command(reader, "keys", table, item)?;
    let unattended = unattended(reader, table);
    Some(Written { value: SaidOfKeys::Command(KeysReference::Command { argv, unattended }), place })
}

const KEYS_OF_ONE_PASSWORD: Keys = Keys { table: "keys of 1Password", known: &["reference", "account"], later: &[] };
const KEYS_OF_A_COMMAND: Keys = Keys { table: "keys", known: &["command", "unattended"], later: &[] };

/// A reference whose variables are still in it is checked when they are not any more.
fn checked(text: &str) -> Result<String, String> {
    match text.contains("${") {
        true => Ok(text.to_owned()),
        false => reference(text).map(|_| text.to_owned()),
    }
}

impl SaidOfKeys {
    /// What is meant; `~` in a path is below the environment's `HOME`. The error is the end of a sentence.
    pub fn reference(&self, environment: &Environment) -> Result<KeysReference, String> {
        match self {
            Self::Command(reference) => Ok(reference.clone()),
            Self::Text(text, account) => Ok(match reference(text)? {
                KeysReference::OnePassword { reference, .. } => {
                    KeysReference::OnePassword { reference, account: account.clone() }
                }
                KeysReference::File { path, profile } => {
                    KeysReference::File { path: places::expanded(&path, environment), profile }
                }
                other => other,
            }),
        }
    }
}

fn reference(text: &str) -> Result<KeysReference, String> {
    let otherwise =
        "write \"op://vault/item\", \"keyring:NAME\", \"env:PREFIX\", \"file:PATH#PROFILE\" or { command = [...] }";
    if let Some(rest) = text.strip_prefix("op://") {
        let parts: Vec<_> = rest.split('/').collect();
        return match parts.as_slice() {
            [vault, item] if !vault.is_empty() && !item.is_empty() => {
                Ok(KeysReference::OnePassword { reference: text.to_owned(), account: None })
            }
            _ => Err(format!("`{text}` names no item: write op://vault/item, without a field")),
        };
    }
    match text.split_once(':') {
        Some(("keyring", name)) if !name.is_empty() => Ok(KeysReference::Keyring(name.to_owned())),
        Some(("env", prefix)) if variables::is_name(prefix) => Ok(KeysReference::Environment(prefix.to_owned())),
        Some(("env", prefix)) => Err(format!("`{prefix}` is no beginning of a variable's name, such as BOOT")),
        Some(("file", rest)) => {
            let (path, profile) = rest.rsplit_once('#').unwrap_or((rest, "default"));
            let is_absolute = Path::new(path).is_absolute() || path.starts_with("~/");
            match is_absolute && !profile.is_empty() {
                true => Ok(KeysReference::File { path: PathBuf::from(path), profile: profile.to_owned() }),
                false => Err(format!("`{text}` is no absolute path and a profile: write file:~/keys#PROFILE")),
            }
        }
        _ => Err(format!("`{}` says no place: {otherwise}", shown(text))),
    }
}

/// As much of a text as cannot be a secret: who writes a key itself into `keys` must not find it in a log.
fn shown(text: &str) -> &str {
    match text.split_once(':') {
        Some((scheme, _)) if scheme.len() < 12 => scheme,
        _ => "...",
    }
}

fn otp<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<Written<Otp>> {
    let table = reader.table("otp", item)?;
    let place = reader.place(item.span().start);
    let Some(preset) = table.get("preset") else {
        reader.check_keys(&OTP_OF_A_COMMAND, table);
        let argv = command(reader, "otp", table, item)?;
        let unattended = unattended(reader, table);
        let time_limit = table.get("timeout").and_then(|item| reader.parsed("timeout", item, time_limit));
        let time_limit = time_limit.map(|written| written.value);
        return Some(Written { value: Otp::Command { argv, unattended, time_limit }, place });
    };
    let preset = reader.word("preset", preset, PRESETS)?.value;
    reader.check_keys(preset.keys(), table);
    let complain = |reader: &mut Reader<'a>, what: &str| reader.complain(item.span().start, format!("`otp` {what}"));
    let mut read = |key: &str| table.get(key).and_then(|item| text(reader, key, item)).map(|written| written.value);
    let (name, device) = (read("name"), read("device"));
    let (reference, by_name, vault, account) = (read("reference"), read("item"), read("vault"), read("account"));
    let has = |key: &str| table.contains_key(key);
    let value = match preset {
        Preset::Prompt => Otp::Prompt { pinentry: false },
        Preset::Pinentry => Otp::Prompt { pinentry: true },
        Preset::Ykman | Preset::Totp if !has("name") => {
            complain(reader, "needs `name`");
            return None;
        }
        Preset::Ykman => Otp::Ykman { name: name?, device },
        Preset::Totp => Otp::Totp { name: name? },
        Preset::OnePassword if !has("reference") && !has("item") => {
            complain(reader, "needs `reference` or `item`");
            return None;
        }
        Preset::OnePassword if has("reference") && (has("item") || has("vault")) => {
            complain(reader, "has a `reference`, which names vault and item itself: take `item` and `vault` out");
            return None;
        }
        Preset::OnePassword => Otp::OnePassword { item: reference.or(by_name)?, vault, account },
    };
    Some(Written { value, place })
}

#[derive(Clone, Copy)]
enum Preset {
    OnePassword,
    Ykman,
    Totp,
    Prompt,
    Pinentry,
}

impl Preset {
    fn keys(self) -> &'static Keys {
        match self {
            Self::OnePassword => &OTP_OF_ONE_PASSWORD,
            Self::Ykman => &OTP_OF_YKMAN,
            Self::Totp => &OTP_OF_TOTP,
            Self::Prompt | Self::Pinentry => &OTP_OF_A_PERSON,
        }
    }
}

const PRESETS: &[(&str, Preset)] = &[
    ("op", Preset::OnePassword),
    ("ykman", Preset::Ykman),
    ("totp", Preset::Totp),
    ("prompt", Preset::Prompt),
    ("pinentry", Preset::Pinentry),
];

const OTP_OF_ONE_PASSWORD: Keys =
    Keys { table: "otp of op", known: &["preset", "reference", "item", "vault", "account"], later: &[] };
const OTP_OF_YKMAN: Keys = Keys { table: "otp of ykman", known: &["preset", "name", "device"], later: &[] };
const OTP_OF_TOTP: Keys = Keys { table: "otp of totp", known: &["preset", "name"], later: &[] };
const OTP_OF_A_PERSON: Keys = Keys { table: "otp of a person", known: &["preset"], later: &[] };
const OTP_OF_A_COMMAND: Keys =
    Keys { table: "otp", known: &["preset", "command", "unattended", "timeout"], later: &[] };

/// A program and its arguments.
fn command<'a>(reader: &mut Reader<'a>, name: &str, table: &DeTable<'a>, whole: &Item<'a>) -> Option<Vec<String>> {
    let Some(item) = table.get("command") else {
        let other = if name == "otp" { "`preset`" } else { "`reference`" };
        reader.complain(whole.span().start, format!("`{name}` needs {other} or `command`"));
        return None;
    };
    let argv = reader.texts("command", item)?.value;
    let wrong = match argv.iter().find_map(|word| variables::check(word).err()) {
        None if argv.is_empty() => "a program is wanted, such as [\"pass\", \"otp\", \"aws\"]".to_owned(),
        None => return Some(argv),
        Some(reason) => reason,
    };
    reader.complain(item.span().start, format!("`command`: {wrong}"));
    None
}

fn unattended<'a>(reader: &mut Reader<'a>, table: &DeTable<'a>) -> bool {
    let item = table.get("unattended");
    item.and_then(|item| reader.boolean("unattended", item)).is_some_and(|written| written.value)
}

/// How long a program may take.
fn time_limit(text: &str) -> Result<Duration, String> {
    let limit = duration::parse(text)?;
    let fits = (1..=600).contains(&limit.as_secs());
    if fits { Ok(limit) } else { Err("a program is given 1s to 10m".to_owned()) }
}
