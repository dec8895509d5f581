//! The access portal (API version 2019-06-10): role credentials, lists, logout. What it asks for is a bearer token.

mod credentials;
mod lists;

use serde_json::Value;

use super::{
    model::SignIn,
    query::Query,
    refusal::{self, json_answer},
};
use crate::{
    Cloud, Refusal,
    fault::Trouble,
    wire::{Answer, Received},
};

/// The header that carries the token.
pub(super) const BEARER: &str = "x-amz-sso_bearer_token";

/// Judges a call to the portal and does what it asks for.
pub(super) fn perform(
    cloud: &Cloud,
    action: &str,
    received: &Received,
    region: Option<&str>,
    trouble: Option<&Trouble>,
) -> Result<Answer, Refusal> {
    let now = cloud.now();
    let query = Query::of_path(&received.path_and_query);
    let (number, sign_in) = {
        let mut state = cloud.state();
        if let Some(bucket) = &mut state.sso.rate
            && !bucket.takes(now)
        {
            return too_many(bucket.rate.empty_body);
        }
        state.sso.bearer(bearer(received).unwrap_or_default(), region, now)?
    };
    let answer = match action {
        "GetRoleCredentials" => credentials::perform(cloud, &sign_in, &query, trouble)?,
        "ListAccounts" => lists::accounts(&cloud.state().sso, &sign_in, &query)?,
        "ListAccountRoles" => lists::roles(&cloud.state().sso, &sign_in, &query)?,
        _ => {
            if let Some(sign_in) = cloud.state().sso.sign_ins.get_mut(&number) {
                sign_in.ended = true;
            }
            return Ok(Answer { body: "".into(), ..json_answer(200, &Value::Null) });
        }
    };
    Ok(json_answer(200, &answer))
}

/// The token that a call shows.
pub(super) fn bearer(received: &Received) -> Option<&str> {
    received.headers.get(BEARER)?.to_str().ok()
}

/// Some of these have a body that does not parse. (fwdcloudsec/granted#458: "HTTP 429 Unknown Code")
fn too_many(empty: bool) -> Result<Answer, Refusal> {
    if !empty {
        return Err(refusal::portal("TooManyRequestsException"));
    }
    Ok(Answer { status: 429, headers: Vec::new(), body: "".into() })
}

/// A parameter that must be there.
fn required<'a>(query: &'a Query, name: &str) -> Result<&'a str, Refusal> {
    query.text(name).ok_or_else(|| Refusal {
        message: format!("Missing parameter: {name}"),
        ..refusal::portal("InvalidRequestException")
    })
}

/// The account of that id, when it is one and this instance knows it.
fn check_account(directory: &super::directory::Directory, sign_in: &SignIn, id: &str) -> Result<(), Refusal> {
    if id.len() != 12 || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refusal::portal("InvalidRequestException"));
    }
    let account = directory.accounts.get(id).ok_or_else(|| refusal::portal("ResourceNotFoundException"))?;
    if account.start_url.as_ref().is_some_and(|start_url| *start_url != sign_in.start_url) {
        return Err(refusal::portal("ForbiddenException"));
    }
    Ok(())
}
