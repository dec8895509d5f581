//! What is in a container. (learn.microsoft.com, "List Blobs", "Response body")

use quick_xml::escape::escape;

use super::Container;
use crate::wire::Answer;

pub(super) const XML: [&str; 2] = ["content-type", "application/xml"];

/// All blobs whose names begin so: no test has as many as would need a second page.
pub(super) fn page(container: &Container, origin: &str, prefix: &str) -> Answer {
    let blobs = container.blobs.iter().filter(|name| name.starts_with(prefix)).map(|name| blob(name));
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\
         <EnumerationResults ServiceEndpoint=\"{}/\" ContainerName=\"{}\"><Prefix>{}</Prefix><Blobs>{}</Blobs>\
         <NextMarker /></EnumerationResults>",
        escape(origin),
        escape(container.name.as_str()),
        escape(prefix),
        blobs.collect::<String>()
    );
    Answer { status: 200, headers: vec![XML.map(str::to_owned).into()], body: body.into() }
}

/// A blob without content.
fn blob(name: &str) -> String {
    format!(
        "<Blob><Name>{}</Name><Properties><Creation-Time>Thu, 26 Nov 2026 12:00:00 GMT</Creation-Time>\
         <Last-Modified>Thu, 26 Nov 2026 12:00:00 GMT</Last-Modified><Etag>0x8DC0FFEE0000000</Etag>\
         <Content-Length>0</Content-Length><Content-Type>application/octet-stream</Content-Type>\
         <BlobType>BlockBlob</BlobType></Properties></Blob>",
        escape(name)
    )
}
