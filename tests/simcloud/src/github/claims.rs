//! What a job's token says.

use serde::Serialize;

use super::{ISSUER, Workflow};
use crate::{
    Cloud,
    keys::request_id,
    web_identity::{Claims, unix_secs},
};

/// The claims that a relying party looks at. (docs.github.com, "OpenID Connect reference", "OIDC token claims")
#[derive(Serialize)]
struct JobClaims {
    #[serde(flatten)]
    standard: Claims,
    jti: String,
    repository: String,
    repository_owner: String,
    #[serde(rename = "ref")]
    reference: String,
}

/// A token for the job, meant for `audience` or else for the owner of its repository; nothing when its issuer is gone.
pub(super) fn mint(cloud: &Cloud, workflow: &Workflow, audience: Option<&str>) -> Option<String> {
    let now = unix_secs(cloud.now());
    let owner = workflow.repository.split('/').next().unwrap_or_default();
    let claims = JobClaims {
        standard: Claims {
            iss: ISSUER.to_owned(),
            sub: workflow.subject.clone(),
            aud: audience.map_or_else(|| format!("https://github.com/{owner}"), str::to_owned),
            exp: now.saturating_add(LIFE_SECS),
            nbf: now.saturating_sub(BEFORE_SECS),
            iat: now,
        },
        jti: request_id(),
        repository: workflow.repository.clone(),
        repository_owner: owner.to_owned(),
        reference: workflow.reference.clone(),
    };
    cloud.state().issuers.get(ISSUER).map(|issuer| issuer.sign(&claims))
}

const LIFE_SECS: u64 = 300;
/// Its tokens are good for clocks that are slow. (docs.github.com, "OpenID Connect", "Understanding the OIDC token")
const BEFORE_SECS: u64 = 600;
