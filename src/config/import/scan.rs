//! A config file as raw lines, and where sections and keys stand in it: what [`super::edit`] changes lines by.
//!
//! Lines belong together as in [`crate::config::shared`]. Nothing is changed here.

use std::collections::BTreeSet;

use super::marker::Marker;
use crate::config::shared::{profile_of, words};

/// A section, by the numbers of its lines from 0.
pub(super) struct Section {
    /// Where its header stands.
    pub(super) header: usize,
    /// The first line of the next one, or of nothing.
    pub(super) end: usize,
    /// The profile that it is.
    pub(super) profile: Option<String>,
    /// What stands directly above the header, where it is ours.
    pub(super) marker: Option<Marker>,
    /// Its keys in their order.
    pub(super) keys: Vec<Key>,
}

/// A key of a section.
pub(super) struct Key {
    /// In lower case.
    pub(super) name: String,
    /// Where it stands.
    pub(super) line: usize,
    /// The next key's line, or the section's end.
    pub(super) end: usize,
}

/// Every section of a file, whatever it is.
pub(super) fn sections(lines: &[&str]) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    let (mut open, mut indent) = (false, 0);
    for (number, line) in lines.iter().enumerate() {
        let text = line.trim();
        let deep = line.chars().take_while(|letter| letter.is_whitespace()).count();
        if says_nothing(line) || open && deep > indent {
            continue;
        }
        indent = deep;
        open = !text.starts_with('[');
        if !open {
            // ours begins at the margin: an indented header is none to aws-runtime
            let above = number.checked_sub(1).and_then(|above| lines.get(above)).filter(|_| deep == 0);
            sections.push(Section {
                header: number,
                end: lines.len(),
                profile: text[1..].split_once(']').and_then(|(inside, _)| profile_of(inside)),
                marker: above.and_then(|above| Marker::read(above)),
                keys: Vec::new(),
            });
        } else if let Some(section) = sections.last_mut() {
            let name = text.split(['=', ':']).next().unwrap_or_default().trim().to_lowercase();
            section.keys.push(Key { name, line: number, end: lines.len() });
        }
    }
    let mut next = lines.len();
    for section in sections.iter_mut().rev() {
        section.end = next;
        let mut end = next;
        for key in section.keys.iter_mut().rev() {
            key.end = end;
            end = key.line;
        }
        next = section.header;
    }
    sections
}

impl Section {
    /// The last line that is a section's own: what follows are blank lines and comments at the margin, which may be about
    /// the next one. A comment further in belongs to the value above in aws-runtime.
    pub(super) fn last(&self, lines: &[&str]) -> usize {
        let own = |number: &usize| {
            let line = lines[*number];
            !line.trim().is_empty() && !line.starts_with(['#', ';'])
        };
        (self.header..self.end).rev().find(own).unwrap_or(self.header)
    }
}

/// Whether a line is blank or a comment.
pub(super) fn says_nothing(line: &str) -> bool {
    let text = line.trim();
    text.is_empty() || text.starts_with(['#', ';'])
}

/// Every name that some reader may take for a profile of this file: more than any of them does.
pub(super) fn taken(text: &str) -> BTreeSet<String> {
    headers(text).flat_map(names_of).collect()
}

/// The same of a credentials file, where a section is called as its profile: `[prod]`.
pub fn taken_in_credentials(text: &str) -> BTreeSet<String> {
    headers(text).map(|inside| inside.trim().to_owned()).chain(taken(text)).collect()
}

/// What stands in brackets, in each way to find their end.
fn headers(text: &str) -> impl Iterator<Item = &str> {
    // a lone carriage return ends a line in Python
    let headers = text.split(['\n', '\r']).map(str::trim).filter_map(|line| line.strip_prefix('['));
    headers.flat_map(|rest| [rest.split_once(']'), rest.rsplit_once(']')]).flatten().map(|(inside, _)| inside)
}

fn names_of(inside: &str) -> impl Iterator<Item = String> {
    // botocore wants no blank after `profile` (`botocore/configloader.py`, `build_profile_map`)
    let glued = words::split(inside).filter(|words| words.len() == 2 && inside.trim().starts_with("profile"));
    profile_of(inside).into_iter().chain(glued.and_then(|mut words| words.pop()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_in_whatever_form() {
        for header in [
            "[profile x]",
            "[ profile  x ]",
            "[profile \"x\"]",
            "[profile 'x']",
            "[profilefoo x]",
            "  [profile x]",
            "[profile\tx] # note",
            "k = v\r[profile x]\r",
            "[profile x]]",
            "[profile \"x\"] tail]",
        ] {
            assert!(taken(header).contains("x"), "{header:?}: {:?}", taken(header));
        }
        assert!(taken("# [profile x]\n[x]\n[PROFILE x]\n[sso-session x]\n[profile x").is_empty());
        assert_eq!(taken("[default]"), BTreeSet::from(["default".to_owned()]));
        let credentials = taken_in_credentials("[ prod ]\naws_access_key_id = x\n# [x]\n[a b] ; note]\n[profile y]\n");
        assert!(["prod", "a b", "y"].iter().all(|name| credentials.contains(*name)), "{credentials:?}");
        assert!(!credentials.contains("x"));
    }

    #[test]
    fn sections_end_where_the_next_begins() {
        let text = "[profile a]\nk = v\n  [more]\n  # c\n\n# note\n[profile b]\n  K = v\n  l = w\n";
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let found = sections(&lines);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].header, found[0].end, found[0].last(&lines)), (0, 6, 3));
        assert_eq!((found[1].header, found[1].end, found[1].last(&lines)), (6, 9, 8));
        let keys: Vec<(&str, usize)> = found[1].keys.iter().map(|key| (key.name.as_str(), key.line)).collect();
        assert_eq!(keys, [("k", 7), ("l", 8)]);
    }
}
