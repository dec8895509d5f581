//! The table, one row a test case: code, status and clue; class, our code, action, and words that must be in the sentence.

use std::sync::LazyLock;

use super::*;
use FailureClass::{NeedsPerson, Refused, TryLater};

const FILE: &str = "/var/run/secrets/token";

fn call(asked: Asked<'static>) -> Call<'static> {
    Call {
        identity: "prod",
        asked,
        key_id: Some("AKIAIOSFODNN7EXAMPLE"),
        region: "eu-south-2",
        duration: Some(Duration::from_secs(7200)),
    }
}

fn role() -> Call<'static> {
    call(Asked::Role { arn: "arn:aws:iam::111122223333:role/deploy" })
}

fn web_identity() -> Call<'static> {
    shown(&NOTHING, false)
}

/// A token that says nothing of itself.
static NOTHING: LazyLock<Claims> = LazyLock::new(Claims::default);

fn shown(claims: &Claims, ours: bool) -> Call<'_> {
    let asked = Asked::WebIdentity { arn: "arn:aws:iam::111122223333:role/deploy", token: FILE, claims, ours };
    Call { key_id: None, asked, ..call(Asked::Caller) }
}

fn answer(status: u16, code: &str, message: &str, offset: ClockOffset) -> Problem {
    let (code, message) = (code.to_owned(), message.to_owned());
    Problem::Answer { status, code, message, offset, of_another_time: false }
}

