//! What a file of the AWS CLI says of a sign-in, and what it says after ours has taken its place.

use std::time::SystemTime;

use super::members::{self, Members, Value, read_time, write_time};
use super::registration::Registration;
use crate::config::sso::is_region;
use crate::secret::Secret;

/// A sign-in.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// What the access portal takes: about an hour long.
    pub access_token: Secret,
    /// Its end, in whole seconds once it was stored. It may be over.
    pub expires_at: SystemTime,
    /// What gets another one while the sign-in lasts; `None` for one without that scope.
    pub refresh_token: Option<Secret>,
    /// What the refresh token was given to; `None` where a tool left it out, or a part of it: there is no refreshing then.
    pub registration: Option<Registration>,
    /// Where it was signed in, as written.
    pub start_url: Option<String>,
    /// The region of that.
    pub region: Option<String>,
}

/// Reads a file.
///
/// # Errors
///
/// Tells what is wrong, without a word of what is there.
pub(super) fn read(bytes: &[u8]) -> Result<StoredToken, String> {
    let members = Members::read(bytes)?;
    let missing = |name: &str| format!("it has no {name}");
    let client_id = members.text(CLIENT_ID)?;
    let client_secret = members.secret(CLIENT_SECRET)?;
    let registration_ends = members.time(REGISTRATION_EXPIRES_AT)?;
    let registration = match (client_id, client_secret, registration_ends) {
        (Some(client_id), Some(client_secret), Some(expires_at)) => {
            Some(Registration { client_id, client_secret, expires_at })
        }
        _ => None,
    };
    Ok(StoredToken {
        access_token: members
            .secret(ACCESS_TOKEN)?
            .filter(|token| !token.is_empty())
            .ok_or_else(|| missing(ACCESS_TOKEN))?,
        expires_at: members.time(EXPIRES_AT)?.ok_or_else(|| missing(EXPIRES_AT))?,
        refresh_token: members.secret(REFRESH_TOKEN)?.filter(|token| !token.is_empty()),
        registration,
        start_url: members.text(START_URL)?,
        // anything else in its place would lead the refresh token to another host
        region: members.text(REGION)?.filter(|region| is_region(region)),
    })
}

const START_URL: &str = "startUrl";
const REGION: &str = "region";
const ACCESS_TOKEN: &str = "accessToken";
const EXPIRES_AT: &str = "expiresAt";
const CLIENT_ID: &str = "clientId";
const CLIENT_SECRET: &str = "clientSecret";
const REGISTRATION_EXPIRES_AT: &str = "registrationExpiresAt";
const REFRESH_TOKEN: &str = "refreshToken";

/// The file for `token` in place of `existing`: members that we do not know stay as they are and where they are. What we know
/// is written anew, or left out where the token has none; what says the same as before stays as somebody wrote it.
pub(super) fn merge(existing: Option<&[u8]>, token: &StoredToken) -> Secret {
    let existing = existing.and_then(|bytes| Members::read(bytes).ok()).unwrap_or(Members(Vec::new()));
    let kept = |name: &str, same: &dyn Fn(&str) -> bool| existing.text(name).ok().flatten().filter(|text| same(text));
    let text_of = |name: &str, ours: &Option<String>, same: fn(&str, &str) -> bool| match ours {
        Some(ours) => kept(name, &|theirs| same(theirs, ours)).or_else(|| Some(ours.clone())),
        None => kept(name, &|_| true),
    };
    let start_url = text_of(START_URL, &token.start_url, |one, other| plain_url(one) == plain_url(other));
    let region = text_of(REGION, &token.region, |one, other| one.eq_ignore_ascii_case(other));
    let expires_at = write_time(token.expires_at);
    let registration_ends = token.registration.as_ref().map(|registration| write_time(registration.expires_at));
    let registration_ends = registration_ends.map(|ours| {
        let same = |theirs: &str| read_time(theirs).is_some_and(|theirs| write_time(theirs) == ours);
        kept(REGISTRATION_EXPIRES_AT, &same).unwrap_or(ours)
    });
    let known = [
        (START_URL, start_url.as_deref()),
        (REGION, region.as_deref()),
        (ACCESS_TOKEN, Some(token.access_token.expose())),
        (EXPIRES_AT, Some(expires_at.as_str())),
        (CLIENT_ID, token.registration.as_ref().map(|registration| registration.client_id.as_str())),
        (CLIENT_SECRET, token.registration.as_ref().map(|registration| registration.client_secret.expose())),
        (REGISTRATION_EXPIRES_AT, registration_ends.as_deref()),
        (REFRESH_TOKEN, token.refresh_token.as_ref().map(Secret::expose)),
    ];
    let is_known = |name: &str| known.iter().any(|(known, _)| known.eq_ignore_ascii_case(name));
    let ours = known.iter().filter_map(|(name, text)| Some((*name, Value::Text((*text)?))));
    let theirs = existing.0.iter().filter(|(name, _)| !is_known(name));
    let theirs = theirs.map(|(name, value)| (name.as_str(), Value::Raw(value)));
    members::write(&ours.chain(theirs).collect::<Vec<_>>())
}

/// An address without what is often appended to it and changes nothing.
fn plain_url(url: &str) -> &str {
    url.trim_end_matches(['/', '#'])
}

#[cfg(test)]
#[path = "token_tests.rs"]
mod tests;
