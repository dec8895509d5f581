//! How Azure's clients are told no.
//!
//! What a person must mend, and what the configuration forbids, is a 400: every client gives up at once there and shows the text,
//! where a 404 or a 5xx makes it try for five seconds to a minute (azure-identity, `ImdsRetryPolicy`; `ManagedIdentityClient.ts`;
//! go-azure-sdk, `managed_identity_authorizer.go`). What passes is a 503, or a 429 where the upstream said so, and these alone have
//! a `Retry-After`: MSAL for Python answers from memory for as long as any answer with one says (`throttled_http_client.py`). A 404
//! or a 410 never comes from a token's path.
//!
//! Called by the server.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::super::{Answer, Form, Refusal, Said};
use super::{Fault, versions};
use crate::credential::{FailureClass, Now};
use crate::secret::Digest;

/// Which error body a client reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// App Service's, with IMDS's beside it: `statusCode`, `message`, `correlationId`, and `error`, `error_description`.
    #[default]
    AppService,
    /// The metadata service's: `error` and `error_description`.
    Imds,
    /// The same, where a 400 would tell MSAL.NET that tokens are bound to certificates here, which is not so
    /// (`ImdsComputeMetadataManager.cs`): it is a 404.
    Capability,
}

/// The answer to a request that gets nothing: JSON in one line, with the command that mends it. `mute`: the client shows nothing of
/// a 400, so that what a person must mend is a 403 for it.
pub(super) fn refuse(refusal: &Refusal, style: Style, mute: bool, now: Now) -> Answer {
    let mut said = words(refusal, style);
    if mute && matches!(refusal, Refusal::Failed(_)) && said.status == StatusCode::BAD_REQUEST {
        (said.status, said.reason) = (StatusCode::FORBIDDEN, "Forbidden");
    }
    if style == Style::Capability && said.status == StatusCode::BAD_REQUEST {
        said = Refusal::Absent.said();
    }
    if said.status == StatusCode::FORBIDDEN {
        // with this word a 403 is Docker Desktop's to every SDK (Azure/azure-sdk-for-net#38218)
        said.message = said.message.replace("unreachable", "not reachable").into();
    }
    let of_version = matches!(refusal, Refusal::Azure(fault) if fault.is_of_version());
    let error = if of_version { &*said.message } else { error_word(said.status) };
    let of_app_service = style == Style::AppService;
    let body = ErrorBody {
        error,
        error_description: &said.message,
        status_code: of_app_service.then_some(said.status.as_u16()),
        message: of_app_service.then_some(&*said.message),
        correlation_id: of_app_service.then(|| correlation(said.code, now)),
        newest_versions: of_version.then(versions::newest),
    };
    let body = Bytes::from(serde_json::to_vec(&body).unwrap_or_default());
    Answer {
        status: said.status,
        reason: Some(said.reason),
        allow: said.allow,
        retry_after_secs: retry_after_secs(refusal),
        ..Answer::ok(Form::Json, body)
    }
}

/// The words of all dialects, but for those that these clients would misread, or that would send a person to the wrong command.
fn words(refusal: &Refusal, style: Style) -> Said<'_> {
    let said = refusal.said();
    let bad = |message: Cow<'static, str>| (StatusCode::BAD_REQUEST, "Bad Request", message);
    let (status, reason, message) = match refusal {
        Refusal::Method => {
            let message = "only GET is answered here".into();
            return Said { message, allow: Some("GET"), ..said };
        }
        Refusal::Host => {
            bad("the Host header must name loopback, 169.254.169.254 or the address of this listener".into())
        }
        Refusal::Forwarded => {
            bad("a proxy passed this request on (X-Forwarded-For): add 169.254.169.254, 127.0.0.1 and \
             localhost to NO_PROXY, as `credenza exec IDENTITY -- CMD` does"
                .into())
        }
        // one answer for a wrong one and none: who guesses learns nothing
        Refusal::TokenMissing | Refusal::TokenUnknown => {
            let message = ONE_ANSWER.into();
            return Said {
                status: StatusCode::UNAUTHORIZED,
                reason: "Unauthorized",
                message,
                code: "TokenRefused",
                ..said
            };
        }
        Refusal::Path | Refusal::Absent if style == Style::AppService => {
            bad("no such path: ask for /azure/IDENTITY/token, with a name that `credenza list` shows".into())
        }
        Refusal::Path | Refusal::Absent => return Refusal::Absent.said(),
        Refusal::UnknownIdentity(_) | Refusal::NotGranted(_) | Refusal::NotServed(_) => {
            (StatusCode::BAD_REQUEST, "Bad Request", said.message.clone())
        }
        Refusal::Failed(failure) => {
            let (status, reason) = match failure.class {
                FailureClass::NeedsPerson | FailureClass::Refused => (StatusCode::BAD_REQUEST, "Bad Request"),
                FailureClass::TryLater if failure.code == THROTTLED => {
                    (StatusCode::TOO_MANY_REQUESTS, "Too Many Requests")
                }
                FailureClass::TryLater => (StatusCode::SERVICE_UNAVAILABLE, "Service Unavailable"),
            };
            (status, reason, said.message.clone())
        }
        _ => return said,
    };
    Said { status, reason, message, ..said }
}

/// After how long it may be otherwise. A fetch in progress takes a moment; an outage is looked at every 15 s, and five are what
/// MSAL waits where nothing is said.
fn retry_after_secs(refusal: &Refusal) -> Option<u32> {
    match refusal {
        Refusal::Failed(failure) if failure.class == FailureClass::TryLater => {
            Some(if failure.code == "Pending" { 1 } else { 5 })
        }
        _ => None,
    }
}

const ONE_ANSWER: &str = "the local token is missing or wrong, or its shell or job has ended: start the program with \
    `credenza exec IDENTITY -- CMD`, or take all variables that `credenza env IDENTITY` prints";

const THROTTLED: &str = "Throttled";

/// The word that clients put before the sentence (RFC 6749, 5.2, where it has one). None that they would take for a login that they
/// could ask their own user for.
fn error_word(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "access_denied",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => "temporarily_unavailable",
        StatusCode::INTERNAL_SERVER_ERROR => "server_error",
        _ => "invalid_request",
    }
}

/// A GUID by which a line of a client's log can be told from others of its kind.
fn correlation(code: &str, now: Now) -> String {
    let mut hex = Digest::of(format!("{code} {:?}", now.boot).as_bytes()).to_hex();
    hex.truncate(32);
    [(0, 8), (8, 12), (12, 16), (16, 20), (20, 32)].map(|(from, to)| &hex[from..to]).join("-")
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: &'a str,
    error_description: &'a str,
    #[serde(rename = "statusCode", skip_serializing_if = "Option::is_none")]
    status_code: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
    #[serde(rename = "correlationId", skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    #[serde(rename = "newest-versions", skip_serializing_if = "Option::is_none")]
    newest_versions: Option<Vec<&'static str>>,
}

impl Fault {
    /// The answer to a request that has this wrong with it.
    pub fn answer(self, style: Style, now: Now) -> Answer {
        refuse(&Refusal::Azure(self), style, false, now)
    }
}
