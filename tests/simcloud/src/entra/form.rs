//! The parameters of a request: of a form, or of a page's query.

use http::header;

use super::refusal::{missing, refuse, refuse_with};
use crate::{Refusal, wire::Received};

/// Pairs, in their order.
pub(super) struct Form(Vec<(String, String)>);

/// Parameters that may be shown in the call log; all others are secret, or nobody asked for them.
const SHOWN: [&str; 14] = [
    "api-version",
    "claims",
    "client_assertion_type",
    "client_id",
    "code_challenge_method",
    "domain_hint",
    "grant_type",
    "login_hint",
    "person",
    "prompt",
    "redirect_uri",
    "response_mode",
    "response_type",
    "scope",
];

impl Form {
    /// The form of a POST, else the query. A body of any other type is not read, and its parameters are missing.
    pub(super) fn read(received: &Received) -> Self {
        let kind = received.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let is_form = kind.split(';').next().unwrap_or_default().trim() == "application/x-www-form-urlencoded";
        let query = received.path_and_query.split_once('?').map_or("", |(_, query)| query);
        let text = match received.method.as_str() {
            "POST" if is_form => &received.body[..],
            "POST" => b"",
            _ => query.as_bytes(),
        };
        Self(form_urlencoded::parse(text).into_owned().collect())
    }

    /// The value of that name. An empty one counts as absent.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A value that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| missing(name))
    }

    /// No parameter comes twice.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let twice = |(at, (name, _)): &(usize, &(String, String))| self.0[..*at].iter().any(|(other, _)| other == name);
        match self.0.iter().enumerate().find(twice) {
            None => Ok(()),
            Some((_, (name, _))) => Err(refuse_with(
                "AADSTS9000411",
                format!("The request is not properly formatted. The parameter '{name}' is duplicated."),
            )),
        }
    }

    /// Whether the client says, in `claims`, that it can answer claims challenges. (learn.microsoft.com, "How to use
    /// continuous access evaluation enabled APIs", "Client capabilities")
    pub(super) fn cp1(&self) -> Result<bool, Refusal> {
        let Some(claims) = self.text("claims") else { return Ok(false) };
        let claims: serde_json::Value = serde_json::from_str(claims).map_err(|_| refuse("AADSTS90023"))?;
        let values = claims["access_token"]["xms_cc"]["values"].as_array();
        Ok(values.is_some_and(|values| values.iter().any(|value| value.as_str() == Some("CP1"))))
    }

    /// What the call log shows.
    pub(super) fn shown(&self) -> Vec<(String, String)> {
        let cp1 = self.cp1().unwrap_or(false).then(|| ("cp1".to_owned(), "true".to_owned()));
        self.0.iter().filter(|(name, _)| SHOWN.contains(&name.as_str())).cloned().chain(cp1).collect()
    }
}
