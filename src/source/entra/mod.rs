//! Microsoft Entra ID: the token endpoint of its v2.0 protocol, what its errors mean, and the sources that ask it.
//!
//! The shape of requests and answers is Microsoft's ("OAuth 2.0 authorization code flow", "device authorization grant flow",
//! "client credentials flow" of the identity platform's documents). No request names the client capability `cp1` and none
//! carries `claims`: behind a metadata endpoint nobody could answer the challenge that such a token may be cut off with.

mod certificate;
mod key;
pub(super) mod login;
mod person;
pub(in crate::source) mod problem;
pub(in crate::source) mod scope;
pub(in crate::source) mod token;
pub(in crate::source) mod words;

pub(in crate::source) use self::problem::{Asking, Judged, Party, Problem, What, judge};
pub(in crate::source) use self::token::{ASSERTION_TYPE, Answered, FormValue, TokenEndpoint};

use std::sync::Arc;

use self::certificate::Certificate;
use self::person::Person;
use super::{Means, Source};
use crate::config::{AzureDefinition, AzureSource, EntraAccount};
use crate::credential::{IdentityName, Resource};

/// The source of an application's tokens for one resource, by a person's login or by a certificate; `None`: the definition is of
/// another kind.
pub(super) fn build(
    definition: &AzureDefinition,
    identity: &IdentityName,
    resource: &Resource,
    means: &Means,
) -> Option<Arc<dyn Source>> {
    let (identity, resource_of_this) = (Arc::clone(identity), Arc::clone(resource));
    Some(match &definition.source {
        AzureSource::Entra { client_id } => {
            let account = EntraAccount::of(definition)?;
            let endpoint = TokenEndpoint::of(definition, client_id, &account.tenant, means);
            let is_default = *resource == definition.resource;
            Arc::new(Person { identity, account, resource: resource_of_this, is_default, endpoint })
        }
        AzureSource::Certificate { client_id, certificate, key } => Arc::new(Certificate {
            identity,
            certificate: certificate.clone(),
            key: key.clone(),
            resource: resource_of_this,
            // an application has a tenant: without one Entra ID says that it knows none
            endpoint: TokenEndpoint::of(definition, client_id, "organizations", means),
        }),
        AzureSource::AzureCli { .. } | AzureSource::Azd { .. } | AzureSource::Federated { .. } => return None,
    })
}
