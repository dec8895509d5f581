//! Sign-ins of IAM Identity Center as a person and their shells see them: the real binary, browsers, terminals.

mod files;
mod first;
mod login;
mod logout;
mod many;
mod private;
pub(crate) mod stage;
mod wait;
