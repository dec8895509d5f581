//! How Graph refuses: codes and words of the real service, in its envelope.
//! (learn.microsoft.com, "Microsoft Graph error responses and resource types")

use std::time::Duration;

use serde_json::json;

use super::shown;
use crate::{
    Refusal,
    bearer::{self, Problem},
    entra::BearerProblem,
    keys::request_id,
    refusal::Known,
    wire::{Answer, Received},
};

/// An error in Graph's envelope.
pub(crate) fn write(refusal: &Refusal) -> Answer {
    written(refusal, None)
}

fn written(refusal: &Refusal, inner_code: Option<&str>) -> Answer {
    let id = request_id();
    let mut inner = json!({ "request-id": id, "client-request-id": id });
    if let Some(code) = inner_code {
        inner["code"] = json!(code);
    }
    let error = json!({ "code": refusal.code, "message": refusal.message, "innerError": inner });
    shown::answer(refusal.status, &json!({ "error": error }))
}

/// 401 for a token that is missing or was not taken.
pub(super) fn unauthorized(received: &Received, problem: &Problem) -> Answer {
    let words = match problem {
        // (microsoftgraph/microsoft-graph-docs#16208; OneDrive/onedrive-api-docs#785; hashicorp/terraform-provider-azuread#918)
        Problem::Missing => "Access token is empty.",
        Problem::Token(BearerProblem::Malformed) => "CompactToken parsing failed with error code: 80049217",
        Problem::Token(BearerProblem::Forged) => "Access token validation failure. Invalid signature.",
        Problem::Token(BearerProblem::Early | BearerProblem::Expired) => {
            "Access token has expired or is not yet valid."
        }
        Problem::Token(BearerProblem::Audience(_)) => "Access token validation failure. Invalid audience.",
        Problem::Token(BearerProblem::Revoked(_)) => {
            "Continuous access evaluation resulted in challenge with result: InteractionRequired and code: TokenIssuedBeforeRevocationTimestamp"
        }
    };
    let mut answer = write(&Refusal::new(401, "InvalidAuthenticationToken", words));
    let is_own = bearer::is_host(received, &super::PLACES);
    let origin = if is_own { "https://login.microsoftonline.com".to_owned() } else { received.origin() };
    // (AzureAD/microsoft-identity-web, its tests of claims challenges)
    let challenge = match problem {
        Problem::Token(revoked @ BearerProblem::Revoked(_)) => {
            let claims = revoked.challenge().unwrap_or_default();
            format!(", errorDescription=\"{words}\", error=\"insufficient_claims\", claims=\"{claims}\"")
        }
        _ => String::new(),
    };
    let value = format!(
        "Bearer realm=\"\", authorization_uri=\"{origin}/common/oauth2/authorize\", client_id=\"{}\"{challenge}",
        super::APPLICATION
    );
    answer.headers.push(("www-authenticate".to_owned(), value));
    answer
}

/// (learn.microsoft.com, "Microsoft Graph throttling guidance")
pub(super) fn throttled(wait: Duration) -> Answer {
    let mut answer = write(&known("activityLimitReached"));
    answer.headers.push(("retry-after".to_owned(), wait.as_secs().to_string()));
    answer
}

/// 410 for a token that is too old, with where to begin anew. (OneDrive/onedrive-api-docs#1356)
pub(super) fn gone(fresh: &str) -> Answer {
    let mut answer = written(&known("resyncRequired"), Some("resyncChangesApplyDifferences"));
    answer.headers.push(("location".to_owned(), fresh.to_owned()));
    answer
}

/// A token that grants nothing at all.
pub(super) fn nothing_granted() -> Refusal {
    Refusal::new(403, "accessDenied", "Either scp or roles claim need to be present in the token.")
}

/// The status and words that go with a code.
pub(crate) fn known(code: &str) -> Refusal {
    Refusal::among(KNOWN, code)
}

const KNOWN: &[Known] = &[
    (400, "BadRequest", "Resource not found for the segment."),
    (400, "invalidRequest", "The provided token is not valid."),
    (401, "InvalidAuthenticationToken", "Access token is empty."),
    (403, "accessDenied", "The caller does not have permission to perform the action."),
    (404, "itemNotFound", "The resource could not be found."),
    (405, "MethodNotAllowed", "The HTTP method is not allowed here."),
    (
        410,
        "resyncRequired",
        "Resync required. Replace any local items with the server's version (including deletes) if you're sure that the service was up to date with your local changes when you last sync'd. Upload any local changes that the server doesn't know about.",
    ),
    (429, "activityLimitReached", "The app or user has been throttled."),
    (500, "generalException", "An unspecified error has occurred."),
    (503, "serviceNotAvailable", "The service is not available. Try the request again after a delay."),
];
