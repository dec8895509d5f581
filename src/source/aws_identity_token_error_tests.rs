//! The errors of the one call: class, code, action, and what the sentence must say.

use super::super::aws_error::{Asked, Problem, judge as judge_all};
use super::*;
use crate::credential::{ClockOffset, FailureClass};

fn verdict(code: &str, message: &str) -> Verdict {
    let asked = Asked::IdentityToken { audience: "api://AzureADTokenExchange" };
    let call =
        Call { identity: "sync", asked, key_id: Some("ASIAIOSFODNN7EXAMPLE"), region: "eu-south-2", duration: None };
    let problem = Problem::Answer {
        status: 403,
        code: code.to_owned(),
        message: message.to_owned(),
        offset: ClockOffset::None,
        of_another_time: false,
    };
    judge_all(&problem, &call)
}

/// Code, words; class, our code, action, and what the sentence must say.
type Row = (&'static str, &'static str, FailureClass, &'static str, Action, &'static [&'static str]);

#[test]
fn every_error_has_its_class_code_action_and_remedy() {
    const NOT_ALLOWED: &str = "User: arn:aws:sts::111122223333:assumed-role/x/ada is not authorized to perform: \
                               sts:GetWebIdentityToken on resource: arn:aws:sts::111122223333:self";
    const OFF: &str = "OutboundWebIdentityFederationDisabled";
    const STATEMENT: &str = r#"{"Action":"sts:GetWebIdentityToken","Condition":{"ForAllValues:StringEquals":{"sts:IdentityTokenAudience":"api://AzureADTokenExchange"}},"Effect":"Allow","Resource":"*"}"#;
    use Action::{AskForLess, GiveUp};
    #[rustfmt::skip]
    let rows: &[Row] = &[
        (OFF, "", Refused, "FederationDisabled", GiveUp, &["once per account: aws iam enable-outbound-web-identity-federation --profile ADMIN"]),
        ("OutboundWebIdentityFederationDisabledException", "", Refused, "FederationDisabled", GiveUp, &["switch it on"]),
        ("AccessDenied", NOT_ALLOWED, Refused, "AccessDenied", GiveUp, &["...MPLE may not ask for it", STATEMENT]),
        ("AccessDeniedException", NOT_ALLOWED, Refused, "AccessDenied", GiveUp, &[STATEMENT]),
        ("AccessDenied", "Cannot call GetWebIdentityToken with session credentials", Refused, "KeysTemporary", GiveUp, &["name a role in `from`"]),
        ("JWTPayloadSizeExceededException", "", Refused, "AssertionTooLarge", GiveUp, &["tags"]),
        ("SessionDurationEscalationException", "", TryLater, "DurationRefused", AskForLess, &["ends before the token would"]),
        ("RegionDisabledException", "", Refused, "RegionDisabled", GiveUp, &["STS is turned off in eu-south-2", "name another region"]),
        ("InvalidClientTokenId", "", Refused, "InvalidClientTokenId", GiveUp, &["eu-south-2 is a region that the account has not opted in to"]),
        ("ExpiredToken", "", Refused, "ExpiredToken", GiveUp, &["...MPLE is over"]),
        ("ExpiredTokenException", "", Refused, "ExpiredToken", GiveUp, &["...MPLE is over"]),
        ("InvalidAction", "Could not find operation", Refused, "SettingsContradict", GiveUp, &["the global endpoint of STS does not", "AWS_ENDPOINT_URL_STS"]),
        ("Throttling", "", TryLater, "Throttled", GiveUp, &["again soon"]),
        ("ValidationError", "", Refused, "ValidationError", GiveUp, &["the audience of the token"]),
    ];
    for (code, message, class, ours, action, words) in rows {
        let Verdict { action: next, failure } = verdict(code, message);
        assert_eq!((failure.class, failure.code, next), (*class, *ours, *action), "{code}");
        for word in *words {
            assert!(failure.public.contains(word), "{code}: {word:?} is not in {}", failure.public);
        }
        assert!(failure.public.contains("`sync`") && !failure.public.contains("ASIA"), "{}", failure.public);
    }
}
