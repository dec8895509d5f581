//! Which source a definition is: called by whoever turns a configuration into recipes.

use std::sync::Arc;

use super::Source;
use super::aws_keys::Keys;
use super::aws_mfa::{Mfa, NoSessions, Served, UserSessions};
use super::aws_origin::Origin;
use super::aws_role::{Base, Role};
use super::aws_sso::Sso;
use super::aws_sts::Sts;
use super::aws_web_identity::WebIdentity;
use super::learnt::Learnt;
use super::warned::Warned;
use crate::config::{AwsDefinition, Identity, KeysOrigin, RoleBase, RoleDefinition, StsEndpoint, UserSession};
use crate::world::World;

/// What sources work with.
#[derive(Clone)]
pub struct Means {
    /// The outside.
    pub world: World,
    /// What those before them learnt, for them to go on with.
    pub learnt: Learnt,
    /// Where user sessions are kept and begun.
    pub sessions: Arc<dyn UserSessions>,
}

impl Means {
    /// The outside, with nothing learnt yet and no user session kept.
    pub fn of(world: World) -> Self {
        Self { world, learnt: Learnt::default(), sessions: Arc::new(NoSessions) }
    }
}

/// The source of an identity whose definition is whole.
pub fn build(definition: &AwsDefinition, identity: &Identity, means: &Means) -> Arc<dyn Source> {
    let Means { world, learnt, sessions } = means;
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
    let mfa = |session: &Arc<UserSession>, served: Served, endpoint: &StsEndpoint| {
        Arc::new(Mfa {
            identity: identity.name.clone(),
            session: Arc::clone(session),
            served,
            sts: sts(endpoint),
            sessions: Arc::clone(sessions),
            world: world.clone(),
        })
    };
    let role = |role: &RoleDefinition, base: Base| {
        Arc::new(Role { sts: sts(&role.request.sts), base, request: role.request.clone() })
    };
    let source: Arc<dyn Source> = match definition {
        AwsDefinition::Keys { origin: keys, sts: endpoint } => {
            Arc::new(Keys { origin: origin(keys), sts: sts(endpoint), account_id: identity.account.clone() })
        }
        AwsDefinition::Role(of @ RoleDefinition { request, base }) => match base {
            RoleBase::Keys(keys) => role(of, Base::Keys(Box::new(origin(keys)))),
            RoleBase::Identity(name) => role(of, Base::Identity(name.clone())),
            RoleBase::Session(session) => mfa(session, Served::Role(request.clone()), &request.sts),
            RoleBase::Code(session) => mfa(session, Served::RoleByCode(request.clone()), &request.sts),
        },
        AwsDefinition::Session(session) => mfa(session, Served::Session, &session.sts),
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
