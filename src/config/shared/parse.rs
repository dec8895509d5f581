//! The parser of one shared file. It is tolerant: a line or section that cannot be read becomes a [`Complaint`], and the
//! rest is read on.
//!
//! Indentation is judged as Python's `configparser` does: a line that is indented deeper than the key above it continues
//! that key's value; below an empty value it is a key of a nested block. Everything else follows the table in
//! `docs/profiles.md`. Called by [`super::SharedFiles`].

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::Path;
use std::sync::Arc;

use super::header::{self, FileKind, Header, SectionName};
use super::lines::{self, Line, Mark};
use super::value::{Section, Value};
use crate::config::complaint::Complaint;
use crate::config::identity::Place;

/// One shared file, read. Sections that were written twice are merged, the last value of a key wins.
pub(super) struct Parsed {
    pub(super) sections: BTreeMap<SectionName, Section>,
    pub(super) complaints: Vec<Complaint>,
}

/// Reads one file. It never fails.
pub(super) fn parse(kind: FileKind, file: &Arc<Path>, bytes: &[u8]) -> Parsed {
    let mut parser = Parser {
        kind,
        file: Arc::clone(file),
        out: Parsed { sections: BTreeMap::new(), complaints: Vec::new() },
        untold: 0,
        target: Target::Nothing,
        open: None,
        indent: 0,
    };
    let (mark, bytes) = lines::mark(bytes);
    match mark {
        Mark::None => {}
        Mark::Utf8 => parser.complain(1, "a byte order mark stands at the start: AWS tools refuse the whole file"),
        Mark::Utf16 => parser.complain(1, "the file is UTF-16 and is left out: save it as UTF-8"),
    }
    for line in lines::lines(bytes) {
        parser.line(&line);
    }
    parser.finish()
}

/// More than this about one file tells nobody more.
const MOST_COMPLAINTS: usize = 100;

/// Where the keys of the current section go.
enum Target {
    /// No section has begun.
    Nothing,
    /// A section that is left out.
    LeftOut,
    Section(SectionName),
}

/// What deeper lines continue.
enum Open {
    /// A line that is left out: its continuations go with it.
    LeftOut,
    /// A key with a value.
    Key(String),
    /// A key without a value: deeper lines are a nested block.
    Block(String),
}

struct Parser {
    kind: FileKind,
    file: Arc<Path>,
    out: Parsed,
    untold: usize,
    target: Target,
    open: Option<Open>,
    indent: usize,
}

impl Parser {
    fn line(&mut self, line: &Line<'_>) {
        if self.open.is_some() && line.indent > self.indent {
            self.deeper(line);
        } else {
            self.indent = line.indent;
            if line.text.starts_with('[') {
                self.header(line);
            } else {
                self.key(line);
            }
        }
    }

    fn header(&mut self, line: &Line<'_>) {
        self.open = None;
        self.target = Target::LeftOut;
        if line.damaged {
            return self.complain(line.number, "a section whose name is not UTF-8 is left out");
        }
        let Some((inside, after)) = line.text[1..].split_once(']') else {
            return self.complain(line.number, "a section is left out: its header does not end with `]`");
        };
        let after = after.trim_start();
        if !after.is_empty() && !after.starts_with(COMMENT) {
            self.complain(line.number, "text after `]` is left out");
        }
        match header::read(self.kind, inside) {
            Header::Foreign => {}
            Header::Refused(reason) => self.complain(line.number, reason),
            Header::Section(name) => self.begin(line.number, name),
        }
    }

    fn begin(&mut self, number: usize, name: SectionName) {
        let place = self.place(number);
        let first = match self.out.sections.entry(name.clone()) {
            Entry::Occupied(entry) => Some(entry.get().place.line),
            Entry::Vacant(entry) => {
                entry.insert(Section::new(place));
                None
            }
        };
        self.target = Target::Section(name);
        if let Some(first) = first {
            self.complain(
                number,
                format!("this section stands in line {first} already: both are merged (botocore refuses the file)"),
            );
        }
    }

