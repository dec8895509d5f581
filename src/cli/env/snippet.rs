//! [`Snippet`]: changes of an environment, as each shell takes them.
//!
//! Keys and tokens that stood in the shell before are kept in variables of the shell's own that are not exported, and come
//! back from there: their values pass neither through us nor into any program that the shell starts.

use std::ffi::{OsStr, OsString};

use thiserror::Error;

use super::EnvFormat;
use crate::cli::child::{Changes, azure, original, wiring};
use crate::config::child_files::shell_word;
use crate::world::Environment;

/// What a shell is to do.
#[derive(Clone, Debug)]
pub struct Snippet {
    /// What becomes of its exported variables.
    pub changes: Changes,
    /// Keys and tokens to be set aside first.
    pub set_aside: Vec<&'static str>,
    /// Keys and tokens to be taken back last, where the shell has them set aside.
    pub take_back: Vec<&'static str>,
}

/// A value that a form has no way to say.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the value of {name} is not UTF-8, which this form cannot say")]
pub struct NotText {
    /// The variable.
    pub name: String,
}

impl Snippet {
    /// Wires a shell whose exported variables are these.
    pub fn wiring(changes: Changes, environment: &Environment) -> Self {
        let before = original(environment);
        let set_aside = secrets().filter(|name| before.raw(name).is_some() && changes.of(name).is_some());
        Self { set_aside: set_aside.collect(), changes, take_back: Vec::new() }
    }

    /// Undoes the wiring of a shell.
    pub fn undoing(changes: Changes) -> Self {
        Self { changes, set_aside: Vec::new(), take_back: secrets().collect() }
    }

    /// The snippet in a form, each line with its end.
    pub fn written(&self, format: EnvFormat) -> Result<Vec<u8>, NotText> {
        let lines = match format {
            EnvFormat::Bash | EnvFormat::Zsh => self.shell(&Posix),
            EnvFormat::Fish => self.shell(&Fish),
            EnvFormat::Pwsh => self.shell(&Pwsh),
            EnvFormat::Dotenv => self.dotenv(),
            EnvFormat::Json => return self.json(),
        };
        Ok(lines?.into_iter().flat_map(|line| [line, format.line_end().into()]).flatten().collect())
    }

    fn shell(&self, shell: &dyn Shell) -> Result<Vec<Vec<u8>>, NotText> {
        let mut lines: Vec<Vec<u8>> = self.set_aside.iter().map(|name| shell.set_aside(name).into_bytes()).collect();
        for (name, change) in self.changes.all() {
            lines.push(match change.value() {
                Some(value) => shell.set(name, &value)?,
                None => shell.unset(name).into_bytes(),
            });
        }
        lines.extend(self.take_back.iter().map(|name| shell.take_back(name).into_bytes()));
        Ok(lines)
    }

    /// A file of variables can only set. Values of plain characters are not quoted: `docker run --env-file` and systemd's
    /// `EnvironmentFile=` take quotes as they stand, or nearly so.
    fn dotenv(&self) -> Result<Vec<Vec<u8>>, NotText> {
        let set = self.changes.all().filter_map(|(name, change)| Some((name, change.value()?)));
        let line = |(name, value): (&str, OsString)| {
            let text = text(name, &value)?;
            let plain = |letter: char| letter.is_ascii_alphanumeric() || "_./:@%+,=-*".contains(letter);
            let quoted = if text.chars().all(plain) {
                text.to_owned()
            } else if !text.contains(['\'', '\n', '\r']) {
                format!("'{text}'")
            } else {
                format!("\"{}\"", escaped(text, &['\\', '"', '$', '`']).replace('\n', "\\n").replace('\r', "\\r"))
            };
            Ok(format!("{name}={quoted}").into_bytes())
        };
        set.map(line).collect()
    }

    fn json(&self) -> Result<Vec<u8>, NotText> {
        let mut set = serde_json::Map::new();
        let mut unset = Vec::new();
        for (name, change) in self.changes.all() {
            match change.value() {
                Some(value) => drop(set.insert(name.to_owned(), text(name, &value)?.into())),
                None => unset.push(name),
            }
        }
        let object = serde_json::json!({ "schema": 1, "set": set, "unset": unset });
        Ok(format!("{object:#}\n").into_bytes())
    }
}

/// The variables whose values are nobody else's business.
fn secrets() -> impl Iterator<Item = &'static str> {
    wiring::SECRET.into_iter().chain(azure::SECRET)
}

/// A program's path as the first word of a command.
pub fn called(format: EnvFormat, program: &str) -> String {
    match format {
        EnvFormat::Pwsh => format!("& {}", pwsh_word(program)),
        // fish, too, takes a backslash before anything that is not a letter or a digit as that character itself
        _ => shell_word(program),
    }
}

