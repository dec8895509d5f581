//! Terraform's dialect: what `ARM_MSI_ENDPOINT` points at.
//!
//! The provider asks the whole URL that it is given with `Metadata: true` and no other header (go-azure-sdk,
//! `sdk/auth/managed_identity_authorizer.go`), so that its URL is its secret: `/azure/IDENTITY/token/TOKEN`. The rest is as in
//! [`app_service`](super::app_service).
//!
//! Called by the server, and by whoever sets a child's variables.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::super::{Answer, Refusal};
use super::{Style, app_service, refuse};
use crate::credential::Now;
use crate::secret::Secret;

/// The path that asks for an identity's token, and holds the grant's.
///
/// ```
/// use credenza::dialect::azure::terraform;
/// use credenza::secret::Secret;
/// assert_eq!(terraform::path("graph", &Secret::new("abc")).expose(), "/azure/graph/token/abc");
/// ```
pub fn path(identity: &str, token: &Secret) -> Secret {
    Secret::new(format!("{}/{}", app_service::path(identity), token.expose()))
}

/// Which identity a path names, and the token in it; `None`: it is no such path. Doubled slashes and one at the end mean nothing.
pub fn read(path: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match [segments.next(), segments.next(), segments.next(), segments.next(), segments.next()] {
        [Some("azure"), Some(identity), Some("token"), Some(token), None] => {
            Some((percent_decode_str(identity).decode_utf8().ok()?, token))
        }
        _ => None,
    }
}

/// The answer to a request that gets no token.
pub fn refuse(refusal: &Refusal, now: Now) -> Answer {
    refuse::refuse(refusal, Style::AppService, false, now)
}