    fn key(&mut self, line: &Line<'_>) {
        self.open = Some(Open::LeftOut);
        match self.target {
            Target::LeftOut => return,
            Target::Nothing => return self.complain(line.number, "a line before the first section is left out"),
            Target::Section(_) => {}
        }
        if line.damaged {
            return self.complain(line.number, "a line that is not UTF-8 is left out");
        }
        let Some(delimiter) = line.text.find(['=', ':']) else {
            return self.complain(line.number, "a line without `=` is left out");
        };
        let key = line.text[..delimiter].trim_end().to_lowercase();
        if key.is_empty() {
            return self.complain(line.number, "a line without a name before `=` is left out");
        }
        if line.text[delimiter..].starts_with(':') {
            self.complain(line.number, "`:` is read as `=` (of AWS tools only botocore does so)");
        }
        let text = without_comment(&key, &line.text[delimiter + 1..]);
        let value = Value::new(text, self.place(line.number));
        let before = self.section().and_then(|section| section.values.insert(key.clone(), value));
        if let Some(before) = before {
            self.complain(
                line.number,
                format!(
                    "`{key}` stands in line {} already: this one counts (botocore refuses the file)",
                    before.place.line
                ),
            );
        }
        self.open = Some(if text.is_empty() { Open::Block(key) } else { Open::Key(key) });
    }

    fn deeper(&mut self, line: &Line<'_>) {
        let (key, block) = match &self.open {
            Some(Open::Key(key)) => (key.clone(), false),
            Some(Open::Block(key)) => (key.clone(), true),
            Some(Open::LeftOut) | None => return,
        };
        if line.damaged {
            return self.complain(line.number, "a line that is not UTF-8 is left out");
        }
        if block {
            return self.in_block(&key, line);
        }
        if line.text.starts_with('[') {
            let text = format!("an indented line continues the value of `{key}`: a section begins at the margin");
            self.complain(line.number, text);
        }
        if let Some(value) = self.value(&key) {
            value.continue_with(line.text);
        }
    }

    fn in_block(&mut self, key: &str, line: &Line<'_>) {
        let Some((name, text)) = line.text.split_once('=') else {
            return self.complain(line.number, format!("a line without `=` in the block of `{key}` is left out"));
        };
        let name = name.trim_end().to_owned();
        if name.is_empty() {
            return self.complain(line.number, format!("a line without a name in the block of `{key}` is left out"));
        }
        // no AWS parser takes a comment off a line within a block
        let inner = Value::new(text.trim_start(), self.place(line.number));
        if let Some(value) = self.value(key) {
            value.nested.push((name, inner));
        }
    }

    fn section(&mut self) -> Option<&mut Section> {
        match &self.target {
            Target::Section(name) => self.out.sections.get_mut(name),
            Target::Nothing | Target::LeftOut => None,
        }
    }

    fn value(&mut self, key: &str) -> Option<&mut Value> {
        self.section().and_then(|section| section.values.get_mut(key))
    }

    fn place(&self, line: usize) -> Place {
        Place { file: Arc::clone(&self.file), line }
    }

    fn complain(&mut self, line: usize, text: impl Into<String>) {
        if self.out.complaints.len() < MOST_COMPLAINTS {
            self.out.complaints.push(Complaint::at(self.place(line), text));
        } else {
            self.untold += 1;
        }
    }

    fn finish(mut self) -> Parsed {
        if self.untold > 0 {
            let text = format!("{}: {} more lines like these", self.file.display(), self.untold);
            self.out.complaints.push(Complaint::general(text));
        }
        self.out
    }
}

const COMMENT: [char; 2] = ['#', ';'];

/// The value without a comment after it: a `#` or `;` that follows a blank begins one, as in every AWS parser but
/// botocore's. In a command it does so only outside quotes, or what botocore users wrote would be cut in the middle.
fn without_comment<'a>(key: &str, value: &'a str) -> &'a str {
    let command = COMMANDS.contains(&key);
    let mut quote = None;
    let mut after_blank = false;
    for (index, character) in value.char_indices() {
        match quote {
            Some(open) if character == open => quote = None,
            Some(_) => {}
            None if after_blank && COMMENT.contains(&character) => return value[..index].trim(),
            None if command && matches!(character, '"' | '\'') => quote = Some(character),
            None => {}
        }
        after_blank = character.is_whitespace();
    }
    value.trim()
}

const COMMANDS: [&str; 3] = ["credential_process", "mfa_process", "web_identity_token_process"];
