//! What each container of a listener is served, from what the configuration says.
//!
//! Called by [`super::listeners`], and by [`super::relayed`] for the containers of a relay.

use std::sync::Arc;

use super::terms::{Own, terms_of};
use crate::config::{Config, Dialect, ListenerDefinition, Neighbour, Peers};
use crate::server::neighbours::{Lookups, Neighbours};
use crate::server::terms::{AzureByGrant, PodIdentity, Terms};

/// The terms of a listener, with those of each of its neighbours where it has any. The error is one sentence.
pub(super) fn terms_of_all(
    definition: &ListenerDefinition,
    config: &Config,
    own: &Own,
    lookups: &Arc<Lookups>,
) -> Result<Terms, String> {
    if definition.neighbours.is_empty() {
        return terms_of(definition, config, own);
    }
    let mut all = Vec::new();
    for neighbour in &definition.neighbours {
        let terms = terms_of_one(definition, Some(neighbour), &neighbour.who.to_string(), config, own)?;
        all.push((neighbour.who.clone(), Arc::new(terms)));
    }
    let others = Arc::new(terms_of_one(definition, None, "", config, own)?);
    let undecided = Arc::new(Terms { peers: Peers::Untold, ..terms_of_one(definition, None, "", config, own)? });
    let served = Terms::of_nothing(definition.peers, definition.identities.clone());
    Ok(Terms { neighbours: Some(Neighbours::new(all, others, undecided, Arc::clone(lookups))), ..served })
}

/// The terms as one of its neighbours sees them, or as somebody else does; whom the audit trail calls `container`, unless that
/// is nothing.
pub(super) fn terms_of_one(
    definition: &ListenerDefinition,
    neighbour: Option<&Neighbour>,
    container: &str,
    config: &Config,
    own: &Own,
) -> Result<Terms, String> {
    let mut seen = definition.seen_by(neighbour);
    let (aws, azure) = (config.aws_of(&seen).is_empty(), config.azure_of(&seen).is_empty());
    // a container need not have something of each cloud that is spoken of at the address
    seen.dialects.retain(|dialect| match dialect {
        Dialect::Ec2 | Dialect::EcsTask => !aws,
        Dialect::AzureImds => !azure,
        _ => true,
    });
    // a session token that one container made opens nothing to another
    let own = own.of_container(container);
    let terms = terms_of(&seen, config, &own)?;
    Ok(Terms {
        own_tokens: true,
        pod_identity: terms.pod_identity.or_else(|| terms.ecs.map(|_| PodIdentity::ByGrant)),
        azure: terms.ecs.map(|_| AzureByGrant),
        container: Some(container).filter(|name| !name.is_empty()).map(Into::into),
        ..terms
    })
}
