//! Outbound identity federation: an account's own issuer, whose tokens STS gives to the account's principals
//! (`GetWebIdentityToken`), and where everybody may look up its keys. (IAM User Guide, "Federating AWS identities to external
//! services")
//!
//! It is off in every account until somebody switches it on. The issuer is known to all parts of this cloud that verify tokens, but
//! for `AssumeRoleWithWebIdentity`: such a token leads out of AWS, never back.

mod discovery;
mod steering;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, SystemTime},
};

pub(crate) use discovery::{Request, answer_to_another_question, write_error};

use crate::{Issuer, keys::request_id};

/// Every account's issuer, and what was issued.
#[derive(Default)]
pub(crate) struct Outbound {
    /// By account. An issuer stays with its account, whether or not it is on.
    accounts: BTreeMap<String, Federation>,
    /// ARNs of principals that may not ask: as in tokens' `sub`.
    denied: BTreeSet<String>,
    issued: Vec<WebIdentityToken>,
}

/// The issuer of one account: two keys under one name.
#[derive(Clone)]
pub(crate) struct Federation {
    pub(crate) rs256: Issuer,
    pub(crate) es384: Issuer,
    pub(crate) enabled: bool,
}

/// A token that STS gave out, without the token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebIdentityToken {
    /// By the cloud's clock.
    pub at: SystemTime,
    /// Whose issuer.
    pub account: String,
    /// The token's `sub`: the ARN of a user, or of a role.
    pub subject: String,
    /// The token's `aud`.
    pub audiences: Vec<String>,
    /// `RS256`, `ES384`.
    pub algorithm: &'static str,
    /// From its beginning to its end.
    pub life: Duration,
    /// Equal for equal tokens, as in [`crate::Exchange`].
    pub digest: String,
}

impl Outbound {
    /// The account's issuer; made when there is none, and off then.
    pub(crate) fn federation_of(&mut self, account: &str) -> &mut Federation {
        self.accounts.entry(account.to_owned()).or_insert_with(|| {
            // Real ones are UUIDs that begin with a letter, since they are names of hosts.
            let url = format!("https://a{}{DOMAIN}", &request_id()[1..]);
            Federation { rs256: Issuer::rs256(url.as_str()), es384: Issuer::es384(url), enabled: false }
        })
    }

    /// The account's issuer, when it is on.
    pub(crate) fn enabled(&self, account: &str) -> Option<&Federation> {
        self.accounts.get(account).filter(|federation| federation.enabled)
    }

    /// Whether this is the issuer of an account here.
    pub(crate) fn is_issuer(&self, url: &str) -> bool {
        self.accounts.values().any(|federation| federation.rs256.url() == url)
    }

    pub(crate) fn is_denied(&self, subject: &str) -> bool {
        self.denied.contains(subject)
    }

    pub(crate) fn note(&mut self, token: WebIdentityToken) {
        self.issued.push(token);
    }

    /// The issuer whose URL begins with this label, on or off: what was issued can be verified to its end.
    fn of_label(&self, label: &str) -> Option<&Federation> {
        self.accounts.values().find(|federation| label_of(federation) == Some(label))
    }
}

/// (IAM User Guide, "Understanding token claims")
const DOMAIN: &str = ".tokens.sts.global.api.aws";

fn label_of(federation: &Federation) -> Option<&str> {
    federation.rs256.url().strip_prefix("https://")?.strip_suffix(DOMAIN)
}
