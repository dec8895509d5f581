//! An assumed role: `AssumeRole`, from base keys or from another identity's credential.
//!
//! Each link of a chain of `source_profile` is an ask of its own, so that ten roles of one base share it.

use super::aws_origin::Origin;
use super::aws_sts::Sts;
use super::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::config::RoleRequest;
use crate::credential::{Ask, Failure, IdentityName, Made, Renewed, SessionKey};
use crate::world::BoxFuture;

/// A role, with what it is assumed from.
pub(super) struct Role {
    pub(super) request: RoleRequest,
    pub(super) base: Base,
    pub(super) sts: Sts,
}

/// What a role is assumed from.
pub(super) enum Base {
    /// Keys, used as they are: a long-term key may assume a role for more than an hour.
    Keys(Box<Origin>),
    /// Another identity's credential.
    Identity(IdentityName),
}

impl Source for Role {
    fn needs(&self) -> Need {
        match &self.base {
            Base::Keys(origin) => {
                let no_older_than = origin.asked_again_after();
                Need::Session { key: origin.session_key(), freshly: false, no_older_than, ahead: false }
            }
            Base::Identity(name) => Need::Credential(Ask::aws(name.clone())),
        }
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        let origin = match &self.base {
            Base::Keys(origin) => Some(Origin::clone(origin)),
            Base::Identity(_) => None,
        };
        Box::pin(async move {
            match origin {
                Some(origin) => origin.fetch().await.map(Renewed::Keys),
                None => Err(wrong_ingredient()),
            }
        })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let (sts, request) = (self.sts.for_one_issue(), self.request.clone());
        Box::pin(async move {
            let keys = match &ingredient {
                Ingredient::Session(session) => &session.keys().ok_or_else(wrong_ingredient)?.keys,
                Ingredient::Credential(credential) => &credential.aws().ok_or_else(wrong_ingredient)?.keys,
                Ingredient::Nothing => return Err(wrong_ingredient()),
            };
            sts.assume_role(&request, keys).await.map(Made::from)
        })
    }

    fn limited_by(&self) -> SessionKey {
        match &self.base {
            Base::Keys(origin) => origin.session_key(),
            Base::Identity(name) => SessionKey(format!("identity:{name}").into()),
        }
    }
}
