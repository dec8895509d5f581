//! GitHub Actions' OIDC endpoint, where a running job asks for a token that says which workflow it is: `GET` with the job's
//! own bearer, and `audience` in the query. (docs.github.com, "OpenID Connect reference"; actions/toolkit,
//! `packages/core/src/oidc-utils.ts`)
//!
//! Its issuer is known to STS from the first workflow on. Every answer is a token of its own, of five minutes.

mod claims;
mod steering;

use std::collections::BTreeMap;

use http::header;
use serde_json::json;

use crate::{
    Call, Cloud, Refusal,
    wire::{Answer, Received},
};
pub use steering::Workflow;

/// The `iss` of its tokens.
pub const ISSUER: &str = "https://token.actions.githubusercontent.com";
const PATH: &str = "/_github/token";

/// The jobs that may ask.
#[derive(Default)]
pub(crate) struct Github {
    pub(crate) workflows: BTreeMap<u64, Workflow>,
}

/// One request for a token, not judged yet.
pub(crate) struct Request<'a> {
    received: &'a Received,
    run: Option<u64>,
    audience: Option<String>,
}

impl<'a> Request<'a> {
    /// Reads the request when it is one for GitHub.
    pub(crate) fn read(received: &'a Received) -> Option<Self> {
        let (path, query) = received.path_and_query.split_once('?').unwrap_or((&received.path_and_query, ""));
        let text = |wanted: &str| {
            let mut pairs = form_urlencoded::parse(query.as_bytes());
            pairs
                .find(|(name, _)| name == wanted)
                .map(|(_, value)| value.into_owned())
                .filter(|value| !value.is_empty())
        };
        let run = text("run").and_then(|run| run.parse().ok());
        (path == PATH).then(|| Self { received, run, audience: text("audience") })
    }

    /// How the call log shows the request while it has no outcome.
    pub(crate) fn as_call(&self, cloud: &Cloud) -> Call {
        let workflow = self.run.and_then(|run| cloud.state().github.workflows.get(&run).cloned());
        let audience = self.audience.iter().map(|audience| ("audience".to_owned(), audience.clone()));
        Call {
            at: cloud.now(),
            action: "GetIdToken".to_owned(),
            principal: workflow.map(|workflow| workflow.subject),
            access_key_id: None,
            role: None,
            parameters: audience.collect(),
            outcome: "unfinished".to_owned(),
        }
    }

    /// Judges the request and mints a token.
    pub(crate) fn perform(&self, cloud: &Cloud) -> Result<Answer, Refusal> {
        if self.received.method != "GET" {
            return Err(Refusal::new(405, "MethodNotAllowed", "The requested resource does not support this method."));
        }
        let given = self.received.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let (scheme, token) = given.and_then(|given| given.split_once(' ')).ok_or_else(unauthorized)?;
        let workflow = self.run.and_then(|run| cloud.state().github.workflows.get(&run).cloned());
        let workflow = workflow.ok_or_else(|| Refusal::new(404, "NotFound", "The job does not exist."))?;
        if !scheme.eq_ignore_ascii_case("bearer") || workflow.ended {
            return Err(unauthorized());
        }
        if token != workflow.request_token {
            return Err(Refusal::new(403, "Forbidden", "The token is not one of this job."));
        }
        let token = claims::mint(cloud, &workflow, self.audience.as_deref()).ok_or_else(unauthorized)?;
        Ok(json_answer(200, &json!({ "count": token.len(), "value": token })))
    }
}

/// An error in an envelope that fits.
pub(crate) fn write_error(refusal: &Refusal) -> Answer {
    json_answer(refusal.status, &json!({ "message": refusal.message, "typeKey": refusal.code }))
}

/// A proper answer to a question that nobody asks.
pub(crate) fn answer_to_another_question() -> Answer {
    json_answer(200, &json!({ "count": 0, "value": [] }))
}

fn unauthorized() -> Refusal {
    Refusal::new(401, "Unauthorized", "The request is not authenticated.")
}

fn json_answer(status: u16, body: &serde_json::Value) -> Answer {
    let headers = vec![("content-type".to_owned(), "application/json; charset=utf-8".to_owned())];
    Answer { status, headers, body: body.to_string().into() }
}
