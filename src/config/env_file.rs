//! Files of variables, as `--env-file` names them: one setup for many accounts, told apart by `.env.test` and `.env.prod`.
//!
//! The form is that of docker, `op run` and dotenv libraries where they agree: `NAME=value`, perhaps after `export`, with
//! quotes and comments. No command is run and no variable replaced in a value, and `op://...` stays what it is: who wants
//! such a reference resolved runs `op run`. What is read here never changes where Credenza looks for its own files; it is
//! for `${NAME}` in `[identity.X]` and for a child. Pure; called by the commands, which read the file.

use std::path::Path;
use std::sync::Arc;

use super::complaint::{Complaint, ConfigError};
use super::identity::Place;
use super::own::is_name;
use crate::secret::Secret;

/// Variables in the order of their lines. A name may come twice: then the last one counts, as in a shell.
#[derive(Clone, Debug, Default)]
pub struct Variables(Vec<(String, Secret)>);

impl Variables {
    /// No file, no variables.
    pub const NONE: &'static Self = &Self(Vec::new());

    /// Reads a file's bytes. Fails with every line that means nothing; a value is never in the text.
    ///
    /// ```
    /// use std::path::Path;
    /// use credenza::config::env_file::Variables;
    /// let file = Path::new(".env.prod").into();
    /// let variables = Variables::parse(&file, b"ACCOUNT=123456789012 # prod\nexport VAULT='Team Prod'\n").unwrap();
    /// assert_eq!(variables.text("VAULT"), Some("Team Prod"));
    /// let error = Variables::parse(&file, b"\nACCOUNT\n").unwrap_err().to_string();
    /// assert_eq!(error, ".env.prod:2: there is no `=`: write NAME=value");
    /// ```
    pub fn parse(file: &Arc<Path>, bytes: &[u8]) -> Result<Self, ConfigError> {
        let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes);
        let at = |line: usize| Place { file: Arc::clone(file), line };
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
            ConfigError { complaints: vec![Complaint::at(at(line), "this line is not UTF-8: save the file as UTF-8")] }
        })?;
        let (mut variables, mut complaints) = (Vec::new(), Vec::new());
        let mut rest = Rest { text, line: 1 };
        while !rest.text.is_empty() {
            let line = rest.line;
            match rest.variable() {
                Ok(variable) => variables.extend(variable),
                Err(reason) => complaints.push(Complaint::at(at(line), reason)),
            }
        }
        if complaints.is_empty() { Ok(Self(variables)) } else { Err(ConfigError { complaints }) }
    }

    /// A variable's value; `None` where it is not there, and where it is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().rev().find(|(known, _)| known == name);
        found.map(|(_, value)| value.expose()).filter(|value| !value.is_empty())
    }

    /// Every variable, in the order of lines, empty ones too: for a child.
    pub fn all(&self) -> impl Iterator<Item = (&str, &Secret)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// These, and then those of another file, which count where both name one.
    pub fn and_then(mut self, later: Self) -> Self {
        self.0.extend(later.0);
        self
    }
}

/// What is not read yet, and the number of its first line.
struct Rest<'a> {
    text: &'a str,
    line: usize,
}

impl<'a> Rest<'a> {
    /// The next line's variable, if there is one. A value in quotes may go on over lines.
    fn variable(&mut self) -> Result<Option<(String, Secret)>, &'static str> {
        let line = self.text.split_once('\n').map_or(self.text, |(line, _)| line);
        let code = line.trim();
        if code.is_empty() || code.starts_with('#') {
            self.skip(line.len());
            return Ok(None);
        }
        let after = code.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
        let code = after.map_or(code, str::trim_start);
        let Some((name, value)) = code.split_once('=') else {
            self.skip(line.len());
            return Err("there is no `=`: write NAME=value");
        };
        let name = name.trim_end();
        if !is_name(name) {
            self.skip(line.len());
            return Err("what stands before `=` is no variable's name: letters, digits and `_`, no digit first");
        }
        let value = value.trim_start();
        let Some(quote) = value.chars().next().filter(|first| matches!(first, '"' | '\'')) else {
            self.skip(line.len());
            return Ok(Some((name.to_owned(), Secret::new(unquoted(value)))));
        };
        // the same place in the whole text, since the value may be longer than its line
        let start = line.len() - line.trim_end().len() + value.len();
        let inside = &self.text[line.len() - start + 1..];
        let Some((value, length)) = quoted(inside, quote) else {
            self.skip(line.len());
            return Err("a quote is not closed");
        };
        let behind = &inside[length..];
        let behind = behind.split_once('\n').map_or(behind, |(behind, _)| behind);
        self.skip(line.len() - start + 1 + length + behind.len());
        let behind = behind.trim();
        if !behind.is_empty() && !behind.starts_with('#') {
            return Err("there is more behind the closing quote: take it out, or put it into the quotes");
        }
        Ok(Some((name.to_owned(), value)))
    }

    /// Steps over so many bytes and the line feed behind them.
    fn skip(&mut self, length: usize) {
        let next = (length + 1).min(self.text.len());
        self.line += self.text[..next].matches('\n').count();
        self.text = &self.text[next..];
    }
}

