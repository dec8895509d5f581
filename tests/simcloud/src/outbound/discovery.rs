//! Where everybody looks up an issuer's keys: `/.well-known/openid-configuration` and `/.well-known/jwks.json` of its own host, or
//! below `/_aws/LABEL` of any other, where LABEL is the first of the issuer's host name.
//! (OpenID Connect Discovery 1.0, section 4)

use serde_json::{Value, json};

use super::{DOMAIN, Federation};
use crate::{
    Call, Cloud, Refusal,
    wire::{Answer, Received, json_answer},
};

const PREFIX: &str = "/_aws/";
const CONFIGURATION: &str = "/.well-known/openid-configuration";
const KEYS: &str = "/.well-known/jwks.json";

/// One look, not answered yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    label: &'a str,
    /// The path below the issuer.
    path: &'a str,
    /// Where the issuer's paths begin, as the client came to them.
    base: String,
}

impl<'a> Request<'a> {
    /// Reads the request when it is one for an issuer.
    pub(crate) fn read(received: &'a Received) -> Option<Self> {
        let path = received.path();
        if let Some(label) = received.host_name().strip_suffix(DOMAIN) {
            return Some(Self { received, label, path, base: format!("https://{label}{DOMAIN}") });
        }
        let (label, _) = path.strip_prefix(PREFIX)?.split_once('/')?;
        let path = &path[PREFIX.len() + label.len()..];
        Some(Self { received, label, path, base: format!("{}{PREFIX}{label}", received.origin()) })
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let action = if self.path == KEYS { "GetOutboundKeys" } else { "GetOutboundConfiguration" };
        Call {
            at: cloud.now(),
            action: action.to_owned(),
            principal: None,
            access_key_id: None,
            role: None,
            parameters: vec![("issuer".to_owned(), self.label.to_owned())],
            outcome: "unfinished".to_owned(),
        }
    }

    /// The document.
    pub(crate) fn perform(&self, cloud: &Cloud) -> Result<Answer, Refusal> {
        let unknown = || Refusal::new(404, "NotFound", "There is no such document.");
        if self.received.method != "GET" {
            return Err(Refusal::new(405, "MethodNotAllowed", "Documents can be read, and nothing else."));
        }
        let federation = cloud.state().outbound.of_label(self.label).cloned().ok_or_else(unknown)?;
        let document = match self.path {
            CONFIGURATION => self.configuration(&federation),
            KEYS => key_set(&federation),
            _ => return Err(unknown()),
        };
        Ok(json_answer(200, &document))
    }

    /// In the members of the real service's document.
    fn configuration(&self, federation: &Federation) -> Value {
        json!({
            "issuer": federation.rs256.url(),
            "jwks_uri": format!("{}{KEYS}", self.base),
            "claims_supported": ["sub", "iss", "aud", "exp", "iat", "jti", "https://sts.amazonaws.com/"],
            "id_token_signing_alg_values_supported": ["RS256", "ES384"],
            "subject_types_supported": ["public"],
        })
    }
}

/// An error in an envelope that fits.
pub(crate) fn write_error(refusal: &Refusal) -> Answer {
    json_answer(refusal.status, &json!({ "code": refusal.code, "message": refusal.message }))
}

/// A proper answer to a question that nobody asks.
pub(crate) fn answer_to_another_question() -> Answer {
    json_answer(200, &json!({ "keys": [] }))
}

fn key_set(federation: &Federation) -> Value {
    let sets = [federation.rs256.key_set(), federation.es384.key_set()];
    let keys = sets.iter().flat_map(|set| set["keys"].as_array().into_iter().flatten().cloned());
    json!({ "keys": keys.collect::<Value>() })
}
