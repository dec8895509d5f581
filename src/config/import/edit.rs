//! [`edit`]: what becomes of each pair, in order: profiles of ours are set right in their places, the rest is added at the end.

use super::marker::Marker;
use super::names::{self, Kept, Named};
use super::own::{self, Lines};
use super::scan::{self, Section};
use super::session;
use super::{Edit, Outcome, Pair, Profile, Wanted, Why};
use crate::config::complaint::Complaint;
use crate::config::shared::SharedFiles;

/// The file's new text. Everything outside of our own profiles stays as it is, to the byte; what is added ends its lines as
/// the file does. Done again with the same, it changes nothing.
///
/// Fails, with the line, where the file says something else about the session; and where what is wanted cannot be written.
pub fn edit(existing: &str, wanted: &Wanted<'_>) -> Result<Edit, Complaint> {
    session::check(wanted)?;
    let shared = SharedFiles::parse(wanted.file, existing.as_bytes(), wanted.file, b"");
    let session_added = !session::stands(&shared, wanted)?;

    let (mark, body) = match existing.strip_prefix('\u{feff}') {
        Some(body) => ("\u{feff}", body),
        None => ("", existing),
    };
    let mut lines = Lines::of(body);
    let sections = scan::sections(&body.split_inclusive('\n').collect::<Vec<_>>());
    let ours: Vec<Ours<'_>> = sections.iter().filter_map(|section| Ours::of(section, wanted.session)).collect();

    let mut profiles: Vec<Profile> = ours.iter().filter_map(|ours| ours.settle(&mut lines, wanted)).collect();
    let new = new_pairs(&shared, &ours, wanted, &mut profiles);
    let mut taken = scan::taken(body);
    taken.extend(wanted.taken.iter().cloned());
    let kept: Vec<Kept<'_>> =
        ours.iter().map(|ours| Kept { name: ours.name, pair: ours.pair(wanted.listed) }).collect();

    lines.part(&sections);
    if session_added {
        lines.add(&session::lines(wanted));
    }
    for Named { name, before, pair } in names::give(&new, &kept, wanted) {
        let outcome = if taken.contains(&name) {
            Outcome::Left(Why::Taken)
        } else {
            lines.add(&own::lines(&name, pair, wanted));
            Outcome::Added(before)
        };
        profiles.push(Profile { name, pair: pair.clone(), outcome });
    }
    profiles.sort_by(|a, b| {
        (&a.name, &a.pair.account_id, &a.pair.role_name).cmp(&(&b.name, &b.pair.account_id, &b.pair.role_name))
    });
    Ok(Edit { text: mark.to_owned() + &lines.text(), session_added, profiles })
}

/// A profile that was written for this session.
struct Ours<'a> {
    name: &'a str,
    marker: &'a Marker,
    section: &'a Section,
}

impl<'a> Ours<'a> {
    fn of(section: &'a Section, session: &str) -> Option<Self> {
        let marker = section.marker.as_ref().filter(|marker| marker.session == session)?;
        Some(Self { name: section.profile.as_deref()?, marker, section })
    }

    fn pair<'p>(&self, pairs: &'p [Pair]) -> Option<&'p Pair> {
        pairs.iter().find(|pair| self.is_of(pair))
    }

    fn is_of(&self, pair: &Pair) -> bool {
        pair.account_id == self.marker.account_id && pair.role_name == self.marker.role_name
    }

    /// What becomes of it; `None` where it is listed and was not chosen.
    fn settle(&self, lines: &mut Lines<'_>, wanted: &Wanted<'_>) -> Option<Profile> {
        let (pair, outcome) = match self.pair(wanted.chosen) {
            Some(pair) => {
                let changed = own::set_right(lines, self.section, self.marker, wanted.profile_region);
                (pair.clone(), if changed.is_empty() { Outcome::Unchanged } else { Outcome::Changed(changed) })
            }
            None if self.pair(wanted.listed).is_some() => return None,
            None => {
                if wanted.prune {
                    own::remove(lines, self.section);
                }
                let outcome = if wanted.prune { Outcome::Removed } else { Outcome::Gone };
                (Pair::new(&self.marker.account_id, "", &self.marker.role_name), outcome)
            }
        };
        Some(Profile { name: self.name.to_owned(), pair, outcome })
    }
}

/// The chosen pairs that have no profile yet, each once. What cannot or need not be written is told.
fn new_pairs<'a>(
    shared: &SharedFiles,
    ours: &[Ours<'_>],
    wanted: &Wanted<'a>,
    told: &mut Vec<Profile>,
) -> Vec<&'a Pair> {
    let mut new: Vec<&Pair> = wanted.chosen.iter().filter(|pair| !ours.iter().any(|ours| ours.is_of(pair))).collect();
    new.sort_by_key(|pair| (&pair.account_id, &pair.role_name));
    new.dedup_by_key(|pair| (&pair.account_id, &pair.role_name));
    new.retain(|pair| {
        let why = match user_profile(shared, ours, wanted.session, pair) {
            _ if !own::is_writable(pair) => Why::Unwritable,
            Some(name) => Why::SamePair(name),
            None => return true,
        };
        let name = wanted.template.name(pair, wanted.session);
        told.push(Profile { name, pair: (*pair).clone(), outcome: Outcome::Left(why) });
        false
    });
    new
}

/// The profile that the user has for a pair.
fn user_profile(shared: &SharedFiles, ours: &[Ours<'_>], session: &str, pair: &Pair) -> Option<String> {
    let says = [("sso_session", session), ("sso_account_id", &pair.account_id), ("sso_role_name", &pair.role_name)];
    // one of ours is of the pair that its comment names, whatever it says before it is set right
    let mut profiles = shared.profiles.iter().filter(|(name, _)| !ours.iter().any(|ours| ***name == *ours.name));
    let found = profiles.find(|(_, section)| says.iter().all(|(key, text)| section.text(key) == Some(text)));
    found.map(|(name, _)| name.to_string())
}
