//! The trust that an identity needs at the other cloud, as a real token shows it: for `credenza setup federation`.
//!
//! The token is fetched as any other would be, and nothing of it leaves but what it says of itself. Nothing is changed in any
//! cloud: that takes rights which this user need not have.

use std::sync::Arc;
use std::time::Duration;

use super::notes;
use super::recipes::Book;
use super::user_sessions::AtDaemon;
use crate::config::trust::{AwsTrust, AzureTrust};
use crate::config::{AssertionSource, AzureSource, Config, Definition, Identity, TokenSource};
use crate::credential::claims::Claims;
use crate::credential::{Ask, Failure, FailureClass};
use crate::engine::{Engine, Settings};
use crate::world::World;

/// The trust that an identity needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// At Entra ID: an application or a managed identity lets a token in.
    Azure {
        /// What it consists of.
        trust: AzureTrust,
        /// The managed identity, where it is known to be one.
        resource_id: Option<String>,
        /// Whether AWS signs the token.
        of_aws: bool,
    },
    /// At AWS: a role lets a token of Entra ID in.
    Aws(AwsTrust),
}

/// What came of it.
#[derive(Debug)]
pub struct Looked {
    /// The trust, or why no token could be had.
    pub outcome: Result<Trust, Failure>,
    /// What the person should know, one line each.
    pub notes: Vec<String>,
}

/// What has to be asked for to see what an identity shows at the other cloud; `None`: it shows nothing there.
pub fn shown_by(identity: &Identity) -> Option<Ask> {
    match identity.definition.as_ref().ok()? {
        Definition::Azure(azure) => {
            matches!(azure.source, AzureSource::Federated { .. }).then(|| Ask::assertion(Arc::clone(&identity.name)))
        }
        Definition::WebIdentity(role) => match &role.token {
            TokenSource::Azure { from, resource } => Some(Ask::token(Arc::clone(from), Arc::clone(resource))),
            TokenSource::File(_) | TokenSource::Command(_) | TokenSource::GitHubActions { .. } => None,
        },
        Definition::Keys { .. } | Definition::Role(_) | Definition::Session(_) | Definition::Sso(_) => None,
    }
}

/// Fetches what an identity shows, by way of everything that it rests on, waiting up to `patience`.
pub async fn look(
    world: &World,
    config: &Arc<Config>,
    identity: &Identity,
    daemon: &AtDaemon,
    patience: Duration,
) -> Looked {
    let Some(ask) = shown_by(identity) else { return Looked { outcome: Err(unlike(identity)), notes: Vec::new() } };
    let book = Book::of(Arc::clone(config), world.clone(), Arc::new(daemon.clone()));
    let engine = Engine::start(world.clone(), Arc::new(book), Settings { renew_ahead: false, ..Settings::default() });
    let shown = engine.get(&ask, patience).await;
    let notes = notes::of(&engine.snapshot(), &[]);
    engine.stop().await;
    let outcome = shown.and_then(|shown| {
        let claims = shown.token().map(|token| &token.claims);
        claims.and_then(|claims| trust(identity, claims)).ok_or_else(|| silent(identity))
    });
    Looked { outcome, notes }
}

/// The trust for a token that says this.
fn trust(identity: &Identity, claims: &Claims) -> Option<Trust> {
    match identity.definition.as_ref().ok()? {
        Definition::Azure(azure) => {
            let AzureSource::Federated { client_id, assertion } = &azure.source else { return None };
            Some(Trust::Azure {
                trust: AzureTrust::of(&identity.name, client_id, claims)?,
                resource_id: azure.ids.resource_id.clone(),
                of_aws: matches!(assertion, AssertionSource::Aws { .. }),
            })
        }
        Definition::WebIdentity(role) => AwsTrust::of(&role.role_arn, claims).map(Trust::Aws),
        _ => None,
    }
}

fn unlike(identity: &Identity) -> Failure {
    let name = &identity.name;
    let text = format!(
        "{name} ({}) shows no token at another cloud: that does an Azure identity with source = \"federated\", and an AWS identity \
         with web_identity = {{ from = \"AZURE IDENTITY\" }}",
        identity.kind.word()
    );
    Failure::new(FailureClass::Refused, "Unusable", text)
}

fn silent(identity: &Identity) -> Failure {
    let text = format!(
        "what {} shows does not say who signed it, whose it is and for whom: it is no token that another cloud could trust",
        identity.name
    );
    Failure::new(FailureClass::Refused, "UnusableCredential", text)
}
