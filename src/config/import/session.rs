//! `[sso-session NAME]`: whether the file has it and means the same, and its lines.

use super::Wanted;
use super::template::is_plain;
use crate::config::complaint::Complaint;
use crate::config::shared::SharedFiles;

/// Fails where what is wanted cannot be written so that every SDK reads it.
pub(super) fn check(wanted: &Wanted<'_>) -> Result<(), Complaint> {
    let plain = |text: &str| !text.is_empty() && text.chars().all(is_plain);
    let written = |text: &str| {
        !text.is_empty()
            && !text.starts_with(['#', ';'])
            && !text.contains(|c: char| c.is_whitespace() || c.is_control())
    };
    let mut wrong = [
        ("the session's name", wanted.session, plain(wanted.session)),
        ("the start URL", wanted.start_url, written(wanted.start_url)),
        ("the region of IAM Identity Center", wanted.region, plain(wanted.region)),
        ("the profiles' region", wanted.profile_region.unwrap_or("-"), wanted.profile_region.is_none_or(plain)),
    ]
    .into_iter()
    .chain(wanted.scopes.iter().map(|scope| ("a scope", scope.as_str(), written(scope) && !scope.contains(','))))
    .filter(|(_, _, good)| !good);
    match wrong.next() {
        None => Ok(()),
        Some((what, text, _)) => Err(Complaint::general(format!(
            "{what} {text:?} cannot be written into the config file so that every SDK reads it: take another"
        ))),
    }
}

/// Whether the file has the session. Fails where it means another.
pub(super) fn stands(shared: &SharedFiles, wanted: &Wanted<'_>) -> Result<bool, Complaint> {
    let Some(section) = shared.sso_sessions.get(wanted.session) else { return Ok(false) };
    let name = wanted.session;
    for (key, ours) in [("sso_start_url", wanted.start_url), ("sso_region", wanted.region)] {
        let Some(value) = section.value(key) else {
            let text =
                format!("[sso-session {name}] has no {key}: write {key} = {ours} into it, or give another --session");
            return Err(Complaint::at(section.place.clone(), text));
        };
        if !same(value.text(), ours) {
            let theirs = value.text();
            let text = format!("[sso-session {name}] has the {key} {theirs}, not {ours}: give another --session");
            return Err(Complaint::at(value.place.clone(), text));
        }
    }
    Ok(true)
}

/// Start URLs are written with and without what a browser adds to them.
fn same(theirs: &str, ours: &str) -> bool {
    let plain = |url: &str| url.trim_end_matches(['/', '#']).to_ascii_lowercase();
    plain(theirs) == plain(ours)
}

/// The section.
pub(super) fn lines(wanted: &Wanted<'_>) -> Vec<String> {
    let mut lines = vec![
        format!("[sso-session {}]", wanted.session),
        format!("sso_start_url = {}", wanted.start_url),
        format!("sso_region = {}", wanted.region),
    ];
    if !wanted.scopes.is_empty() {
        lines.push(format!("sso_registration_scopes = {}", wanted.scopes.join(",")));
    }
    lines
}
