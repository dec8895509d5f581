//! A role assumed with a token that a file holds (`web_identity_token_file`): Kubernetes, CI systems, OIDC in general.
//!
//! The file is read at every issue, since whoever writes it rotates it. When AWS refuses the token, the file is read again
//! at once, and asked with again only if it holds another one by then.

use super::aws_error::{Action, Verdict};
use super::aws_sts::Sts;
use super::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::config::WebIdentityDefinition;
use crate::credential::{Failure, FailureClass, Issued, Renewed, SessionKey};
use crate::secret::Secret;
use crate::world::BoxFuture;

/// A role with a token file.
pub(super) struct WebIdentity {
    pub(super) definition: WebIdentityDefinition,
    pub(super) sts: Sts,
}

impl Source for WebIdentity {
    fn needs(&self) -> Need {
        Need::Nothing
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Issued, Failure>> {
        let (sts, definition) = (self.sts.for_one_issue(), self.definition.clone());
        Box::pin(async move {
            let token = token(&sts, &definition)?;
            let verdict = match sts.assume_with_token(&definition, &token).await {
                Ok(issued) => return Ok(issued),
                Err(verdict) => verdict,
            };
            if let Verdict { action: Action::ReadTokenAgain, .. } = verdict
                && let Ok(again) = self::token(&sts, &definition)
                && !again.same_as(token.expose().as_bytes())
            {
                return sts.assume_with_token(&definition, &again).await.map_err(|verdict| verdict.failure);
            }
            Err(verdict.failure)
        })
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey(format!("web-identity:{}", self.sts.identity).into())
    }
}

/// The token that the file holds now: 4 to 20,000 characters (API_AssumeRoleWithWebIdentity).
fn token(sts: &Sts, definition: &WebIdentityDefinition) -> Result<Secret, Failure> {
    let failed = |why: String| {
        let path = definition.token_file.display();
        let text = format!("the web-identity token of `{}` cannot be read from {path}: {why}", sts.identity);
        // it is somebody's to write: what is held goes on until its end
        Failure::new(FailureClass::TryLater, "TokenFileUnusable", text)
    };
    let content = sts.world.files.read(&definition.token_file).map_err(|error| failed(error.to_string()))?;
    let content = zeroize::Zeroizing::new(content);
    let text = std::str::from_utf8(&content).map_err(|_| failed("it is no text".to_owned()))?.trim();
    if !(4..=20_000).contains(&text.len()) {
        return Err(failed("it holds no token".to_owned()));
    }
    Ok(Secret::new(text))
}
