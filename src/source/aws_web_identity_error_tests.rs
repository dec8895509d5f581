//! What a refused token is told about, by what it says of itself.

use super::super::aws_error::{Asked, Problem, judge as judge_all};
use super::*;
use crate::credential::{ClockOffset, FailureClass};

const ROLE: &str = "arn:aws:iam::111122223333:role/from-azure";

fn of_version(issuer: &str) -> Claims {
    Claims {
        issuer: Some(issuer.to_owned()),
        subject: Some("7f0c".to_owned()),
        audience: Some("api://aws".to_owned()),
        tenant: Some("contoso-id".to_owned()),
        client_id: Some("asking-app".to_owned()),
        ..Claims::default()
    }
}

fn verdict(code: &str, message: &str, claims: &Claims, ours: bool) -> Verdict {
    let asked = Asked::WebIdentity { arn: ROLE, token: "of graph", claims, ours };
    let call = Call { identity: "deploy", asked, key_id: None, region: "eu-west-1", duration: None };
    let problem = Problem::Answer {
        status: 400,
        code: code.to_owned(),
        message: message.to_owned(),
        offset: ClockOffset::None,
        of_another_time: false,
    };
    judge_all(&problem, &call)
}

const V1: &str = "https://sts.windows.net/contoso-id/";
const V2: &str = "https://login.microsoftonline.com/contoso-id/v2.0";

#[track_caller]
fn says(verdict: &Verdict, words: &[&str]) {
    for word in words {
        assert!(verdict.failure.public.contains(word), "{word:?} is not in {}", verdict.failure.public);
    }
}

#[test]
fn the_audience_of_a_version_2_token_is_the_application_that_asked() {
    let verdict = verdict("InvalidIdentityToken", "Incorrect token audience", &of_version(V2), true);
    assert_eq!((verdict.failure.class, verdict.failure.code), (FailureClass::Refused, "InvalidIdentityToken"));
    says(
        &verdict,
        &[
            "the token of graph",
            "version 2",
            "`azp`, the application that asked (asking-app), not `aud` (api://aws)",
            "--open-id-connect-provider-arn \
             arn:aws:iam::111122223333:oidc-provider/login.microsoftonline.com/contoso-id/v2.0 --client-id asking-app",
            "requestedAccessTokenVersion",
            V1,
        ],
    );
}

#[test]
fn the_audience_of_a_version_1_token_is_its_own() {
    let verdict = verdict("InvalidIdentityToken", "Incorrect token audience", &of_version(V1), true);
    says(
        &verdict,
        &[
            "does not list api://aws",
            "arn:aws:iam::111122223333:oidc-provider/sts.windows.net/contoso-id/ --client-id api://aws",
        ],
    );
    assert!(!verdict.failure.public.contains("azp"), "{}", verdict.failure.public);
}

#[test]
fn an_issuer_that_aws_does_not_know_is_named_with_the_command_that_makes_it_known() {
    let message = "No OpenIDConnect provider found in your account for https://sts.windows.net/contoso-id/";
    let verdict = verdict("InvalidIdentityToken", message, &of_version(V1), false);
    says(
        &verdict,
        &[
            "account 111122223333 has no OIDC provider for https://sts.windows.net/contoso-id/",
            "aws iam create-open-id-connect-provider --url https://sts.windows.net/contoso-id/ --client-id-list api://aws",
        ],
    );
    // a token that says nothing is told about as before
    let verdict = self::verdict("InvalidIdentityToken", message, &Claims::default(), false);
    says(&verdict, &["AWS does not accept the token of graph"]);
}

#[test]
fn a_trust_policy_that_does_not_fit_is_compared_with_the_token() {
    let verdict = verdict("AccessDenied", "Not authorized", &of_version(V1), true);
    assert_eq!(verdict.failure.code, "AccessDenied");
    says(
        &verdict,
        &[
            "issuer, audience and subject",
            V1,
            "api://aws and 7f0c",
            "`credenza setup federation deploy` prints a policy",
        ],
    );
    let verdict = self::verdict("AccessDenied", "Not authorized", &of_version(V1), false);
    assert!(!verdict.failure.public.contains("credenza setup"), "of a file: {}", verdict.failure.public);
}

#[test]
fn a_token_of_ours_that_is_over_is_replaced_by_the_engine_and_one_of_a_file_read_again() {
    let ours = verdict("ExpiredTokenException", "Token expired", &of_version(V1), true);
    assert_eq!(
        (ours.action, ours.failure.class, ours.failure.code),
        (Action::GiveUp, FailureClass::TryLater, "ExpiredToken")
    );
    let file = verdict("ExpiredTokenException", "Token expired", &of_version(V1), false);
    assert_eq!((file.action, file.failure.code), (Action::ReadTokenAgain, "ExpiredTokenException"));
}