/// How a shell says it.
trait Shell {
    fn set(&self, name: &str, value: &OsStr) -> Result<Vec<u8>, NotText>;
    fn unset(&self, name: &str) -> String;
    fn set_aside(&self, name: &str) -> String;
    fn take_back(&self, name: &str) -> String;
}

/// sh, bash, dash, ksh, zsh.
struct Posix;

impl Shell for Posix {
    /// Between single quotes nothing is special but the quote (POSIX.1, Shell Command Language, 2.2.2).
    fn set(&self, name: &str, value: &OsStr) -> Result<Vec<u8>, NotText> {
        let mut line = format!("export {name}='").into_bytes();
        for byte in value.as_encoded_bytes() {
            line.extend_from_slice(if *byte == b'\'' { b"'\\''" } else { std::slice::from_ref(byte) });
        }
        line.push(b'\'');
        Ok(line)
    }

    fn unset(&self, name: &str) -> String {
        format!("unset {name}")
    }

    fn set_aside(&self, name: &str) -> String {
        format!("{ASIDE}{name}=${name}")
    }

    fn take_back(&self, name: &str) -> String {
        let aside = format!("{ASIDE}{name}");
        format!("if [ -n \"${{{aside}+x}}\" ]; then export {name}=\"${aside}\"; unset {aside}; fi")
    }
}

struct Fish;

impl Shell for Fish {
    /// Between single quotes only the quote and the backslash are special (fish documentation, "Quotes"); the end of a
    /// line stands outside of them as `\n`, since `eval (...)` would make a blank of it.
    fn set(&self, name: &str, value: &OsStr) -> Result<Vec<u8>, NotText> {
        let mut line = format!("set -gx {name} '").into_bytes();
        for byte in value.as_encoded_bytes() {
            match byte {
                b'\n' => line.extend_from_slice(b"'\\n'"),
                b'\'' | b'\\' => line.extend_from_slice(&[b'\\', *byte]),
                _ => line.push(*byte),
            }
        }
        line.push(b'\'');
        Ok(line)
    }

    /// A universal variable is the user's for every shell, now and later, and nothing hides it from children: fish exports
    /// it even below a global one that is not exported (seen with 3.6). So it stays, and the person is told.
    fn unset(&self, name: &str) -> String {
        let told = format!("credenza: {name} is a universal variable, which goes before us: set -eU {name}");
        format!("set -eg {name}; set -qUx {name}; and echo '{told}' >&2")
    }

    fn set_aside(&self, name: &str) -> String {
        format!("set -g {ASIDE}{name} ${name}")
    }

    fn take_back(&self, name: &str) -> String {
        let aside = format!("{ASIDE}{name}");
        format!("if set -q {aside}; set -gx {name} ${aside}; set -eg {aside}; end")
    }
}

struct Pwsh;

impl Shell for Pwsh {
    /// Between single quotes only the quote is special, and it is doubled; the typographic ones count as quotes too
    /// (PowerShell documentation, "about_Quoting_Rules"; `CharTraits.IsSingleQuote` in its source).
    fn set(&self, name: &str, value: &OsStr) -> Result<Vec<u8>, NotText> {
        Ok(format!("$env:{name} = {}", pwsh_word(text(name, value)?)).into_bytes())
    }

    fn unset(&self, name: &str) -> String {
        format!("Remove-Item Env:{name} -ErrorAction Ignore")
    }

    fn set_aside(&self, name: &str) -> String {
        format!("$global:{ASIDE}{name} = $env:{name}")
    }

    fn take_back(&self, name: &str) -> String {
        let aside = format!("{ASIDE}{name}");
        format!(
            "if ($null -ne $global:{aside}) {{ $env:{name} = $global:{aside}; Remove-Variable -Scope Global {aside} }}"
        )
    }
}

fn pwsh_word(text: &str) -> String {
    let quoted = text.chars().flat_map(|letter| {
        let twice = matches!(letter, '\'' | '\u{2018}'..='\u{201b}');
        std::iter::repeat_n(letter, if twice { 2 } else { 1 })
    });
    format!("'{}'", quoted.collect::<String>())
}

/// Before a variable's name: where the shell keeps what it held, for itself alone.
const ASIDE: &str = "credenza_outer_";

fn text<'a>(name: &str, value: &'a OsStr) -> Result<&'a str, NotText> {
    value.to_str().ok_or_else(|| NotText { name: name.to_owned() })
}

fn escaped(text: &str, special: &[char]) -> String {
    text.chars().flat_map(|letter| special.contains(&letter).then_some('\\').into_iter().chain([letter])).collect()
}

#[cfg(test)]
#[path = "snippet_tests.rs"]
mod tests;
