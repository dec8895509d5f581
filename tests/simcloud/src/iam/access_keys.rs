//! `CreateAccessKey`, `ListAccessKeys`, `UpdateAccessKey`, `DeleteAccessKey`, `GetAccessKeyLastUsed`.

use super::user::{name_of, user_of};
use crate::{
    Cloud, Issued, Keys, Principal, Refusal, User,
    fault::Trouble,
    query::{Element, Parameters, Violations, utc},
};

/// (IAM User Guide, "IAM and AWS STS quotas": access keys assigned to an IAM user)
const MOST_KEYS: usize = 2;

pub(super) fn create(
    cloud: &Cloud,
    caller: &Issued,
    parameters: &Parameters,
    trouble: Option<&Trouble>,
) -> Result<Element, Refusal> {
    let user = user_of(cloud, caller, parameters, Violations::default())?;
    if keys_of(cloud, &user.principal).len() >= MOST_KEYS {
        let message = format!("Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}");
        return Err(Refusal::new(409, "LimitExceeded", message));
    }
    let issued = cloud.add_access_key(&user);
    let blank = matches!(trouble, Some(Trouble::BlankCredentials));
    let shown = |text: &str| if blank { String::new() } else { text.to_owned() };
    let Keys { access_key_id, secret_access_key, .. } = &issued.keys;
    let key = [
        Element::text("UserName", name_of(&user.principal)),
        Element::text("AccessKeyId", shown(access_key_id)),
        Element::text("Status", "Active"),
        Element::text("SecretAccessKey", shown(secret_access_key)),
        Element::text("CreateDate", utc(issued.at)),
    ];
    Ok(Element::group("CreateAccessKey", [Element::group("AccessKey", key)]))
}

/// All at once: no user has more keys than fit on a page.
pub(super) fn list(cloud: &Cloud, caller: &Issued, parameters: &Parameters) -> Result<Element, Refusal> {
    let user = user_of(cloud, caller, parameters, Violations::default())?;
    let member = |issued: &Issued| {
        let status = if issued.active { "Active" } else { "Inactive" };
        let fields = [
            Element::text("UserName", name_of(&user.principal)),
            Element::text("AccessKeyId", &issued.keys.access_key_id),
            Element::text("Status", status),
            Element::text("CreateDate", utc(issued.at)),
        ];
        Element::group("member", fields)
    };
    let keys = keys_of(cloud, &user.principal);
    let keys = Element::group("AccessKeyMetadata", keys.iter().map(member));
    Ok(Element::group("ListAccessKeys", [Element::text("IsTruncated", "false"), keys]))
}

pub(super) fn update(cloud: &Cloud, caller: &Issued, parameters: &Parameters) -> Result<Element, Refusal> {
    let mut violations = Violations::default();
    let status = violations.required("status", parameters.text("Status"));
    if !matches!(status, "" | "Active" | "Inactive") {
        violations.add("status", status, "Member must satisfy enum value set: [Active, Inactive]");
    }
    let key = key_of(cloud, caller, parameters, violations)?;
    let id = &key.keys.access_key_id;
    if status == "Active" {
        cloud.activate(id)
    } else {
        cloud.deactivate(id)
    };
    Ok(Element::group("UpdateAccessKey", []))
}

pub(super) fn delete(cloud: &Cloud, caller: &Issued, parameters: &Parameters) -> Result<Element, Refusal> {
    let key = key_of(cloud, caller, parameters, Violations::default())?;
    cloud.remove_access_key(&key.keys.access_key_id);
    Ok(Element::group("DeleteAccessKey", []))
}

/// A key of another account is as unknown as one that never was.
pub(super) fn last_used(cloud: &Cloud, caller: &Issued, parameters: &Parameters) -> Result<Element, Refusal> {
    let mut violations = Violations::default();
    let id = access_key_id(parameters, &mut violations);
    violations.check()?;
    let owned = |issued: &Issued| !issued.is_temporary() && issued.principal.account == caller.principal.account;
    let key = cloud.issued(id).filter(owned).ok_or_else(|| no_such_key(id))?;
    let (service, region) = key.last_used.as_ref().map_or(("N/A", "N/A"), |used| (&used.service, &used.region));
    let date = key.last_used.as_ref().map(|used| Element::text("LastUsedDate", utc(used.at)));
    let used = [Element::text("ServiceName", service), Element::text("Region", region)];
    let answer = [
        Element::text("UserName", name_of(&key.principal)),
        Element::group("AccessKeyLastUsed", date.into_iter().chain(used)),
    ];
    Ok(Element::group("GetAccessKeyLastUsed", answer))
}

/// The key that a request names, when it is the user's.
fn key_of(
    cloud: &Cloud,
    caller: &Issued,
    parameters: &Parameters,
    mut violations: Violations,
) -> Result<Issued, Refusal> {
    let id = access_key_id(parameters, &mut violations);
    let user: User = user_of(cloud, caller, parameters, violations)?;
    let mut keys = keys_of(cloud, &user.principal).into_iter();
    keys.find(|issued| issued.keys.access_key_id == id).ok_or_else(|| no_such_key(id))
}

fn access_key_id<'a>(parameters: &'a Parameters, violations: &mut Violations) -> &'a str {
    let id = violations.required("accessKeyId", parameters.text("AccessKeyId"));
    if !id.is_empty() {
        violations.length("accessKeyId", id, 16, 128);
        violations.word("accessKeyId", id, "", r"[\w]+");
    }
    id
}

/// The long-term keys of a user, the oldest first.
fn keys_of(cloud: &Cloud, user: &Principal) -> Vec<Issued> {
    let own = |issued: &Issued| !issued.is_temporary() && issued.principal.arn == user.arn;
    cloud.all_issued().into_iter().filter(own).collect()
}

fn no_such_key(id: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("The Access Key with id {id} cannot be found."))
}
