//! Access tokens as an API judges them: what the simulated ARM and Graph ask, and a test that wants to know whether what it
//! was handed is any good.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::jwt::Jwt;
use crate::{Cloud, web_identity::unix_secs};

/// Why an API does not take a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BearerProblem {
    /// No signed token at all.
    Malformed,
    /// No tenant known here issued it, or another key signed it.
    Forged,
    /// Its time has not come.
    Early,
    /// Its time is over.
    Expired,
    /// It is meant for this audience.
    Audience(String),
    /// The person's tokens from before this time, in seconds since 1970, are refused: the bearer must ask for a new one with
    /// [`BearerProblem::challenge`]. (learn.microsoft.com, "How to use continuous access evaluation enabled APIs")
    Revoked(u64),
}

impl BearerProblem {
    /// The claims challenge for the `claims` of `WWW-Authenticate`, in base 64; of a revoked token only.
    pub fn challenge(&self) -> Option<String> {
        let Self::Revoked(since) = self else { return None };
        let claims = json!({ "access_token": { "nbf": { "essential": true, "value": since.to_string() } } });
        Some(STANDARD.encode(claims.to_string()))
    }
}

impl fmt::Display for BearerProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed => f.write_str("The access token is invalid."),
            Self::Forged => f.write_str("The access token has an invalid signature or issuer."),
            Self::Early => f.write_str("The access token is not yet valid."),
            Self::Expired => f.write_str("The access token has expired."),
            Self::Audience(audience) => write!(f, "The access token has the wrong audience or resource '{audience}'."),
            Self::Revoked(_) => f.write_str("Continuous access evaluation resulted in challenge."),
        }
    }
}

impl std::error::Error for BearerProblem {}

impl Cloud {
    /// Whether an API whose audiences are those for which `audience_ok` holds would take this token now; its claims if so.
    /// Scopes and roles are for the API to look at.
    pub fn judge_bearer(&self, token: &str, audience_ok: &dyn Fn(&str) -> bool) -> Result<Value, BearerProblem> {
        let jwt = Jwt::read(token).ok_or(BearerProblem::Malformed)?;
        let now = unix_secs(self.now());
        let state = self.state();
        let signer = state.entra.signer();
        let known = state.entra.tenant_of_issuer(jwt.claim("iss")).is_some_and(|tenant| tenant.id == jwt.claim("tid"));
        let is_signed = jwt.header("alg") == signer.algorithm()
            && jwt.header("kid") == signer.key_id()
            && signer.verifies(jwt.message.as_bytes(), &jwt.signature);
        if !known || !is_signed {
            return Err(BearerProblem::Forged);
        }
        if jwt.time("nbf").is_none_or(|start| now < start) {
            return Err(BearerProblem::Early);
        }
        if jwt.time("exp").is_none_or(|end| end <= now) {
            return Err(BearerProblem::Expired);
        }
        if !audience_ok(jwt.claim("aud")) {
            return Err(BearerProblem::Audience(jwt.claim("aud").to_owned()));
        }
        let person = state.entra.people.values().find(|person| person.object_id == jwt.claim("oid"));
        match person.and_then(|person| person.evaluated_from) {
            Some(since) if state.entra.minted.get(jwt.claim("uti")).is_none_or(|&number| number < since.number) => {
                Err(BearerProblem::Revoked(unix_secs(since.at)))
            }
            _ => Ok(jwt.claims),
        }
    }
}
