//! The search: a secret in raw, JSON, percent, base64 and hexadecimal form, and any piece of it that is long enough.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// The secrets to look for, each in all its forms.
#[derive(Default)]
pub(crate) struct Needles {
    needles: Vec<Needle>,
    /// Which of them begin so: there are thousands, and a text is gone through once for all.
    beginnings: HashMap<Vec<u8>, Vec<usize>>,
}

struct Needle {
    /// What to call it when it is found: never the secret itself.
    name: String,
    form: &'static str,
    bytes: Vec<u8>,
}

/// A piece of a secret this long is as good as a leak.
const PIECE: usize = 12;

impl Needles {
    /// One more secret.
    pub(crate) fn add(&mut self, name: &str, secret: &str) {
        assert!(secret.len() >= PIECE, "{name} is too short to be told from chance");
        let mut add = |form, bytes: Vec<u8>| {
            let alike = self.beginnings.entry(bytes[..PIECE].to_vec()).or_default();
            if !alike.iter().any(|&index| self.needles[index].bytes == bytes) {
                alike.push(self.needles.len());
                self.needles.push(Needle { name: name.into(), form, bytes });
            }
        };
        for piece in secret.as_bytes().windows(PIECE) {
            add("raw", piece.to_vec());
        }
        let json = serde_json::to_string(secret).unwrap();
        add("json", json.trim_matches('"').into());
        add("json", json.trim_matches('"').replace('/', r"\/").into());
        for upper in [true, false] {
            add("percent", percent(secret, upper).into());
            add("hex", hex(secret, upper).into());
        }
        for (offset, engine) in
            [0, 1, 2].into_iter().flat_map(|offset| [(offset, STANDARD_NO_PAD), (offset, URL_SAFE_NO_PAD)])
        {
            add("base64", base64_within(secret, offset, &engine).into());
        }
    }

    /// Where a text holds a secret, by the secret's name and form.
    pub(crate) fn find(&self, text: &[u8]) -> Vec<String> {
        let mut found = BTreeSet::new();
        for (at, window) in text.windows(PIECE).enumerate() {
            let alike = self.beginnings.get(window).into_iter().flatten().copied();
            found.extend(alike.filter(|&index| text[at..].starts_with(&self.needles[index].bytes)));
        }
        let found = found.into_iter().map(|index| &self.needles[index]);
        let mut found: Vec<String> = found.map(|needle| format!("{} ({})", needle.name, needle.form)).collect();
        found.dedup();
        found
    }

    /// Fails if a text holds a secret.
    pub(crate) fn assert_not_in(&self, what: &str, text: &[u8]) {
        assert!(!text.is_empty(), "{what} is empty: nothing was searched");
        let found = self.find(text);
        assert!(found.is_empty(), "{what} shows {}", found.join(", "));
    }

    /// Fails if a file below a folder holds a secret; `but` are the names of files that are meant to.
    pub(crate) fn assert_not_below(&self, folder: &Path, but: &[&str]) -> usize {
        let mut searched = 0;
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                searched += self.assert_not_below(&path, but);
            } else if kind.is_file() && !but.contains(&&*name.to_string_lossy()) {
                let found = self.find(&std::fs::read(&path).unwrap());
                assert!(found.is_empty(), "{} shows {}", path.display(), found.join(", "));
                searched += 1;
            }
        }
        searched
    }
}

fn percent(text: &str, upper: bool) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => (byte as char).to_string(),
        byte if upper => format!("%{byte:02X}"),
        byte => format!("%{byte:02x}"),
    };
    text.bytes().map(escape).collect()
}

fn hex(text: &str, upper: bool) -> String {
    text.bytes().map(|byte| if upper { format!("{byte:02X}") } else { format!("{byte:02x}") }).collect()
}

/// The part of the base64 form that does not depend on what stands before and after the secret, when it begins so many
/// bytes into a group of three.
fn base64_within(text: &str, offset: usize, engine: &impl base64::Engine) -> String {
    let padded = [vec![0; offset], text.as_bytes().to_vec()].concat();
    let whole = engine.encode(padded);
    let begin = (offset * 8).div_ceil(6);
    let end = (offset + text.len()) * 8 / 6;
    whole[begin..end].to_owned()
}

#[test]
fn a_planted_leak_is_found_in_every_form() {
    let secret = "wJalr/XUtn+FEMI \"K7\"";
    let mut needles = Needles::default();
    needles.add("the key", secret);
    let standard = base64::engine::general_purpose::STANDARD;
    let url_safe = base64::engine::general_purpose::URL_SAFE;
    for planted in [
        secret.to_owned(),
        secret[3..16].to_owned(),
        serde_json::json!({ "SecretAccessKey": secret }).to_string(),
        serde_json::json!({ "SecretAccessKey": secret }).to_string().replace('/', r"\/"),
        percent(secret, true),
        percent(secret, false),
        hex(secret, true),
        hex(secret, false),
        standard.encode(secret),
        url_safe.encode(secret),
        standard.encode(format!("a{secret}b")),
        standard.encode(format!("ab{secret}")),
        url_safe.encode(format!("user:{secret}")),
    ] {
        let text = format!("before {planted} after");
        assert!(!needles.find(text.as_bytes()).is_empty(), "{planted}");
    }
    for harmless in ["", "wJalr/XUtn+", "the key", "K7"] {
        assert!(needles.find(harmless.as_bytes()).is_empty(), "{harmless}");
    }
}

#[test]
#[should_panic(expected = "shows the key (raw)")]
fn a_planted_leak_in_a_file_fails_the_search() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("below")).unwrap();
    std::fs::write(folder.path().join("below/log"), "x wJalrXUtnFEMI y").unwrap();
    let mut needles = Needles::default();
    needles.add("the key", "wJalrXUtnFEMI");
    needles.assert_not_below(folder.path(), &[]);
}
