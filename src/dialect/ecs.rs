//! The ECS dialect: what `AWS_CONTAINER_CREDENTIALS_FULL_URI` points at, and the same document on the EKS Pod
//! Identity agent's path.
//!
//! The document is that of the AWS SDKs and Tools Reference Guide, "Container credential provider"; which fields and
//! which form of time each client takes was read in the clients themselves:
//!
//! - botocore (`credentials.py`, `ContainerProvider`), JS v3 (`credential-provider-http`) and object_store want all of
//!   `AccessKeyId`, `SecretAccessKey`, `Token` and `Expiration`, as strings;
//! - `YYYY-MM-DDTHH:MM:SSZ` is the one time that all of them read: JS and Rust refuse `+00:00`, botocore crashes on a
//!   time without a zone;
//! - the Rust SDK takes any `Code` other than `Success` for an error, botocore would then miss its keys: there is none;
//! - Go reads errors from `code` and `message`, JS from `Code` and `Message`, botocore and the CLI print the whole body,
//!   minio-go and .NET show the reason phrase.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Answer, Asked, Refusal};
use crate::credential::{Credential, Failure, FailureClass, Now};
use crate::secret::wiped;

/// The path that asks for an identity: `/creds/prod`, `/creds/my%20profile`.
///
/// ```
/// use credenza::dialect::ecs;
/// assert_eq!(ecs::path("my profile/eu"), "/creds/my%20profile%2Feu");
/// ```
pub fn path(identity: &str) -> String {
    format!("/creds/{}", utf8_percent_encode(identity, KEPT))
}

/// RFC 3986's unreserved characters stand for themselves; all others, `/` among them, are escaped.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a path asks for. Doubled slashes and one at the end mean nothing (JS and object_store send `//`); a name that
/// holds a slash may be written with or without an escape.
pub fn read(path: &str) -> Result<Asked<'_>, Refusal> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match (segments.next(), segments.next()) {
        (Some("creds"), Some(first)) => {
            let joined = |name, segment| Ok(Cow::Owned(format!("{name}/{}", decode(segment)?)));
            let name = segments.try_fold(decode(first)?, joined)?;
            Ok(Asked::Identity(name))
        }
        (Some("v1"), Some("credentials")) if segments.next().is_none() => Ok(Asked::GrantDefault),
        _ => Err(Refusal::Path),
    }
}

fn decode(segment: &str) -> Result<Cow<'_, str>, Refusal> {
    percent_decode_str(segment).decode_utf8().map_err(|_| Refusal::Path)
}

/// The answer that holds a credential. One that is not whole, or that has no life left to speak of, never leaves with a
/// 200, whatever was decided before.
pub fn write(credential: &Credential, now: Now) -> Result<Answer, Refusal> {
    if credential.remaining(now) <= LEAST_LIFE {
        return Err(Refusal::Failed(Failure::new(
            FailureClass::TryLater,
            "CredentialExpired",
            "the credential at hand has ended and no new one could be had yet: see `credenza status`",
        )));
    }
    Ok(Answer { status: StatusCode::OK, reason: None, allow: false, body: wiped(document(credential)?) })
}

/// A credential with no more than this left is not handed out: the request that it would sign may come too late.
pub const LEAST_LIFE: Duration = Duration::from_secs(60);

fn document(credential: &Credential) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let keys = &credential.keys;
    let token = keys.session_token.as_ref().ok_or(Refusal::Bug("long-term keys never leave through an endpoint"))?;
    if keys.access_key_id.is_empty() || keys.secret_access_key.is_empty() || token.is_empty() {
        return Err(Refusal::Bug("a credential with an empty field"));
    }
    let document = Document {
        access_key_id: &keys.access_key_id,
        secret_access_key: keys.secret_access_key.expose(),
        token: token.expose(),
        expiration: &timestamp(credential.expiration).ok_or(Refusal::Bug("a credential that ends beyond all time"))?,
        account_id: credential.account_id.as_deref(),
        role_arn: credential.role_arn.as_deref(),
    };
    // Room for every byte escaped: a buffer that grew would leave copies behind, unwiped.
    let room = 256 + 6 * (document.secret_access_key.len() + document.token.len() + document.access_key_id.len());
    let mut body = Zeroizing::new(Vec::with_capacity(room + 6 * credential.role_arn.as_ref().map_or(0, String::len)));
    serde_json::to_writer(&mut *body, &document).map_err(|_| Refusal::Bug("a credential that is no JSON"))?;
    Ok(body)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    access_key_id: &'a str,
    secret_access_key: &'a str,
    token: &'a str,
    expiration: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    account_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_arn: Option<&'a str>,
}

/// `2026-11-21T22:04:16Z`: whole seconds, rounded down, so that it is never later than the truth.
pub fn timestamp(time: SystemTime) -> Option<String> {
    let time = jiff::Timestamp::try_from(time).ok()?;
    Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

/// The answer to a request that gets no credential: one line of JSON with both spellings of each key, and the remedy in
/// the message. 403 is for what a person must mend, 400 for a name or path that is not there (never 404: rclone takes
/// it for "directory not found"), 503 for what passes (never 429: it multiplies the calls and their delay).
pub fn refuse(refusal: &Refusal) -> Answer {
    let said = say(refusal);
    let body = ErrorBody { code: said.code, message: &said.message, code_2: said.code, message_2: &said.message };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    Answer {
        status: said.status,
        reason: Some(said.reason),
        allow: matches!(refusal, Refusal::Method),
        body: Bytes::from(body),
    }
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(rename = "Code")]
    code_2: &'a str,
    #[serde(rename = "Message")]
    message_2: &'a str,
}

