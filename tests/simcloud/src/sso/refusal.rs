//! How IAM Identity Center refuses: codes, statuses and words, and the two envelopes that carry them.

use serde_json::{Value, json};

use crate::{Refusal, keys::request_id, wire::Answer};

/// Which of the two services answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// SSO OIDC.
    Oidc,
    /// The access portal.
    Portal,
}

/// A refusal of OIDC: the status and, if they are not given, the words of its code.
pub(super) fn oidc(code: &str, words: Option<&str>) -> Refusal {
    let known = known(Service::Oidc, code);
    Refusal { message: words.map_or(known.message, str::to_owned), ..known }
}

/// A refusal of the portal.
pub(super) fn portal(code: &str) -> Refusal {
    known(Service::Portal, code)
}

/// The status and words that go with a code, for faults made on purpose.
pub(super) fn known(service: Service, code: &str) -> Refusal {
    let table = match service {
        Service::Oidc => OIDC,
        Service::Portal => PORTAL,
    };
    let row = table.iter().find(|row| row.1 == code);
    row.map(|(status, code, words)| Refusal::new(*status, code, *words))
        .or_else(|| Refusal::of_code(code))
        .unwrap_or_else(|| Refusal::new(400, code, code))
}

/// The error in the envelope of its service.
pub(super) fn write(service: Service, refusal: &Refusal) -> Answer {
    let (body, coral) = match service {
        Service::Oidc => (
            json!({ "error": oauth_name(&refusal.code), "error_description": refusal.message }),
            "com.amazonaws.sso.oidc",
        ),
        Service::Portal => (
            json!({
                "message": refusal.message,
                "__type": format!("com.amazonaws.switchboard.portal#{}", refusal.code),
            }),
            "com.amazonaws.switchboard.portal",
        ),
    };
    let mut answer = json_answer(refusal.status, &body);
    let kind = format!("{}:http://internal.amazon.com/coral/{coral}/", refusal.code);
    answer.headers.push(("x-amzn-ErrorType".to_owned(), kind));
    answer
}

/// A JSON answer with the headers that both services send.
pub(super) fn json_answer(status: u16, body: &Value) -> Answer {
    Answer {
        status,
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("x-amzn-RequestId".to_owned(), request_id()),
        ],
        body: body.to_string().into(),
    }
}

/// `InvalidGrantException` is `invalid_grant` to OAuth (RFC 6749, section 5.2; RFC 8628, section 3.5).
fn oauth_name(code: &str) -> String {
    let mut name = String::new();
    for letter in code.strip_suffix("Exception").unwrap_or(code).chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_lowercase());
    }
    match name.as_str() {
        "internal_server" => "server_error".to_owned(),
        _ => name,
    }
}

/// The exceptions of botocore's `data/sso-oidc/2019-06-10/service-2.json`, with their statuses. The words of a refused
/// refresh are those of a debug log in aws/aws-cli#8561.
const OIDC: &[(u16, &str, &str)] = &[
    (400, "AccessDeniedException", "Access denied"),
    (400, "AuthorizationPendingException", "Authorization is pending"),
    (400, "ExpiredTokenException", "Device code has expired"),
    (500, "InternalServerException", "Internal server error"),
    (401, "InvalidClientException", "Invalid client provided"),
    (400, "InvalidClientMetadataException", "Invalid client metadata provided"),
    (400, "InvalidGrantException", "Invalid grant provided"),
    (400, "InvalidRedirectUriException", "Invalid redirect URI provided"),
    (400, "InvalidRequestException", "Invalid request"),
    (400, "InvalidScopeException", "Invalid scope provided"),
    (405, "MethodNotAllowedException", "Method not allowed"),
    (400, "SlowDownException", "Polling too frequently"),
    (400, "UnauthorizedClientException", "Client is not authorized to use this grant"),
    (400, "UnsupportedGrantTypeException", "Unsupported grant type"),
];

/// The exceptions of botocore's `data/sso/2019-06-10/service-2.json`, and what the portal says without a model: a missing
/// assignment (aws/aws-cli#7871) and a wrong method.
const PORTAL: &[(u16, &str, &str)] = &[
    (403, "ForbiddenException", "No access"),
    (500, "InternalServerException", "Internal error"),
    (400, "InvalidRequestException", "Invalid request"),
    (405, "MethodNotAllowedException", "Method not allowed"),
    (404, "ResourceNotFoundException", "Resource not found"),
    (429, "TooManyRequestsException", "Too many requests"),
    (401, "UnauthorizedException", "Session token not found or invalid"),
];

#[cfg(test)]
mod tests {
    use super::{OIDC, oauth_name};

    #[test]
    fn codes_have_the_names_that_oauth_gives_them() {
        for (code, name) in [
            ("InvalidGrantException", "invalid_grant"),
            ("AuthorizationPendingException", "authorization_pending"),
            ("InternalServerException", "server_error"),
            ("UnsupportedGrantTypeException", "unsupported_grant_type"),
        ] {
            assert_eq!(oauth_name(code), name);
            assert!(OIDC.iter().any(|row| row.1 == code));
        }
    }
}
