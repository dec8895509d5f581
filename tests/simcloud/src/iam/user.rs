//! The user that a request is about, and `GetUser`.

use crate::{
    Cloud, Issued, Principal, Refusal, User,
    query::{Element, Parameters, Violations, utc},
};

pub(super) fn perform(cloud: &Cloud, caller: &Issued, parameters: &Parameters) -> Result<Element, Refusal> {
    let user = user_of(cloud, caller, parameters, Violations::default())?;
    let fields = [
        Element::text("Path", "/"),
        Element::text("UserName", name_of(&user.principal)),
        Element::text("UserId", &user.principal.user_id),
        Element::text("Arn", &user.principal.arn),
        Element::text("CreateDate", utc(user.created)),
    ];
    Ok(Element::group("GetUser", [Element::group("User", fields)]))
}

/// The user of the caller's account that `UserName` names, or the caller; all that is wrong with the request is told first.
pub(super) fn user_of(
    cloud: &Cloud,
    caller: &Issued,
    parameters: &Parameters,
    mut violations: Violations,
) -> Result<User, Refusal> {
    let name = parameters.text("UserName");
    if let Some(name) = name {
        violations.length("userName", name, 1, 128);
        violations.word("userName", name, "+=,.@-", r"[\w+=,.@-]+");
    }
    violations.check()?;
    if name.is_none() && caller.principal.role.is_some() {
        return Err(Refusal::validation("Must specify userName when calling with non-User credentials"));
    }
    let name = name.unwrap_or_else(|| name_of(&caller.principal));
    let arn = format!("arn:aws:iam::{}:user/{name}", caller.principal.account);
    let user = cloud.state().users.get(&arn).cloned();
    user.ok_or_else(|| Refusal::new(404, "NoSuchEntity", format!("The user with name {name} cannot be found.")))
}

pub(super) fn name_of(user: &Principal) -> &str {
    user.arn.rsplit('/').next().unwrap_or_default()
}
