//! What an error of STS means: one pure function from what came back to what happens next and what a person is told.
//!
//! The codes are those of the STS API reference (each action's "Errors", and "Common error types"), the clues are the
//! sentences that STS is known to send with them. Called by the sources that ask STS.

use std::time::Duration;

use super::aws_transport::{Upstream, Why};
use super::aws_words::with_words;
use super::{aws_identity_token_error, aws_web_identity_error};
use crate::config::sso::login_command;
use crate::credential::claims::Claims;
use crate::credential::{ClockOffset, Failure, FailureClass};
use crate::world::http::HttpError;

/// What was asked of STS, and for whom: for the sentences.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    /// The identity that is to be served.
    pub(super) identity: &'a str,
    /// What was asked.
    pub(super) asked: Asked<'a>,
    /// The access key that the request was signed with; none for web identities.
    pub(super) key_id: Option<&'a str>,
    /// The region whose STS was asked.
    pub(super) region: &'a str,
    /// `DurationSeconds`, where it was sent.
    pub(super) duration: Option<Duration>,
}

/// The action, with what tells one from another.
#[derive(Clone, Copy, Debug)]
pub(super) enum Asked<'a> {
    /// `AssumeRole`.
    Role { arn: &'a str },
    /// `AssumeRoleWithWebIdentity`.
    WebIdentity {
        arn: &'a str,
        /// What follows `the token`: `in /run/token`.
        token: &'a str,
        /// What it says of itself.
        claims: &'a Claims,
        /// It is of an identity of ours: another one can be had.
        ours: bool,
    },
    /// `GetWebIdentityToken`.
    IdentityToken { audience: &'a str },
    /// `GetSessionToken`.
    Session,
    /// `GetCallerIdentity`.
    Caller,
}

/// What came back instead of what was asked for.
#[derive(Clone, Debug)]
pub(super) enum Problem {
    /// An error of STS.
    Answer {
        /// The HTTP status.
        status: u16,
        /// Its code, such as `AccessDenied`.
        code: String,
        /// Its words, free of secrets.
        message: String,
        /// Its clock less ours.
        offset: ClockOffset,
        /// It says itself that the request is of another time than its own.
        of_another_time: bool,
    },
    /// An answer that is not in STS's words: a proxy's page, half an answer.
    Unreadable {
        /// The HTTP status.
        status: u16,
    },
    /// No answer.
    Transport(HttpError),
    /// The request could not be made at all: settings that contradict each other.
    Unsent {
        /// The SDK's words.
        reason: String,
    },
}

/// What happens next, and the failure to tell where that does not help.
#[derive(Clone, Debug)]
pub(super) struct Verdict {
    pub(super) action: Action,
    pub(super) failure: Failure,
}

/// What the source does next. Everything that another attempt later may mend, the engine does: by the failure's class,
/// and for `ExpiredToken` by renewing what the call was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// Nothing.
    GiveUp,
    /// Sign the request again, once, by the server's clock.
    SignWithOffset(ClockOffset),
    /// Ask again, once, for an hour, and warn.
    ClampToAnHour,
    /// Read the token file again, and ask again, once, if it holds another token.
    ReadTokenAgain,
    /// Ask again for a token that ends sooner.
    AskForLess,
}

/// A clock that is off by less cannot be why a signature was refused: aws-runtime corrects from here on
/// (`service_clock_skew.rs`), AWS itself refuses from 15 min on ("Common errors": `RequestExpired`).
pub(super) const SKEW: Duration = Duration::from_secs(4 * 60);

/// The shortest `MaxSessionDuration` of any role, and the longest session of a chained one (API_AssumeRole).
pub(super) const AN_HOUR: Duration = Duration::from_secs(3600);

/// What a problem means.
pub(super) fn judge(problem: &Problem, call: &Call<'_>) -> Verdict {
    match problem {
        Problem::Answer { status, code, message, offset, of_another_time } => judge_answer(
            *status,
            code,
            message,
            signature(call, *offset, *of_another_time || is_about_time(code)),
            call,
        ),
        Problem::Unreadable { status } => {
            let Why { why, remedy } = STS.unreadable(*status);
            call.verdict(FailureClass::TryLater, "UpstreamUnavailable", &why, &remedy)
        }
        Problem::Transport(error) => judge_transport(error, call),
        Problem::Unsent { reason } => {
            let why = "its settings make no request to AWS STS";
            let remedy = "correct region, use_fips_endpoint, use_dualstack_endpoint and endpoint_url in the profile";
            let mut verdict = call.verdict(FailureClass::Refused, "SettingsContradict", why, remedy);
            verdict.failure.private = format!("{}: {reason}", verdict.failure.private);
            verdict
        }
    }
}

