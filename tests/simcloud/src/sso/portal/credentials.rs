//! `GetRoleCredentials`: keys of a role that the person was assigned. STS takes them, and they outlive the sign-in.

use std::time::SystemTime;

use serde_json::{Value, json};

use super::{check_account, required};
use crate::{
    Cloud, Issued, Keys, Principal, Refusal,
    fault::Trouble,
    keys::unique_id,
    sso::{model::SignIn, query::Query, refusal},
};

/// Judges the assignment and gives out keys.
pub(super) fn perform(
    cloud: &Cloud,
    sign_in: &SignIn,
    query: &Query,
    trouble: Option<&Trouble>,
) -> Result<Value, Refusal> {
    let (account, role) = (required(query, "account_id")?, required(query, "role_name")?);
    let (life, region) = {
        let state = cloud.state();
        check_account(&state.sso, sign_in, account)?;
        let key = (sign_in.person.clone(), account.to_owned(), role.to_owned());
        let assignment = state.sso.assignments.get(&key).filter(|assignment| !assignment.removed);
        let assignment = assignment.ok_or_else(|| refusal::portal("ForbiddenException"))?;
        let region = state.sso.instance(&sign_in.start_url).map(|instance| instance.region.clone());
        (assignment.session, region.unwrap_or_default())
    };
    let now = cloud.now();
    let session = Issued::to_user(Keys::temporary(), principal(account, role, &region, &sign_in.person), now);
    let issued = cloud.issue(session, life, trouble);
    let blank = matches!(trouble, Some(Trouble::BlankCredentials));
    let text = |text: String| if blank { String::new() } else { text };
    let keys = issued.keys;
    Ok(json!({ "roleCredentials": {
        "accessKeyId": text(keys.access_key_id),
        "secretAccessKey": text(keys.secret_access_key),
        "sessionToken": text(keys.session_token.unwrap_or_default()),
        "expiration": if blank { 0 } else { milliseconds(issued.expires.unwrap_or(now)) },
    }}))
}

/// A session of the role that Identity Center made in the account.
/// (IAM Identity Center User Guide, "Referencing permission sets in resource policies".)
fn principal(account: &str, role: &str, region: &str, person: &str) -> Principal {
    let name = format!("AWSReservedSSO_{role}_0123456789abcdef");
    Principal {
        arn: format!("arn:aws:sts::{account}:assumed-role/{name}/{person}"),
        user_id: format!("{}:{person}", unique_id("AROA", 17)),
        account: account.to_owned(),
        role: Some(format!("arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/{region}/{name}")),
    }
}

/// Since 1970: the only time in these two services that is not in seconds.
fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
