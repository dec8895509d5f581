//! Every error that STS's clients know can be had: by its own cause, where a test of it stands beside, and by a fault.

mod support;

use simcloud::{Fault, Refusal, Trouble};
use support::{World, client::call};

/// Code, status, and the test that shows its natural cause (none: only AWS itself can cause it).
const CODES: &[(&str, u16, &str)] = &[
    ("AccessDenied", 403, "assume_role: only_whom_the_trust_names_gets_in"),
    ("ExpiredToken", 403, "keys: temporary_keys_end_in_the_second_that_was_promised"),
    ("ExpiredTokenException", 400, "web_identity: a_token_ends_by_the_clouds_clock"),
    ("InvalidIdentityToken", 400, "web_identity: a_token_that_cannot_be_trusted_is_invalid"),
    ("IDPRejectedClaim", 403, ""),
    ("IDPCommunicationError", 400, ""),
    ("InvalidClientTokenId", 403, "keys: unknown_inactive_and_mismatched_keys_are_invalid"),
    ("MissingAuthenticationToken", 403, "signature: an_unsigned_request_is_missing_its_token"),
    ("SignatureDoesNotMatch", 403, "signature: a_wrong_secret_does_not_sign"),
    ("IncompleteSignature", 400, "signature: half_a_signature_is_incomplete"),
    ("RequestExpired", 400, ""),
    ("RequestTimeTooSkewed", 403, ""),
    ("InvalidSignatureException", 403, ""),
    ("ValidationError", 400, "assume_role: parameters_out_of_their_limits_are_told_as_sts_tells_them"),
    ("PackedPolicyTooLarge", 400, "session: policies_and_tags_have_their_sizes"),
    ("MalformedPolicyDocument", 400, "session: a_policy_must_be_a_policy"),
    ("RegionDisabledException", 403, "assume_role: a_region_that_is_off_gives_no_credentials"),
    (
        "OutboundWebIdentityFederationDisabledException",
        403,
        "outbound: an_account_gives_no_tokens_until_somebody_switches_it_on",
    ),
    ("JWTPayloadSizeExceededException", 400, "outbound: a_payload_has_a_greatest_size"),
    ("SessionDurationEscalationException", 403, "outbound: a_token_never_outlives_the_session_that_asks"),
    ("Throttling", 400, ""),
    ("ThrottlingException", 400, ""),
    ("RequestLimitExceeded", 503, ""),
    ("TooManyRequestsException", 429, ""),
    ("SlowDown", 503, ""),
    ("RequestTimeout", 400, ""),
    ("InternalFailure", 500, ""),
    ("BadGateway", 502, ""),
    ("ServiceUnavailable", 503, ""),
    ("GatewayTimeout", 504, ""),
];

#[tokio::test]
async fn every_code_comes_with_its_status_and_words() {
    for (code, status, _) in CODES {
        let world = World::new();
        world.cloud.add_fault(Fault::error(code).times(1));
        let answer = call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await;
        let words = Refusal::of_code(code).unwrap().message;
        assert_eq!(answer.error(), (*status, *code, words.as_str()));
        let fault = if *status < 500 { "Sender" } else { "Receiver" };
        assert_eq!(answer.element("Type"), Some(fault));
        let after = call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await;
        assert_eq!(after.status(), 200, "{code} was for one call");
        let outcomes: Vec<String> = world.cloud.calls().into_iter().map(|call| call.outcome).collect();
        assert_eq!(outcomes, [*code, "ok"]);
    }
}

#[test]
fn the_table_is_whole() {
    let listed: Vec<&str> = CODES.iter().map(|code| code.0).collect();
    assert_eq!(Refusal::known_codes().collect::<Vec<_>>(), listed);
    for (code, _, test) in CODES.iter().filter(|code| !code.2.is_empty()) {
        let (file, name) = test.split_once(": ").unwrap();
        let path = format!("{}/tests/{file}.rs", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.contains(&format!("async fn {name}()")), "no test {test}");
        assert!(text.contains(&format!("\"{code}\"")), "{file} never sees {code}");
    }
}

#[tokio::test]
async fn any_status_and_words_can_be_had() {
    let world = World::new();
    let trouble = Trouble::Error { status: Some(429), code: "Odd".to_owned(), message: Some("a < b & c".to_owned()) };
    world.cloud.add_fault(Fault::new(trouble));
    let answer = call(&world.cloud, &world.base, "GetCallerIdentity", &[]).await;
    assert_eq!(answer.error(), (429, "Odd", "a &lt; b &amp; c"));
}
