//! What signing in has in common, whoever one signs in to: the proof of who asked for a code ([`pkce`]), the browser that comes
//! back ([`redirect`], [`browser`]), and how often a code is asked for that a person confirms elsewhere ([`pace`]).
//!
//! Nothing here knows an upstream. Called by the logins of IAM Identity Center and of Entra ID.

pub(super) mod browser;
pub(super) mod pace;
pub(super) mod pkce;
pub(super) mod redirect;
pub(super) mod sane;
