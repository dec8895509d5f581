//! A role of an account, by way of IAM Identity Center: `GetRoleCredentials` with the token of a sign-in.
//!
//! The sign-in is the session, one for all roles ([`renewal`]); a person begins it elsewhere. What the access portal says to
//! one role is that role's affair, but for a token that it takes no more.

pub(super) mod bucket;
mod center;
pub(super) mod login;
pub(super) mod oidc;
pub(super) mod portal;
pub(super) mod problem;
mod renewal;
mod sane;

use std::time::Duration;

use self::bucket::Bucket;
use self::portal::Portal;
use self::problem::What;
use self::renewal::Renewing;
use super::{Ingredient, Need, Renewal, SESSION_TOKEN_DEAD, Source, wrong_ingredient};
use crate::config::SsoDefinition;
use crate::credential::{Failure, IdentityName, Issued, Renewed, SessionKey};
use crate::world::{BoxFuture, World};

/// A role of an account.
pub(super) struct Sso {
    pub(super) identity: IdentityName,
    pub(super) definition: SsoDefinition,
    /// The pace at which the access portal is asked, by everybody.
    pub(super) bucket: Bucket,
    pub(super) world: World,
}

impl Source for Sso {
    fn needs(&self) -> Need {
        Need::Session { key: self.definition.session.key(), freshly: false, no_older_than: None, ahead: true }
    }

    fn renew(&self, renewal: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        let session = self.definition.session.clone();
        let renewing = Renewing { identity: self.identity.clone(), session, world: self.world.clone() };
        Box::pin(async move { renewing.renew(&renewal).await.map(Renewed::SignIn) })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Issued, Failure>> {
        let SsoDefinition { session, account_id, role_name, .. } = self.definition.clone();
        let portal = Portal::new(session, self.world.clone(), self.bucket.clone()).asked_by(self.identity.clone());
        Box::pin(async move {
            let Ingredient::Session(session) = ingredient else { return Err(wrong_ingredient()) };
            let sign_in = session.sign_in().ok_or_else(wrong_ingredient)?;
            let portal = match &sign_in.region {
                Some(region) => portal.in_region(region.as_str()),
                None => portal,
            };
            let ask = async || portal.role_credentials(&sign_in.access_token, &account_id, &role_name).await;
            let answer = match ask().await {
                // it is known to say so once in a while to somebody who has access (aws/aws-cli issue 7871)
                Err(problem) if problem.what == What::NoAccess => {
                    tokio::time::sleep(ASKED_AGAIN_AFTER).await;
                    ask().await
                }
                answer => answer,
            };
            answer.map_err(|problem| problem.failure)
        })
    }

    fn limited_by(&self) -> SessionKey {
        self.definition.session.key()
    }

    /// Another identity's attempt at the sign-in that this one shares failed: the command to name is this one's.
    fn as_its_own(&self, failure: &Failure) -> Failure {
        renewal::named_for(failure, &self.identity)
    }
}

/// Long enough for the portal to think better of it, short enough for a request to be answered by.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(300);

/// Whether a failure is one that a login mends.
pub fn wants_login(failure: &Failure) -> bool {
    is_mended_by_login(failure.code)
}

/// The same by its code alone.
pub fn is_mended_by_login(code: &str) -> bool {
    matches!(code, renewal::LOGIN_REQUIRED | super::SESSION_ENDED | SESSION_TOKEN_DEAD)
}
