//! A role assumed with a web-identity token, of a file, a program, GitHub Actions or one of our Azure identities: Kubernetes, CI systems, OIDC in general.
//!
//! The token is got anew at every issue, since it lives for minutes and whoever writes a file rotates it. When AWS refuses it,
//! it is got again at once, and asked with again only if it is another one by then.

use std::sync::Arc;

use super::aws_error::{Action, Verdict};
use super::aws_sts::Sts;
use super::foreign_token::ForeignToken;
use super::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::config::{TokenSource, WebIdentityDefinition};
use crate::credential::{Ask, Failure, Made, Renewed, SessionKey};
use crate::secret::Secret;
use crate::world::BoxFuture;

/// A role with a token.
pub(super) struct WebIdentity {
    pub(super) definition: WebIdentityDefinition,
    pub(super) sts: Sts,
}

impl Source for WebIdentity {
    fn needs(&self) -> Need {
        match &self.definition.token {
            TokenSource::Azure { from, resource } => {
                Need::Credential(Ask::token(Arc::clone(from), Arc::clone(resource)))
            }
            TokenSource::File(_) | TokenSource::Command(_) | TokenSource::GitHubActions { .. } => Need::Nothing,
        }
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, ingredient: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let (sts, definition) = (self.sts.for_one_issue(), self.definition.clone());
        Box::pin(async move {
            let token = token(&sts, &definition, &ingredient).await?;
            let verdict = match sts.assume_with_token(&definition, &token).await {
                Ok(issued) => return Ok(issued.into()),
                Err(verdict) => verdict,
            };
            if let Verdict { action: Action::ReadTokenAgain, .. } = verdict
                && let Ok(again) = self::token(&sts, &definition, &ingredient).await
                && !again.same_as(token.expose().as_bytes())
            {
                let issued = sts.assume_with_token(&definition, &again).await;
                return issued.map(Made::from).map_err(|verdict| verdict.failure);
            }
            Err(verdict.failure)
        })
    }

    fn limited_by(&self) -> SessionKey {
        SessionKey(format!("web-identity:{}", self.sts.identity).into())
    }
}

/// A token as it is now.
async fn token(sts: &Sts, definition: &WebIdentityDefinition, ingredient: &Ingredient) -> Result<Secret, Failure> {
    let foreign = ForeignToken { world: &sts.world, identity: &sts.identity, called: "web-identity token" };
    match &definition.token {
        TokenSource::Azure { .. } => match ingredient {
            Ingredient::Credential(credential) => {
                Ok(credential.token().ok_or_else(wrong_ingredient)?.access_token.clone())
            }
            Ingredient::Nothing | Ingredient::Session(_) => Err(wrong_ingredient()),
        },
        TokenSource::File(path) => foreign.of_file(path),
        TokenSource::Command(argv) => foreign.of_command(argv).await,
        TokenSource::GitHubActions { audience } => foreign.of_github(audience).await,
    }
}
