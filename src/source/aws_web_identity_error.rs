//! What an error of `AssumeRoleWithWebIdentity` means: the part of judging that is about the token, by what it says of itself.
//!
//! Called by [`super::aws_error`].

use super::aws_error::{Action, Call, Verdict};
use crate::config::trust::{AwsTrust, shell_word};
use crate::credential::FailureClass::{Refused, TryLater};
use crate::credential::claims::Claims;

/// What it means; `None`: it is not about the token. `ours`: the token is of an identity of ours.
pub(super) fn judge(
    code: &str,
    message: &str,
    role_arn: &str,
    claims: &Claims,
    ours: bool,
    call: &Call<'_>,
) -> Option<Verdict> {
    let says = |text: &str| message.contains(text);
    let invalid = |why: &str, remedy: &str| {
        call.verdict(Refused, "InvalidIdentityToken", why, remedy).and(Action::ReadTokenAgain)
    };
    let (token, trust) = (call.token(), AwsTrust::of(role_arn, claims));
    Some(match (code, &trust) {
        ("AccessDenied" | "AccessDeniedException", trust) => {
            let why = format!("the role's trust policy does not let in the token {token}");
            call.verdict(Refused, "AccessDenied", &why, &compare(trust.as_ref(), ours, call.identity))
        }
        // the engine fetches another token for one of our identities, and asks again
        ("ExpiredTokenException", _) if ours => {
            call.verdict(TryLater, "ExpiredToken", &format!("the token {token} is over"), "another one is fetched")
        }
        ("ExpiredTokenException", _) => {
            // what is held still lives, and whoever writes the file will write it again: not for us to give up
            let why = format!("the token {token} is over");
            call.verdict(TryLater, "ExpiredTokenException", &why, "have a new one made").and(Action::ReadTokenAgain)
        }
        ("InvalidIdentityToken", Some(trust)) if says("No OpenIDConnect provider found") => {
            let why = format!(
                "account {} has no OIDC provider for {}, the issuer of the token {token}",
                trust.account(),
                trust.issuer
            );
            invalid(&why, &format!("make one there: {}", trust.create_provider()))
        }
        ("InvalidIdentityToken", Some(trust)) if says("Incorrect token audience") && trust.version_2 => {
            let audience = claims.audience.as_deref().unwrap_or_default();
            let why = format!(
                "AWS does not take the audience of the token {token}: it is of Entra ID's version 2, and there AWS compares `azp`, \
                 the application that asked ({}), not `aud` ({audience})",
                trust.audience
            );
            let remedy = format!(
                "let that application in: {}; or have the API {audience} take tokens of version 1 \
                 (api.requestedAccessTokenVersion of its manifest), whose issuer is another one: https://sts.windows.net/{}/",
                trust.add_client(),
                claims.tenant.as_deref().unwrap_or_default()
            );
            invalid(&why, &remedy)
        }
        ("InvalidIdentityToken", Some(trust)) if says("Incorrect token audience") => {
            let why = format!("the OIDC provider does not list {}, the audience of the token {token}", trust.audience);
            invalid(&why, &format!("add it: {}", trust.add_client()))
        }
        ("InvalidIdentityToken" | "IDPRejectedClaim", _) => {
            let why = format!("AWS does not accept the token {token}");
            let remedy = "check its issuer and audience against the role's trust policy, and have a new one made";
            invalid(&why, remedy)
        }
        ("IDPCommunicationError", _) => {
            let why = "AWS cannot reach the identity provider that the token is from";
            call.verdict(TryLater, "IdentityProviderUnreachable", why, "check that its address answers the world")
        }
        _ => return None,
    })
}

fn compare(trust: Option<&AwsTrust>, ours: bool, identity: &str) -> String {
    let compare = "compare the token's issuer, audience and subject with those that the trust policy names";
    let Some(trust) = trust else { return compare.to_owned() };
    let told = format!("{compare}: they are {}, {} and {}", trust.issuer, trust.audience, trust.subject);
    match ours {
        true => format!("{told}; `credenza setup federation {}` prints a policy that fits", shell_word(identity)),
        false => told,
    }
}

#[cfg(test)]
#[path = "aws_web_identity_error_tests.rs"]
mod tests;
