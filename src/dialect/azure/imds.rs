//! The IMDS dialect: the instance metadata service of an Azure virtual machine, at 169.254.169.254 and wherever
//! `AZURE_POD_IDENTITY_AUTHORITY_HOST` points.
//!
//! `GET /metadata/identity/oauth2/token?api-version=2018-02-01&resource=...` with `Metadata: true` (Microsoft Learn, "How to use
//! managed identities on an Azure VM to acquire an access token"). What is read here is read as clients write it: Java asks for
//! `//metadata/...` (`IMDSManagedIdentitySource.java`), JavaScript for `.../token/` (`imdsMsi.ts`), and azure-workload-identity
//! answers paths in any case because callers vary (`pkg/proxy/proxy.go`).
//!
//! Called by the server for its listeners that speak this dialect.

use std::borrow::Cow;

use http::HeaderValue;
use percent_encoding::percent_decode_str;

use super::super::{Answer, Refusal};
use super::{Style, refuse};
use crate::credential::Now;

/// The header that must say [`MARK_SAYS`].
pub const MARK: &str = "metadata";

/// What the header [`MARK`] must say, in these letters (Microsoft Learn, "Azure Instance Metadata Service", "Security and
/// authentication").
pub const MARK_SAYS: &str = "true";

/// Whether the header is as it must be: no program is led to send it by a URL alone.
pub fn is_marked(header: Option<&HeaderValue>) -> bool {
    header.is_some_and(|says| says == MARK_SAYS)
}

/// What a path asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked<'p> {
    /// A token.
    Token,
    /// Of which tenant the machine's identity is.
    Info,
    /// A part of what is said of the machine, by the way to it.
    Instance(Vec<Cow<'p, str>>),
    /// Which versions there are.
    Versions,
    /// What is going to happen to the machine.
    ScheduledEvents,
    /// The signed document.
    Attested,
    /// The machine's load balancer.
    LoadBalancer,
    /// What tells that tokens are bound to certificates here: nothing does.
    Capability,
    /// Something that nobody has.
    Nothing,
}

impl Asked<'_> {
    /// In which words it is refused.
    pub fn style(&self) -> Style {
        if *self == Self::Capability { Style::Capability } else { Style::Imds }
    }
}

/// Whether a path is the metadata service's.
///
/// ```
/// use credenza::dialect::azure::imds::owns;
/// assert!(owns("//Metadata/instance") && !owns("/latest/meta-data"));
/// ```
pub fn owns(path: &str) -> bool {
    let first = path.split('/').find(|segment| !segment.is_empty());
    first.is_some_and(|first| first.eq_ignore_ascii_case("metadata"))
}

/// What a path asks for. Doubled slashes, one at the end, and the case of letters mean nothing.
pub fn read(path: &str) -> Asked<'_> {
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).skip(1).collect();
    let lower: Vec<String> = segments.iter().take(3).map(|segment| segment.to_ascii_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    match (owns(path), &lower[..], segments.len()) {
        (false, ..) => Asked::Nothing,
        (_, ["identity", "oauth2", "token"], 3) => Asked::Token,
        (_, ["identity", "info"], _) => Asked::Info,
        (_, ["identity", "getplatformmetadata" | "issuecredential", ..], _) => Asked::Capability,
        (_, ["instance", ..], _) => {
            let decoded = segments[1..].iter().map(|segment| percent_decode_str(segment).decode_utf8_lossy());
            Asked::Instance(decoded.collect())
        }
        (_, ["versions"], _) => Asked::Versions,
        (_, ["scheduledevents"], _) => Asked::ScheduledEvents,
        (_, ["attested", ..], _) => Asked::Attested,
        (_, ["loadbalancer", ..], _) => Asked::LoadBalancer,
        _ => Asked::Nothing,
    }
}

/// The answer to a request that gets nothing.
pub fn refuse(refusal: &Refusal, style: Style, mute: bool, now: Now) -> Answer {
    refuse::refuse(refusal, style, mute, now)
}
