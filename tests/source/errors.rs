//! Everything that can go wrong between us and STS, through the real client code.

use std::time::Duration;

use credenza::credential::Failure;
use credenza::credential::FailureClass::{self, Refused, TryLater};
use simcloud::{Fault, Refusal, Trouble};

use crate::stage::*;

fn stage() -> Stage {
    let stage = Stage::new();
    let (keys, role) = stage.user_and_role("deploy");
    let config =
        format!("[profile base]\n{}\n[profile role]\nrole_arn = {role}\nsource_profile = base\n", key_lines(&keys));
    stage.config(&config)
}

async fn failure(stage: &Stage, fault: Fault) -> Failure {
    stage.cloud.clear_faults();
    stage.cloud.forget_calls();
    stage.cloud.add_fault(fault);
    stage.fetch("role").await.unwrap_err()
}

#[tokio::test(start_paused = true)]
async fn every_code_of_sts_arrives_as_what_it_is() {
    let expected = |code: &str| -> (FailureClass, &'static str) {
        match code {
            "AccessDenied" => (Refused, "AccessDenied"),
            "ExpiredToken" => (Refused, "ExpiredToken"),
            "ExpiredTokenException" => (TryLater, "ExpiredTokenException"),
            "InvalidIdentityToken" | "IDPRejectedClaim" => (Refused, "InvalidIdentityToken"),
            "IDPCommunicationError" => (TryLater, "IdentityProviderUnreachable"),
            "InvalidClientTokenId" => (Refused, "InvalidClientTokenId"),
            "MissingAuthenticationToken" => (Refused, "UpstreamRefused"),
            "SignatureDoesNotMatch" | "IncompleteSignature" => (Refused, "SignatureDoesNotMatch"),
            // of the last one the words say so
            "RequestExpired" | "RequestTimeTooSkewed" | "InvalidSignatureException" => (TryLater, "ClockSkewed"),
            "ValidationError" => (Refused, "ValidationError"),
            "PackedPolicyTooLarge" => (Refused, "PackedPolicyTooLarge"),
            "MalformedPolicyDocument" => (Refused, "MalformedPolicyDocument"),
            "RegionDisabledException" => (Refused, "RegionDisabled"),
            "Throttling" | "ThrottlingException" | "RequestLimitExceeded" | "TooManyRequestsException" | "SlowDown" => {
                (TryLater, "Throttled")
            }
            "RequestTimeout" | "InternalFailure" | "BadGateway" | "ServiceUnavailable" | "GatewayTimeout" => {
                (TryLater, "UpstreamUnavailable")
            }
            // of another call
            "OutboundWebIdentityFederationDisabledException"
            | "JWTPayloadSizeExceededException"
            | "SessionDurationEscalationException" => (Refused, "UpstreamRefused"),
            new => panic!("{new} has no row: add one here and in aws_error.rs"),
        }
    };
    let stage = stage();
    for code in Refusal::known_codes() {
        let failure = failure(&stage, Fault::error(code)).await;
        assert_eq!((failure.class, failure.code), expected(code), "{code}: {}", failure.private);
        assert!(failure.private.contains(code), "{}", failure.private);
        assert_eq!(stage.cloud.calls().len(), 1, "{code}: no retry of the client's own");
    }
}

