//! The body of a request to OIDC.

use serde_json::{Map, Value};

use crate::{Refusal, sso::refusal};

/// The members of a JSON object.
pub(in crate::sso) struct Fields(Result<Map<String, Value>, Refusal>);

/// Members that may be shown in the call log; all others are secret, or nobody asked for them.
const SHOWN: [&str; 10] = [
    "clientId",
    "clientName",
    "clientType",
    "entitledApplicationArn",
    "grantType",
    "grantTypes",
    "issuerUrl",
    "redirectUri",
    "scopes",
    "startUrl",
];

impl Fields {
    /// Reads a body. One that is no object is refused when it is looked at.
    pub(in crate::sso) fn read(body: &[u8]) -> Self {
        let object = serde_json::from_slice(body);
        Self(object.map_err(|_| refusal::oidc("InvalidRequestException", Some("Invalid request body"))))
    }

    /// A member that is text. An empty one counts as absent.
    pub(in crate::sso) fn text(&self, name: &str) -> Option<&str> {
        self.0.as_ref().ok()?.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    /// A member that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.0.as_ref().map_err(Clone::clone)?;
        let missing = || refusal::oidc("InvalidRequestException", Some(&format!("Missing parameter: {name}")));
        self.text(name).ok_or_else(missing)
    }

    /// A list of texts; empty when absent.
    pub(super) fn list(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let object = self.0.as_ref().map_err(Clone::clone)?;
        let wrong = || refusal::oidc("InvalidRequestException", Some(&format!("Invalid parameter: {name}")));
        match object.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(value) => serde_json::from_value(value.clone()).map_err(|_| wrong()),
        }
    }

    /// What the call log shows.
    pub(in crate::sso) fn shown(&self) -> Vec<(String, String)> {
        let Ok(object) = &self.0 else { return Vec::new() };
        let member = |(name, value): (&String, &Value)| {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            SHOWN.contains(&name.as_str()).then(|| (name.clone(), text))
        };
        object.iter().filter_map(member).collect()
    }
}
