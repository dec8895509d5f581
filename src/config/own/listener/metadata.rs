//! `[listener.metadata]`: what the instance metadata service says of the machine, by path below `meta-data`, and `user-data`.
//!
//! Tables are folders: `placement = { region = "x" }` is `"placement/region" = "x"`. What is signed by AWS or made of the
//! identity cannot be said here. Called by [`super`].

use std::collections::BTreeMap;

use ::toml::de::{DeTable, DeValue};

use crate::config::toml::{Item, Reader, Written};

/// What is said, by path.
pub(super) fn read<'a>(reader: &mut Reader<'a>, item: &Item<'a>) -> BTreeMap<String, Option<String>> {
    let mut found = Found::new();
    if let Some(table) = reader.table("metadata", item) {
        collect(reader, "", table, &mut found);
    }
    for (path, written) in &found {
        let folders = path.match_indices('/').map(|(at, _)| &path[..at]);
        for (above, value) in folders.filter_map(|folder| found.get_key_value(folder)) {
            let line = value.place.line;
            let text =
                format!("`{path}` is below `{above}`, which line {line} gives a value: a path is one or the other");
            reader.complain_at(written.place.clone(), text);
        }
    }
    found.into_iter().map(|(path, written)| (path, written.value)).collect()
}

type Found = BTreeMap<String, Written<Option<String>>>;

fn collect<'a>(reader: &mut Reader<'a>, above: &str, table: &DeTable<'a>, found: &mut Found) {
    for (key, item) in table {
        let start = key.span().start;
        let path = match joined(above, key.get_ref()) {
            Ok(path) => path,
            Err(reason) => {
                reader.complain(start, format!("[listener.metadata]: {reason}"));
                continue;
            }
        };
        let value = match item.get_ref() {
            DeValue::Table(_) if path == USER_DATA => {
                reader.complain(start, format!("`{USER_DATA}` is one text, and no table"));
                continue;
            }
            DeValue::Table(table) => {
                collect(reader, &path, table, found);
                continue;
            }
            DeValue::Boolean(false) => None,
            DeValue::Boolean(true) => {
                let text =
                    format!("`{path}` is true, which says nothing: write a text, or false to take the path away");
                reader.complain(start, text);
                continue;
            }
            DeValue::String(text) => match wrong_with(text) {
                None => Some(text.to_string()),
                Some(reason) => {
                    reader.complain(item.span().start, format!("`{path}` {reason}"));
                    continue;
                }
            },
            other => {
                reader.wrong::<()>(&path, "a text in quotes or false", other, item);
                continue;
            }
        };
        let place = reader.place(start);
        if let Some(earlier) = found.get(&path) {
            let text = format!("`{path}` is written twice, in line {} too: take one of them out", earlier.place.line);
            reader.complain(start, text);
        }
        found.insert(path, Written { value, place });
    }
}

/// The path of a key below another, without slashes that say nothing. The error is the end of a sentence.
fn joined(above: &str, key: &str) -> Result<String, String> {
    if key.chars().any(|letter| letter.is_control() || letter.is_whitespace()) {
        return Err(format!("`{key}` has a blank or a control character in it, and no path has"));
    }
    let mut path = above.to_owned();
    for part in key.split('/').filter(|part| !part.is_empty()) {
        if part == "." || part == ".." {
            return Err(format!("`{key}` has `{part}` in it: write the whole path, such as placement/region"));
        }
        if !path.is_empty() {
            path.push('/');
        }
        path.push_str(part);
    }
    if path.len() == above.len() {
        return Err(format!("`{key}` is no path, such as placement/region"));
    }
    if path.len() > MOST_BYTES_OF_A_PATH {
        return Err(format!("a path has {} bytes, and {MOST_BYTES_OF_A_PATH} at most", path.len()));
    }
    let (first, below) = path.split_once('/').map_or((path.as_str(), None), |(first, below)| (first, Some(below)));
    match first {
        "latest" | "meta-data" => Err(format!("`{path}`: paths are those below meta-data: take `{first}` out")),
        "dynamic" | "instance-identity" => Err(format!(
            "`{path}` cannot be forged: the document follows what is said of the machine here, and its signatures are AWS's"
        )),
        "iam" => Err(format!("`{path}` is made of the identity that is served: take it out")),
        USER_DATA if below.is_some() => Err(format!("`{USER_DATA}` is one text, and nothing is below it")),
        _ => Ok(path),
    }
}

/// What no value may have. Never quotes it: user data may hold a secret.
fn wrong_with(text: &str) -> Option<String> {
    if text.len() > MOST_BYTES_OF_A_VALUE {
        return Some(format!("has {} bytes, and a value has {MOST_BYTES_OF_A_VALUE} at most", text.len()));
    }
    let control = text.chars().find(|letter| letter.is_control() && !matches!(letter, '\n' | '\t'))?;
    Some(format!("has the control character U+{:04X} in it, and only newline and tab may be", u32::from(control)))
}

const USER_DATA: &str = "user-data";
const MOST_BYTES_OF_A_PATH: usize = 256;
/// As much as user data may be (Amazon EC2 User Guide, "Run commands when you launch an EC2 instance with user data input").
const MOST_BYTES_OF_A_VALUE: usize = 16 * 1024;
