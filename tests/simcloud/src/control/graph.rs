//! The routes of Microsoft Graph, below `/_simcloud/graph/`, and its part of a seed.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Complaint,
    routes::{done, found, read},
    view,
};
use crate::{
    Cloud,
    graph::{Item, Site, Throttle},
};

/// `{"sites": [{"site": {...}, "items": [...]}], "throttle": {...}}`, each part optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GraphSeed {
    /// Sites, with what lies in them.
    pub sites: Vec<NewSite>,
    /// How much is let through.
    pub throttle: Option<Throttle>,
}

/// A site with its items.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSite {
    /// The site.
    pub site: Site,
    /// What lies in it, in the order of their changes.
    #[serde(default)]
    pub items: Vec<NewItem>,
}

/// A file, or a folder when it has no content.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The id of its folder; the root when absent.
    #[serde(default)]
    pub folder: Option<String>,
    /// A file's content, as text.
    #[serde(default)]
    pub content: Option<String>,
    /// A file's content, in base 64.
    #[serde(default)]
    pub content_base64: Option<String>,
}

impl GraphSeed {
    pub(super) fn sow(self, cloud: &Cloud) {
        for NewSite { site, items } in self.sites {
            let id = site.id.clone();
            cloud.add_site(site);
            for item in items {
                item.put(cloud, &id);
            }
        }
        if self.throttle.is_some() {
            cloud.set_graph_throttle(self.throttle);
        }
    }
}

impl NewItem {
    fn put(&self, cloud: &Cloud, site: &str) -> bool {
        match self.bytes() {
            Some(content) => cloud.put_file(site, &self.id, &self.name, self.folder.as_deref(), content),
            None => cloud.put_folder(site, &self.id, &self.name, self.folder.as_deref()),
        }
    }

    /// Whether its content, where that is given in base 64, can be read.
    pub fn is_readable(&self) -> bool {
        self.content_base64.is_none() || self.bytes().is_some()
    }

    fn bytes(&self) -> Option<Bytes> {
        match &self.content_base64 {
            Some(text) => BASE64_STANDARD.decode(text).ok().map(Bytes::from),
            None => self.content.clone().map(Bytes::from),
        }
    }
}

/// Carries out one request; nothing when there is no such route.
pub(super) fn answer(
    cloud: &Cloud,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
) -> Option<Result<Value, Complaint>> {
    Some(match (method, path) {
        ("POST", "graph/sites") => read::<Site>(body).and_then(|new| {
            cloud.add_site(new);
            done()
        }),
        ("POST", "graph/items") => read::<Items>(body).and_then(|it| {
            if let Some(item) = it.items.iter().find(|item| !item.is_readable()) {
                return Err(Complaint { status: 400, message: format!("the content of {} is not base 64", item.id) });
            }
            let is_there = it.items.iter().all(|item| item.put(cloud, &it.site));
            found(is_there, "site")
        }),
        ("GET", "graph/items") => Ok(cloud.items(&site_in(query)).iter().map(item).collect()),
        ("POST", "graph/items/delete") => {
            read::<Named>(body).and_then(|it| found(cloud.delete_item(&it.site, &it.id), "item"))
        }
        ("POST", "graph/page-size") => {
            read::<Size>(body).and_then(|it| found(cloud.set_page_size(&it.site, it.page_size), "site"))
        }
        ("POST", "graph/expire") => {
            read::<OfSite>(body).and_then(|it| found(cloud.expire_delta_tokens(&it.site), "site"))
        }
        ("POST", "graph/throttle") => read::<Throttle>(body).and_then(|limits| {
            cloud.set_graph_throttle(Some(limits));
            done()
        }),
        ("DELETE", "graph/throttle") => {
            cloud.set_graph_throttle(None);
            done()
        }
        _ => return None,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Items {
    site: String,
    items: Vec<NewItem>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Named {
    site: String,
    id: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Size {
    site: String,
    page_size: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSite {
    site: String,
}

fn item(item: &Item) -> Value {
    json!({
        "id": item.id,
        "name": item.name,
        "folder": item.parent,
        "content_base64": item.content.as_ref().map(|content| BASE64_STANDARD.encode(content)),
        "modified": view::time(item.modified),
    })
}

fn site_in(query: &str) -> String {
    let mut fields = form_urlencoded::parse(query.as_bytes());
    fields.find(|(name, _)| name == "site").map(|(_, site)| site.into_owned()).unwrap_or_default()
}
