//! Roles, and who may assume them.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    keys::{Issued, unique_id},
    web_identity::Claims,
};

/// Who may assume a role, and under which conditions: what matters of a trust policy.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trust {
    /// Principals, each as [`crate::Principal::is_meant_by`] reads it.
    pub principals: Vec<String>,
    /// Issuers of web identities whose tokens are taken.
    pub federated: Vec<Federated>,
    /// `sts:ExternalId` that must be given.
    pub external_id: Option<String>,
    /// `aws:MultiFactorAuthPresent` must be true: a one-time code comes along, or came when the caller's session began.
    pub require_mfa: bool,
}

/// An issuer that a role trusts, and which of its tokens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Federated {
    /// The issuer's URL, as in the token's `iss`.
    pub issuer: String,
    /// The token's `sub`, when not every subject may come in; `*` stands for any letters, as in a condition `StringLike`.
    #[serde(default)]
    pub subject: Option<String>,
}

impl Trust {
    /// Trust in these principals, with no condition.
    pub fn of<S: Into<String>>(principals: impl IntoIterator<Item = S>) -> Self {
        Self { principals: principals.into_iter().map(Into::into).collect(), ..Self::default() }
    }

    /// The same, when a second factor was shown.
    pub fn require_mfa(mut self) -> Self {
        self.require_mfa = true;
        self
    }

    /// Trust in the tokens of one issuer.
    pub fn of_issuer(issuer: impl Into<String>) -> Self {
        Self { federated: vec![Federated { issuer: issuer.into(), subject: None }], ..Self::default() }
    }

    /// The same, when this external id is given.
    pub fn external_id(mut self, external_id: impl Into<String>) -> Self {
        self.external_id = Some(external_id.into());
        self
    }
}

/// A role of the simulated cloud.
#[derive(Clone, Debug)]
pub struct Role {
    /// `arn:aws:iam::111122223333:role/my-role`.
    pub arn: String,
    /// `AROA...`.
    pub id: String,
    /// Who may assume it.
    pub trust: Trust,
    /// The longest session that may be asked for.
    pub max_session_duration: Duration,
    /// Revoked: nobody may assume it until it is restored.
    pub revoked: bool,
}

impl Role {
    pub(crate) fn new(arn: &str, trust: Trust, max_session_duration: Duration) -> Self {
        Self { arn: arn.to_owned(), id: unique_id("AROA", 17), trust, max_session_duration, revoked: false }
    }

    /// Whether the trust lets this caller in, who has shown a second factor or has not.
    pub(crate) fn lets_in(&self, caller: &Issued, external_id: Option<&str>, mfa: bool) -> bool {
        !self.revoked
            && (mfa || !self.trust.require_mfa)
            && self.trust.external_id.as_deref().is_none_or(|required| external_id == Some(required))
            && self.trust.principals.iter().any(|statement| caller.principal.is_meant_by(statement))
    }

    /// Whether the trust lets the bearer of such a web identity in.
    pub(crate) fn lets_in_bearer(&self, claims: &Claims) -> bool {
        !self.revoked
            && self.trust.federated.iter().any(|federated| {
                federated.issuer == claims.iss
                    && federated.subject.as_deref().is_none_or(|subject| is_like(&claims.sub, subject))
            })
    }
}

/// (IAM User Guide, "String condition operators")
fn is_like(text: &str, pattern: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return text == pattern };
    let Some(tail) = text.strip_prefix(start) else { return false };
    (0..=tail.len()).filter_map(|at| tail.get(at..)).any(|tail| is_like(tail, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_letters() {
        let text = "repo:octo-org/octo-repo:ref:refs/heads/main";
        for (pattern, expected) in [
            (text, true),
            ("repo:octo-org/octo-repo:*", true),
            ("*", true),
            ("repo:*:ref:refs/heads/main", true),
            ("repo:octo-org/*:ref:*/main", true),
            ("repo:octo-org/other:*", false),
            ("repo:octo-org/octo-repo", false),
            ("repo:*:ref:refs/heads/mai", false),
        ] {
            assert_eq!(is_like(text, pattern), expected, "{pattern}");
        }
    }
}
