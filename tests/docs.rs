//! The documents tell the truth about what is where: every file, test and command that they name is there.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{CommandFactory, Parser as _};

#[test]
fn every_file_that_a_document_names_is_there() {
    for document in documents() {
        for path in document.spans().filter(|span| is_path(span)) {
            assert!(root().join(path).exists(), "{}: there is no {path}", document.name);
        }
        for target in document.links() {
            let folder = root().join(&document.name);
            let target = folder.parent().unwrap().join(target);
            assert!(target.exists(), "{}: a link to {}", document.name, target.display());
        }
    }
}

#[test]
fn every_test_that_a_document_names_is_there() {
    let tests = names_of_tests();
    for document in documents() {
        for name in document.spans().filter(|span| is_name_of_a_test(span)) {
            assert!(tests.contains(name), "{}: there is no test {name}", document.name);
        }
    }
}

#[test]
fn every_command_that_a_document_names_is_there() {
    let tree = credenza::cli::Cli::command();
    let commands: BTreeSet<&str> = tree.get_subcommands().map(clap::Command::get_name).collect();
    for document in documents() {
        for command in document.commands() {
            assert!(commands.contains(command), "{}: there is no credenza {command}", document.name);
        }
    }
}

#[test]
fn every_command_line_that_a_document_shows_is_understood() {
    let mut understood = 0;
    for document in documents() {
        for line in document.command_lines() {
            if let Some(wrong) = misunderstood(line) {
                panic!("{}: {line}\n{wrong}", document.name);
            }
            understood += 1;
        }
    }
    assert!(understood > 40, "{understood}");
}

/// What the command line says to one that is shown; a part that is left open there, as in a sentence, is no mistake.
fn misunderstood(line: &str) -> Option<String> {
    let error = credenza::cli::Cli::try_parse_from(shlex::split(line)?).err()?;
    let left_open = match error.kind() {
        // the value of the last option
        ErrorKind::InvalidValue => error.get(ContextKind::InvalidValue) == Some(&ContextValue::String(String::new())),
        kind => [
            ErrorKind::MissingRequiredArgument,
            ErrorKind::MissingSubcommand,
            ErrorKind::DisplayHelp,
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
        ]
        .contains(&kind),
    };
    (!left_open).then(|| error.to_string())
}

#[test]
fn every_outcome_of_the_audit_trail_is_told() {
    let told = fs::read_to_string(root().join("docs/json.md")).unwrap();
    for (file, function) in
        [("src/dialect/refusal.rs", "pub fn word("), ("src/control/daemon.rs", "pub(super) fn code(")]
    {
        let source = fs::read_to_string(root().join(file)).unwrap();
        let (_, from) = source.split_once(function).unwrap();
        let (body, _) = from.split_once("\n    }\n").unwrap();
        let words: Vec<&str> = body.split('"').skip(1).step_by(2).collect();
        assert!(words.len() >= 3, "{file}");
        for word in words {
            assert!(told.contains(&format!("`{word}`")), "docs/json.md: {word} of {file} is missing");
        }
    }
}

#[test]
fn the_checks_can_fail() {
    let text = "Run `src/none.rs` and [it](none.md), as `a_test_that_is_nowhere_to_be_seen` and `credenza dance -- x` say.\n\
                ```\n$ credenza sing\n```\n";
    let document = Document { name: "x.md".into(), text: text.into() };
    assert!(document.spans().any(is_path));
    assert!(document.spans().any(is_name_of_a_test));
    assert_eq!(document.links().collect::<Vec<_>>(), ["none.md"]);
    assert_eq!(document.commands().collect::<Vec<_>>(), ["dance", "sing"]);
    let lines = "```\n$ credenza exec a --ec3 -- x   # why\n$ sudo credenza setup link-local --redo\n$ credenza exec a --ec2 -- x\n```\n`credenza grant now a`";
    let document = Document { name: "x.md".into(), text: lines.into() };
    let wrong = document.command_lines().filter(|line| misunderstood(line).is_some()).count();
    assert_eq!((document.command_lines().count(), wrong), (4, 3));
    assert!(!names_of_tests().contains("a_test_that_is_nowhere"));
    assert!(names_of_tests().contains("the_checks_can_fail"));
}

