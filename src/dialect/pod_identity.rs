//! The EKS Pod Identity dialect: the path and the refusals of the agent that Amazon EKS runs on each node.
//!
//! A credential is written as [`ecs::write`](super::ecs::write) does: the agent's document is that of container credentials.
//! What the agent answers was read in its source (aws/eks-pod-identity-agent: `pkg/handlers/eks_credential_handler.go`,
//! `internal/validation/request.go`, `pkg/errors/errors.go`): a token that is missing or cannot be read is a 400, one that is
//! refused a 403, and so is a `Host` that is not the agent's. Its 429 is never said here: it multiplies the calls.
//!
//! Called by [`crate::server`].

use http::StatusCode;

use super::{Answer, Form, Refusal};

/// The path that every client asks.
pub const PATH: &str = "/v1/credentials";

/// Whether a path is the agent's: doubled slashes and one at the end mean nothing.
///
/// ```
/// use credenza::dialect::pod_identity;
/// assert!(pod_identity::read("//v1/credentials/").is_ok());
/// ```
pub fn read(path: &str) -> Result<(), Refusal> {
    let segments = path.split('/').filter(|segment| !segment.is_empty());
    segments.eq(["v1", "credentials"]).then_some(()).ok_or(Refusal::Path)
}

/// The answer to a request that gets no credential: JSON, with what mends it.
pub fn refuse(refusal: &Refusal) -> Answer {
    let mut said = refusal.said();
    match refusal {
        Refusal::Host => {
            said.message =
                "the Host header must name 169.254.170.23, [fd00:ec2::23] or loopback (127.0.0.1, localhost, [::1])"
                    .into();
        }
        Refusal::TokenMissing => {
            said.status = StatusCode::BAD_REQUEST;
            said.message = "the Authorization header is missing or empty: it holds what stands in the file that \
                            AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE names; an old client that reads no token file cannot \
                            ask here"
                .into();
        }
        Refusal::Path | Refusal::Absent => {
            said = Refusal::Path.said();
            said.message = format!("no such path: ask for {PATH}").into();
        }
        _ => {}
    }
    said.answer(Form::Json)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::credential::{Failure, FailureClass};

    #[test]
    fn one_path_is_read_as_clients_write_it() {
        for path in [PATH, "/v1/credentials/", "//v1/credentials", "/v1//credentials//"] {
            assert_eq!(read(path), Ok(()), "{path}");
        }
        for path in ["", "/", "/v1", "/v1/credentials/x", "/v2/credentials", "/V1/credentials", "/v1/credentials%2f"] {
            assert_eq!(read(path), Err(Refusal::Path), "{path}");
        }
    }

    #[test]
    fn c37_refusals_have_the_agents_statuses_and_say_what_mends_them() {
        let failed = |class| Refusal::Failed(Failure::new(class, "SomeCode", "credenza login prod"));
        for (refusal, status, code, words) in [
            (Refusal::TokenMissing, 400, "TokenMissing", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"),
            (Refusal::UnreadableServiceAccount("it is torn"), 400, "ServiceAccountUnreadable", "it is torn"),
            (Refusal::ServiceAccount("it has ended"), 403, "ServiceAccountRefused", "it has ended"),
            (Refusal::NotMapped("jobs/sync".into()), 403, "ServiceAccountNotMapped", "jobs/sync"),
            (Refusal::NotServed("prod".into()), 403, "NotServed", "`identities`"),
            (Refusal::TokenUnknown, 403, "TokenRefused", "credenza exec"),
            (Refusal::Host, 403, "HostNotAllowed", "169.254.170.23"),
            (Refusal::Forwarded, 403, "ForwardedRequest", "proxy"),
            (Refusal::Browser, 403, "BrowserRequest", "browser"),
            (Refusal::Path, 400, "UnknownPath", "/v1/credentials"),
            (Refusal::Absent, 400, "UnknownPath", "/v1/credentials"),
            (Refusal::Method, 405, "MethodNotAllowed", "GET or HEAD"),
            (failed(FailureClass::TryLater), 503, "SomeCode", "credenza login prod"),
            (failed(FailureClass::NeedsPerson), 403, "SomeCode", "credenza login prod"),
        ] {
            let answer = refuse(&refusal);
            assert_eq!((answer.status.as_u16(), answer.form), (status, Form::Json), "{refusal:?}");
            assert_eq!(answer.allow.is_some(), status == 405);
            let body: Value = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!((&body["code"], &body["Code"]), (&Value::from(code), &Value::from(code)));
            assert_eq!(body["message"], body["Message"]);
            assert!(body["message"].as_str().unwrap().contains(words), "{body}");
            assert!(!answer.body.contains(&b'\n'));
        }
    }
}
