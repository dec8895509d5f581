//! What Graph shows, in its own names. (learn.microsoft.com, "driveItem resource type")

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{
    content::Links,
    drive::{Drive, Item},
};
use crate::{
    keys::request_id,
    query::utc,
    wire::{Answer, json_answer},
};

/// A page, with the link that leads on.
pub(super) fn page(items: &[Value], link: &str, to: &str) -> Answer {
    let mut body = json!({
        "@odata.context": "https://graph.microsoft.com/v1.0/$metadata#Collection(driveItem)",
        "value": items,
    });
    body[format!("@odata.{link}")] = json!(to);
    answer(200, &body)
}

/// The root folder, which every enumeration begins with.
pub(super) fn root(drive: &Drive) -> Value {
    let inside = drive.items.values().filter(|item| item.parent.is_none() && !item.deleted).count();
    json!({
        "id": drive.root_id(),
        "name": "root",
        "createdDateTime": utc(drive.created),
        "lastModifiedDateTime": utc(newest(drive)),
        "size": 0,
        "parentReference": { "driveId": drive.site.drive_id, "driveType": "documentLibrary", "siteId": drive.site.id },
        "root": {},
        "folder": { "childCount": inside },
    })
}

/// An item, or what is told of one that is gone.
pub(super) fn item(drive: &Drive, item: &Item, links: &Links<'_>) -> Value {
    let is_folder = item.content.is_none();
    let parent = item.parent.clone().unwrap_or_else(|| drive.root_id());
    let mut reference = json!({ "driveId": drive.site.drive_id, "driveType": "documentLibrary", "id": parent });
    if item.deleted {
        return json!({ "id": item.id, "parentReference": reference, "deleted": { "state": "deleted" }, "size": 0 });
    }
    reference["path"] = json!(format!("/drives/{}/root:{}", drive.site.drive_id, drive.folder_of(item)));
    reference["siteId"] = json!(drive.site.id);
    let tag = format!("{{{}}},{}", item.id, item.changed);
    let mut shown = json!({
        "id": item.id,
        "name": item.name,
        "createdDateTime": utc(item.created),
        "lastModifiedDateTime": utc(item.modified),
        "eTag": format!("\"{tag}\""),
        "cTag": format!("\"c:{tag}\""),
        "size": item.content.as_ref().map_or(0, bytes::Bytes::len),
        "parentReference": reference,
        "fileSystemInfo": { "createdDateTime": utc(item.created), "lastModifiedDateTime": utc(item.modified) },
    });
    if is_folder {
        let inside = drive.items.values().filter(|child| child.parent.as_ref() == Some(&item.id) && !child.deleted);
        shown["folder"] = json!({ "childCount": inside.count() });
    } else {
        shown["file"] = json!({ "mimeType": mime_type(&item.name) });
        shown["@microsoft.graph.downloadUrl"] = json!(links.to(drive, item));
    }
    shown
}

/// A JSON answer with the headers that Graph sends.
pub(super) fn answer(status: u16, body: &Value) -> Answer {
    let mut answer = json_answer(status, body);
    answer.headers.push(("request-id".to_owned(), request_id()));
    answer
}

pub(super) fn mime_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, kind)| kind.to_ascii_lowercase()).as_deref() {
        Some("txt") => "text/plain",
        Some("pdf") => "application/pdf",
        Some("json") => "application/json",
        Some("docx") => "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        _ => "application/octet-stream",
    }
}

fn newest(drive: &Drive) -> SystemTime {
    drive.items.values().map(|item| item.modified).max().unwrap_or(drive.created)
}
