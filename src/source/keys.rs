//! Long-term keys, for who is no source: the commands that fetch them in the process that a person started, and those that
//! keep them in the keyring.

pub use super::aws_references::{kept, keys as of_reference, needs_person};

use super::aws_origin::Origin;
use crate::config::KeysOrigin;
use crate::credential::{Failure, Issued};
use crate::world::World;

/// The keys of an origin, as they are. May wait for a person: for who was started by one.
pub async fn fetch(keys: &KeysOrigin, world: &World) -> Result<Issued, Failure> {
    Origin { keys: keys.clone(), world: world.clone() }.fetch().await
}
