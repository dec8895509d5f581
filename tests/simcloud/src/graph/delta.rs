//! `driveItem: delta`: the state of a drive page by page, and then what changed since.
//!
//! Items come in the order of their last change. One that changes while a client pages moves to the end, so it may come twice and
//! the last time counts; none is ever left out. A link is a position in that order and stays good for being asked again.

use std::time::SystemTime;

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    content::Links,
    drive::{Drive, Item},
    refusal, shown,
};
use crate::{
    Refusal,
    wire::{Answer, Received},
};

/// One page after this token, or from the beginning.
pub(super) fn page(
    drive: &Drive,
    received: &Received,
    token: Option<&str>,
    links: &Links<'_>,
) -> Result<Answer, Refusal> {
    let base = link_base(drive, received);
    let position = match token.filter(|token| !token.is_empty()) {
        None => Position::beginning(drive),
        Some("latest") => {
            return Ok(shown::page(&[], "deltaLink", &link(&base, "token", &Position::end(drive), received)));
        }
        Some(token) => match Position::read(token, drive)? {
            Position { generation, .. } if generation != drive.generation => {
                let fresh = link(&base, "token", &Position::beginning(drive), received);
                return Ok(refusal::gone(&fresh));
            }
            position => position,
        },
    };
    let asked: Option<usize> = received.query("$top").and_then(|top| top.parse().ok()).filter(|top| *top > 0);
    let size = asked.map_or(drive.site.page_size, |asked| asked.min(drive.site.page_size)).max(1);
    // What was gone before an enumeration began is no part of it.
    let is_told = |item: &&&Item| !item.deleted || item.changed > position.tells_deletions_after;
    let changes = drive.changes_after(position.after);
    let mut page: Vec<&Item> = changes.iter().filter(is_told).copied().take(size).collect();
    let told: Vec<Value> = position.starts_with_root.then(|| shown::root(drive)).into_iter().collect();
    page.truncate(size.saturating_sub(told.len()).max(usize::from(told.is_empty())));
    let after = page.last().map_or(position.after, |item| item.changed);
    let is_last = !changes.iter().any(|item| is_told(&item) && item.changed > after);
    let items = page.iter().map(|item| shown::item(drive, item, links));
    let items: Vec<Value> = told.into_iter().chain(items).collect();
    if is_last {
        let end = Position::end(drive);
        return Ok(shown::page(&items, "deltaLink", &link(&base, "token", &end, received)));
    }
    let next = Position { after, starts_with_root: false, ..position };
    Ok(shown::page(&items, "nextLink", &link(&base, "$skiptoken", &next, received)))
}

/// Where a client stands.
#[derive(Clone, Copy)]
struct Position {
    generation: u64,
    /// The last change that it knows.
    after: u64,
    /// Deletions up to this change are not told: they were before an enumeration began.
    tells_deletions_after: u64,
    starts_with_root: bool,
}

impl Position {
    fn beginning(drive: &Drive) -> Self {
        let (generation, last) = (drive.generation, drive.last_change);
        Self { generation, after: 0, tells_deletions_after: last, starts_with_root: true }
    }

    fn end(drive: &Drive) -> Self {
        Self::after(drive, drive.last_change)
    }

    fn after(drive: &Drive, change: u64) -> Self {
        Self { generation: drive.generation, after: change, tells_deletions_after: change, starts_with_root: false }
    }

    /// One that was handed out here, or a time. (learn.microsoft.com, "driveItem: delta", "Example 4")
    fn read(token: &str, drive: &Drive) -> Result<Self, Refusal> {
        if let Ok(time) = token.parse::<Timestamp>() {
            let time = SystemTime::from(time);
            let known = drive.items.values().filter(|item| item.modified <= time).map(|item| item.changed).max();
            return Ok(Self::after(drive, known.unwrap_or(0)));
        }
        let invalid = || refusal::known("invalidRequest");
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| invalid())?;
        let text = String::from_utf8(bytes).map_err(|_| invalid())?;
        let fields = text.strip_prefix(drive.site.drive_id.as_str()).ok_or_else(invalid)?;
        let numbers: Vec<u64> = fields.split(';').skip(1).filter_map(|field| field.parse().ok()).collect();
        match numbers.as_slice() {
            &[generation, after, tells_deletions_after, root] => {
                Ok(Self { generation, after, tells_deletions_after, starts_with_root: root == 1 })
            }
            _ => Err(invalid()),
        }
    }

    fn write(&self, drive: &str) -> String {
        let Self { generation, after, tells_deletions_after, starts_with_root } = self;
        let root = u8::from(*starts_with_root);
        BASE64_URL_SAFE_NO_PAD.encode(format!("{drive};{generation};{after};{tells_deletions_after};{root}"))
    }
}

/// The address that was asked, without its query or token.
struct Base<'a> {
    url: String,
    drive: &'a str,
}

fn link_base<'a>(drive: &'a Drive, received: &Received) -> Base<'a> {
    let path = received.path();
    let path = path.find("/delta").map_or(path, |end| &path[..end]);
    Base { url: format!("{}{path}/delta", received.origin()), drive: &drive.site.drive_id }
}

/// A link keeps what else the client asked for.
fn link(base: &Base<'_>, name: &str, position: &Position, received: &Received) -> String {
    let kept = ["$top", "$select", "$expand"].into_iter();
    let kept = kept.filter_map(|name| Some((name, received.query(name)?)));
    let kept: String = kept
        .map(|(name, value)| {
            let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
            format!("{name}={value}&")
        })
        .collect();
    format!("{}?{kept}{name}={}", base.url, position.write(base.drive))
}
