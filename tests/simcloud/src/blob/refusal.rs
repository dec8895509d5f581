//! How Blob Storage refuses: codes and words of the real service.
//! (learn.microsoft.com, "Blob Storage error codes"; "Authorize with Microsoft Entra ID", "Bearer challenge")

use quick_xml::escape::escape;

use super::list;
use crate::{Refusal, bearer::Problem, entra::BearerProblem, refusal::Known, wire::Answer};

/// 401 for a token that is missing or was not taken, with where to get another.
pub(super) fn unauthorized(problem: &Problem) -> Answer {
    let code = match problem {
        Problem::Missing => "NoAuthenticationInformation",
        Problem::Token(_) => "InvalidAuthenticationInfo",
    };
    let detail = match problem {
        Problem::Missing => None,
        Problem::Token(BearerProblem::Audience(_)) => {
            Some("Audience validation failed. Audience did not match.".to_owned())
        }
        Problem::Token(BearerProblem::Expired) => Some("Lifetime validation failed. The token is expired.".to_owned()),
        Problem::Token(_) => Some("Signature validation failed. The token cannot be verified.".to_owned()),
    };
    challenged(code, detail.as_deref())
}

/// 401 for a token of another tenant than the account's.
pub(super) fn wrong_issuer() -> Answer {
    challenged("InvalidAuthenticationInfo", Some("Issuer validation failed. Issuer did not match."))
}

fn challenged(code: &str, detail: Option<&str>) -> Answer {
    let mut answer = written(&known(code), detail);
    let challenge = "Bearer authorization_uri=https://login.microsoftonline.com/common/oauth2/authorize \
                     resource_id=https://storage.azure.com";
    answer.headers.push(("www-authenticate".to_owned(), challenge.to_owned()));
    answer
}

/// A version of the API that knows no bearer tokens.
pub(super) fn too_old() -> Refusal {
    Refusal::new(403, "AuthenticationFailed", "Authentication scheme Bearer is not supported in this version.")
}

/// An error in the envelope of storage.
pub(crate) fn write(refusal: &Refusal) -> Answer {
    written(refusal, None)
}

fn written(refusal: &Refusal, detail: Option<&str>) -> Answer {
    let detail = detail.map_or_else(String::new, |detail| {
        format!("<AuthenticationErrorDetail>{}</AuthenticationErrorDetail>", escape(detail))
    });
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{}</Code><Message>{}</Message>{detail}</Error>",
        escape(refusal.code.as_str()),
        escape(refusal.message.as_str())
    );
    let headers = vec![list::XML.map(str::to_owned).into(), ("x-ms-error-code".to_owned(), refusal.code.clone())];
    Answer { status: refusal.status, headers, body: body.into() }
}

/// The status and words of a code.
pub(crate) fn known(code: &str) -> Refusal {
    Refusal::among(KNOWN, code)
}

const KNOWN: &[Known] = &[
    (
        400,
        "InvalidQueryParameterValue",
        "Value for one of the query parameters specified in the request URI is invalid.",
    ),
    (
        401,
        "NoAuthenticationInformation",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
    ),
    (
        401,
        "InvalidAuthenticationInfo",
        "Server failed to authenticate the request. Please refer to the information in the www-authenticate header.",
    ),
    (
        403,
        "AuthorizationPermissionMismatch",
        "This request is not authorized to perform this operation using this permission.",
    ),
    (404, "ContainerNotFound", "The specified container does not exist."),
    (503, "ServerBusy", "The server is busy."),
];
