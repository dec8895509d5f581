//! A strict reader of one TOML file: every value with its line, every key known, all complaints at once.
//!
//! Called by [`super::own`], which knows the keys.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use ::toml::Spanned;
use ::toml::de::{DeArray, DeTable, DeValue};

use super::complaint::Complaint;
use super::identity::Place;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// One file that is being read.
pub(super) struct Reader<'a> {
    file: Arc<Path>,
    text: &'a str,
    /// Lines that are no TOML: what else could be said about them follows from that.
    broken: Vec<usize>,
    pub(super) complaints: Vec<Complaint>,
}

/// The keys of a table.
pub(super) struct Keys {
    /// How the table is called in complaints: `[server]`.
    pub(super) table: &'static str,
    /// The keys that mean something.
    pub(super) known: &'static [&'static str],
    /// The keys that a later version will know.
    pub(super) later: &'static [&'static str],
}

type Table<'a> = DeTable<'a>;
pub(super) type Item<'a> = Spanned<DeValue<'a>>;

impl<'a> Reader<'a> {
    /// Reads a file's bytes. A file that is no TOML gives its complaints and what could be read of it.
    pub(super) fn new(file: &Arc<Path>, text: &'a str) -> (Self, Table<'a>) {
        let mut reader = Self { file: Arc::clone(file), text, broken: Vec::new(), complaints: Vec::new() };
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in errors {
            let start = error.span().map_or(0, |span| span.start);
            reader.complain(start, error.message().to_owned());
            reader.broken.push(reader.place(start).line);
        }
        (reader, document.into_inner())
    }

    /// Complains about every key that is not known.
    pub(super) fn check_keys(&mut self, keys: &Keys, table: &Table<'_>) {
        let Keys { table: name, known, later } = keys;
        for key in table.keys() {
            let (start, key) = (key.span().start, key.get_ref().as_ref());
            if known.contains(&key) {
                continue;
            }
            if later.contains(&key) {
                self.complain(
                    start,
                    format!("`{key}` in {name} is not in this version: take it out, or use a later one"),
                );
                continue;
            }
            let mend = match nearest(key, known.iter().copied()) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("known are {}", known.join(", ")),
            };
            self.complain(start, format!("unknown key `{key}` in {name}: {mend}"));
        }
    }

    pub(super) fn table<'t>(&mut self, name: &str, item: &'t Item<'a>) -> Option<&'t Table<'a>> {
        match item.get_ref() {
            DeValue::Table(table) => Some(table),
            other => self.wrong(name, "a table", other, item),
        }
    }

    /// A list; `wanted` is what the complaint says is wanted.
    pub(super) fn list<'t>(&mut self, name: &str, wanted: &str, item: &'t Item<'a>) -> Option<&'t DeArray<'a>> {
        match item.get_ref() {
            DeValue::Array(items) => Some(items),
            other => self.wrong(name, wanted, other, item),
        }
    }

    pub(super) fn text(&mut self, name: &str, item: &Item<'_>) -> Option<Written<String>> {
        match item.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some(self.written(text.to_string(), item)),
            DeValue::String(_) => {
                self.complain(item.span().start, format!("`{name}` is empty: take it out, or say something"));
                None
            }
            other => self.wrong(name, "a text in quotes", other, item),
        }
    }

    pub(super) fn boolean(&mut self, name: &str, item: &Item<'_>) -> Option<Written<bool>> {
        match item.get_ref() {
            DeValue::Boolean(value) => Some(self.written(*value, item)),
            other => self.wrong(name, "true or false", other, item),
        }
    }

    /// A whole number within bounds, both included.
    pub(super) fn number(&mut self, name: &str, item: &Item<'_>, bounds: RangeInclusive<u8>) -> Option<Written<u8>> {
        let wanted = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        match item.get_ref() {
            DeValue::Integer(number) => {
                let number = u8::from_str_radix(number.as_str(), number.radix()).ok();
                match number.filter(|number| bounds.contains(number)) {
                    Some(number) => Some(self.written(number, item)),
                    None => {
                        self.complain(item.span().start, format!("`{name}` must be {wanted}"));
                        None
                    }
                }
            }
            other => self.wrong(name, &wanted, other, item),
        }
    }

    pub(super) fn texts(&mut self, name: &str, item: &Item<'_>) -> Option<Written<Vec<String>>> {
        let DeValue::Array(items) = item.get_ref() else {
            return self.wrong(name, "a list of texts", item.get_ref(), item);
        };
        let texts: Vec<_> = items.iter().filter_map(|item| self.text(name, item)).map(|text| text.value).collect();
        (texts.len() == items.len()).then(|| self.written(texts, item))
    }

    pub(super) fn pairs(&mut self, name: &str, item: &Item<'a>) -> Option<Written<Vec<(String, String)>>> {
        let table = self.table(name, item)?;
        let pairs: Vec<_> = table
            .iter()
            .filter_map(|(key, value)| match value.get_ref() {
                // a tag's value may be empty
                DeValue::String(text) => Some((key.get_ref().to_string(), text.to_string())),
                other => self.wrong(key.get_ref(), "a text in quotes", other, value),
            })
            .collect();
        (pairs.len() == table.len()).then(|| self.written(pairs, item))
    }

    /// A text that means something else; the error is a whole sentence.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        item: &Item<'_>,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Written<T>> {
        let text = self.text(name, item)?;
        match parse(&text.value) {
            Ok(value) => Some(Written { value, place: text.place }),
            Err(reason) => {
                self.complain(item.span().start, format!("`{name}`: {reason}"));
                None
            }
        }
    }

    /// One of a few words, each of which means something.
    pub(super) fn word<T: Copy>(&mut self, name: &str, item: &Item<'_>, words: &[(&str, T)]) -> Option<Written<T>> {
        self.parsed(name, item, |text| meant(text, words))
    }

    /// The place of a byte of the file.
    pub(super) fn place(&self, start: usize) -> Place {
        let before = &self.text.as_bytes()[..start.min(self.text.len())];
        Place { file: Arc::clone(&self.file), line: 1 + before.iter().filter(|byte| **byte == b'\n').count() }
    }

    pub(super) fn complain(&mut self, start: usize, text: String) {
        self.complain_at(self.place(start), text);
    }

    pub(super) fn complain_at(&mut self, place: Place, text: String) {
        if !self.broken.contains(&place.line) {
            self.complaints.push(Complaint::at(place, text));
        }
    }

    fn written<T>(&self, value: T, item: &Item<'_>) -> Written<T> {
        Written { value, place: self.place(item.span().start) }
    }

    /// Complains that a value is of another kind than is wanted.
    pub(super) fn wrong<T>(&mut self, name: &str, wanted: &str, found: &DeValue<'_>, item: &Item<'_>) -> Option<T> {
        let found = found.type_str();
        self.complain(item.span().start, format!("`{name}` is {} {found}, and {wanted} is wanted", article(found)));
        None
    }
}

