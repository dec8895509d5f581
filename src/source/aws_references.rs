//! Long-term keys that are meant by reference: read where they lie when they are needed, and never written by us.
//!
//! Called by [`super::aws_origin`].

use super::aws_origin::endless;
use super::shape;
use crate::config::KeysReference;
use crate::credential::{AwsKeys, Failure, FailureClass, Issued};
use crate::secret::Secret;
use crate::world::World;

/// The keys that a reference leads to.
pub(super) async fn keys(reference: &KeysReference, world: &World) -> Result<Issued, Failure> {
    let unusable = |why: &str| {
        let text = format!("the keys at {} cannot be used: {why}", reference.label());
        Failure::new(FailureClass::Refused, "KeysUnusable", text)
    };
    match reference {
        KeysReference::Environment(prefix) => {
            let variable = |half: &str| world.environment.text(&format!("{prefix}_{half}"));
            let (Some(id), Some(secret)) = (variable("ACCESS_KEY_ID"), variable("SECRET_ACCESS_KEY")) else {
                return Err(unusable("one of the two variables is not set"));
            };
            let secret_access_key = Secret::new(secret);
            let keys = AwsKeys { access_key_id: id.to_owned(), secret_access_key, session_token: None };
            shape::check(&keys).map_err(unusable)?;
            Ok(endless(keys, None))
        }
        _ => Err(unusable("this kind of reference is not read yet")),
    }
}
