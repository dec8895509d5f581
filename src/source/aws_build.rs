//! Which source an AWS definition is. Called by [`super::build`].

use std::sync::Arc;

use super::aws_keys::Keys;
use super::aws_mfa::{Mfa, Served};
use super::aws_origin::Origin;
use super::aws_role::{Base, Role};
use super::aws_sso::Sso;
use super::aws_sts::Sts;
use super::aws_web_identity::WebIdentity;
use super::{Means, Source};
use crate::config::{Definition, Identity, KeysOrigin, RoleBase, RoleDefinition, StsEndpoint, UserSession};

/// The source of an AWS identity whose definition is whole; `None`: it is none.
pub(super) fn build(definition: &Definition, identity: &Identity, means: &Means) -> Option<Arc<dyn Source>> {
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
    Some(match definition {
        Definition::Keys { origin: keys, sts: endpoint } => {
            Arc::new(Keys { origin: origin(keys), sts: sts(endpoint), account_id: identity.account.clone() })
        }
        Definition::Role(of @ RoleDefinition { request, base }) => match base {
            RoleBase::Keys(keys) => role(of, Base::Keys(Box::new(origin(keys)))),
            RoleBase::Identity(name) => role(of, Base::Identity(name.clone())),
            RoleBase::Session(session) => mfa(session, Served::Role(request.clone()), &request.sts),
            RoleBase::Code(session) => mfa(session, Served::RoleByCode(request.clone()), &request.sts),
        },
        Definition::Session(session) => mfa(session, Served::Session, &session.sts),
        Definition::Sso(sso) => Arc::new(Sso {
            identity: identity.name.clone(),
            definition: sso.clone(),
            bucket: learnt.bucket(&sso.session.key()),
            world: world.clone(),
        }),
        Definition::WebIdentity(role) => Arc::new(WebIdentity { sts: sts(&role.sts), definition: role.clone() }),
        Definition::Azure(_) => return None,
    })
}
