//! A person reads a code off their device and types it, at the terminal.

use super::trouble::{Trouble, again};
use super::{Asked, NotACode, checked};
use crate::credential::Failure;
use crate::secret::Secret;
use crate::world::World;

pub(super) async fn code(asked: &Asked<'_>, world: &World) -> Result<Secret, Failure> {
    let Some(typed) = world.person.ask_code(&question(asked)).await else {
        let why = format!("nobody typed one; {} at a terminal", again(asked));
        return Err(Trouble::NotGiven.failure(asked, &why));
    };
    read(asked, &typed)
}

/// `One-time code of ada (for prod): `.
fn question(asked: &Asked<'_>) -> String {
    format!("One-time code of {} (for {}): ", asked.device(), asked.identity)
}

/// What a person typed, whichever way.
pub(super) fn read(asked: &Asked<'_>, typed: &Secret) -> Result<Secret, Failure> {
    checked(typed.expose()).map_err(|NotACode| {
        Trouble::Unusable.failure(asked, &format!("what was typed is not six digits; {}", again(asked)))
    })
}