/// What one of a few words means. The error is a whole sentence.
pub(super) fn meant<T: Copy>(text: &str, words: &[(&str, T)]) -> Result<T, String> {
    let known = || words.iter().map(|(word, _)| *word);
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meant)| *meant);
    found.ok_or_else(|| match nearest(text, known()) {
        Some(nearest) => format!("`{text}` means nothing here: did you mean `{nearest}`?"),
        None => format!("`{text}` means nothing here: known are {}", known().collect::<Vec<_>>().join(", ")),
    })
}

/// The known word that was probably meant, if one is near enough.
pub fn nearest<'k>(word: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|known| (strsim::damerau_levenshtein(known, word), known))
        .min()
        .filter(|(distance, known)| *distance <= known.len().max(word.len()) / 3)
        .map(|(_, known)| known)
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// An address to listen at: 127.0.0.1 and a port. Every URL, `NO_PROXY` and what tells our own addresses from others'
/// name that one address, and SDKs take no token for an address that is not of loopback.
pub(super) fn address(text: &str) -> Result<SocketAddr, String> {
    let address: Option<SocketAddr> = text.parse().ok();
    if let Some(ours) = address.filter(|address| address.ip() == Ipv4Addr::LOCALHOST) {
        return Ok(ours);
    }
    let port = address.map(|address| address.port().to_string());
    let port = port.or_else(|| text.strip_prefix("localhost:").map(str::to_owned)).unwrap_or_else(|| "9711".to_owned());
    Err(match address {
        Some(_) => format!("`{text}` is not 127.0.0.1, where clients are sent: write \"127.0.0.1:{port}\""),
        None => format!("`{text}` is no address with a port: write one like \"127.0.0.1:{port}\""),
    })
}
