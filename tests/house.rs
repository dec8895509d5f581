//! The walls of the house: which room may name which, which crate may be named where, and how long a file may be.
//! ARCHITECTURE.md draws the same arrows for people; this keeps them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may name. `secret` is everyone's.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["app", "control", "config", "credential", "world", "cli"]),
    (
        "app",
        &["control", "server", "engine", "source", "store", "dialect", "config", "world", "log", "credential", "app"],
    ),
    ("control", &["server", "engine", "config", "world", "log", "credential", "control"]),
    ("server", &["engine", "dialect", "config", "world", "log", "credential", "server"]),
    ("engine", &["source", "world", "credential", "log", "engine"]),
    ("source", &["store", "world", "credential", "config", "source"]),
    ("store", &["world", "credential", "config", "store"]),
    ("config", &["world", "credential", "config"]),
    ("dialect", &["credential", "dialect"]),
    ("log", &["world", "credential", "log"]),
    ("world", &["credential", "world"]),
    ("credential", &[]),
    ("secret", &[]),
];

/// Crates that only some rooms may name, by the beginning of their name.
const CRATES: &[(&str, &[&str])] = &[
    ("aws_sdk", &["source/aws_", "world/"]),
    ("aws_smithy", &["source/aws_", "world/"]),
    ("aws_credential", &["source/aws_", "world/"]),
    ("aws_types", &["source/aws_", "world/"]),
    ("aws_sigv4", &["source/aws_"]),
    ("hyper", &["world/", "server/", "control/"]),
    ("clap", &["cli/", "cli.rs"]),
    ("rustls", &["world/"]),
    ("tokio_rustls", &["world/"]),
    ("rcgen", &["world/"]),
    ("libc", &["world/system"]),
];

/// A file longer than this holds more than one idea.
const WALL: usize = 500;