fn judge_answer(status: u16, code: &str, message: &str, of_signature: Verdict, call: &Call<'_>) -> Verdict {
    use FailureClass::{NeedsPerson, Refused};
    let key = call.key();
    let says = |text: &str| message.contains(text);
    let of_its_own = match call.asked {
        Asked::IdentityToken { audience } => aws_identity_token_error::judge(code, message, audience, call),
        Asked::WebIdentity { arn, claims, ours, .. } => {
            aws_web_identity_error::judge(code, message, arn, claims, ours, call)
        }
        Asked::Role { .. } | Asked::Session | Asked::Caller if code.starts_with("AccessDenied") => None,
        // no other call has a token to be refused, but the codes mean the same wherever they come from
        Asked::Role { .. } | Asked::Session | Asked::Caller => {
            aws_web_identity_error::judge(code, message, "", &Claims::default(), false, call)
        }
    };
    if let Some(verdict) = of_its_own {
        return verdict.with_words(status, code, message);
    }
    let verdict = match code {
        // before the next row, whose clue its sentence may hold as well
        "AccessDenied" if says("must provide both MFA serial number and one time pass code") => {
            call.verdict(Refused, "CodeMissing", "it wants a one-time code", "write mfa_serial into the profile")
        }
        "AccessDenied" if says("unable to validate MFA code") => call.verdict(
            Refused,
            "DeviceRefused",
            &format!("the device is not one of the owner of {key}"),
            "correct mfa_serial; IAM shows it among the user's security credentials",
        ),
        "AccessDenied" if says("MultiFactorAuthentication failed") => call.verdict(
            NeedsPerson,
            "CodeRefused",
            "the one-time code was wrong, or used before",
            &format!(
                "run `{}` with the next one; if that fails too, check this machine's clock, or resync the device in IAM \
                 (ResyncMFADevice)",
                login_command(call.identity)
            ),
        ),
        "AccessDenied" if says("Cannot call GetSessionToken with session credentials") => call.verdict(
            Refused,
            "KeysTemporary",
            &format!("{key} is temporary, and only an IAM user's long-term keys make a session"),
            "name those, or write aws_session_token beside the key and leave mfa_serial out",
        ),
        "AccessDenied" if says("not authorized to perform: sts:AssumeRole") => call.verdict(
            Refused,
            "AccessDenied",
            &format!("{key} may not assume it"),
            "have the role's trust policy and the policies of the key's owner allow it, or write mfa_serial into the \
             profile if they want a one-time code",
        ),
        "AccessDenied" | "AccessDeniedException" => call.verdict(
            Refused,
            "AccessDenied",
            &format!("AWS denies it to {key}"),
            "have its owner's policies allow it",
        ),
        "ExpiredToken" => {
            call.verdict(Refused, "ExpiredToken", &format!("{key} is over"), "renew the keys that it is made with")
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" => call.verdict(
            Refused,
            "InvalidClientTokenId",
            &format!("AWS does not know {key}: it is deleted, inactive, or of another partition"),
            "look it up in IAM, and write a key that is active",
        ),
        "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "InvalidSignatureException"
        | "RequestExpired"
        | "RequestTimeTooSkewed"
        | "AuthFailure" => of_signature,
        // a value out of its bounds is told of by the parameter's name in small letters
        "ValidationError" if matches!(call.asked, Asked::Session) && says("urationSeconds") => {
            let why = format!("AWS makes no session of {} s", call.duration.unwrap_or_default().as_secs());
            let remedy = "write a session_duration of 15m to 36h beside its keys, or leave it out";
            call.verdict(Refused, "DurationRefused", &why, remedy)
        }
        "ValidationError" if says("DurationSeconds exceeds") => {
            let asked = call.duration.unwrap_or_default();
            let why = format!("the role does not allow {} s", asked.as_secs());
            let verdict = call.verdict(Refused, "DurationRefused", &why, "write a shorter duration_seconds");
            if asked > AN_HOUR { verdict.and(Action::ClampToAnHour) } else { verdict }
        }
        "ValidationError" => {
            let (why, remedy) = match call.asked {
                Asked::Role { .. } | Asked::WebIdentity { .. } => ("a setting of the role", "correct the profile"),
                Asked::Session => ("a setting of the session", "correct mfa_serial and session_duration"),
                Asked::IdentityToken { .. } => ("the audience of the token", "correct the identity's audience"),
                Asked::Caller => ("the question whose the keys are", "correct them"),
            };
            let why = format!("AWS does not accept {why}");
            let remedy = format!("{remedy}; `credenza status` shows AWS's words");
            call.verdict(Refused, "ValidationError", &why, &remedy)
        }
        "PackedPolicyTooLarge" => {
            let why = "its session policies and tags are too large together";
            call.verdict(Refused, "PackedPolicyTooLarge", why, "shorten policy, policy_arns or tags")
        }
        "MalformedPolicyDocument" => {
            call.verdict(Refused, "MalformedPolicyDocument", "its policy is no policy", "correct policy")
        }
        "RegionDisabledException" => call.verdict(
            Refused,
            "RegionDisabled",
            &format!("STS is turned off in {}", call.region),
            "turn it on in IAM's account settings, or name another region in the profile",
        ),
        "Throttling"
        | "ThrottlingException"
        | "ThrottledException"
        | "RequestThrottled"
        | "RequestThrottledException"
        | "RequestLimitExceeded"
        | "TooManyRequestsException"
        | "PriorRequestNotComplete"
        | "SlowDown" => throttled(call),
        _ if status == 429 => throttled(call),
        "RequestTimeout" | "RequestTimeoutException" => unavailable(call, "AWS STS took too long"),
        _ if status >= 500 => unavailable(call, &format!("AWS STS is in trouble (status {status})")),
        _ => call.verdict(Refused, "UpstreamRefused", "AWS refuses it", "`credenza status` shows AWS's words"),
    };
    verdict.with_words(status, code, message)
}

