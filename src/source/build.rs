//! Which source a definition is, for what is wanted: called by whoever turns a configuration into recipes.

use std::sync::Arc;

use super::aws_mfa::{NoSessions, UserSessions};
use super::learnt::Learnt;
use super::warned::Warned;
use super::{Source, aws_build, azure_build};
use crate::config::{Definition, Identity};
use crate::credential::{Failure, FailureClass, Want};
use crate::world::World;

/// What sources work with.
#[derive(Clone)]
pub struct Means {
    /// The outside.
    pub world: World,
    /// What those before them learnt, for them to go on with.
    pub learnt: Learnt,
    /// Where user sessions are kept and begun.
    pub sessions: Arc<dyn UserSessions>,
}

impl Means {
    /// The outside, with nothing learnt yet and no user session kept.
    pub fn of(world: World) -> Self {
        Self { world, learnt: Learnt::default(), sessions: Arc::new(NoSessions) }
    }
}

/// The source that makes what is wanted of an identity whose definition is whole.
///
/// # Errors
///
/// [`FailureClass::Refused`] where the identity does not give such a thing: a token of an AWS identity, or one for a resource
/// that the configuration denies.
pub fn build(
    definition: &Definition,
    identity: &Identity,
    want: &Want,
    means: &Means,
) -> Result<Arc<dyn Source>, Failure> {
    let name = &identity.name;
    let source = match (definition, want) {
        (Definition::Azure(azure), Want::Token(_) | Want::Assertion) => {
            azure_build::build(azure, identity, want, means)?
        }
        (Definition::Azure(_), Want::Keys) => {
            return Err(not_such(format!("{name} is an Azure identity, and has no AWS keys: name an AWS identity")));
        }
        (_, Want::Token(_) | Want::Assertion) => {
            return Err(not_such(format!(
                "{name} is an AWS identity, and has no Azure tokens: name an Azure identity"
            )));
        }
        (_, Want::Keys) => aws_build::build(definition, identity, means).ok_or_else(|| not_such(String::new()))?,
    };
    Ok(match identity.warnings.as_slice() {
        [] => source,
        warnings => Arc::new(Warned { source, warnings: warnings.to_vec() }),
    })
}

fn not_such(text: String) -> Failure {
    Failure::new(FailureClass::Refused, "WrongCloud", text)
}