#[test]
fn arrows_only_point_downwards() {
    let mut wrong = Vec::new();
    for file in sources("src") {
        let room = room_of(&file.path);
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == room) else {
            if room != "lib" {
                wrong.push(format!("{}: the room `{room}` is not in the table", file.path.display()));
            }
            continue;
        };
        for named in rooms_named(&product_part(&file.text)) {
            let known = ARROWS.iter().any(|(name, _)| *name == named);
            if known && named != "secret" && !allowed.contains(&named.as_str()) {
                wrong.push(format!("{}: `{room}` names `{named}`", file.path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for file in sources("src") {
        let place = file.path.strip_prefix("src").expect("below src").display().to_string();
        for (number, line) in product_part(&file.text).lines().enumerate() {
            for (name, rooms) in CRATES {
                if names_crate(line, name) && !rooms.iter().any(|room| place.starts_with(room)) {
                    wrong.push(format!("{}:{}: `{name}` does not belong here", file.path.display(), number + 1));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_is_longer_than_the_wall() {
    let long: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(sources)
        .filter(|file| file.text.lines().count() > WALL)
        .map(|file| format!("{}: {} lines", file.path.display(), file.text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_file_says_what_it_is_for() {
    let silent: Vec<String> = sources("src")
        .into_iter()
        .filter(|file| !file.text.trim_start().starts_with("//!"))
        .map(|file| file.path.display().to_string())
        .collect();
    assert!(silent.is_empty(), "no header: {}", silent.join(", "));
}

#[test]
fn unsafe_code_stands_in_one_file() {
    let elsewhere: Vec<String> = sources("src")
        .into_iter()
        .filter(|file| !file.path.to_string_lossy().starts_with("src/world/system") && is_unsafe(&file.text))
        .map(|file| file.path.display().to_string())
        .collect();
    assert!(elsewhere.is_empty(), "{}", elsewhere.join(", "));
}

/// Whether code begins an unsafe block, function, implementation or attribute, comments aside.
fn is_unsafe(text: &str) -> bool {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let mut words = code.flat_map(|line| line.split(|letter: char| !(letter.is_alphanumeric() || letter == '_')));
    words.any(|word| word == "unsafe")
}

#[test]
fn what_differs_between_systems_stands_in_world() {
    let elsewhere: Vec<String> = sources("src")
        .into_iter()
        .filter(|file| !file.path.starts_with("src/world") && !file.path.to_string_lossy().ends_with("tests.rs"))
        .filter(|file| SYSTEMS.iter().any(|word| product_part(&file.text).contains(word)))
        .map(|file| file.path.display().to_string())
        .collect();
    assert!(elsewhere.is_empty(), "{}", elsewhere.join(", "));
}

/// How code says for which system it is, and what only some systems have.
const SYSTEMS: &[&str] = &[
    "target_os",
    "target_family",
    "target_vendor",
    "cfg(unix)",
    "cfg(windows)",
    "os::unix",
    "os::linux",
    "signal::unix",
    "UnixStream",
    "UnixListener",
    "rustix::",
];

/// Words that say nothing: a thing is called by what it is.
#[test]
fn names_are_plain() {
    let empty = ["fn get_", "Manager", "Helper", "Utils", "mod util"];
    // one that Microsoft chose
    let others = ["resourceManager", "ResourceManager"];
    let is_prose = |line: &str| line.trim_start().starts_with("//");
    let of_ours = |line: &str| others.iter().fold(line.to_owned(), |line, name| line.replace(name, ""));
    let wrong: Vec<String> = ["src", "tests", "benches"]
        .into_iter()
        .flat_map(sources)
        .filter(|file| !file.path.ends_with("house.rs"))
        .flat_map(|file| {
            let said = |word: &&str| file.text.lines().any(|line| of_ours(line).contains(*word) && !is_prose(line));
            let found = empty.into_iter().filter(said).collect::<Vec<_>>();
            found.into_iter().map(move |word| format!("{}: `{word}`", file.path.display()))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What is not on the list shows no value: whoever logs it believes to have said something.
#[test]
fn every_field_that_is_logged_is_on_the_list() {
    let list =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/log/line.rs")).expect("the list");
    let list = list.split_once("const FIELDS: &[&str] = &[").and_then(|(_, rest)| rest.split_once(']')).expect("it").0;
    let listed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(listed.contains("identity"), "{listed:?}");
    let wrong: Vec<String> = sources("src")
        .into_iter()
        .flat_map(|file| {
            let fields = fields_logged(&product_part(&file.text));
            fields.into_iter().map(move |field| (file.path.display().to_string(), field))
        })
        .filter(|(_, field)| !listed.contains(field.as_str()))
        .map(|(path, field)| format!("{path}: `{field}`"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_knows_every_code_that_its_daemon_may_give() {
    let product = |path: &Path| !path.to_string_lossy().contains("tests");
    let codes: BTreeSet<String> =
        sources("src").into_iter().filter(|file| product(&file.path)).flat_map(|file| codes_of(&file.text)).collect();
    assert!(codes.len() > 30, "{codes:?}");
    let missing: Vec<&String> =
        codes.iter().filter(|code| credenza::credential::codes::known(code).is_none()).collect();
    assert!(missing.is_empty(), "not in src/credential/codes.rs: {missing:?}");
}

/// The codes of failures in a text: what follows the class.
fn codes_of(text: &str) -> Vec<String> {
    let product = product_part(text);
    let after = ["NeedsPerson,", "TryLater,", "Refused,"].into_iter().flat_map(|class| product.split(class).skip(1));
    after.filter_map(|rest| first_name(rest.trim_start().strip_prefix('"')?)).collect()
}

#[test]
fn the_checks_can_fail() {
    let logged = r#"tracing::info!(target: "x", %one, two = f(a, "b"), three.four = ?x, "five = {six}", seven = 8);"#;
    assert_eq!(fields_logged(logged), ["one", "two", "three.four"]);
    assert_eq!(codes_of("call.verdict(\n    Refused,\n    \"Odd\", TryLater, why)"), ["Odd"]);
    assert_eq!(rooms_named("use crate::engine::Engine;"), BTreeSet::from(["engine".to_owned()]));
    assert_eq!(
        rooms_named("use crate::{config::Config, world::World};"),
        BTreeSet::from(["config".to_owned(), "world".to_owned()])
    );
    assert!(rooms_named("/// see [`crate::app`]").is_empty());
    assert!(names_crate("    let x = hyper::Body::new();", "hyper"));
    assert!(names_crate("use hyper_util::rt;", "hyper"));
    assert!(names_crate("use ::hyper::Body;", "hyper"));
    assert!(names_crate("use hyper as h;", "hyper"));
    assert!(!names_crate("use crate::hyper::Body;", "hyper"));
    assert!(
        is_unsafe("unsafe fn f() {}") && is_unsafe("#[unsafe(no_mangle)]") && !is_unsafe("// unsafe\nforbid_unsafe();")
    );
    assert!(!names_crate("// hyper is quick", "hyper"));
    assert!(!product_part("fn a() {}\n#[cfg(test)]\nmod tests {\nuse crate::app;\n}").contains("app"));
}

struct Source {
    path: PathBuf,
    text: String,
}

/// Every Rust file below a folder of the project, by its path from the project's root.
fn sources(folder: &str) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).expect("a readable file");
                found.push(Source { path: path.strip_prefix(root).expect("below the root").to_owned(), text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// `src/engine/plan.rs` and `src/engine.rs` are both of the room `engine`.
fn room_of(path: &Path) -> String {
    let below = path.strip_prefix("src").expect("below src");
    let first = below.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
    first.strip_suffix(".rs").unwrap_or(&first).to_owned()
}

/// The text without its unit tests, which may look anywhere.
fn product_part(text: &str) -> String {
    match text.find("#[cfg(test)]\nmod ") {
        // a `mod tests;` of one line is followed by product code, a block by nothing
        Some(start) if text[start..].lines().nth(1).is_some_and(|line| line.ends_with('{')) => text[..start].to_owned(),
        _ => text.to_owned(),
    }
}

/// The rooms that a text names by `crate::room`, comments aside.
fn rooms_named(text: &str) -> BTreeSet<String> {
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let mut rooms = BTreeSet::new();
    for prefix in ["crate::", "credenza::"] {
        for (at, _) in code.match_indices(prefix) {
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => rooms.extend(names_in_group(group)),
                None => rooms.extend(first_name(rest)),
            }
        }
    }
    rooms
}

/// The first names of `{a::B, c::{D, E}}`, given what follows the brace.
fn names_in_group(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut fresh) = (0_usize, Vec::new(), true);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            _ if letter.is_whitespace() => {}
            _ if fresh => {
                fresh = false;
                names.extend(first_name(&group[at..]));
            }
            _ => {}
        }
    }
    names
}

/// The names of the fields in `tracing::info!(target: "...", %name, other = 1, "message")` and the like.
fn fields_logged(text: &str) -> Vec<String> {
    let mut fields = Vec::new();
    for (at, _) in text.match_indices("tracing::") {
        let rest = &text[at + "tracing::".len()..];
        let Some((level, arguments)) = rest.split_once("!(") else { continue };
        if !["error", "warn", "info", "debug", "trace"].contains(&level) {
            continue;
        }
        let arguments = arguments_of(arguments);
        let before_the_message = arguments.iter().take_while(|argument| !argument.starts_with('"'));
        for argument in before_the_message.filter(|argument| !argument.starts_with("target:")) {
            let name = argument.split('=').next().unwrap_or_default().trim().trim_start_matches(['%', '?']);
            fields.push(name.to_owned());
        }
    }
    fields
}

/// The arguments of a macro, given what follows its parenthesis.
fn arguments_of(text: &str) -> Vec<String> {
    let (mut depth, mut quoted, mut escaped, mut arguments, mut argument) =
        (0, false, false, Vec::new(), String::new());
    for letter in text.chars() {
        match letter {
            _ if quoted => {
                quoted = letter != '"' || escaped;
                escaped = letter == '\\' && !escaped;
            }
            '"' => quoted = true,
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => break,
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                arguments.push(std::mem::take(&mut argument).trim().to_owned());
                continue;
            }
            _ => {}
        }
        argument.push(letter);
    }
    arguments.push(argument.trim().to_owned());
    arguments.retain(|argument| !argument.is_empty());
    arguments
}

fn first_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Whether a line of code names a crate whose name begins so.
fn names_crate(line: &str, name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    code.match_indices(name).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        // `::hyper` is the crate, `x::hyper` is not
        let absolute = code[..at].strip_suffix("::").is_some_and(|path| path.is_empty() || path.ends_with(' '));
        let starts = absolute
            || before.is_none_or(|letter| {
                !(letter.is_alphanumeric() || letter == '_' || letter == ':' || letter == '"' || letter == '.')
            });
        let word: String =
            code[at..].chars().take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '_').collect();
        let after = &code[at + word.len()..];
        starts && (after.starts_with("::") || after.starts_with(" as ") && code.trim_start().starts_with("use "))
    })
}
