//! Long-term keys that `credenza keys` keeps in the keyring, and how they are rotated.
//!
//! - [`KeyStore`]: the keyring's entries, and an index beside them that holds no secret
//! - [`rotation`]: what a rotation does next; pure
//! - [`rotate`]: doing it, in a way that survives being ended between any two steps
//! - [`scan`] and [`leaks`]: where keys lie in clear text
//!
//! Called by the commands alone: a daemon reads these entries and never writes them.

mod index;
pub mod leaks;
mod patience;
pub mod rotate;
pub mod rotation;
mod rotation_error;
pub mod scan;
mod store;
#[cfg(test)]
mod tests;
pub mod typed;

pub use index::Entry;
pub use store::{KeyStore, KeysError};

pub use crate::source::keys::{AccessKey, Iam, end_of, kept, owner};
pub use crate::source::otp::check_seed;