#[tokio::test(start_paused = true)]
async fn every_fault_of_the_way_is_tried_again_later() {
    let stage = stage();
    let page = |status, body: &str| Trouble::Page { status, headers: Vec::new(), body: body.to_owned() };
    for trouble in [
        Trouble::ResetBefore,
        Trouble::ResetAfter,
        Trouble::Torn,
        Trouble::Hang,
        Trouble::EmptyAnswer,
        Trouble::BlankCredentials,
        Trouble::Huge { bytes: 1 << 20 },
        Trouble::WrongAnswer,
        Trouble::Redirect { to: "https://elsewhere.test/".to_owned() },
        page(200, "<html>log in to the airport</html>"),
        page(200, "<AssumeRoleResponse><AssumeRoleResult>"),
        page(403, "<html>blocked by policy</html>"),
        page(404, ""),
        page(407, "proxy"),
        page(429, ""),
        page(500, "<html>"),
        page(503, ""),
    ] {
        let failure = failure(&stage, Fault::new(trouble.clone())).await;
        assert_eq!(failure.class, TryLater, "{trouble:?}: {}", failure.private);
        assert_eq!(stage.cloud.calls().len(), 1, "{trouble:?}");
        assert!(!stage.hosts.lock().unwrap().iter().any(|host| host.contains("elsewhere")), "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_never_answers_is_given_up_before_the_engine_gives_the_fetch_up() {
    let stage = stage();
    let before = tokio::time::Instant::now();
    let failure = failure(&stage, Fault::new(Trouble::Hang)).await;
    assert!(before.elapsed() <= Duration::from_secs(20), "{:?}", before.elapsed());
    assert!(failure.private.contains("no answer from sts.us-east-1.amazonaws.com"), "{}", failure.private);
}

#[tokio::test(start_paused = true)]
async fn four_slow_answers_are_given_up_before_the_engine_gives_the_fetch_up() {
    let stage = Stage::new();
    let keys = stage.cloud.add_user("ada", ACCOUNT);
    let trust = simcloud::Trust::of([format!("arn:aws:iam::{ACCOUNT}:user/ada")]);
    stage.cloud.add_role(&role_arn("short"), trust, HOUR);
    // each duration is signed twice
    stage.cloud.set_offset(simcloud::SignedDuration::from_mins(20));
    stage.cloud.add_fault(Fault::new(Trouble::Slow { before_ms: 0, after_ms: 17_000 }));
    let stage = stage.config(&format!(
        "[profile base]\n{}[profile role]\nrole_arn = {}\nsource_profile = base\nduration_seconds = 43200\n",
        key_lines(&keys),
        role_arn("short")
    ));
    let before = tokio::time::Instant::now();
    let failure = stage.fetch("role").await.unwrap_err();
    assert!(before.elapsed() <= Duration::from_secs(55), "{:?}", before.elapsed());
    assert_eq!((failure.class, stage.cloud.calls().len()), (TryLater, 4));
    assert!(failure.private.contains("no answer from sts.us-east-1.amazonaws.com"), "{}", failure.private);
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_is_an_answer() {
    let stage = stage();
    stage.cloud.add_fault(Fault::new(Trouble::Slow { before_ms: 9_000, after_ms: 9_000 }));
    let issued = stage.fetch("role").await.unwrap();
    assert_eq!(issued.server_offset, credenza::credential::ClockOffset::None, "the way is not the clock");
}

#[tokio::test(start_paused = true)]
async fn keys_that_would_outlive_what_was_asked_for_are_not_believed() {
    let stage = stage();
    for (life, believed) in [(HOUR + 299 * SECOND, true), (HOUR + 302 * SECOND, false), (24 * HOUR, false)] {
        stage.cloud.clear_faults();
        stage.cloud.add_fault(Fault::life(life));
        for identity in ["role", "base"] {
            match stage.fetch(identity).await {
                Ok(issued) => assert!(believed, "{identity} {life:?}: {:?}", issued.expiration),
                Err(failure) => {
                    assert!(!believed, "{identity} {life:?}: {failure:?}");
                    assert_eq!((failure.class, failure.code), (TryLater, "UnusableCredential"));
                }
            }
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(start_paused = true)]
async fn a_region_that_is_turned_off_is_named() {
    let stage = stage();
    stage.cloud.disable_region("us-east-1");
    let failure = stage.fetch("role").await.unwrap_err();
    assert_eq!((failure.class, failure.code), (Refused, "RegionDisabled"));
    assert!(failure.public.contains("us-east-1"), "{}", failure.public);
}
