//! Signing in to IAM Identity Center, and asking its access portal: the calls, for the commands that begin and end sign-ins
//! and list what one may have. The sources use the same; nothing here waits for a person.

pub use super::aws_sso::bucket::Bucket;
pub use super::aws_sso::login::{How, login};
pub use super::aws_sso::oidc::{DeviceCode, Flow, Grant, Minted, Oidc, Registered};
pub use super::aws_sso::portal::{Account, Portal};
pub use super::aws_sso::problem::{SsoProblem, What};
pub use super::aws_sso::wants_login;
