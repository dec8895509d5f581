//! A site and its drive: what lies in it, and in which order it changed.

use std::{collections::BTreeMap, time::SystemTime};

use bytes::Bytes;
use serde::Deserialize;

use crate::keys::request_id;

/// A SharePoint site with one document library.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// `contoso.sharepoint.com,SITE-GUID,WEB-GUID`.
    pub id: String,
    /// The id of its drive; made up when absent.
    #[serde(default = "drive_id")]
    pub drive_id: String,
    /// The tenant whose tokens open it; every tenant's when absent.
    #[serde(default)]
    pub tenant: Option<String>,
    /// How many items a page of a delta has at most.
    #[serde(default = "two_hundred")]
    pub page_size: usize,
}

impl Site {
    /// A site that every tenant's tokens open, with pages of 200 items.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), drive_id: drive_id(), tenant: None, page_size: two_hundred() }
    }

    /// The same with pages of this many items.
    pub fn page_size(mut self, items: usize) -> Self {
        self.page_size = items;
        self
    }

    /// The same for the tokens of one tenant.
    pub fn of_tenant(mut self, id: &str) -> Self {
        self.tenant = Some(id.to_owned());
        self
    }
}

/// A file or a folder, or what is left of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// `01ABC...`.
    pub id: String,
    /// `report.docx`.
    pub name: String,
    /// The id of its folder; of the drive's root when absent.
    pub parent: Option<String>,
    /// The bytes of a file; a folder has none.
    pub content: Option<Bytes>,
    /// When it was added.
    pub created: SystemTime,
    /// When it was changed last.
    pub modified: SystemTime,
    /// It is gone, and its id stays gone.
    pub deleted: bool,
    /// The number of its last change in the drive.
    pub(crate) changed: u64,
}

/// The drive of a site.
pub(crate) struct Drive {
    pub(crate) site: Site,
    /// By id, what was deleted among them.
    pub(crate) items: BTreeMap<String, Item>,
    /// Counts every change.
    pub(crate) last_change: u64,
    /// Tokens of an earlier generation are too old.
    pub(crate) generation: u64,
    pub(crate) created: SystemTime,
}

impl Drive {
    pub(super) fn new(site: Site, now: SystemTime) -> Self {
        Self { site, items: BTreeMap::new(), last_change: 0, generation: 1, created: now }
    }

    /// The id of the root folder.
    pub(super) fn root_id(&self) -> String {
        format!("{}-root", self.site.drive_id)
    }

    pub(super) fn is_of_tenant(&self, tenant: Option<&str>) -> bool {
        self.site.tenant.as_deref().is_none_or(|owner| tenant.is_some_and(|it| it.eq_ignore_ascii_case(owner)))
    }

    /// Adds an item, or changes it: from now on it is the newest change.
    pub(super) fn put(&mut self, id: &str, name: &str, parent: Option<&str>, content: Option<Bytes>, now: SystemTime) {
        self.last_change += 1;
        let created = self.items.get(id).filter(|item| !item.deleted).map_or(now, |item| item.created);
        let item = Item {
            id: id.to_owned(),
            name: name.to_owned(),
            parent: parent.map(str::to_owned),
            content,
            created,
            modified: now,
            deleted: false,
            changed: self.last_change,
        };
        self.items.insert(item.id.clone(), item);
    }

    /// Deletes an item, and what lies in it. Tells whether it was there.
    pub(super) fn delete(&mut self, id: &str, now: SystemTime) -> bool {
        let Some(item) = self.items.get_mut(id).filter(|item| !item.deleted) else { return false };
        self.last_change += 1;
        (item.deleted, item.content, item.changed, item.modified) = (true, None, self.last_change, now);
        let inside = |item: &&Item| item.parent.as_deref() == Some(id) && !item.deleted;
        let children: Vec<String> = self.items.values().filter(inside).map(|item| item.id.clone()).collect();
        for child in children {
            self.delete(&child, now);
        }
        true
    }

    /// What changed after a position, the oldest change first.
    pub(super) fn changes_after(&self, position: u64) -> Vec<&Item> {
        let mut changes: Vec<&Item> = self.items.values().filter(|item| item.changed > position).collect();
        changes.sort_by_key(|item| item.changed);
        changes
    }

    /// The folders above an item, from the root down: `/reports/2026`.
    pub(super) fn folder_of(&self, item: &Item) -> String {
        let mut names = Vec::new();
        let mut above = item.parent.as_deref();
        while let Some(folder) = above.and_then(|id| self.items.get(id)).filter(|_| names.len() < self.items.len()) {
            names.push(folder.name.as_str());
            above = folder.parent.as_deref();
        }
        names.iter().rev().map(|name| format!("/{name}")).collect()
    }
}

fn drive_id() -> String {
    format!("b!{}", request_id())
}

fn two_hundred() -> usize {
    200
}
