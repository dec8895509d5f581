//! Which source a definition is: called by whoever turns a configuration into recipes.

use std::sync::Arc;

use super::Source;
use super::aws_keys::Keys;
use super::aws_origin::Origin;
use super::aws_role::{Base, Role};
use super::aws_sso::Sso;
use super::aws_sts::Sts;
use super::aws_web_identity::WebIdentity;
use super::learnt::Learnt;
use super::warned::Warned;
use crate::config::{AwsDefinition, Identity, KeysOrigin, RoleBase, StsEndpoint};
use crate::world::World;

/// The source of an identity whose definition is whole; `learnt`: what those before it learnt, for it to go on with.
pub fn build(definition: &AwsDefinition, identity: &Identity, world: &World, learnt: &Learnt) -> Arc<dyn Source> {
    let sts = |endpoint: &StsEndpoint| Sts {
        identity: identity.name.clone(),
        digest: identity.digest,
        endpoint: endpoint.clone(),
        ca_bundle: identity.ca_bundle.clone(),
        world: world.clone(),
        learnt: learnt.clone(),
        until: None,
    };
    let origin = |keys: &KeysOrigin| Origin { keys: keys.clone(), world: world.clone() };
    let source: Arc<dyn Source> = match definition {
        AwsDefinition::Keys { origin: keys, sts: endpoint } => {
            Arc::new(Keys { origin: origin(keys), sts: sts(endpoint), account_id: identity.account.clone() })
        }
        AwsDefinition::Role(role) => Arc::new(Role {
            sts: sts(&role.sts),
            base: match &role.base {
                RoleBase::Keys(keys) => Base::Keys(Box::new(origin(keys))),
                RoleBase::Identity(name) => Base::Identity(name.clone()),
            },
            definition: role.clone(),
        }),
        AwsDefinition::Sso(sso) => Arc::new(Sso {
            identity: identity.name.clone(),
            definition: sso.clone(),
            bucket: learnt.bucket(&sso.session.key()),
            world: world.clone(),
        }),
        AwsDefinition::WebIdentity(role) => Arc::new(WebIdentity { sts: sts(&role.sts), definition: role.clone() }),
    };
    match identity.warnings.as_slice() {
        [] => source,
        warnings => Arc::new(Warned { source, warnings: warnings.to_vec() }),
    }
}