/// A value without quotes ends at a `#` that follows a blank.
fn unquoted(value: &str) -> &str {
    if value.starts_with('#') {
        return "";
    }
    let comment = value.match_indices('#').map(|(at, _)| at).find(|at| value[..*at].ends_with([' ', '\t']));
    value[..comment.unwrap_or(value.len())].trim_end()
}

/// What stands before the closing quote, and how much of the text it is with the quote. Within double quotes a backslash
/// means something before `n`, `r`, `t`, `"`, `\` and `$`.
fn quoted(inside: &str, quote: char) -> Option<(Secret, usize)> {
    // never longer than what it is made from, so that it does not move and leave copies behind
    let mut value = String::with_capacity(inside.len());
    let mut letters = inside.char_indices();
    while let Some((at, letter)) = letters.next() {
        if letter == quote {
            return Some((Secret::new(value), at + 1));
        }
        if letter != '\\' || quote == '\'' {
            value.push(letter);
            continue;
        }
        match letters.next()?.1 {
            'n' => value.push('\n'),
            'r' => value.push('\r'),
            't' => value.push('\t'),
            same @ ('"' | '\\' | '$') => value.push(same),
            other => value.extend(['\\', other]),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<(String, String)>, String> {
        let variables =
            Variables::parse(&Path::new(".env").into(), text.as_bytes()).map_err(|error| error.to_string())?;
        Ok(variables.all().map(|(name, value)| (name.to_owned(), value.expose().to_owned())).collect())
    }

    #[test]
    fn what_people_write() {
        for (text, value) in [
            ("A=b", "b"),
            ("A=b\r\n", "b"),
            ("\u{feff}A=b", "b"),
            ("  export\tA = b c  ", "b c"),
            ("A=", ""),
            ("A= # nothing", ""),
            ("A=#nothing", ""),
            ("A=b#c", "b#c"),
            ("A=b #c", "b"),
            ("A=b\t# c # d", "b"),
            ("A='b # c' # d", "b # c"),
            ("A=\"b\\n\\\"c\\\" \\$d \\\\ \\x\"", "b\n\"c\" $d \\ \\x"),
            ("A='b\\n'", "b\\n"),
            ("A='b\nc'", "b\nc"),
            ("A=\"b\r\nc\"  \r\n", "b\r\nc"),
            ("A=op://vault/item/field", "op://vault/item/field"),
            ("A=$(id) ${B}", "$(id) ${B}"),
            ("A=b=c", "b=c"),
            ("A=é'b", "é'b"),
            ("# A=x\n\nA=b", "b"),
        ] {
            assert_eq!(parse(text), Ok(vec![("A".to_owned(), value.to_owned())]), "{text:?}");
        }
        assert_eq!(parse(""), Ok(Vec::new()));
    }

    #[test]
    fn every_line_that_means_nothing_is_named_and_no_value_is() {
        let text = "A\n1A=hunter2\nB='hunter2\nC=\"x\ny\" z\nD E=hunter2\n=x\n";
        let expected = [
            ".env:1: there is no `=`: write NAME=value",
            ".env:2: what stands before `=` is no variable's name: letters, digits and `_`, no digit first",
            ".env:3: a quote is not closed",
            ".env:4: there is more behind the closing quote: take it out, or put it into the quotes",
            ".env:6: what stands before `=` is no variable's name: letters, digits and `_`, no digit first",
            ".env:7: what stands before `=` is no variable's name: letters, digits and `_`, no digit first",
        ];
        assert_eq!(parse(text), Err(expected.join("\n")));
        let file = Path::new(".env").into();
        let error = Variables::parse(&file, b"A=b\nC=\xE9\n").unwrap_err().to_string();
        assert_eq!(error, ".env:2: this line is not UTF-8: save the file as UTF-8");
    }

    #[test]
    fn the_last_of_a_name_counts_and_an_empty_one_says_nothing() {
        let read = |text: &str| Variables::parse(&Path::new(".env").into(), text.as_bytes()).unwrap();
        let variables = read("A=1\nB=2\nA=3\n").and_then(read("B=\n"));
        assert_eq!((variables.text("A"), variables.text("B"), variables.text("C")), (Some("3"), None, None));
        assert_eq!(variables.all().count(), 4);
        assert!(!format!("{variables:?}").contains('3'));
    }
}
