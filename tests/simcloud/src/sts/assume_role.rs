//! `AssumeRole`: a session of a role, for whoever its trust lets in.

use std::time::Duration;

use super::{
    check_signed_region,
    mfa::Code,
    session::{Wanted, credentials},
};
use crate::{
    Cloud, Issued, Keys, Principal, Refusal, Role,
    fault::Trouble,
    principal::Arn,
    query::{Element, Parameters, Violations},
    sigv4::Signed,
};

pub(super) const DEFAULT: Duration = Duration::from_secs(3600);
pub(super) const MOST_SECS: u64 = 43_200;
/// (IAM User Guide, "Role chaining".)
const CHAINED_MOST: Duration = Duration::from_secs(3600);

pub(super) fn perform(
    cloud: &Cloud,
    signed: &Signed,
    parameters: &Parameters,
    trouble: Option<&Trouble>,
) -> Result<Element, Refusal> {
    let caller = &signed.by;
    let mut violations = Violations::default();
    let role_arn = violations.required("roleArn", parameters.text("RoleArn"));
    let session_name = violations.required("roleSessionName", parameters.text("RoleSessionName"));
    let duration = parameters.duration()?;
    check_names(&mut violations, role_arn, session_name);
    violations.duration(duration, MOST_SECS);
    let external_id = parameters.text("ExternalId");
    if let Some(external_id) = external_id {
        violations.length("externalId", external_id, 2, 1224);
        violations.word("externalId", external_id, r"+=,.@:/-", r"[\w+=,.@:\/-]*");
    }
    let code = Code::read(parameters, &mut violations);
    let wanted = Wanted::read(parameters, &mut violations);
    violations.check()?;
    let mut wanted = wanted?;
    let role = known_role(cloud, role_arn)?;
    let mfa = code.check(cloud, caller)? || caller.mfa;
    let role = role.filter(|role| role.lets_in(caller, external_id, mfa)).ok_or_else(|| {
        let user = &caller.principal.arn;
        Refusal::access_denied(format!(
            "User: {user} is not authorized to perform: sts:AssumeRole on resource: {role_arn}"
        ))
    })?;
    wanted.inherit(caller, role_arn)?;
    wanted.check_size()?;
    check_duration(duration, &role, caller.is_temporary())?;
    check_signed_region(cloud, signed)?;
    let elements = wanted.elements();
    let session = wanted.put_on(session_of(&role, session_name, caller.is_temporary(), cloud));
    let issued = cloud.issue(session, duration.unwrap_or(DEFAULT), trouble);
    let answer = [assumed_role_user(&issued), credentials(&issued, trouble)];
    Ok(Element::group("AssumeRole", answer.into_iter().chain(elements)))
}

/// The limits of the two names that every assumed role has.
pub(super) fn check_names(violations: &mut Violations, role_arn: &str, session_name: &str) {
    if !role_arn.is_empty() {
        violations.length("roleArn", role_arn, 20, 2048);
    }
    if !session_name.is_empty() {
        violations.session_name("roleSessionName", session_name);
    }
}

/// The role of this ARN, if there is one; an error when it can be no role's.
pub(super) fn known_role(cloud: &Cloud, arn: &str) -> Result<Option<Role>, Refusal> {
    let name = Arn::parse(arn).and_then(|arn| arn.role_name());
    name.ok_or_else(|| Refusal::validation(format!("{arn} is invalid")))?;
    Ok(cloud.state().roles.get(arn).cloned())
}

/// A session longer than its role, or than the chain, is refused; nothing is shortened silently.
pub(super) fn check_duration(asked: Option<Duration>, role: &Role, chained: bool) -> Result<(), Refusal> {
    let Some(asked) = asked else { return Ok(()) };
    if chained && asked > CHAINED_MOST {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if asked > role.max_session_duration {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}

/// A session with fresh keys, not given out yet. It carries no second factor, whatever opened it: only a session of
/// `GetSessionToken` does. (IAM User Guide, "Secure API access with MFA".)
pub(super) fn session_of(role: &Role, session_name: &str, chained: bool, cloud: &Cloud) -> Issued {
    let arn = Arn::parse(&role.arn).expect("the ARN of a known role was read before");
    let name = arn.role_name().unwrap_or_default();
    let principal = Principal {
        arn: format!("arn:{}:sts::{}:assumed-role/{name}/{session_name}", arn.partition, arn.account),
        user_id: format!("{}:{session_name}", role.id),
        account: arn.account.to_owned(),
        role: Some(role.arn.clone()),
    };
    Issued { chained, ..Issued::to_user(Keys::temporary(), principal, cloud.now()) }
}

/// `<AssumedRoleUser>` of an answer.
pub(super) fn assumed_role_user(issued: &Issued) -> Element {
    Element::group(
        "AssumedRoleUser",
        [Element::text("AssumedRoleId", &issued.principal.user_id), Element::text("Arn", &issued.principal.arn)],
    )
}
