//! What an error of `GetWebIdentityToken` means, as far as it is one of that call alone (STS API reference, "GetWebIdentityToken").
//!
//! Called by [`super::aws_error`].

use serde_json::json;

use super::aws_error::{Action, Call, Verdict};
use crate::credential::FailureClass::{Refused, TryLater};

/// What it means; `None`: it means what it means for every call.
pub(super) fn judge(code: &str, message: &str, audience: &str, call: &Call<'_>) -> Option<Verdict> {
    // the reference names them without, SDKs with the ending
    Some(match code.strip_suffix("Exception").unwrap_or(code) {
        "OutboundWebIdentityFederationDisabled" => call.verdict(
            Refused,
            "FederationDisabled",
            "outbound web identity federation is off in its AWS account",
            "switch it on once per account: aws iam enable-outbound-web-identity-federation --profile ADMIN",
        ),
        "JWTPayloadSizeExceeded" => call.verdict(
            Refused,
            "AssertionTooLarge",
            "what AWS would sign is too large, by the tags of its principal and of its session",
            "take session_tags off the profile, or tags off the role",
        ),
        "SessionDurationEscalation" => call
            .verdict(
                TryLater,
                "DurationRefused",
                &format!("{} ends before the token would", call.key()),
                "it is asked again with newer keys",
            )
            .and(Action::AskForLess),
        "AccessDenied" if message.contains("with session credentials") => call.verdict(
            Refused,
            "KeysTemporary",
            &format!("{} is of a user's session, which AWS signs no token for", call.key()),
            "name a role in `from` that the user assumes",
        ),
        "AccessDenied" => call.verdict(
            Refused,
            "AccessDenied",
            &format!("{} may not ask for it", call.key()),
            &format!("allow it by a policy of the role or user: {}", statement(audience)),
        ),
        // the engine renews what it was signed with, by this code
        "ExpiredToken" => call.verdict(
            Refused,
            "ExpiredToken",
            &format!("{} is over", call.key()),
            "renew the keys that it is made with",
        ),
        "InvalidClientTokenId" | "UnrecognizedClient" => call.verdict(
            Refused,
            "InvalidClientTokenId",
            &format!(
                "AWS does not know {}: it is deleted, or {} is a region that the account has not opted in to",
                call.key(),
                call.region
            ),
            "name another region in the profile, or look the key up in IAM",
        ),
        "InvalidAction" => call.verdict(
            Refused,
            "SettingsContradict",
            "what answered does not know the call: the global endpoint of STS does not, regional ones do",
            "leave endpoint_url and AWS_ENDPOINT_URL_STS out, or name a regional one",
        ),
        _ => return None,
    })
}

/// The statement of a policy that allows just this (IAM User Guide, "Getting started with outbound identity federation").
fn statement(audience: &str) -> String {
    json!({
        "Effect": "Allow",
        "Action": "sts:GetWebIdentityToken",
        "Resource": "*",
        "Condition": { "ForAllValues:StringEquals": { "sts:IdentityTokenAudience": audience } },
    })
    .to_string()
}

#[cfg(test)]
#[path = "aws_identity_token_error_tests.rs"]
mod tests;
