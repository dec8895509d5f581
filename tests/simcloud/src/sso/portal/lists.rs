//! `ListAccounts` and `ListAccountRoles`: what a person was assigned, in pages.

use std::collections::BTreeSet;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{check_account, required};
use crate::{
    Refusal,
    sso::{directory::Directory, model::SignIn, query::Query, refusal},
};

/// Where the request does not say how many.
const PAGE: usize = 20;

/// The accounts where the person has a role.
pub(super) fn accounts(directory: &Directory, sign_in: &SignIn, query: &Query) -> Result<Value, Refusal> {
    let assigned: BTreeSet<&str> = assigned(directory, sign_in).map(|(account, _)| account).collect();
    let known = assigned.into_iter().filter_map(|id| directory.accounts.get(id));
    let mine = known.filter(|account| account.start_url.as_ref().is_none_or(|url| *url == sign_in.start_url));
    let account = |account: &crate::sso::Account| json!({ "accountId": account.id, "accountName": account.name, "emailAddress": account.email });
    page("accountList", mine.map(account).collect(), query)
}

/// The roles that the person has in one account.
pub(super) fn roles(directory: &Directory, sign_in: &SignIn, query: &Query) -> Result<Value, Refusal> {
    let id = required(query, "account_id")?;
    check_account(directory, sign_in, id)?;
    let mine: Vec<&str> =
        assigned(directory, sign_in).filter(|(account, _)| *account == id).map(|(_, role)| role).collect();
    if mine.is_empty() {
        return Err(refusal::portal("ForbiddenException"));
    }
    page("roleList", mine.into_iter().map(|role| json!({ "roleName": role, "accountId": id })).collect(), query)
}

/// Account and role of every assignment that stands.
fn assigned<'a>(directory: &'a Directory, sign_in: &'a SignIn) -> impl Iterator<Item = (&'a str, &'a str)> {
    let standing = directory.assignments.iter().filter(|(_, assignment)| !assignment.removed);
    standing
        .filter(|((person, ..), _)| *person == sign_in.person)
        .map(|((_, account, role), _)| (account.as_str(), role.as_str()))
}

fn page(name: &str, all: Vec<Value>, query: &Query) -> Result<Value, Refusal> {
    let invalid = || refusal::portal("InvalidRequestException");
    let size = query.text("max_result").map_or(Ok(PAGE), str::parse).map_err(|_| invalid())?;
    let start = query.text("next_token").map_or(Ok(0), |token| token_start(token).ok_or_else(invalid))?;
    if !(1..=100).contains(&size) || start > all.len() {
        return Err(invalid());
    }
    let end = all.len().min(start + size);
    let next = (end < all.len()).then(|| URL_SAFE_NO_PAD.encode(format!("from:{end}")));
    Ok(json!({ name: all[start..end], "nextToken": next }))
}

fn token_start(token: &str) -> Option<usize> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(token).ok()?).ok()?;
    text.strip_prefix("from:")?.parse().ok()
}