struct Said<'a> {
    status: StatusCode,
    reason: &'static str,
    code: &'static str,
    message: Cow<'a, str>,
}

fn say(refusal: &Refusal) -> Said<'_> {
    let (status, reason, code, message): (_, _, _, Cow<'_, str>) = match refusal {
        Refusal::Malformed(what) => {
            (StatusCode::BAD_REQUEST, "Bad Request", "MalformedRequest", format!("not a request for us: {what}").into())
        }
        Refusal::Host => (
            StatusCode::FORBIDDEN,
            "Host Refused",
            "HostNotAllowed",
            "the Host header must name loopback (127.0.0.1, localhost, [::1]): use the address that `credenza env` prints"
                .into(),
        ),
        Refusal::Forwarded => (
            StatusCode::FORBIDDEN,
            "Forwarded Request Refused",
            "ForwardedRequest",
            "a proxy passed this request on: add 127.0.0.1 and localhost to NO_PROXY, as `credenza env` prints it".into(),
        ),
        Refusal::Browser => (
            StatusCode::FORBIDDEN,
            "Browser Refused",
            "BrowserRequest",
            "a browser sent this request (Origin, Referer or Sec-Fetch): credentials are for programs started with \
             `credenza exec` or `credenza env`"
                .into(),
        ),
        Refusal::Method => {
            (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", "MethodNotAllowed", "use GET or HEAD".into())
        }
        Refusal::HeadTooLarge => (
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            "Head Too Large",
            "HeadTooLarge",
            "the path and the headers are over 16 KiB: send the path and the token that `credenza env` prints, and little \
             else"
                .into(),
        ),
        Refusal::BodyTooLarge => {
            (StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", "BodyTooLarge", "send no body: use GET or HEAD".into())
        }
        Refusal::TokenMissing => (
            StatusCode::FORBIDDEN,
            "Token Required",
            "TokenMissing",
            "the Authorization header with the local token is missing: start the program with \
             `credenza exec IDENTITY -- CMD`, or take both variables that `credenza env IDENTITY` prints; \
             an old client that reads no token file needs it without --token-file"
                .into(),
        ),
        Refusal::TokenUnknown => (
            StatusCode::FORBIDDEN,
            "Token Refused",
            "TokenRefused",
            "the local token is wrong, or its shell or job has ended, or it was revoked: start anew with \
             `credenza exec IDENTITY -- CMD` or `credenza env IDENTITY`"
                .into(),
        ),
        Refusal::Path => (
            StatusCode::BAD_REQUEST,
            "Unknown Path",
            "UnknownPath",
            "no such path: ask for /creds/IDENTITY, with a name that `credenza list` shows".into(),
        ),
        Refusal::UnknownIdentity(name) => (
            StatusCode::BAD_REQUEST,
            "Unknown Identity",
            "UnknownIdentity",
            format!("no profile is called {}: `credenza list` shows those that are there", quoted(name)).into(),
        ),
        Refusal::NotGranted(name) => (
            StatusCode::FORBIDDEN,
            "Not Granted",
            "NotGranted",
            format!("{0} is not in this grant: credenza exec {0} -- CMD", quoted(name)).into(),
        ),
        Refusal::NoDefault => (
            StatusCode::BAD_REQUEST,
            "No Default Identity",
            "NoDefaultIdentity",
            "this grant has no default identity: ask for /creds/IDENTITY, or name one with `credenza exec IDENTITY -- CMD`"
                .into(),
        ),
        Refusal::Failed(failure) => {
            let (status, reason) = match failure.class {
                FailureClass::NeedsPerson => (StatusCode::FORBIDDEN, "Login Required"),
                FailureClass::Refused => (StatusCode::FORBIDDEN, "Access Denied"),
                FailureClass::TryLater => (StatusCode::SERVICE_UNAVAILABLE, "Upstream Unavailable"),
            };
            (status, reason, failure.code, one_line(&failure.public))
        }
        Refusal::Bug(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            "Internal Error",
            "InternalError",
            "a fault in Credenza: `credenza logs` has more".into(),
        ),
    };
    Said { status, reason, code, message }
}

/// A name that a client chose, as a shell takes it and as a line can hold it: no control characters, 128 letters at most.
fn quoted(name: &str) -> Cow<'_, str> {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_.@+/:".contains(letter);
    if !name.is_empty() && name.len() <= 128 && name.chars().all(plain) {
        return Cow::Borrowed(name);
    }
    let shown: String = name.chars().filter(|letter| !letter.is_control()).take(128).collect();
    Cow::Owned(format!("'{}'", shown.replace('\'', r"'\''")))
}

fn one_line(text: &str) -> Cow<'_, str> {
    if text.contains(['\n', '\r']) {
        return Cow::Owned(text.split(['\n', '\r']).filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "));
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
#[path = "ecs_tests.rs"]
mod tests;
