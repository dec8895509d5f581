//! The Azure dialects: how programs ask for the token of a managed identity, and what a virtual machine says of itself.
//!
//! Four kinds of clients, one body for all of them ([`write_token`]): [`app_service`] (the variables `IDENTITY_ENDPOINT` and
//! `MSI_ENDPOINT`), [`terraform`] (a path that is its own secret), [`imds`] (the address 169.254.169.254), and [`instance`] (what
//! is said of the machine there). What they ask is read by [`Query`], and refused in the words of [`refuse`].
//!
//! Sources: Microsoft Learn, "How managed identities for Azure resources work with Azure virtual machines" (the token request),
//! "How to use managed identities for App Service and Azure Functions" (the REST endpoint), "Azure Instance Metadata Service";
//! which members and which answers each client takes was read in the clients and stands where a rule does.
//!
//! Azure Arc, Service Fabric and Cloud Shell are not spoken: see `docs/dialects/app-service.md`.
//!
//! Pure, as all dialects. Called by the server, which knows which identity is meant.

pub mod app_service;
mod body;
mod fault;
pub mod imds;
pub mod instance;
mod refuse;
mod resource;
pub mod terraform;
mod versions;

pub use body::write_token;
pub use fault::Fault;
pub use refuse::Style;
pub use resource::{Principal, PrincipalKind, Query, TokenWanted};

/// Whether a path is one of a grant's: `/azure/IDENTITY/token`, with or without a secret behind.
///
/// ```
/// use credenza::dialect::azure::owns;
/// assert!(owns("/azure/graph/token") && owns("//azure/"));
/// assert!(!owns("/metadata/identity/oauth2/token") && !owns("/azurex"));
/// ```
pub fn owns(path: &str) -> bool {
    path.split('/').find(|segment| !segment.is_empty()) == Some("azure")
}

#[cfg(test)]
mod tests;
