//! What lets a token in at AWS: an OIDC provider in IAM, and the trust policy of a role (IAM User Guide, "Create an OpenID Connect
//! (OIDC) identity provider in IAM" and "Create a role for OpenID Connect federation").
//!
//! Which audience counts is IAM's rule ("Available keys for AWS OIDC federation", `aud`): where a token has `azp`, that is
//! compared with the provider's list of clients, and with `:aud` of policies, in place of `aud`. Tokens of Entra ID have it in
//! version 2, and there it is the application that asked; in version 1 they have none (aws/aws-sdk-net#3071, #3100).

use serde_json::{Value, json};

use super::{shell_word, terraform_name, terraform_text};
use crate::credential::claims::Claims;

/// What it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsTrust {
    /// The role: `arn:aws:iam::111122223333:role/from-azure`.
    pub role_arn: String,
    /// The token's `iss`, a slash at its end included.
    pub issuer: String,
    /// The token's `sub`.
    pub subject: String,
    /// What AWS takes for its audience: `aud`, or `azp` where the token has one.
    pub audience: String,
    /// The token is one of Entra ID's version 2.
    pub version_2: bool,
}

impl AwsTrust {
    /// The one for a token; `None`: the token does not say who it is from, whose and for whom.
    pub fn of(role_arn: &str, claims: &Claims) -> Option<Self> {
        let version_2 = is_version_2(claims);
        let party = claims.client_id.clone().filter(|_| version_2);
        Some(Self {
            role_arn: role_arn.to_owned(),
            issuer: claims.issuer.clone()?,
            subject: claims.subject.clone()?,
            audience: party.or_else(|| claims.audience.clone())?,
            version_2,
        })
    }

    /// The account of the role.
    pub fn account(&self) -> &str {
        self.role_arn.split(':').nth(4).unwrap_or_default()
    }

    /// `arn:aws:iam::111122223333:oidc-provider/sts.windows.net/TENANT/`.
    pub fn provider_arn(&self) -> String {
        let partition = self.role_arn.split(':').nth(1).unwrap_or("aws");
        format!("arn:{partition}:iam::{}:oidc-provider/{}", self.account(), self.provider())
    }

    /// Makes the provider.
    pub fn create_provider(&self) -> String {
        format!(
            "aws iam create-open-id-connect-provider --url {} --client-id-list {}",
            shell_word(&self.issuer),
            shell_word(&self.audience)
        )
    }

    /// Adds the audience to a provider that is there.
    pub fn add_client(&self) -> String {
        format!(
            "aws iam add-client-id-to-open-id-connect-provider --open-id-connect-provider-arn {} --client-id {}",
            shell_word(&self.provider_arn()),
            shell_word(&self.audience)
        )
    }

    /// Has the role let the token in, and nobody else any more.
    pub fn update_role(&self) -> String {
        format!(
            "aws iam update-assume-role-policy --role-name {} --policy-document {}",
            shell_word(self.role_name()),
            shell_word(&self.policy().to_string())
        )
    }

