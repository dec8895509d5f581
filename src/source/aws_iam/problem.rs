//! What an error of IAM means (IAM API Reference, each action's "Errors" and "Common errors"): one pure function from what came
//! back to what a person is told, with the command or the permission that mends it.

use std::time::Duration;

use super::Action;
use crate::credential::{ClockOffset, Failure, FailureClass};
use crate::source::aws_error::{Problem, SKEW};
use crate::source::aws_transport::{Upstream, Why};
use crate::source::aws_words::with_words;

/// A call, for the sentences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'a> {
    /// Whose keys these are.
    pub(super) label: &'a str,
    pub(super) action: Action,
    /// The key that signed.
    pub(super) key_id: &'a str,
}

/// What happens next.
#[derive(Clone, Debug)]
pub(super) enum Verdict {
    /// Sign it again by the server's clock.
    SignWithOffset(ClockOffset),
    /// Tell this.
    GiveUp(Failure),
}

/// What a problem means. `may_correct`: it was signed by our own clock, and may be signed by another.
pub(super) fn judge(problem: &Problem, call: &Call<'_>, may_correct: bool) -> Verdict {
    match problem {
        Problem::Answer { status, code, message, offset, of_another_time } => {
            let of_time = *of_another_time || matches!(code.as_str(), "RequestExpired" | "RequestTimeTooSkewed");
            if is_of_signature(code) && may_correct && by(*offset) > SKEW {
                return Verdict::SignWithOffset(*offset);
            }
            let failure = answered(*status, code, message, of_time || by(*offset) > SKEW, call);
            let private = with_words(&failure.private, *status, code, message);
            Verdict::GiveUp(failure.because(private))
        }
        Problem::Unreadable { status } => {
            let Why { why, remedy } = IAM.unreadable(*status);
            Verdict::GiveUp(call.failure(FailureClass::TryLater, "UpstreamUnavailable", &why, &remedy))
        }
        Problem::Transport(error) => {
            let Why { why, remedy } = IAM.unreachable(error);
            let failure = call.failure(FailureClass::TryLater, "UpstreamUnavailable", &why, &remedy);
            let private = format!("{}: {error}", failure.private);
            Verdict::GiveUp(failure.because(private))
        }
        Problem::Unsent { reason } => {
            let why = "its settings make no request to AWS IAM";
            let failure =
                call.failure(FailureClass::Refused, "SettingsContradict", why, "correct AWS_ENDPOINT_URL_IAM");
            let private = format!("{}: {reason}", failure.private);
            Verdict::GiveUp(failure.because(private))
        }
    }
}

fn answered(status: u16, code: &str, message: &str, of_time: bool, call: &Call<'_>) -> Failure {
    use FailureClass::{Refused, TryLater};
    match code {
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => {
            // a deny of whoever has no second factor reads like any other ("explicit deny")
            let remedy = format!(
                "have a policy of the user allow iam:{} on arn:aws:iam::*:user/${{aws:username}}; where it wants a second \
                 factor, write mfa_serial into the profile",
                call.action.name()
            );
            call.failure(Refused, "AccessDenied", &format!("IAM denies it to {}", call.key()), &remedy)
        }
        "LimitExceeded" => {
            let why = "the user has two access keys already, and may have no more";
            call.failure(Refused, "TooManyKeys", why, "delete the one that nobody uses, in IAM, and run it again")
        }
        "NoSuchEntity" if message.to_lowercase().contains("user") => call.failure(
            Refused,
            "NoSuchUser",
            "IAM knows no such user",
            "see whose keys these are: `aws sts get-caller-identity`",
        ),
        "NoSuchEntity" => {
            call.failure(Refused, "NoSuchKey", "the key is not there any more", "run `credenza keys list`")
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" => {
            let why = format!(
                "AWS does not know {}: it is deleted, inactive, of another partition, or a session without a second factor",
                call.key()
            );
            call.failure(Refused, "InvalidClientTokenId", &why, "look it up in IAM, and add one that is active")
        }
        "ExpiredToken" => call.failure(
            Refused,
            "ExpiredToken",
            &format!("{} is over", call.key()),
            "run it again, with a new session",
        ),
        _ if is_of_signature(code) && of_time => {
            call.failure(TryLater, "ClockSkewed", "this machine's clock is not AWS's", "set the clock")
        }
        _ if is_of_signature(code) => {
            let why = format!("the secret of {} is wrong", call.key());
            call.failure(
                Refused,
                "SignatureDoesNotMatch",
                &why,
                "add the keys again, with the secret that belongs to them",
            )
        }
        "EntityTemporarilyUnmodifiable" | "ConcurrentModification" => {
            call.failure(TryLater, "Throttled", "somebody else changes the user just now", "run it again in a minute")
        }
        "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" => throttled(call),
        _ if status == 429 => throttled(call),
        _ if status >= 500 => {
            let why = format!("AWS IAM is in trouble (status {status})");
            call.failure(TryLater, "UpstreamUnavailable", &why, "run it again in a minute")
        }
        _ => call.failure(Refused, "UpstreamRefused", "AWS IAM refuses it", "see its words"),
    }
}

fn throttled(call: &Call<'_>) -> Failure {
    call.failure(FailureClass::TryLater, "Throttled", "AWS IAM is asked too often", "run it again in a minute")
}

