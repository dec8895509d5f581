//! The lines of a profile that is ours: written, set right, removed. Nobody else's lines are changed here.

use super::marker::Marker;
use super::scan::{Section, says_nothing};
use super::{Pair, Wanted};

/// Whether a pair's account and role can stand in a marker and in a value, for every reader.
pub(super) fn is_writable(pair: &Pair) -> bool {
    // what IAM allows in a role's name (IAM API Reference, `CreateRole`)
    let good = |text: &str| {
        !text.is_empty() && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter))
    };
    good(&pair.account_id) && good(&pair.role_name)
}

/// A new profile.
pub(super) fn lines(name: &str, pair: &Pair, wanted: &Wanted<'_>) -> Vec<String> {
    let marker = Marker {
        session: wanted.session.to_owned(),
        account_id: pair.account_id.clone(),
        role_name: pair.role_name.clone(),
        region: wanted.profile_region.is_some(),
    };
    let keys = keys(&marker, wanted.profile_region);
    let keys = keys.into_iter().map(|(key, value)| format!("{key} = {value}"));
    [marker.line(), format!("[profile {name}]")].into_iter().chain(keys).collect()
}

/// Makes the keys that are ours say what they should, in every reader. Returns those that did not.
pub(super) fn set_right(
    lines: &mut Lines<'_>,
    section: &Section,
    marker: &Marker,
    region: Option<&str>,
) -> Vec<&'static str> {
    let theirs = !marker.region && section.keys.iter().any(|key| key.name == "region");
    let region = region.filter(|_| !theirs);
    let mut changed = Vec::new();
    let mut missing = Vec::new();
    for (key, value) in keys(marker, region) {
        let mut found = section.keys.iter().filter(|found| found.name == key);
        let mut right = match found.next() {
            Some(first) => lines.say(first.line, first.end, key, value),
            None => {
                missing.push(format!("{key} = {value}"));
                false
            }
        };
        // botocore refuses a file with a key twice
        for second in found {
            lines.take_out(second.line, second.end);
            right = false;
        }
        if !right {
            changed.push(key);
        }
    }
    if region.is_some() && !marker.region {
        lines.replace(section.header - 1, &Marker { region: true, ..marker.clone() }.line());
    }
    lines.insert_after(section.last(&lines.before), &missing);
    if !missing.is_empty() {
        lines.move_to_margin(section.end);
    }
    changed
}

/// Removes the profile, and the blank line above it.
pub(super) fn remove(lines: &mut Lines<'_>, section: &Section) {
    let marker = section.header - 1;
    let blank = marker.checked_sub(1).filter(|above| lines.before[*above].trim().is_empty());
    let last = section.last(&lines.before);
    for number in blank.unwrap_or(marker)..=last {
        lines.after[number].clear();
    }
    lines.move_to_margin(section.end);
}

fn keys<'a>(marker: &'a Marker, region: Option<&'a str>) -> Vec<(&'static str, &'a str)> {
    let mut keys = vec![
        ("sso_session", marker.session.as_str()),
        ("sso_account_id", marker.account_id.as_str()),
        ("sso_role_name", marker.role_name.as_str()),
    ];
    keys.extend(region.map(|region| ("region", region)));
    keys
}

/// A file's lines, each with its end: as they were, and as they become.
pub(super) struct Lines<'a> {
    before: Vec<&'a str>,
    after: Vec<String>,
    end: &'static str,
}

impl<'a> Lines<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let before: Vec<&str> = text.split_inclusive('\n').collect();
        let after = before.iter().map(ToString::to_string).collect();
        let end = if before.first().is_some_and(|line| line.ends_with("\r\n")) { "\r\n" } else { "\n" };
        Self { before, after, end }
    }

    /// Keeps a comment of ours, of which the profile is gone, from standing directly above somebody else's header: a blank
    /// line comes between.
    pub(super) fn part(&mut self, sections: &[Section]) {
        for section in sections.iter().filter(|section| section.marker.is_none()) {
            let above = self.after[..section.header].iter().rev().find(|text| !text.is_empty());
            let last = above.and_then(|text| text.lines().next_back());
            if last.is_some_and(|line| Marker::read(line).is_some())
                && !self.after[section.header].starts_with([' ', '\t'])
            {
                self.after[section.header].insert_str(0, self.end);
            }
        }
    }

    pub(super) fn text(&self) -> String {
        self.after.concat()
    }

    /// Adds a section at the end, with a blank line before it.
    pub(super) fn add(&mut self, section: &[String]) {
        let mut text = String::new();
        if let Some(last) = self.after.iter().rev().find(|line| !line.is_empty()) {
            if !last.ends_with('\n') {
                text += self.end;
            }
            if !(last.trim().is_empty() && last.ends_with('\n')) {
                text += self.end;
            }
        }
        for line in section {
            text += line;
            text += self.end;
        }
        self.after.push(text);
    }

    fn replace(&mut self, number: usize, line: &str) {
        let text = self.before[number];
        let end = &text[text.trim_end_matches(['\r', '\n']).len()..];
        self.after[number] = format!("{line}{end}");
    }

    /// Puts lines after one, at the margin: there they continue no value.
    fn insert_after(&mut self, number: usize, lines: &[String]) {
        for line in lines {
            let text = &mut self.after[number];
            if !(text.is_empty() || text.ends_with('\n')) {
                text.push_str(self.end);
            }
            text.push_str(line);
            text.push_str(self.end);
        }
    }

    /// Puts the header of the next section to the margin, if there is one: further in, it would continue the value that comes
    /// to stand above it.
    fn move_to_margin(&mut self, header: usize) {
        if let Some(line) = self.before.get(header) {
            self.after[header] = line.trim_start().to_owned();
        }
    }

    /// Makes a key, with the lines up to the next one, say a value. Returns whether it did.
    fn say(&mut self, number: usize, end: usize, key: &str, value: &str) -> bool {
        let line = self.before[number];
        let indent = &line[..line.len() - line.trim_start().len()];
        let said = line.split_once('=').filter(|(name, _)| name.trim().eq_ignore_ascii_case(key));
        let right = said.is_some_and(|(_, said)| said.trim() == value);
        if !right {
            self.replace(number, &format!("{indent}{key} = {value}"));
            // botocore takes a comment after a value for a part of it: it gets a line of its own
            if let Some(note) = note(line) {
                let text = format!("{note}{}{}", self.end, self.after[number]);
                self.after[number] = text;
            }
        }
        !self.end_value(number + 1, end) && right
    }

    /// Takes a key out, and keeps the comments among the lines that belong to it.
    fn take_out(&mut self, number: usize, end: usize) {
        self.after[number].clear();
        self.end_value(number + 1, end);
    }

    /// Takes out what continues a value, and moves comments to the margin, where they continue none in aws-runtime. Returns
    /// whether there was any.
    fn end_value(&mut self, from: usize, to: usize) -> bool {
        let mut changed = false;
        for number in from..to {
            let line = self.before[number];
            if line.trim().is_empty() || !line.starts_with(char::is_whitespace) {
                continue;
            }
            self.after[number] = if says_nothing(line) { line.trim_start().to_owned() } else { String::new() };
            changed = true;
        }
        changed
    }
}

/// The comment after a value, or instead of one.
fn note(line: &str) -> Option<&str> {
    let line = line.trim_end();
    let after_blank = |at: &usize| line[..*at].ends_with(char::is_whitespace);
    let at = line.match_indices(['#', ';']).map(|(at, _)| at).find(after_blank)?;
    Some(&line[at..])
}