    /// The role's trust policy.
    pub fn policy(&self) -> Value {
        json!({
            "Version": "2012-10-17",
            "Statement": [{
                "Effect": "Allow",
                "Principal": { "Federated": self.provider_arn() },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
                    "StringEquals": {
                        format!("{}:aud", self.provider()): self.audience,
                        format!("{}:sub", self.provider()): self.subject,
                    },
                },
            }],
        })
    }

    /// The same in Terraform, by the provider `aws`.
    pub fn terraform(&self) -> String {
        let name = terraform_name(self.role_name());
        let [url, audience, subject] = [&self.issuer, &self.audience, &self.subject].map(|text| terraform_text(text));
        let key = |claim: &str| terraform_text(&format!("{}:{claim}", self.provider()));
        let (aud, sub) = (key("aud"), key("sub"));
        format!(
            "resource \"aws_iam_openid_connect_provider\" \"{name}\" {{\n  url            = {url}\n  \
             client_id_list = [{audience}]\n}}\n\n\
             data \"aws_iam_policy_document\" \"{name}\" {{\n  statement {{\n    \
             actions = [\"sts:AssumeRoleWithWebIdentity\"]\n\n    principals {{\n      type        = \"Federated\"\n      \
             identifiers = [aws_iam_openid_connect_provider.{name}.arn]\n    }}\n\n    condition {{\n      \
             test     = \"StringEquals\"\n      variable = {aud}\n      values   = [{audience}]\n    }}\n\n    \
             condition {{\n      test     = \"StringEquals\"\n      variable = {sub}\n      values   = [{subject}]\n    }}\n  \
             }}\n}}\n\n# in the role: assume_role_policy = data.aws_iam_policy_document.{name}.json\n"
        )
    }

    /// What IAM calls the provider: the issuer without its scheme.
    fn provider(&self) -> &str {
        self.issuer.strip_prefix("https://").unwrap_or(&self.issuer)
    }

    fn role_name(&self) -> &str {
        self.role_arn.rsplit('/').next().unwrap_or_default()
    }
}

/// Whether Entra ID issued it in its version 2 ("Access token claims reference", `iss`).
fn is_version_2(claims: &Claims) -> bool {
    claims.tenant.is_some() && claims.issuer.as_deref().is_some_and(|issuer| issuer.ends_with("/v2.0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLE: &str = "arn:aws:iam::111122223333:role/path/from-azure";

    fn claims(issuer: &str) -> Claims {
        Claims {
            issuer: Some(issuer.to_owned()),
            subject: Some("7f0c".to_owned()),
            audience: Some("api://aws".to_owned()),
            tenant: Some("t".to_owned()),
            client_id: Some("asking-app".to_owned()),
            ..Claims::default()
        }
    }

    #[test]
    fn a_token_of_version_1_is_let_in_by_its_audience_and_its_issuer_with_the_slash() {
        let trust = AwsTrust::of(ROLE, &claims("https://sts.windows.net/t/")).unwrap();
        assert_eq!((trust.audience.as_str(), trust.version_2), ("api://aws", false));
        assert_eq!(trust.provider_arn(), "arn:aws:iam::111122223333:oidc-provider/sts.windows.net/t/");
        assert_eq!(
            trust.create_provider(),
            "aws iam create-open-id-connect-provider --url https://sts.windows.net/t/ --client-id-list api://aws"
        );
        let words = shlex::split(&trust.update_role()).unwrap();
        assert_eq!(words[..5].join(" "), "aws iam update-assume-role-policy --role-name from-azure");
        let policy: Value = serde_json::from_str(&words[6]).unwrap();
        assert_eq!(
            policy["Statement"][0]["Condition"]["StringEquals"],
            json!({ "sts.windows.net/t/:aud": "api://aws", "sts.windows.net/t/:sub": "7f0c" })
        );
    }

    #[test]
    fn a_token_of_version_2_is_let_in_by_the_application_that_asked() {
        let trust = AwsTrust::of(ROLE, &claims("https://login.microsoftonline.com/t/v2.0")).unwrap();
        assert_eq!((trust.audience.as_str(), trust.version_2), ("asking-app", true));
        assert!(trust.add_client().ends_with("oidc-provider/login.microsoftonline.com/t/v2.0 --client-id asking-app"));
    }

    #[test]
    fn terraform_says_the_same() {
        let text = AwsTrust::of(ROLE, &claims("https://sts.windows.net/t/")).unwrap().terraform();
        for line in [
            "resource \"aws_iam_openid_connect_provider\" \"from_azure\" {",
            "  url            = \"https://sts.windows.net/t/\"",
            "  client_id_list = [\"api://aws\"]",
            "      variable = \"sts.windows.net/t/:sub\"",
            "      values   = [\"7f0c\"]",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in {text}");
        }
    }
}