struct Document {
    /// Its path from the root.
    name: String,
    text: String,
}

impl Document {
    /// What stands between single backticks.
    fn spans(&self) -> impl Iterator<Item = &str> {
        self.prose().flat_map(|line| line.split('`').skip(1).step_by(2))
    }

    /// Where links inside the project lead.
    fn links(&self) -> impl Iterator<Item = &str> {
        self.prose()
            .flat_map(|line| line.split("](").skip(1))
            .filter_map(|rest| rest.split([')', '#']).next())
            .filter(|target| !target.is_empty() && !target.contains("://"))
    }

    /// The first word after `credenza`, in spans and in blocks of code.
    fn commands(&self) -> impl Iterator<Item = &str> {
        let blocks = self.text.split("```").skip(1).step_by(2).flat_map(str::lines);
        self.spans().chain(blocks).flat_map(|code| code.split("credenza ").skip(1)).filter_map(|rest| {
            let word = rest.split(|letter: char| !letter.is_ascii_lowercase()).next()?;
            (!word.is_empty()).then_some(word)
        })
    }

    /// Whole command lines: those of blocks of code that begin with a prompt, and spans.
    fn command_lines(&self) -> impl Iterator<Item = &str> {
        let blocks = self.text.split("```").skip(1).step_by(2).flat_map(str::lines);
        let prompted = blocks.filter_map(|line| line.strip_prefix("$ "));
        let lines = prompted.map(|line| line.strip_prefix("sudo ").unwrap_or(line)).chain(self.spans());
        let ends = |line: &'_ str| [" #", " | ", " > ", " && ", ";"].iter().filter_map(|end| line.find(end)).min();
        lines.filter(|line| line.starts_with("credenza ")).map(move |line| &line[..ends(line).unwrap_or(line.len())])
    }

    /// The lines outside of blocks of code.
    fn prose(&self) -> impl Iterator<Item = &str> {
        self.text.split("```").step_by(2).flat_map(str::lines)
    }
}

/// Every document of the project.
fn documents() -> Vec<Document> {
    let named = |folder: &str, wanted: &dyn Fn(&Path) -> bool| {
        let mut found = Vec::new();
        walk(&root().join(folder), &mut |path| {
            if wanted(path) {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        });
        found
    };
    let mut names: Vec<PathBuf> =
        fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().file_name().into()).collect();
    names.extend(named("docs", &|_| true));
    names.extend(named("tests", &|path| path.ends_with("README.md")));
    names.retain(|name| name.extension().is_some_and(|extension| extension == "md"));
    assert!(names.len() > 5, "{names:?}");
    let read = |name: PathBuf| Document {
        text: fs::read_to_string(root().join(&name)).unwrap(),
        name: name.display().to_string(),
    };
    names.into_iter().map(read).collect()
}

/// The functions of tests, in Rust and in Python.
fn names_of_tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for folder in ["src", "tests", "benches"] {
        walk(&root().join(folder), &mut |path| {
            if !path.extension().is_some_and(|extension| extension == "rs" || extension == "py") {
                return;
            }
            let text = fs::read_to_string(path).unwrap();
            for line in text.lines().map(str::trim_start) {
                let rest = ["fn ", "async fn ", "def "].iter().find_map(|start| line.strip_prefix(start));
                names.extend(rest.and_then(|rest| rest.split('(').next()).map(str::to_owned));
            }
        });
    }
    names
}

fn is_path(span: &str) -> bool {
    let folders = ["src/", "tests/", "docs/", "config/", "benches/", ".ci/", ".github/"];
    folders.iter().any(|folder| span.starts_with(folder)) && !span.contains([' ', '*'])
}

/// Tests are named in words: nothing else has so many underscores.
fn is_name_of_a_test(span: &str) -> bool {
    span.matches('_').count() >= 4
        && span.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn walk(folder: &Path, found: &mut dyn FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else {
            found(&path);
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
