//! `AssumeRoleWithWebIdentity`: a session of a role for the bearer of a signed token. The request itself is not signed.

use super::{
    assume_role::{DEFAULT, MOST_SECS, assumed_role_user, check_duration, check_names, known_role, session_of},
    check_region,
    session::{Wanted, credentials},
};
use crate::{
    Cloud, Refusal,
    fault::Trouble,
    query::{Element, Parameters, Violations},
    web_identity,
};

pub(super) fn perform(
    cloud: &Cloud,
    region: Option<&str>,
    parameters: &Parameters,
    trouble: Option<&Trouble>,
) -> Result<Element, Refusal> {
    let mut violations = Violations::default();
    let role_arn = violations.required("roleArn", parameters.text("RoleArn"));
    let session_name = violations.required("roleSessionName", parameters.text("RoleSessionName"));
    let token = violations.required("webIdentityToken", parameters.text("WebIdentityToken"));
    let duration = parameters.duration()?;
    check_names(&mut violations, role_arn, session_name);
    violations.duration(duration, MOST_SECS);
    if !token.is_empty() {
        violations.length("webIdentityToken", token, 4, 20_000);
    }
    let wanted = Wanted::read(parameters, &mut violations);
    violations.check()?;
    let wanted = wanted?;
    let claims = web_identity::read(cloud, token, cloud.now())?;
    cloud.note_exchange(&claims, token);
    let role = known_role(cloud, role_arn)?
        .filter(|role| role.lets_in_bearer(&claims))
        .ok_or_else(|| Refusal::access_denied("Not authorized to perform sts:AssumeRoleWithWebIdentity"))?;
    wanted.check_size()?;
    check_duration(duration, &role, false)?;
    let elements = wanted.elements();
    let session = wanted.put_on(session_of(&role, session_name, false, cloud));
    if let Some(region) = region {
        check_region(cloud, region, &session.principal.account)?;
    }
    let issued = cloud.issue(session, duration.unwrap_or(DEFAULT), trouble);
    let answer = [
        Element::text("SubjectFromWebIdentityToken", &claims.sub),
        Element::text("Audience", &claims.aud),
        assumed_role_user(&issued),
        credentials(&issued, trouble),
        Element::text("Provider", &claims.iss),
    ];
    Ok(Element::group("AssumeRoleWithWebIdentity", answer.into_iter().chain(elements)))
}
