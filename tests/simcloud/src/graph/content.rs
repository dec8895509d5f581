//! The content of files: a redirect to a link that is signed and needs no token, and what lies behind it.
//! (learn.microsoft.com, "Download driveItem content": the link lives for a short time and is not to be sent a token)

use std::time::{Duration, SystemTime};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use ring::hmac;

use super::{
    drive::{Drive, Item},
    refusal, shown,
};
use crate::{
    Cloud, Refusal,
    web_identity::unix_secs,
    wire::{Answer, Received},
};

/// Where SharePoint's own hosts have it.
pub(super) const PATH: &str = "/_layouts/15/download.aspx";
const LIFE: Duration = Duration::from_secs(3600);

/// What a link to content is made of.
pub(super) struct Links<'a> {
    pub(super) received: &'a Received,
    pub(super) secret: &'a str,
    pub(super) now: SystemTime,
}

impl Links<'_> {
    /// A link to the content of a file, good for an hour.
    pub(super) fn to(&self, drive: &Drive, item: &Item) -> String {
        let end = unix_secs(self.now.checked_add(LIFE).unwrap_or(self.now));
        let seal = BASE64_URL_SAFE_NO_PAD.encode(sealed(self.secret, &drive.site.id, &item.id, end));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("SiteId", &drive.site.id)
            .append_pair("UniqueId", &item.id)
            .append_pair("Expires", &end.to_string())
            .append_pair("tempauth", &seal)
            .finish();
        format!("{}{PATH}?{query}", self.received.origin())
    }
}

/// `GET .../items/ID/content`.
pub(super) fn redirect(drive: &Drive, id: &str, links: &Links<'_>) -> Result<Answer, Refusal> {
    let item = drive.items.get(id).filter(|item| !item.deleted).ok_or_else(|| refusal::known("itemNotFound"))?;
    if item.content.is_none() {
        return Err(Refusal::new(400, "invalidRequest", "You cannot get content for a folder"));
    }
    let mut answer = shown::answer(302, &serde_json::json!({}));
    answer.body = Bytes::new();
    answer.headers.push(("location".to_owned(), links.to(drive, item)));
    Ok(answer)
}

/// What lies behind a link.
pub(super) fn download(cloud: &Cloud, received: &Received) -> Result<Answer, Refusal> {
    let text = |name: &str| received.query(name).unwrap_or_default();
    let (site, id, seal) = (text("SiteId"), text("UniqueId"), text("tempauth"));
    let end: u64 = text("Expires").parse().unwrap_or(0);
    let now = unix_secs(cloud.now());
    let state = cloud.state();
    let expected = BASE64_URL_SAFE_NO_PAD.encode(sealed(&state.graph.secret, &site, &id, end));
    if seal != expected || end <= now {
        return Err(Refusal::new(401, "unauthenticated", "The link is over, or was changed."));
    }
    let item = state.graph.sites.get(&site).and_then(|drive| drive.items.get(&id)).filter(|item| !item.deleted);
    let item = item.ok_or_else(|| refusal::known("itemNotFound"))?;
    let body = item.content.clone().unwrap_or_default();
    let headers = vec![
        ("content-type".to_owned(), shown::mime_type(&item.name).to_owned()),
        ("content-disposition".to_owned(), "attachment".to_owned()),
    ];
    Ok(Answer { status: 200, headers, body })
}

fn sealed(secret: &str, site: &str, item: &str, end: u64) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, format!("{site}\n{item}\n{end}").as_bytes()).as_ref().to_vec()
}
