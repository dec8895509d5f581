//! [`Refusal`]: why a request gets no credential, and how that is said.
//!
//! The words are the same for all dialects where a dialect has none of its own: it begins with [`Refusal::said`] and changes
//! what its clients would misread.

use std::borrow::Cow;

use bytes::Bytes;
use http::StatusCode;
use serde::Serialize;

use super::{Answer, Form, azure};
use crate::credential::{Failure, FailureClass};

/// Why a request gets no credential. Each dialect has its own words for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The request is not one that we read: a target that is not a path, a header that must be there once and is not.
    Malformed(&'static str),
    /// `Host` names something that this listener is not: DNS rebinding.
    Host,
    /// A proxy passed the request on.
    Forwarded,
    /// A browser sent it.
    Browser,
    /// The head is over 16 KiB.
    HeadTooLarge,
    /// Neither GET nor HEAD, or not what this path takes.
    Method,
    /// The body is over 64 KiB.
    BodyTooLarge,
    /// No token was sent.
    TokenMissing,
    /// The token opens nothing: wrong, ended or revoked.
    TokenUnknown,
    /// The listener is told apart from its clients by their user, and this one is another user's, or nobody's that can be known.
    ForeignPeer,
    /// The listener serves containers that are written down, and this is none of them.
    UnknownNeighbour,
    /// It cannot be told for now which container this is.
    Undecided,
    /// The grant of the relay that brought the request has ended.
    RelayEnded,
    /// A relay reaches no daemon.
    NoDaemon,
    /// EC2: a session token must be sent, and none was.
    TicketMissing,
    /// EC2: the session token is forged, torn, another listener's, or past its end.
    TicketRefused,
    /// EC2: a session token was asked for, for no time or for one that cannot be: 1 to 21600 seconds.
    TicketLife,
    /// EC2: the metadata service is switched off.
    Disabled,
    /// Pod Identity: what was sent cannot be read as a token of a service account; one sentence about it, which holds nothing of
    /// what was sent.
    UnreadableServiceAccount(&'static str),
    /// Pod Identity: the token is no service account's, or one that is not taken; one sentence about it, which holds nothing of
    /// the token.
    ServiceAccount(&'static str),
    /// Pod Identity: the token is good, and no identity is written down for this `NAMESPACE/NAME`.
    NotMapped(String),
    /// ECS: the path of a relative address names no identity.
    NoId,
    /// No route has this path.
    Path,
    /// Nothing is there, as it is on a machine that does not have it.
    Absent,
    /// No profile has this name.
    UnknownIdentity(String),
    /// The identity is there, but the grant does not cover it.
    NotGranted(String),
    /// The identity is there, but this listener does not serve it.
    NotServed(String),
    /// The grant has no default identity, and the path names none.
    NoDefault,
    /// The engine has no credential.
    Failed(Failure),
    /// Azure: what is wrong with a request for a token or for metadata.
    Azure(azure::Fault),
    /// A fault of ours.
    Bug(&'static str),
}

impl Refusal {
    /// Whether it is about the whole connection, whose end lets another one be judged anew: who it is, and what brought it, is settled once.
    pub fn is_about_the_connection(&self) -> bool {
        matches!(self, Self::UnknownNeighbour | Self::Undecided | Self::RelayEnded | Self::NoDaemon)
    }

    /// One word for the audit trail, such as `token-unknown`. An engine's failure has a [`Failure::code`] instead.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed",
            Self::Host => "host-refused",
            Self::Forwarded => "forwarded",
            Self::Browser => "browser",
            Self::HeadTooLarge => "head-too-large",
            Self::Method => "method",
            Self::BodyTooLarge => "body-too-large",
            Self::TokenMissing => "token-missing",
            Self::TokenUnknown => "token-unknown",
            Self::ForeignPeer => "foreign-peer",
            Self::UnknownNeighbour => "unknown-neighbour",
            Self::Undecided => "undecided",
            Self::RelayEnded => "relay-ended",
            Self::NoDaemon => "no-daemon",
            Self::TicketMissing => "token-missing",
            Self::TicketRefused => "token-unknown",
            Self::TicketLife => "token-life",
            Self::Disabled => "disabled",
            Self::UnreadableServiceAccount(_) => "service-account-unreadable",
            Self::ServiceAccount(_) => "service-account-refused",
            Self::NotMapped(_) => "not-mapped",
            Self::NoId => "no-id",
            Self::Path | Self::Absent => "unknown-path",
            Self::UnknownIdentity(_) => "unknown-identity",
            Self::NotGranted(_) => "not-granted",
            Self::NotServed(_) => "not-served",
            Self::NoDefault => "no-default",
            Self::Failed(failure) => failure.code,
            Self::Azure(fault) => fault.word(),
            Self::Bug(_) => "bug",
        }
    }

    /// How it is said to the clients of a container endpoint: 403 is for what a person must mend, 400 for a name or path that
    /// is not there (never 404: rclone takes it for "directory not found"), 503 for what passes (never 429: it multiplies the
    /// calls and their delay).
    pub fn said(&self) -> Said<'_> {
        let (status, reason, code, message): (_, _, _, Cow<'_, str>) = match self {
            Self::Malformed(what) => {
                (StatusCode::BAD_REQUEST, "Bad Request", "MalformedRequest", format!("not a request for us: {what}").into())
            }
            Self::Host => (
                StatusCode::FORBIDDEN,
                "Host Refused",
                "HostNotAllowed",
                "the Host header must name loopback (127.0.0.1, localhost, [::1]): use the address that `credenza env` prints"
                    .into(),
            ),
            Self::Forwarded => (
                StatusCode::FORBIDDEN,
                "Forwarded Request Refused",
                "ForwardedRequest",
                "a proxy passed this request on: add 127.0.0.1 and localhost to NO_PROXY, as `credenza env` prints it".into(),
            ),
            Self::Browser => (
                StatusCode::FORBIDDEN,
                "Browser Refused",
                "BrowserRequest",
                "a browser sent this request (Origin, Referer or Sec-Fetch): credentials are for programs started with \
                 `credenza exec` or `credenza env`"
                    .into(),
            ),
            Self::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed", "MethodNotAllowed", "use GET or HEAD".into())
            }
            Self::HeadTooLarge => (
                StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
                "Head Too Large",
                "HeadTooLarge",
                "the path and the headers are over 16 KiB: send the path and the token that `credenza env` prints, and little \
                 else"
                    .into(),
            ),
            Self::BodyTooLarge => {
                (StatusCode::PAYLOAD_TOO_LARGE, "Payload Too Large", "BodyTooLarge", "send no body: use GET or HEAD".into())
            }
            Self::TokenMissing => (
                StatusCode::FORBIDDEN,
                "Token Required",
                "TokenMissing",
                "the Authorization header with the local token is missing: start the program with \
                 `credenza exec IDENTITY -- CMD`, or take both variables that `credenza env IDENTITY` prints; \
                 an old client that reads no token file needs it without --token-file"
                    .into(),
            ),
            Self::TokenUnknown => (
                StatusCode::FORBIDDEN,
                "Token Refused",
                "TokenRefused",
                "the local token is wrong, or its shell or job has ended, or it was revoked: start anew with \
                 `credenza exec IDENTITY -- CMD` or `credenza env IDENTITY`"
                    .into(),
            ),
            Self::ForeignPeer => (
                StatusCode::FORBIDDEN,
                "Not Your Listener",
                "ForeignPeer",
                "this address answers only processes of the user who runs Credenza, and root's, on this machine: who it is \
                 cannot be told, or it is somebody else; for containers see `peers` of [[listener]]"
                    .into(),
            ),
            Self::UnknownNeighbour => (
                StatusCode::FORBIDDEN,
                "Unknown Neighbour",
                "UnknownNeighbour",
                "this address answers only the containers that `neighbours` of its [[listener]] names, and who shows a grant's \
                 token: add this one's service name there, or give it a token file of its own (`credenza grant new`)"
                    .into(),
            ),
            Self::Undecided => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Undecided",
                "Undecided",
                "the resolver of this network does not say for now which container has this address: ask again".into(),
            ),
            Self::RelayEnded => (
                StatusCode::FORBIDDEN,
                "Relay Refused",
                "RelayEnded",
                "the grant of the relay has ended or was revoked: make another on the host with `credenza relay invite`, and \
                 start the relay anew with it"
                    .into(),
            ),
            Self::NoDaemon => (
                StatusCode::SERVICE_UNAVAILABLE,
                "No Daemon",
                "NoDaemon",
                "the relay reaches no daemon on the host: run `credenza up` there; `credenza health` in the relay says more".into(),
            ),
            Self::TicketMissing => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "SessionTokenMissing",
                "a session token is needed (IMDSv2): PUT /latest/api/token first; a client that cannot do so needs \
                 `imds_v1 = true` in its [[listener]]"
                    .into(),
            ),
            Self::TicketRefused => (
                StatusCode::UNAUTHORIZED,
                "Unauthorized",
                "SessionTokenRefused",
                "the session token has ended, or was not made here: PUT /latest/api/token for another".into(),
            ),
            Self::TicketLife => (
                StatusCode::BAD_REQUEST,
                "Bad Request",
                "SessionTokenLife",
                "X-aws-ec2-metadata-token-ttl-seconds must say 1 to 21600".into(),
            ),
            Self::Disabled => (
                StatusCode::FORBIDDEN,
                "Metadata Service Disabled",
                "MetadataServiceDisabled",
                "this listener is switched off: take `enabled = false` out of its [[listener]]".into(),
            ),
            Self::UnreadableServiceAccount(why) => (
                StatusCode::BAD_REQUEST,
                "Token Unreadable",
                "ServiceAccountUnreadable",
                format!("the token of the service account cannot be read: {why}").into(),
            ),
            Self::ServiceAccount(why) => (
                StatusCode::FORBIDDEN,
                "Token Refused",
                "ServiceAccountRefused",
                format!("the token of the service account is refused: {why}").into(),
            ),
            Self::NotMapped(account) => (
                StatusCode::FORBIDDEN,
                "Not Mapped",
                "ServiceAccountNotMapped",
                format!("no identity is written down for {0}: add it to [listener.kubernetes.identities]", quoted(account))
                    .into(),
            ),
            Self::NoId => (
                StatusCode::BAD_REQUEST,
                "No Id In Request",
                "NoIdInRequest",
                "the path names no identity: ask for /v2/credentials/IDENTITY".into(),
            ),
            Self::Absent => (StatusCode::NOT_FOUND, "Not Found", "NotFound", "there is nothing at this path".into()),
            Self::Path => (
                StatusCode::BAD_REQUEST,
                "Unknown Path",
                "UnknownPath",
                "no such path: ask for /creds/IDENTITY, with a name that `credenza list` shows".into(),
            ),
            Self::UnknownIdentity(name) => (
                StatusCode::BAD_REQUEST,
                "Unknown Identity",
                "UnknownIdentity",
                format!("no profile is called {}: `credenza list` shows those that are there", quoted(name)).into(),
            ),
            Self::NotGranted(name) => (
                StatusCode::FORBIDDEN,
                "Not Granted",
                "NotGranted",
                format!("{0} is not in this grant: credenza exec {0} -- CMD", quoted(name)).into(),
            ),
            Self::NotServed(name) => (
                StatusCode::FORBIDDEN,
                "Not Served Here",
                "NotServed",
                format!("{} is not served at this address: add it to `identities` of its [[listener]], or to what `neighbours` gives this container", quoted(name)).into(),
            ),
            Self::NoDefault => (
                StatusCode::BAD_REQUEST,
                "No Default Identity",
                "NoDefaultIdentity",
                "this grant has no default identity: ask for /creds/IDENTITY, or name one with `credenza exec IDENTITY -- CMD`"
                    .into(),
            ),
            Self::Failed(failure) => {
                let (status, reason) = match failure.class {
                    FailureClass::NeedsPerson => (StatusCode::FORBIDDEN, "Login Required"),
                    FailureClass::Refused => (StatusCode::FORBIDDEN, "Access Denied"),
                    FailureClass::TryLater => (StatusCode::SERVICE_UNAVAILABLE, "Upstream Unavailable"),
                };
                (status, reason, failure.code, one_line(&failure.public))
            }
            Self::Azure(fault) => return fault.said(),
            Self::Bug(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Internal Error",
                "InternalError",
                "a fault in Credenza: `credenza logs` has more".into(),
            ),
        };
        let allow = matches!(self, Self::Method).then_some("GET, HEAD");
        Said { status, reason, code, message, allow }
    }
}

