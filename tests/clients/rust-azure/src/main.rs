//! The Azure SDK for Rust of the client matrix: one credential for the life of the process.
//!
//! It reads one scope a line from stdin (`https://graph.microsoft.com/.default`) and answers each with one line of JSON on
//! stdout: a digest of the token, its end, and some of its claims. The arguments are `managed` and, if the identity is one of
//! several, the kind of its id and the id: `client_id`, `object_id` or `resource_id`. There is no `default`: this SDK has no
//! `DefaultAzureCredential`.

use std::error::Error;
use std::io::{BufRead, Write};

use azure_core::credentials::{AccessToken, TokenCredential};
use azure_identity::{ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let user_assigned_id = match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["managed"] => None,
        ["managed", "client_id", id] => Some(UserAssignedId::ClientId(id.into())),
        ["managed", "object_id", id] => Some(UserAssignedId::ObjectId(id.into())),
        ["managed", "resource_id", id] => Some(UserAssignedId::ResourceId(id.into())),
        _ => return Err("say managed, and perhaps client_id, object_id or resource_id and the id".into()),
    };
    let options = ManagedIdentityCredentialOptions { user_assigned_id, ..Default::default() };
    // what it refuses at once is the answer to each call, as with the SDKs that refuse it later
    let credential = ManagedIdentityCredential::new(Some(options));

    let mut out = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        let scope = line?;
        let answer = match &credential {
            Ok(credential) => match credential.get_token(&[scope.trim()], None).await {
                Ok(token) => json!({ "ok": described(&token) }),
                Err(error) => failed(&error),
            },
            Err(error) => failed(error),
        };
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

/// What a test may know of a token: never the token itself.
fn described(token: &AccessToken) -> Value {
    let secret = token.token.secret();
    let digest: String = Sha256::digest(secret).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let payload = secret.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let all: Map<String, Value> = payload.and_then(|json| serde_json::from_slice(&json).ok()).unwrap_or_default();
    let claims: Map<String, Value> = all.into_iter().filter(|(name, _)| CLAIMS.contains(&name.as_str())).collect();
    json!({ "token_digest": digest, "expires_on": token.expires_on.unix_timestamp(), "claims": claims })
}

const CLAIMS: [&str; 7] = ["aud", "tid", "oid", "appid", "azp", "scp", "roles"];

/// An error with all its causes.
fn failed(error: &(dyn Error + 'static)) -> Value {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    json!({ "error": causes.map(ToString::to_string).collect::<Vec<_>>().join(": ") })
}
