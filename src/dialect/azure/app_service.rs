//! The App Service dialect: what `IDENTITY_ENDPOINT` points at, with `IDENTITY_HEADER` as the secret; and its older form, which is
//! Azure ML's too, with `MSI_ENDPOINT` and `MSI_SECRET`.
//!
//! `GET /azure/IDENTITY/token?api-version=2019-08-01&resource=...` with the header `X-IDENTITY-HEADER`, or `2017-09-01` with the
//! header `secret` (Microsoft Learn, "How to use managed identities for App Service and Azure Functions", "REST endpoint
//! reference"). `Metadata: true` is sent by Python, Rust and for Azure ML by others, and is never asked for: JavaScript, Go and
//! .NET send none. Every client takes any URL here, http too, which is why it is the way that `exec` chooses.
//!
//! Called by the server, and by whoever sets a child's variables.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::super::{Answer, Refusal, ecs};
use super::{Fault, Query, Style, refuse, versions};
use crate::credential::Now;

/// The path that asks for an identity's token: `/azure/graph/token`.
///
/// ```
/// use credenza::dialect::azure::app_service;
/// assert_eq!(app_service::path("my sync/eu"), "/azure/my%20sync%2Feu/token");
/// ```
pub fn path(identity: &str) -> String {
    format!("/azure/{}/token", ecs::escaped(identity))
}

/// The header of the newer form.
pub const HEADER: &str = "x-identity-header";

/// The header of the older form.
pub const OLD_HEADER: &str = "secret";

/// The older form.
pub const FIRST_VERSION: &str = "2017-09-01";

/// Which identity a path names. Doubled slashes and one at the end mean nothing.
pub fn read(path: &str) -> Result<Cow<'_, str>, Refusal> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match [segments.next(), segments.next(), segments.next(), segments.next()] {
        [Some("azure"), Some(identity), Some("token"), None] => {
            percent_decode_str(identity).decode_utf8().map_err(|_| Refusal::Path)
        }
        _ => Err(Refusal::Path),
    }
}

/// In which header the secret is to be: that of the version, and either one where the version is none that we know, so that
/// who has the secret is told what is wrong, and nobody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretIn {
    /// [`HEADER`].
    Header,
    /// [`OLD_HEADER`].
    OldHeader,
    /// Whichever is there.
    Either,
}

/// In which header the secret is to be.
pub fn secret_in(query: Option<&str>) -> SecretIn {
    let Ok(query) = Query::read(query) else { return SecretIn::Either };
    match query.value("api-version") {
        Some(FIRST_VERSION) => SecretIn::OldHeader,
        Some(version) if versions::is_known(version) => SecretIn::Header,
        _ => SecretIn::Either,
    }
}

/// The version that is spoken: those of the metadata service are taken too, which App Service's own clients never send and a
/// client whose version can be chosen may.
///
/// # Errors
///
/// [`Fault::VersionMissing`], [`Fault::VersionUnknown`].
pub fn version<'q>(query: &'q Query<'_>) -> Result<&'q str, Fault> {
    match query.value("api-version") {
        Some(version @ FIRST_VERSION) => Ok(version),
        _ => query.version(),
    }
}

/// The answer to a request that gets no token.
pub fn refuse(refusal: &Refusal, mute: bool, now: Now) -> Answer {
    refuse::refuse(refusal, Style::AppService, mute, now)
}
