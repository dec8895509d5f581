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

use std::sync::Arc;
use std::time::Duration;

use self::bucket::Bucket;
use self::portal::Portal;
use self::problem::What;
use self::renewal::Renewing;
use super::{Ingredient, Need, Renewal, SESSION_TOKEN_DEAD, Source, wrong_ingredient};
use crate::config::{SsoDefinition, SsoSession};
use crate::credential::{Failure, IdentityName, Made, Renewed, Session, SessionKey, SignIn};
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

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
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
            answer.map(Made::from).map_err(|problem| problem.failure)
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

/// The sign-in as it lies there, for who works with it for some minutes: renewed where it ends sooner and can be. `asked_for`
/// is what needs it, for the failures: an identity, or what the session is called.
///
/// # Errors
///
/// Where a person has to sign in first ([`wants_login`]); where it cannot be kept, or the upstream is in trouble.
pub async fn sign_in(session: &Arc<SsoSession>, world: &World, asked_for: &str) -> Result<SignIn, Failure> {
    let renewing = Renewing { identity: asked_for.into(), session: Arc::clone(session), world: world.clone() };
    let found = renewing.renew(&Renewal { instead_of: None, refused: false }).await?;
    let left = found.expiration.duration_since(world.clock.now().wall).unwrap_or_default();
    if left >= SOME_MINUTES || !found.renewable {
        return Ok(found);
    }
    // what is left of it may do after all
    Ok(renewing.renew(&in_place_of(&found, false, world)).await.unwrap_or(found))
}

/// Another one in place of one that the upstream takes no more.
///
/// # Errors
///
/// As [`sign_in`].
pub async fn sign_in_anew(
    session: &Arc<SsoSession>,
    world: &World,
    asked_for: &str,
    dead: &SignIn,
) -> Result<SignIn, Failure> {
    let renewing = Renewing { identity: asked_for.into(), session: Arc::clone(session), world: world.clone() };
    renewing.renew(&in_place_of(dead, true, world)).await
}

fn in_place_of(held: &SignIn, refused: bool, world: &World) -> Renewal {
    let held = Session { renewed: Renewed::SignIn(held.clone()), received: world.clock.now() };
    Renewal { instead_of: Some(Arc::new(held)), refused }
}

/// The lists of a thousand accounts take less than two.
const SOME_MINUTES: Duration = Duration::from_secs(5 * 60);

/// Whether a failure is one that a login mends.
pub fn wants_login(failure: &Failure) -> bool {
    is_mended_by_login(failure.code)
}

/// The same by its code alone.
pub fn is_mended_by_login(code: &str) -> bool {
    matches!(code, renewal::LOGIN_REQUIRED | super::SESSION_ENDED | SESSION_TOKEN_DEAD)
}
