//! Writing a config file that every SDK reads: a name or value that one of them would choke on is left out, since some
//! refuse the whole file for a line.

use std::fmt::Write as _;

use super::{HEADER, may_be_secret};
use crate::config::shared::Value;

pub(super) struct Writer {
    text: String,
    left_out: usize,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { text: HEADER.to_owned(), left_out: 0 }
    }

    pub(super) fn profile<'a>(
        &mut self,
        name: &str,
        settings: impl Iterator<Item = (&'a String, &'a Value)>,
        region: Option<&str>,
        process: Option<&str>,
    ) {
        if !self.header("profile", name) {
            return;
        }
        settings.for_each(|(key, value)| self.value(key, value));
        if let Some(region) = region.filter(|region| is_writable(region)) {
            self.line("", "region", region);
        }
        if let Some(process) = process {
            let _ = writeln!(self.text, "credential_process = {process}");
        }
    }

    pub(super) fn services<'a>(&mut self, name: &str, values: impl Iterator<Item = (&'a String, &'a Value)>) {
        if self.header("services", name) {
            values.for_each(|(key, value)| self.value(key, value));
        }
    }

    pub(super) fn finish(mut self) -> String {
        if self.left_out > 0 {
            let _ = writeln!(self.text, "\n# Left out, since not every SDK can read such names: {}", self.left_out);
        }
        self.text
    }

    fn header(&mut self, prefix: &str, name: &str) -> bool {
        // aws-runtime refuses a whole file for `#` or `;` in a header; quotes and backslashes mean something to botocore
        if name.is_empty() || name.contains(|character: char| character.is_control() || "[]#;\"'\\".contains(character))
        {
            self.left_out += 1;
            return false;
        }
        let _ = match (prefix, name) {
            ("profile", "default") => writeln!(self.text, "\n[default]"),
            (prefix, name) if name.contains(char::is_whitespace) => writeln!(self.text, "\n[{prefix} \"{name}\"]"),
            (prefix, name) => writeln!(self.text, "\n[{prefix} {name}]"),
        };
        true
    }

    fn value(&mut self, key: &str, value: &Value) {
        if !is_key(key) || !is_writable(value.text()) {
            return;
        }
        if value.nested.is_empty() {
            self.line("", key, value.text());
            return;
        }
        let inner = value.nested.iter().filter(|(key, value)| {
            is_key(key) && !may_be_secret(key) && is_writable(value.text()) && !value.text().contains('\n')
        });
        let _ = writeln!(self.text, "{key} =");
        for (key, value) in inner {
            self.line("  ", key, value.text());
        }
    }

    fn line(&mut self, indent: &str, key: &str, text: &str) {
        // a blank before `#` would begin a comment
        let gap = if text.is_empty() || text.starts_with(['#', ';']) { "" } else { " " };
        let _ = writeln!(self.text, "{indent}{key} ={gap}{}", text.replace('\n', "\n  "));
    }
}

/// The names that every SDK takes for a key. A piece of base64 on a line of its own is none.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

fn is_writable(text: &str) -> bool {
    !text.contains(|character: char| character.is_control() && !matches!(character, '\n' | '\t'))
}
