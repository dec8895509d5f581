//! The one body that every client of a token endpoint can read.
//!
//! Every member is a string, as the metadata service has it; which ones, and in which order, was read in the clients:
//!
//! - `azure_identity` and `object_store` (Rust) take `expires_on` as a string and nothing else
//!   (`imds_managed_identity_credential.rs`, `src/azure/credential.rs`), JavaScript reads it alone, MSAL for Python and az read
//!   `expires_in` (`msal/managed_identity.py`);
//! - MSAL.NET keeps what comes last of `expires_in` and `expires_on`: an instant is what it must be;
//! - `resource` is what was asked for, to the letter: Python's probe and Rust want it to be there;
//! - nothing is said in `refresh_token`, and `refresh_in` is not there: Go would take it for ours to say.

use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::super::{Answer, Form, Refusal, ecs};
use crate::credential::{Credential, Now};
use crate::secret::Secret;

/// The answer that holds a token. One that is not whole, or that has no life left to speak of, never leaves with a 200.
/// `client_id` is the identity's by its configuration, for tokens that do not say to which application they were given.
///
/// `expires_on` is by this machine's clock, as `expires_in` is: the clients are here, and compare it with that. Where the
/// upstream's clock is ours, it is the token's own.
pub fn write_token(
    credential: &Credential,
    resource: &str,
    client_id: Option<&str>,
    now: Now,
) -> Result<Answer, Refusal> {
    ecs::alive(credential, now)?;
    let token = credential.token().ok_or(Refusal::Bug("a credential of AWS is no token"))?;
    if token.access_token.is_empty() {
        return Err(Refusal::Bug("a token with nothing in it"));
    }
    let left = credential.remaining(now);
    let end = now.wall.checked_add(left).ok_or(Refusal::Bug("a token that ends beyond all time"))?;
    let document = Document {
        access_token: token.access_token.expose(),
        client_id: token.claims.client_id.as_deref().or(client_id).unwrap_or_default(),
        expires_in: &left.as_secs().to_string(),
        expires_on: &unix_secs(end),
        not_before: &unix_secs(token.not_before.unwrap_or(credential.received.wall)),
        resource,
        token_type: "Bearer",
    };
    let body = Secret::written(|out| serde_json::to_writer(out, &document).map_err(Into::into));
    let body = body.map_err(|_| Refusal::Bug("a token that is no JSON"))?;
    Ok(Answer::ok(Form::Json, body.into_bytes()))
}

/// Whole seconds since 1970, rounded down.
fn unix_secs(time: SystemTime) -> String {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs().to_string()
}

#[derive(Serialize)]
struct Document<'a> {
    access_token: &'a str,
    client_id: &'a str,
    expires_in: &'a str,
    expires_on: &'a str,
    not_before: &'a str,
    resource: &'a str,
    token_type: &'a str,
}
