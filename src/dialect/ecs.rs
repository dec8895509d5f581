//! The ECS dialect: what `AWS_CONTAINER_CREDENTIALS_FULL_URI` points at, the same document on the EKS Pod Identity agent's
//! path, and on the addresses of the ECS agent, which `AWS_CONTAINER_CREDENTIALS_RELATIVE_URI` points at.
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

use http::StatusCode;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Answer, Asked, Form, Refusal};
use crate::credential::{Credential, Failure, FailureClass, Now};
use crate::secret::wiped;

/// The path that asks for an identity: `/creds/prod`, `/creds/my%20profile`.
///
/// ```
/// use credenza::dialect::ecs;
/// assert_eq!(ecs::path("my profile/eu"), "/creds/my%20profile%2Feu");
/// ```
pub fn path(identity: &str) -> String {
    format!("/creds/{}", escaped(identity))
}

/// A name as one part of a path.
pub(super) fn escaped(name: &str) -> impl std::fmt::Display + '_ {
    utf8_percent_encode(name, KEPT)
}

/// RFC 3986's unreserved characters stand for themselves; all others, `/` among them, are escaped.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// What a path asks for. Doubled slashes and one at the end mean nothing (JS and object_store send `//`); a name that
/// holds a slash may be written with or without an escape.
pub fn read(path: &str) -> Result<Asked<'_>, Refusal> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    match (segments.next(), segments.next()) {
        (Some("creds"), Some(first)) => {
            let joined = |name, segment| Ok::<_, Refusal>(Cow::Owned(format!("{name}/{}", decode(segment)?)));
            let name = segments.try_fold(decode(first)?, joined)?;
            Ok(Asked::Identity(name))
        }
        (Some("v1"), Some("credentials")) if segments.next().is_none() => Ok(Asked::GrantDefault),
        _ => Err(Refusal::Path),
    }
}

/// The identity that a relative address names: `/v2/credentials/prod`, `/creds/prod`, `/v1/credentials?id=prod`. Slashes and
/// escapes are those of [`read`]. Paths from amazon-ecs-agent, `ecs-agent/tmds/handlers/v1/credentials_handler.go` and `v2`.
///
/// ```
/// use credenza::dialect::{Refusal, ecs};
/// assert_eq!(ecs::read_relative("/v2/credentials/my%20profile/eu", None).unwrap(), "my profile/eu");
/// assert_eq!(ecs::read_relative("/v1/credentials", Some("id=prod")).unwrap(), "prod");
/// assert_eq!(ecs::read_relative("/v2/credentials/", None), Err(Refusal::NoId));
/// ```
pub fn read_relative<'p>(path: &'p str, query: Option<&'p str>) -> Result<Cow<'p, str>, Refusal> {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    match segments.next() {
        Some("creds") => {}
        Some("v2") if segments.next() == Some("credentials") => {}
        Some("v1") if segments.next() == Some("credentials") && segments.peek().is_none() => {
            return id_of(query.unwrap_or_default());
        }
        _ => return Err(Refusal::Path),
    }
    let first = decode(segments.next().ok_or(Refusal::NoId)?).map_err(|_| Refusal::NoId)?;
    segments.try_fold(first, |name, segment| {
        let segment = decode(segment).map_err(|_| Refusal::NoId)?;
        Ok(Cow::Owned(format!("{name}/{segment}")))
    })
}

/// The first `id` of a query; a plus is a space there.
fn id_of(query: &str) -> Result<Cow<'_, str>, Refusal> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, id) = pairs.find(|(key, id)| *key == "id" && !id.is_empty()).ok_or(Refusal::NoId)?;
    if !id.contains('+') {
        return decode(id).map_err(|_| Refusal::NoId);
    }
    let id = id.replace('+', " ");
    decode(&id).map(|id| Cow::Owned(id.into_owned())).map_err(|_| Refusal::NoId)
}

fn decode(segment: &str) -> Result<Cow<'_, str>, Refusal> {
    percent_decode_str(segment).decode_utf8().map_err(|_| Refusal::Path)
}

/// The answer that holds a credential. One that is not whole, or that has no life left to speak of, never leaves with a
/// 200, whatever was decided before.
pub fn write(credential: &Credential, now: Now) -> Result<Answer, Refusal> {
    Ok(Answer::ok(Form::Json, wiped(document(&Whole::of(credential, now)?, credential)?)))
}

