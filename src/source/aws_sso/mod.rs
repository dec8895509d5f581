//! A role of an account, by way of IAM Identity Center: `GetRoleCredentials` with the token of a sign-in.

pub(super) mod bucket;
mod center;
pub(super) mod oidc;
pub(super) mod portal;
pub(super) mod problem;
mod sane;

use super::{Ingredient, Need, Source, wrong_ingredient};
use crate::config::SsoDefinition;
use crate::credential::{Failure, Issued, SessionKey};
use crate::world::{BoxFuture, World};

/// A role of an account.
pub(super) struct Sso {
    pub(super) definition: SsoDefinition,
    pub(super) world: World,
}

impl Source for Sso {
    fn needs(&self) -> Need {
        Need::Session { key: self.definition.session.key(), freshly: false, no_older_than: None }
    }

    fn renew(&self) -> BoxFuture<'static, Result<Issued, Failure>> {
        drop(self.world.clone());
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Issued, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn limited_by(&self) -> SessionKey {
        self.definition.session.key()
    }
}
