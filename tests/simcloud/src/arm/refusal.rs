//! How ARM refuses: codes and words of the real service.

use jiff::Timestamp;

use super::{AUDIENCES, Caller, write_error};
use crate::{
    Cloud, Refusal,
    bearer::{self, Problem},
    entra::BearerProblem,
    refusal::Known,
    wire::{Answer, Received},
};

/// 401 for a token that is missing or was not taken, with where to get another.
pub(super) fn unauthorized(cloud: &Cloud, received: &Received, problem: &Problem) -> Answer {
    let of = |code: &str, message: String| Refusal::new(401, code, message);
    let (refusal, claims) = match problem {
        Problem::Missing => (known("AuthenticationFailed"), None),
        // (Azure-Samples/active-directory-dotnetcore-daemon-v2#145)
        Problem::Token(BearerProblem::Audience(named)) => {
            let allowed = AUDIENCES.join("','");
            let message = format!(
                "The access token has been obtained for wrong audience or resource '{named}'. It should exactly match with one of the allowed audiences '{allowed}'."
            );
            (of("InvalidAuthenticationTokenAudience", message), None)
        }
        // (microsoft/vscode-azureappservice#2457)
        Problem::Token(BearerProblem::Expired) => {
            let end = bearer::claimed(received).and_then(|claims| claims["exp"].as_i64()).unwrap_or(0);
            let (end, now) = (spoken(Timestamp::from_second(end).ok()), spoken(cloud.now().try_into().ok()));
            let message = format!("The access token expiry UTC time '{end}' is earlier than current UTC time '{now}'.");
            (of("ExpiredAuthenticationToken", message), None)
        }
        Problem::Token(revoked @ BearerProblem::Revoked(_)) => {
            (of("InvalidAuthenticationToken", "User session has been revoked".to_owned()), revoked.challenge())
        }
        Problem::Token(_) => (known("InvalidAuthenticationToken"), None),
    };
    with_challenge(received, &refusal, claims.as_deref())
}

/// A refusal with its `WWW-Authenticate`, as it stands in Azure/azure-sdk-for-js, `sdk/core/core-rest-pipeline`, "parseCAEChallenge".
pub(super) fn with_challenge(received: &Received, refusal: &Refusal, claims: Option<&str>) -> Answer {
    let is_own = bearer::is_host(received, &super::PLACES);
    let origin = if is_own { "https://login.windows.net".to_owned() } else { received.origin() };
    let claims = claims.map_or_else(String::new, |claims| format!(", claims=\"{claims}\""));
    let challenge = format!(
        "Bearer authorization_uri=\"{origin}/\", error=\"invalid_token\", error_description=\"{}\"{claims}",
        refusal.message.replace('"', "'")
    );
    let mut answer = write_error(refusal);
    answer.headers.push(("www-authenticate".to_owned(), challenge));
    answer
}

pub(super) fn no_version() -> Refusal {
    known("MissingApiVersionParameter")
}

pub(super) fn no_subscription(id: &str) -> Refusal {
    Refusal::new(404, "SubscriptionNotFound", format!("The subscription '{id}' could not be found."))
}

pub(super) fn wrong_tenant(caller: &Caller<'_>, tenant: &str) -> Refusal {
    Refusal::new(
        401,
        "InvalidAuthenticationTokenTenant",
        format!(
            "The access token is from the wrong issuer '{}'. It must match the tenant 'https://sts.windows.net/{tenant}/' associated with this subscription. Please use the authority (URL) 'https://login.windows.net/{tenant}' to get the token.",
            caller.issuer
        ),
    )
}

pub(super) fn not_authorized(caller: &Caller<'_>, action: &str, scope: &str) -> Refusal {
    Refusal::new(
        403,
        "AuthorizationFailed",
        format!(
            "The client '{}' with object id '{}' does not have authorization to perform action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
            caller.application, caller.object
        ),
    )
}

/// The status and words of a code that a fault names.
pub(crate) fn known(code: &str) -> Refusal {
    Refusal::among(KNOWN, code)
}

/// (learn.microsoft.com, "Troubleshoot common Azure deployment errors"; "Understand how Azure Resource Manager throttles requests")
const KNOWN: &[Known] = &[
    (
        400,
        "MissingApiVersionParameter",
        "The api-version query parameter (?api-version=) is required for all requests.",
    ),
    (401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."),
    (401, "InvalidAuthenticationToken", "The access token is invalid."),
    (403, "AuthorizationFailed", "The client does not have authorization to perform the action."),
    (404, "SubscriptionNotFound", "The subscription could not be found."),
    (429, "SubscriptionRequestsThrottled", "Number of requests for subscription exceeded the limit."),
    (503, "ServerTimeout", "The request timed out."),
];

/// `4/15/2023 7:40:04 AM`
fn spoken(time: Option<Timestamp>) -> String {
    time.map_or_else(String::new, |time| time.strftime("%-m/%-d/%Y %-I:%M:%S %p").to_string())
}
