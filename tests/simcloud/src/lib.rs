//! The simulated cloud: what Credenza is tested against, and what `cargo demo` shows it with. Strict where the real one is
//! strict (signatures, tokens, ends, limits), and steerable where the real one only sometimes fails.
//!
//! It is never part of the product's binary. It judges time by a clock of its own, never by the machine's, so that thirty
//! days run in seconds over in-memory pipes on a paused Tokio runtime.
//!
//! - [`cloud`]: [`Cloud`], what it knows and how a test steers it
//! - [`keys`], [`principal`], [`user`], [`role`], [`mfa`], [`web_identity`]: who may have what
//! - [`sts`]: the Security Token Service, one action a file
//! - `iam`: access keys, and the switch of [`outbound`]
//! - [`outbound`]: the issuers of accounts whose principals get tokens for services outside of AWS
//! - [`github`]: the OIDC endpoint of GitHub Actions
//! - [`entra`]: Microsoft Entra ID: sign-in pages, device codes, tokens
//! - [`arm`], [`graph`], [`blob`]: Azure Resource Manager, Microsoft Graph and Azure Blob Storage, over bearer tokens
//! - [`sso`]: IAM Identity Center: OIDC, its pages, the access portal
//! - [`sigv4`]: whether a request was signed by whom it says
//! - [`fault`], [`calls`]: what goes wrong on purpose, and what was asked
//! - [`wire`], [`authority`]: connections (pipes, TCP, TLS), and certificates for them
//! - [`control`]: the same steering over HTTP and JSON, for tests that are not written in Rust
//!
//! ```
//! use std::time::Duration;
//! use simcloud::{Cloud, Trust};
//!
//! let cloud = Cloud::on_system_clock();
//! let keys = cloud.add_user("base", "111122223333");
//! let role = "arn:aws:iam::111122223333:role/my-role";
//! cloud.add_role(role, Trust::of(["arn:aws:iam::111122223333:user/base"]), Duration::from_secs(3600));
//! assert_eq!(cloud.judge(&keys).unwrap().principal.arn, "arn:aws:iam::111122223333:user/base");
//! ```

pub mod arm;
pub mod authority;
mod bearer;
pub mod blob;
pub mod calls;
pub mod cloud;
pub mod control;
pub mod entra;
pub mod fault;
pub mod github;
pub mod graph;
mod iam;
pub mod keys;
pub mod mfa;
pub mod outbound;
pub mod principal;
mod query;
pub mod refusal;
pub mod role;
pub mod sigv4;
pub mod sso;
pub mod sts;
pub mod user;
pub mod web_identity;
pub mod wire;

pub use authority::TestAuthority;
pub use calls::Call;
pub use cloud::{Clock, Cloud};
pub use fault::{Fault, Trouble};
pub use github::Workflow;
pub use jiff::SignedDuration;
pub use keys::{Issued, Keys, LastUse};
pub use mfa::{Device, SentCode, Verdict};
pub use outbound::WebIdentityToken;
pub use principal::Principal;
pub use refusal::Refusal;
pub use role::{Role, Trust};
pub use user::User;
pub use web_identity::{Exchange, Issuer};
pub use wire::Listening;