/// What a credential's document is made of, in every dialect: nothing of it is empty, and it has life left to speak of.
pub(super) struct Whole<'c> {
    pub(super) access_key_id: &'c str,
    pub(super) secret_access_key: &'c str,
    pub(super) token: &'c str,
    /// `2026-11-21T22:04:16Z`
    pub(super) expiration: String,
}

impl<'c> Whole<'c> {
    pub(super) fn of(credential: &'c Credential, now: Now) -> Result<Self, Refusal> {
        alive(credential, now)?;
        let keys = &credential.aws().ok_or(Refusal::Bug("a token is no AWS credential"))?.keys;
        let token =
            keys.session_token.as_ref().ok_or(Refusal::Bug("long-term keys never leave through an endpoint"))?;
        if keys.access_key_id.is_empty() || keys.secret_access_key.is_empty() || token.is_empty() {
            return Err(Refusal::Bug("a credential with an empty field"));
        }
        Ok(Self {
            access_key_id: &keys.access_key_id,
            secret_access_key: keys.secret_access_key.expose(),
            token: token.expose(),
            expiration: timestamp(credential.expiration)
                .ok_or(Refusal::Bug("a credential that ends beyond all time"))?,
        })
    }
}

/// Whether there is life left in a credential to speak of.
pub(super) fn alive(credential: &Credential, now: Now) -> Result<(), Refusal> {
    if credential.remaining(now) > LEAST_LIFE {
        return Ok(());
    }
    Err(Refusal::Failed(Failure::new(
        FailureClass::TryLater,
        "CredentialExpired",
        "the credential at hand has ended and no new one could be had yet: see `credenza status`",
    )))
}

/// A credential with no more than this left is not handed out: the request that it would sign may come too late.
pub const LEAST_LIFE: Duration = Duration::from_secs(60);

fn document(whole: &Whole<'_>, credential: &Credential) -> Result<Zeroizing<Vec<u8>>, Refusal> {
    let aws = credential.aws();
    let document = Document {
        access_key_id: whole.access_key_id,
        secret_access_key: whole.secret_access_key,
        token: whole.token,
        expiration: &whole.expiration,
        account_id: aws.and_then(|aws| aws.account_id.as_deref()),
        role_arn: aws.and_then(|aws| aws.role_arn.as_deref()),
    };
    // Room for every byte escaped: a buffer that grew would leave copies behind, unwiped.
    let room = 256 + 6 * (document.secret_access_key.len() + document.token.len() + document.access_key_id.len());
    let mut body = Zeroizing::new(Vec::with_capacity(room + 6 * document.role_arn.map_or(0, str::len)));
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

/// The answer to a request that gets no credential: JSON, with the command that mends it.
pub fn refuse(refusal: &Refusal) -> Answer {
    refusal.said().answer(Form::Json)
}

/// [`refuse`] for the relative addresses, with the codes of amazon-ecs-agent
/// (`ecs-agent/tmds/handlers/v1/credentials_handler.go`) where it has one, and its `HTTPErrorCode`.
pub fn refuse_relative(refusal: &Refusal) -> Answer {
    let mut said = refusal.said();
    match refusal {
        Refusal::TokenMissing => {
            said.message = "this listener wants the token of a grant (`require_token`) in the Authorization header: \
                            `credenza grant new IDENTITY` prints one, for AWS_CONTAINER_AUTHORIZATION_TOKEN"
                .into();
        }
        Refusal::UnknownIdentity(_) | Refusal::NotGranted(_) | Refusal::NotServed(_) => {
            (said.status, said.reason, said.code) =
                (StatusCode::BAD_REQUEST, "Invalid Id In Request", "InvalidIdInRequest");
        }
        Refusal::Failed(failure) if failure.code == "Pending" => {
            (said.status, said.reason, said.code) =
                (StatusCode::SERVICE_UNAVAILABLE, "Credentials Uninitialized", "CredentialsUninitialized");
        }
        _ => {}
    }
    let mut answer = said.answer(Form::Json);
    let body = RelativeErrorBody {
        code: said.code,
        message: &said.message,
        code_2: said.code,
        message_2: &said.message,
        status: said.status.as_u16(),
    };
    answer.body = serde_json::to_vec(&body).unwrap_or_default().into();
    answer
}

#[derive(Serialize)]
struct RelativeErrorBody<'a> {
    code: &'a str,
    message: &'a str,
    #[serde(rename = "Code")]
    code_2: &'a str,
    #[serde(rename = "Message")]
    message_2: &'a str,
    #[serde(rename = "HTTPErrorCode")]
    status: u16,
}

#[cfg(test)]
#[path = "ecs_tests.rs"]
mod tests;
