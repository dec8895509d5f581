//! Signing in to IAM Identity Center, and asking its access portal: the calls, for the commands that begin and end sign-ins
//! and list what one may have. The sources use the same; nothing here waits for a person.

pub use super::aws_sso::bucket::Bucket;
pub use super::aws_sso::login::{How, login};
pub use super::aws_sso::oidc::{DeviceCode, Flow, Grant, Minted, Oidc};
pub use super::aws_sso::portal::{Account, Portal};
pub use super::aws_sso::problem::{SsoProblem, What};
pub use super::aws_sso::{is_mended_by_login, sign_in, sign_in_anew, wants_login};

use crate::config::{Definition, Identity};
use crate::credential::AwsKeys;
use crate::source::aws_sts::Sts;
use crate::world::World;

/// The ARN that STS knows the holder of these keys by; `None` where it does not tell.
pub async fn caller_arn(identity: &Identity, keys: &AwsKeys, world: &World) -> Option<String> {
    let Ok(Definition::Sso(definition)) = &identity.definition else { return None };
    let sts = Sts {
        identity: identity.name.clone(),
        digest: identity.digest,
        endpoint: definition.sts.clone(),
        ca_bundle: identity.ca_bundle.clone(),
        world: world.clone(),
        learnt: super::Learnt::default(),
        until: None,
    };
    sts.for_one_issue().caller(keys).await.ok()?.arn
}