/// A refusal in words.
#[derive(Clone, Debug)]
pub struct Said<'a> {
    /// The status.
    pub status: StatusCode,
    /// The reason phrase: some clients show nothing else.
    pub reason: &'static str,
    /// One word for machines, such as `TokenRefused`.
    pub code: &'static str,
    /// One line for people, with what mends it.
    pub message: Cow<'a, str>,
    /// What `Allow` says.
    pub allow: Option<&'static str>,
}

impl Said<'_> {
    /// The answer: one line of JSON with both spellings of each key. Go reads `code` and `message`, JavaScript `Code` and
    /// `Message`, botocore and the AWS CLI show the whole body.
    pub fn answer(&self, form: Form) -> Answer {
        let body = ErrorBody { code: self.code, message: &self.message, code_2: self.code, message_2: &self.message };
        let body = Bytes::from(serde_json::to_vec(&body).unwrap_or_default());
        let Self { status, reason, allow, .. } = *self;
        Answer { status, reason: Some(reason), allow, ..Answer::ok(form, body) }
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

impl From<azure::Fault> for Refusal {
    fn from(fault: azure::Fault) -> Self {
        Self::Azure(fault)
    }
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
mod tests {
    use super::*;

    #[test]
    fn names_that_clients_choose_are_cut_and_quoted() {
        assert_eq!(quoted("prod"), "prod");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$(id)"), "'$(id)'");
        assert_eq!(quoted("\u{1b}[31m"), "'[31m'");
        assert_eq!(quoted(&"x".repeat(4000)).len(), 130);
    }
}