fn is_about_time(code: &str) -> bool {
    matches!(code, "RequestExpired" | "RequestTimeTooSkewed")
}

/// Clocks that differ explain a refused signature, and STS may say so itself; otherwise the secret is wrong.
fn signature(call: &Call<'_>, offset: ClockOffset, of_another_time: bool) -> Verdict {
    let (by, side) = match offset {
        ClockOffset::None => (Duration::ZERO, ""),
        ClockOffset::Ahead(by) => (by, "behind"),
        ClockOffset::Behind(by) => (by, "ahead of"),
    };
    if by > SKEW {
        let why = format!("this machine's clock is {} min {side} AWS's", by.as_secs() / 60);
        let verdict = call.verdict(FailureClass::TryLater, "ClockSkewed", &why, "set the clock");
        return verdict.and(Action::SignWithOffset(offset));
    }
    if of_another_time {
        let why = "AWS says that the request is of another time than its own";
        return call.verdict(FailureClass::TryLater, "ClockSkewed", why, "set the clock of this machine");
    }
    let why = format!("the secret of {} is wrong", call.key());
    call.verdict(FailureClass::Refused, "SignatureDoesNotMatch", &why, "write the secret that belongs to the key")
}

fn throttled(call: &Call<'_>) -> Verdict {
    let remedy = "it is asked again soon; ask for fewer identities at once if this stays";
    call.verdict(FailureClass::TryLater, "Throttled", "AWS STS is asked too often", remedy)
}

fn unavailable(call: &Call<'_>, why: &str) -> Verdict {
    call.verdict(FailureClass::TryLater, "UpstreamUnavailable", why, "it is asked again soon")
}

fn judge_transport(error: &HttpError, call: &Call<'_>) -> Verdict {
    let Why { why, remedy } = STS.unreachable(error);
    let mut verdict = call.verdict(FailureClass::TryLater, "UpstreamUnavailable", &why, &remedy);
    verdict.failure.private = format!("{}: {error}", verdict.failure.private);
    verdict
}

const STS: Upstream =
    Upstream { name: "AWS STS", url_setting: "AWS_ENDPOINT_URL_STS", region_setting: "the profile's region" };

impl Call<'_> {
    /// A verdict that gives up, with the sentence of this call.
    pub(super) fn verdict(&self, class: FailureClass, code: &'static str, why: &str, remedy: &str) -> Verdict {
        let doing = match self.asked {
            Asked::Role { arn } | Asked::WebIdentity { arn, .. } => format!("assume {arn} for"),
            Asked::Session => "make a session of the long-term keys of".to_owned(),
            Asked::Caller => "verify the keys of".to_owned(),
            Asked::IdentityToken { .. } => "have AWS STS sign a token for".to_owned(),
        };
        let text = format!("cannot {doing} `{}`: {why}; {remedy}", self.identity);
        Verdict { action: Action::GiveUp, failure: Failure::new(class, code, text) }
    }

    /// The key that the request was signed with, as people may see it.
    pub(super) fn key(&self) -> String {
        let id = self.key_id.unwrap_or_default();
        match id.char_indices().rev().nth(3) {
            Some((start, _)) => format!("access key ...{}", &id[start..]),
            None => "the access key".to_owned(),
        }
    }

    /// The token that was shown, as people may hear of it.
    pub(super) fn token(&self) -> &str {
        match self.asked {
            Asked::WebIdentity { token, .. } => token,
            _ => "of its source",
        }
    }
}

impl Verdict {
    pub(super) fn and(mut self, action: Action) -> Self {
        self.action = action;
        self
    }

    fn with_words(mut self, status: u16, code: &str, message: &str) -> Self {
        self.failure.private = with_words(&self.failure.private, status, code, message);
        self
    }
}

#[cfg(test)]
#[path = "aws_error_tests.rs"]
mod tests;
