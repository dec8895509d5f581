//! The tables within `azure`: `resources`, `certificate_key` and `token`. Called by [`super`].

use std::fmt;
use std::path::Path;

use ::toml::de::{DeTable, DeValue};

use super::checked;
use crate::config::own::variables;
use crate::config::toml::{Item, Keys, Reader, Written};

/// `certificate_key`. A command prints only as its program's name.
#[derive(Clone, PartialEq, Eq)]
pub enum SaidOfCertificateKey {
    /// A path, or `op://vault/item/field`.
    Text(String),
    /// `{ command = [...] }`
    Command(Vec<String>),
}

impl SaidOfCertificateKey {
    /// Why it can be none; the end of a sentence.
    pub(super) fn wrong(&self) -> Option<String> {
        let Self::Text(text) = self else { return None };
        let fits = match text.strip_prefix("op://") {
            Some(rest) => rest.split('/').count() >= 3 && rest.split('/').all(|part| !part.is_empty()),
            None => Path::new(text).is_absolute() || text.starts_with("~/"),
        };
        // who writes the key itself here must not find it in a log
        (!fits).then(|| "write an absolute path, op://vault/item/field, or { command = [...] }".to_owned())
    }

    pub(super) fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::Text(text) => vec![text],
            Self::Command(argv) => argv.iter_mut().collect(),
        }
    }
}

impl fmt::Debug for SaidOfCertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) if text.starts_with("op://") => write!(f, "Text({text})"),
            Self::Text(_) => f.write_str("Text"),
            Self::Command(argv) => write!(f, "Command({})", argv.first().map_or("", String::as_str)),
        }
    }
}

/// `token`. A command prints only as its program's name.
#[derive(Clone, PartialEq, Eq)]
pub enum SaidOfToken {
    /// `{ file = "..." }`
    File(String),
    /// `{ command = [...] }`
    Command(Vec<String>),
    /// `{ github = true }`
    GitHubActions,
}

impl SaidOfToken {
    pub(super) fn texts_mut(&mut self) -> Vec<&mut String> {
        match self {
            Self::File(path) => vec![path],
            Self::Command(argv) => argv.iter_mut().collect(),
            Self::GitHubActions => Vec::new(),
        }
    }
}

impl fmt::Debug for SaidOfToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({path})"),
            Self::Command(argv) => write!(f, "Command({})", argv.first().map_or("", String::as_str)),
            Self::GitHubActions => f.write_str("GitHubActions"),
        }
    }
}

type Lists = (Option<Vec<Written<String>>>, Vec<Written<String>>);

/// `allow` and `deny`.
pub(super) fn resources<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<Lists> {
    let table = reader.table("resources", item)?;
    reader.check_keys(&RESOURCES, table);
    let mut list = |key: &'static str| {
        let items = reader.list(key, "a list of texts", table.get(key)?)?;
        let found: Vec<_> =
            items.iter().filter_map(|item| reader.parsed(key, item, |text| checked(key, text))).collect();
        Some((found, items.is_empty()))
    };
    let (allow, deny) = (list("allow"), list("deny"));
    if let Some((_, true)) = &allow {
        let start = table.get("allow").map(|item| item.span().start).unwrap_or_default();
        reader.complain(start, "`allow` is empty, so no token could be had at all: name a resource".to_owned());
    }
    Some((allow.map(|(list, _)| list), deny.map(|(list, _)| list).unwrap_or_default()))
}

pub(super) fn certificate_key<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<Written<SaidOfCertificateKey>> {
    if let DeValue::Table(table) = item.get_ref() {
        reader.check_keys(&CERTIFICATE_KEY, table);
        let value = SaidOfCertificateKey::Command(command(reader, "certificate_key", table, item)?);
        return Some(Written { value, place: reader.place(item.span().start) });
    }
    reader.parsed("certificate_key", item, |text| {
        variables::check(text)?;
        let said = SaidOfCertificateKey::Text(text.to_owned());
        match said.wrong().filter(|_| !text.contains("${")) {
            None => Ok(said),
            Some(reason) => Err(reason),
        }
    })
}

pub(super) fn token<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> Option<Written<SaidOfToken>> {
    let table = reader.table("token", item)?;
    reader.check_keys(&TOKEN, table);
    let start = item.span().start;
    let github = table.get("github").and_then(|item| reader.boolean("github", item));
    let value = match (table.get("file"), table.contains_key("command"), github) {
        (Some(file), false, None) => {
            // the same rule as a certificate's
            let path = reader.parsed("file", file, |text| checked("certificate", text))?;
            SaidOfToken::File(path.value)
        }
        (None, true, None) => SaidOfToken::Command(command(reader, "token", table, item)?),
        (None, false, Some(github)) if github.value => SaidOfToken::GitHubActions,
        _ => {
            let text = "`token` is one of { file = \"...\" }, { command = [\"...\"] } and { github = true }";
            reader.complain(start, text.to_owned());
            return None;
        }
    };
    Some(Written { value, place: reader.place(start) })
}

const RESOURCES: Keys = Keys { table: "resources", known: &["allow", "deny"], later: &[] };
const CERTIFICATE_KEY: Keys = Keys { table: "certificate_key", known: &["command"], later: &[] };
const TOKEN: Keys = Keys { table: "token", known: &["file", "command", "github"], later: &[] };

/// A program and its arguments.
fn command<'a>(reader: &mut Reader<'a>, name: &str, table: &DeTable<'a>, whole: &Item<'a>) -> Option<Vec<String>> {
    let Some(item) = table.get("command") else {
        reader.complain(whole.span().start, format!("`{name}` needs `command`"));
        return None;
    };
    let argv = reader.texts("command", item)?.value;
    let wrong = match argv.iter().find_map(|word| variables::check(word).err()) {
        None if argv.is_empty() => "a program is wanted, such as [\"pass\", \"show\", \"key\"]".to_owned(),
        None => return Some(argv),
        Some(reason) => reason,
    };
    reader.complain(item.span().start, format!("`command`: {wrong}"));
    None
}
