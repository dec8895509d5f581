//! [`Fault`]: what is wrong with a request of Azure's clients, beyond what can be wrong in every dialect.

use std::borrow::Cow;

use http::StatusCode;

use super::super::Said;

/// What is wrong with a request. Nobody was asked for anything then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `Metadata: true` is not there, or says something else.
    MetadataMissing,
    /// No `api-version`.
    VersionMissing,
    /// An `api-version` that nobody has.
    VersionUnknown,
    /// A parameter stands there twice.
    Repeated,
    /// A parameter cannot be read: it is no UTF-8.
    Unreadable,
    /// No `resource`.
    ResourceMissing,
    /// A `resource` that is too long, or of other than printable letters.
    ResourceUnusable,
    /// Two ids that do not name the same principal in the same way.
    TwoPrincipals,
    /// An id that is no identity's here.
    NoPrincipal,
    /// A value was asked for as JSON.
    TextOnly,
    /// A `format` that is neither `json` nor `text`.
    Format,
    /// The machine has no such element.
    NoElement,
    /// The tenant is not known.
    TenantUnknown,
    /// The signed document.
    Attested,
    /// What is said of a load balancer.
    LoadBalancer,
}

impl Fault {
    /// One word for the audit trail.
    pub fn word(self) -> &'static str {
        match self {
            Self::MetadataMissing => "metadata-header-missing",
            Self::VersionMissing | Self::VersionUnknown => "api-version",
            Self::Repeated | Self::Unreadable | Self::Format | Self::TextOnly => "malformed",
            Self::ResourceMissing | Self::ResourceUnusable => "resource",
            Self::TwoPrincipals => "two-ids",
            Self::NoPrincipal => "unknown-identity",
            Self::NoElement | Self::TenantUnknown | Self::Attested | Self::LoadBalancer => "unknown-path",
        }
    }

    /// How it is said.
    pub fn said(self) -> Said<'static> {
        let (status, reason) = match self {
            Self::NoElement | Self::TenantUnknown | Self::Attested | Self::LoadBalancer => {
                (StatusCode::NOT_FOUND, "Not Found")
            }
            _ => (StatusCode::BAD_REQUEST, "Bad Request"),
        };
        Said { status, reason, code: self.code(), message: Cow::Borrowed(self.message()), allow: None }
    }

    /// Whether the answer names the newest versions.
    pub(super) fn is_of_version(self) -> bool {
        matches!(self, Self::VersionMissing | Self::VersionUnknown)
    }

    fn code(self) -> &'static str {
        match self {
            Self::NoElement | Self::TenantUnknown | Self::Attested | Self::LoadBalancer => "not_found",
            _ => "invalid_request",
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::MetadataMissing => {
                "the required metadata header is not there: send `Metadata: true`, in these letters"
            }
            Self::VersionMissing => "Bad request. api-version is not in the request: add ?api-version=2018-02-01",
            Self::VersionUnknown => {
                "Bad request. api-version is none that there is: /metadata/versions lists those that there are"
            }
            Self::Repeated => "a parameter stands in the query twice",
            Self::Unreadable => "the query is not UTF-8 behind its escapes",
            Self::ResourceMissing => {
                "the resource is missing: say what the token is for, such as resource=https://management.azure.com/"
            }
            Self::ResourceUnusable => "the resource is over 600 bytes, or has other than printable ASCII letters",
            Self::TwoPrincipals => "two ids: name an identity by one of client_id, object_id and mi_res_id",
            // these words and no others: .NET looks for them (Azure.Identity, ImdsManagedIdentityProbeSource.cs)
            Self::NoPrincipal => "Identity not found",
            Self::TextOnly => "this is one value: ask for it with format=text",
            Self::Format => "format is json or text",
            Self::NoElement => "the machine has no such element: /metadata/instance shows those that it has",
            Self::TenantUnknown => "the tenant is not known: write it as `tenant` of the identity in the configuration",
            Self::Attested => {
                "no signed document is given here: only Azure can sign one, and whoever checks it would be lied to"
            }
            Self::LoadBalancer => "the machine has no load balancer",
        }
    }
}
