//! What lies in a site, and how it changes.

use bytes::Bytes;

use super::drive::{Drive, Item, Site};
use crate::Cloud;

impl Cloud {
    /// A site with an empty drive; one of the same id is replaced.
    pub fn add_site(&self, site: Site) {
        let now = self.now();
        self.state().graph.sites.insert(site.id.clone(), Drive::new(site, now));
    }

    /// Adds a file, or changes it: name, folder (an id; the root when absent) and content. Tells whether there is such a site.
    pub fn put_file(&self, site: &str, id: &str, name: &str, folder: Option<&str>, content: impl Into<Bytes>) -> bool {
        self.put_item(site, id, name, folder, Some(content.into()))
    }

    /// Adds a folder, or changes it. Tells whether there is such a site.
    pub fn put_folder(&self, site: &str, id: &str, name: &str, folder: Option<&str>) -> bool {
        self.put_item(site, id, name, folder, None)
    }

    /// Deletes an item and what lies in it. Tells whether it was there.
    pub fn delete_item(&self, site: &str, id: &str) -> bool {
        let now = self.now();
        self.state().graph.sites.get_mut(site).is_some_and(|drive| drive.delete(id, now))
    }

    /// What is in a site now, by id: the truth that a sync must arrive at. Nothing that was deleted.
    pub fn items(&self, site: &str) -> Vec<Item> {
        let state = self.state();
        let items = state.graph.sites.get(site).into_iter().flat_map(|drive| drive.items.values());
        items.filter(|item| !item.deleted).cloned().collect()
    }

    /// How many items a page has at most. Tells whether there is such a site.
    pub fn set_page_size(&self, site: &str, items: usize) -> bool {
        self.state().graph.sites.get_mut(site).map(|drive| drive.site.page_size = items).is_some()
    }

    /// Every next and delta link that was handed out is too old from now on: 410. Tells whether there is such a site.
    pub fn expire_delta_tokens(&self, site: &str) -> bool {
        self.state().graph.sites.get_mut(site).map(|drive| drive.generation += 1).is_some()
    }

    fn put_item(&self, site: &str, id: &str, name: &str, folder: Option<&str>, content: Option<Bytes>) -> bool {
        let now = self.now();
        let mut state = self.state();
        state.graph.sites.get_mut(site).map(|drive| drive.put(id, name, folder, content, now)).is_some()
    }
}