fn is_of_signature(code: &str) -> bool {
    matches!(
        code,
        "SignatureDoesNotMatch"
            | "IncompleteSignature"
            | "InvalidSignatureException"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "AuthFailure"
    )
}

fn by(offset: ClockOffset) -> Duration {
    match offset {
        ClockOffset::None => Duration::ZERO,
        ClockOffset::Ahead(by) | ClockOffset::Behind(by) => by,
    }
}

const IAM: Upstream =
    Upstream { name: "AWS IAM", url_setting: "AWS_ENDPOINT_URL_IAM", region_setting: "the profile's region" };

impl Call<'_> {
    fn failure(&self, class: FailureClass, code: &'static str, why: &str, remedy: &str) -> Failure {
        let doing = match self.action {
            Action::List => "list the keys",
            Action::Create => "make a new key",
            Action::Update => "switch a key on or off",
            Action::Delete => "delete a key",
            Action::LastUsed => "see when a key was used",
        };
        Failure::new(class, code, format!("cannot {doing} of `{}`: {why}; {remedy}", self.label))
    }

    /// The key that signed, as people may see it.
    fn key(&self) -> String {
        format!("access key ...{}", crate::source::keys::end_of(self.key_id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::http::HttpError;

    fn judged(status: u16, code: &str, message: &str, offset: ClockOffset, may_correct: bool) -> Verdict {
        let call = Call { label: "ada", action: Action::Create, key_id: "AKIAIOSFODNN7EXAMPLE" };
        let (code, message) = (code.to_owned(), message.to_owned());
        let of_another_time = message.starts_with("Signature expired");
        judge(&Problem::Answer { status, code, message, offset, of_another_time }, &call, may_correct)
    }

    #[test]
    fn errors_name_what_mends_them() {
        use FailureClass::{Refused, TryLater};
        let none = ClockOffset::None;
        for (status, code, message, class, expected, told) in [
            (
                403,
                "AccessDenied",
                "not authorized to perform: iam:CreateAccessKey",
                Refused,
                "AccessDenied",
                "allow iam:CreateAccessKey",
            ),
            (
                409,
                "LimitExceeded",
                "Cannot exceed quota for AccessKeysPerUser: 2",
                Refused,
                "TooManyKeys",
                "two access keys",
            ),
            (
                404,
                "NoSuchEntity",
                "The Access Key with id AKIA cannot be found.",
                Refused,
                "NoSuchKey",
                "not there any more",
            ),
            (404, "NoSuchEntity", "The user with name ada cannot be found.", Refused, "NoSuchUser", "no such user"),
            (403, "InvalidClientTokenId", "", Refused, "InvalidClientTokenId", "...MPLE"),
            (403, "ExpiredToken", "", Refused, "ExpiredToken", "...MPLE is over"),
            (
                403,
                "SignatureDoesNotMatch",
                "",
                Refused,
                "SignatureDoesNotMatch",
                "the secret of access key ...MPLE is wrong",
            ),
            (403, "SignatureDoesNotMatch", "Signature expired: x", TryLater, "ClockSkewed", "set the clock"),
            (400, "Throttling", "Rate exceeded", TryLater, "Throttled", "too often"),
            (429, "", "", TryLater, "Throttled", "too often"),
            (503, "", "", TryLater, "UpstreamUnavailable", "status 503"),
            (409, "EntityTemporarilyUnmodifiable", "", TryLater, "Throttled", "in a minute"),
            (400, "InvalidInput", "odd", Refused, "UpstreamRefused", "refuses it"),
        ] {
            let Verdict::GiveUp(failure) = judged(status, code, message, none, true) else { panic!("{code}") };
            assert_eq!((failure.class, failure.code), (class, expected), "{code} {message}");
            assert!(failure.public.starts_with("cannot make a new key of `ada`: ") && failure.public.contains(told));
            assert!(message.is_empty() || failure.private.contains(message) && !failure.public.contains(message));
        }
    }

    #[test]
    fn a_clock_that_is_off_is_corrected_once() {
        let ahead = ClockOffset::Ahead(Duration::from_secs(600));
        let refused = "SignatureDoesNotMatch";
        assert!(matches!(judged(403, refused, "", ahead, true), Verdict::SignWithOffset(offset) if offset == ahead));
        let Verdict::GiveUp(failure) = judged(403, refused, "", ahead, false) else { panic!("a second time") };
        assert_eq!(failure.code, "ClockSkewed");
        assert!(matches!(judged(403, "AccessDenied", "", ahead, true), Verdict::GiveUp(_)));
    }

    #[test]
    fn who_does_not_answer_is_asked_later() {
        let call = Call { label: "ada", action: Action::List, key_id: "AKIA" };
        let error = HttpError::Connect { host: "iam.amazonaws.com".to_owned(), reason: "refused".to_owned() };
        for problem in [Problem::Transport(error), Problem::Unreadable { status: 200 }] {
            let Verdict::GiveUp(failure) = judge(&problem, &call, true) else { panic!("{problem:?}") };
            assert_eq!((failure.class, failure.code), (FailureClass::TryLater, "UpstreamUnavailable"));
            assert!(failure.public.starts_with("cannot list the keys of `ada`: "), "{}", failure.public);
        }
    }
}