type Row = (u16, &'static str, &'static str, FailureClass, &'static str, Action, &'static [&'static str]);

#[test]
fn every_code_of_assume_role_has_its_class_action_and_remedy() {
    use Action::{ClampToAnHour, GiveUp};
    const NOT_AUTHORIZED: &str = "User: arn:aws:iam::111122223333:user/ada is not authorized to perform: sts:AssumeRole \
                                  on resource: arn:aws:iam::111122223333:role/deploy";
    const WRONG_CODE: &str = "MultiFactorAuthentication failed with invalid MFA one time pass code.";
    const NOT_THEIRS: &str = "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial \
                              number is valid and associated with this user.";
    const NO_CODE: &str =
        "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code.";
    const CHAINED: &str =
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining";
    const OVER_MAX: &str = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (403, "AccessDenied", WRONG_CODE, NeedsPerson, "CodeRefused", GiveUp, &["`credenza login prod`", "clock", "ResyncMFADevice"]),
        (403, "AccessDenied", NOT_THEIRS, Refused, "DeviceRefused", GiveUp, &["...MPLE", "correct mfa_serial"]),
        (403, "AccessDenied", "must provide both MFA serial number and one time pass code", Refused, "CodeMissing", GiveUp, &["write mfa_serial"]),
        (403, "AccessDenied", NO_CODE, Refused, "CodeMissing", GiveUp, &["write mfa_serial"]),
        (403, "AccessDenied", NOT_AUTHORIZED, Refused, "AccessDenied", GiveUp, &["...MPLE may not assume it", "trust policy", "mfa_serial"]),
        (403, "AccessDenied", "explicit deny", Refused, "AccessDenied", GiveUp, &["denies it to access key ...MPLE"]),
        (403, "ExpiredToken", "", Refused, "ExpiredToken", GiveUp, &["...MPLE is over", "renew"]),
        (403, "InvalidClientTokenId", "", Refused, "InvalidClientTokenId", GiveUp, &["...MPLE", "in IAM"]),
        (400, "ValidationError", CHAINED, Refused, "DurationRefused", ClampToAnHour, &["7200 s", "duration_seconds"]),
        (400, "ValidationError", OVER_MAX, Refused, "DurationRefused", ClampToAnHour, &["7200 s", "duration_seconds"]),
        (400, "ValidationError", "1 validation error detected", Refused, "ValidationError", GiveUp, &["correct the profile"]),
        (400, "PackedPolicyTooLarge", "", Refused, "PackedPolicyTooLarge", GiveUp, &["shorten policy"]),
        (400, "MalformedPolicyDocument", "", Refused, "MalformedPolicyDocument", GiveUp, &["correct policy"]),
        (403, "RegionDisabledException", "", Refused, "RegionDisabled", GiveUp, &["eu-south-2", "another region"]),
        (400, "Throttling", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (400, "ThrottlingException", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (503, "RequestLimitExceeded", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (429, "TooManyRequestsException", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (503, "SlowDown", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (400, "ThrottledException", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (400, "RequestThrottled", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (400, "RequestThrottledException", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (400, "PriorRequestNotComplete", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (400, "RequestTimeoutException", "", TryLater, "UpstreamUnavailable", GiveUp, &["took too long"]),
        (500, "SomethingNew", "", TryLater, "UpstreamUnavailable", GiveUp, &["status 500"]),
        (503, "SomethingNew", "", TryLater, "UpstreamUnavailable", GiveUp, &["status 503"]),
        (429, "", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        (400, "RequestTimeout", "", TryLater, "UpstreamUnavailable", GiveUp, &["took too long"]),
        (500, "InternalFailure", "", TryLater, "UpstreamUnavailable", GiveUp, &["status 500"]),
        (502, "", "", TryLater, "UpstreamUnavailable", GiveUp, &["status 502"]),
        (503, "ServiceUnavailable", "", TryLater, "UpstreamUnavailable", GiveUp, &["status 503"]),
        (504, "", "", TryLater, "UpstreamUnavailable", GiveUp, &["status 504"]),
        (400, "SomethingNew", "", Refused, "UpstreamRefused", GiveUp, &["`credenza status`"]),
    ];
    for row in rows {
        check(row, &role());
    }
}

#[test]
fn every_code_of_web_identity_has_its_class_action_and_remedy() {
    use Action::{GiveUp, ReadTokenAgain};
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", Refused, "AccessDenied", GiveUp, &[FILE, "trust policy", "issuer, audience and subject"]),
        (400, "ExpiredTokenException", "", TryLater, "ExpiredTokenException", ReadTokenAgain, &[FILE, "new one"]),
        (400, "InvalidIdentityToken", "", Refused, "InvalidIdentityToken", ReadTokenAgain, &[FILE, "audience"]),
        (403, "IDPRejectedClaim", "", Refused, "InvalidIdentityToken", ReadTokenAgain, &[FILE, "audience"]),
        (400, "IDPCommunicationError", "", TryLater, "IdentityProviderUnreachable", GiveUp, &["identity provider"]),
    ];
    for row in rows {
        check(row, &web_identity());
    }
}

#[test]
fn temporary_keys_make_no_session() {
    let clue = "Cannot call GetSessionToken with session credentials";
    let row = (
        403,
        "AccessDenied",
        clue,
        Refused,
        "KeysTemporary",
        Action::GiveUp,
        &["...MPLE is temporary", "long-term", "aws_session_token"] as &[&str],
    );
    check(&row, &call(Asked::Session));
}

#[test]
fn what_is_wrong_with_a_session_is_not_said_of_a_role() {
    const TOO_LONG: &str = "1 validation error detected: Value '200000' at 'durationSeconds' failed to satisfy constraint: \
                            Member must have value less than or equal to 129600";
    const SERIAL: &str = "1 validation error detected: Value at 'serialNumber' failed to satisfy constraint";
    #[rustfmt::skip]
    let rows: &[(Asked<'static>, Row)] = &[
        (Asked::Session, (400, "ValidationError", TOO_LONG, Refused, "DurationRefused", Action::GiveUp, &["7200 s", "session_duration"])),
        (Asked::Session, (400, "ValidationError", "The requested DurationSeconds exceeds the limit", Refused, "DurationRefused", Action::GiveUp, &["session_duration"])),
        (Asked::Session, (400, "ValidationError", SERIAL, Refused, "ValidationError", Action::GiveUp, &["a setting of the session", "correct mfa_serial"])),
        (Asked::Caller, (400, "ValidationError", "1 validation error detected", Refused, "ValidationError", Action::GiveUp, &["whose the keys are"])),
    ];
    for (asked, row) in rows {
        check(row, &call(*asked));
        let (status, code, clue, ..) = row;
        let failure = judge(&answer(*status, code, clue, ClockOffset::None), &call(*asked)).failure;
        let words = ["role", "duration_seconds", "profile"];
        assert!(!words.iter().any(|word| failure.public.contains(word)), "{}", failure.public);
    }
}

fn check((status, code, clue, class, ours, action, words): &Row, call: &Call<'_>) {
    let verdict = judge(&answer(*status, code, clue, ClockOffset::None), call);
    let Failure { class: is, code: said, public, private } = verdict.failure;
    assert_eq!((is, said, verdict.action), (*class, *ours, *action), "{code} {clue}");
    for word in *words {
        assert!(public.contains(word), "{code}: {public:?} does not say {word:?}");
    }
    assert!(public.contains("`prod`") && !public.contains("AKIA"), "{public}");
    assert!(clue.is_empty() || (private.contains(clue) && !public.contains(clue)), "{code}: {private}");
}

#[test]
fn a_refused_signature_is_the_clocks_fault_beyond_four_minutes_and_else_the_secrets() {
    let four = Duration::from_secs(240);
    let more = four + Duration::from_secs(1);
    for (code, about_time) in [
        ("SignatureDoesNotMatch", false),
        ("IncompleteSignature", false),
        ("InvalidSignatureException", false),
        ("AuthFailure", false),
        ("RequestExpired", true),
        ("RequestTimeTooSkewed", true),
    ] {
        for offset in [ClockOffset::None, ClockOffset::Ahead(four), ClockOffset::Behind(four)] {
            if about_time {
                let Verdict { action, failure } = judge(&answer(403, code, "", offset), &role());
                assert_eq!((action, failure.code), (Action::GiveUp, "ClockSkewed"), "{code} {offset:?}");
                continue;
            }
            let Verdict { action, failure } = judge(&answer(403, code, "", offset), &role());
            assert_eq!((action, failure.class), (Action::GiveUp, Refused), "{code} {offset:?}");
            assert!(failure.public.contains("the secret of access key ...MPLE is wrong"), "{}", failure.public);
        }
        for (offset, side) in
            [(ClockOffset::Ahead(more), "4 min behind"), (ClockOffset::Behind(more), "4 min ahead of")]
        {
            let Verdict { action, failure } = judge(&answer(403, code, "", offset), &role());
            assert_eq!((action, failure.class), (Action::SignWithOffset(offset), TryLater), "{code} {offset:?}");
            assert!(failure.public.contains(side) && failure.public.contains("set the clock"), "{}", failure.public);
        }
    }
}

#[test]
fn what_sts_says_of_time_counts_where_no_date_shows_it() {
    let code = "SignatureDoesNotMatch".to_owned();
    let offset = ClockOffset::None;
    let problem = Problem::Answer { status: 403, code, message: String::new(), offset, of_another_time: true };
    let Verdict { action, failure } = judge(&problem, &role());
    assert_eq!((action, failure.class, failure.code), (Action::GiveUp, TryLater, "ClockSkewed"));
    assert!(failure.public.contains("set the clock"), "{failure}");
}

#[test]
fn an_hour_is_not_clamped_to_an_hour() {
    let clue = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
    for (seconds, action) in [(900, Action::GiveUp), (3600, Action::GiveUp), (3601, Action::ClampToAnHour)] {
        let call = Call { duration: Some(Duration::from_secs(seconds)), ..role() };
        assert_eq!(judge(&answer(400, "ValidationError", clue, ClockOffset::None), &call).action, action, "{seconds}");
    }
}

#[test]
fn what_is_no_answer_of_sts_is_tried_again_with_a_hint() {
    let host = || "sts.eu-south-2.amazonaws.com:443".to_owned();
    let bad_bundle = |name: &str| {
        let reason = format!("{name} names /etc/company.pem: it holds no certificate");
        Problem::Transport(HttpError::Connect { host: host(), reason })
    };
    let rows = [
        (Problem::Unreadable { status: 200 }, "HTTPS_PROXY"),
        (Problem::Unreadable { status: 302 }, "AWS_ENDPOINT_URL_STS"),
        (Problem::Transport(HttpError::Connect { host: host(), reason: "UnknownIssuer".into() }), "AWS_CA_BUNDLE"),
        (bad_bundle("AWS_CA_BUNDLE"), "correct AWS_CA_BUNDLE"),
        (bad_bundle("SSL_CERT_FILE"), "correct SSL_CERT_FILE"),
        (bad_bundle("ca_bundle"), "correct ca_bundle"),
        (Problem::Transport(HttpError::Connect { host: host(), reason: "through the proxy: no".into() }), "NO_PROXY"),
        (Problem::Transport(HttpError::Connect { host: host(), reason: "dns error".into() }), "region"),
        (Problem::Transport(HttpError::Broken { host: host(), reason: "reset".into() }), "again soon"),
        (Problem::Transport(HttpError::TimedOut { host: host(), after: AN_HOUR }), "again soon"),
        (Problem::Transport(HttpError::TooLarge { host: host(), limit: 1 }), "endpoint"),
    ];
    for (problem, hint) in rows {
        let Verdict { action, failure } = judge(&problem, &role());
        assert_eq!((action, failure.class), (Action::GiveUp, TryLater), "{problem:?}");
        assert_eq!(failure.code, "UpstreamUnavailable", "{problem:?}");
        assert!(failure.public.contains(hint), "{problem:?}: {}", failure.public);
    }
}

#[test]
fn a_key_is_shown_by_its_last_four_characters_or_not_at_all() {
    for (id, shown) in
        [(Some("AKIAABCD"), "access key ...ABCD"), (Some("abc"), "the access key"), (None, "the access key")]
    {
        assert_eq!(Call { key_id: id, ..role() }.key(), shown);
    }
}
