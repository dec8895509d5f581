//! A Kubernetes service account's token, judged with public keys only: who is it, if it is anybody?
//!
//! What a cluster issues is RFC 7519 in the compact form of RFC 7515, with the claims of Kubernetes, "Managing Service
//! Accounts", section "Schema for service account private claims"; the traps are those of RFC 8725. Never looks anything
//! up, never takes a key or an algorithm from the token. Called by [`crate::server`], which has the keys.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

mod json;
mod key_set;
#[cfg(test)]
pub(crate) mod signing;

pub use key_set::KeySet;
use key_set::{Algorithm, PublicKey};

/// What a token must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// `iss`, such as `https://kubernetes.default.svc.cluster.local`.
    pub issuer: String,
    /// What must be among `aud`, such as `pods.eks.amazonaws.com`.
    pub audience: String,
}

/// Whose token it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// Such as `default`.
    pub namespace: String,
    /// Such as `nightly-sync`.
    pub name: String,
    /// When the token ends, as it says itself.
    pub until: SystemTime,
}

/// Why a token is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Invalid {
    /// It is no token of that form at all.
    Malformed,
    /// Another algorithm than RS256 and ES256, none, another than its key's, or extensions that must be understood.
    Algorithm,
    /// Its key is not among the issuer's, or it names none.
    UnknownKey,
    /// The signature is not its key's.
    Signature,
    /// Another issuer's, or nobody's.
    Issuer,
    /// Meant for others, or for nobody.
    Audience,
    /// It has ended, or never says when it does.
    Expired,
    /// It begins later, or was issued later than now.
    NotYetValid,
    /// Not a service account's, or of two minds about whose.
    Subject,
}

impl Invalid {
    /// One sentence about it, which holds nothing of the token.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Malformed => {
                "it is no signed token of three parts: Authorization must hold the bare token, with no scheme before it"
            }
            Self::Algorithm => "it is not signed with RS256 or ES256 as its key is",
            Self::UnknownKey => {
                "no key of the issuer has the kid that it names: was the cluster made anew? Compare \
                 `kubectl get --raw /openid/v1/jwks`"
            }
            Self::Signature => "its signature is not its key's",
            Self::Issuer => "another issuer made it: see `issuer` of [listener.kubernetes]",
            Self::Audience => {
                "it is meant for another audience: the projected volume's `audience` must be that of [listener.kubernetes]"
            }
            Self::Expired => {
                "it has ended, or never says when it does: use a projected volume, whose token the kubelet renews"
            }
            Self::NotYetValid => "it begins later than now: compare the clocks of the cluster and of this machine",
            Self::Subject => "it is not a service account's",
        }
    }
}

/// How far two clocks may be apart.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// No token is longer, in bytes: a request's head is not either.
pub const LONGEST_TOKEN: usize = 16 << 10;

/// Whose token it is, if its key is one of these and it says what it must.
///
/// # Errors
///
/// The first thing that is wrong with it. What it says is looked at only after its signature: who cannot sign learns nothing
/// of the rules.
pub fn verify(token: &[u8], keys: &KeySet, rules: &Rules, now: SystemTime) -> Result<ServiceAccount, Invalid> {
    let parts = Parts::of(token)?;
    let algorithm = parts.header.algorithm()?;
    let key = parts.header.kid.as_deref().and_then(|kid| keys.named(kid)).ok_or(Invalid::UnknownKey)?;
    check(&parts, algorithm, key)?;
    let claims: Claims = json::read(&parts.claims).ok_or(Invalid::Malformed)?;
    claims.judge(rules, now)
}

fn check(parts: &Parts<'_>, algorithm: Algorithm, key: &PublicKey) -> Result<(), Invalid> {
    if key.algorithm() != algorithm {
        return Err(Invalid::Algorithm);
    }
    if !key.signed(parts.message, &parts.signature) {
        return Err(Invalid::Signature);
    }
    Ok(())
}

/// A token taken apart: RFC 7515 section 7.1.
struct Parts<'t> {
    header: Header,
    claims: Vec<u8>,
    signature: Vec<u8>,
    /// What is signed: header and claims as they were sent.
    message: &'t [u8],
}

impl<'t> Parts<'t> {
    fn of(token: &'t [u8]) -> Result<Self, Invalid> {
        if token.len() > LONGEST_TOKEN {
            return Err(Invalid::Malformed);
        }
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Invalid::Malformed);
        };
        // no padding, no other alphabet, no bits left over: one token has one spelling
        let decode = |part: &[u8]| BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|_| Invalid::Malformed);
        Ok(Self {
            header: json::read(&decode(header)?).ok_or(Invalid::Malformed)?,
            claims: decode(claims)?,
            signature: decode(signature)?,
            message: &token[..header.len() + 1 + claims.len()],
        })
    }
}

/// RFC 7515 section 4.1. `jku`, `jwk`, `x5u` and `x5c` are not here: whoever wrote the token wrote them.
#[derive(Deserialize)]
struct Header {
    alg: Option<String>,
    kid: Option<String>,
    #[serde(default, deserialize_with = "there")]
    crit: bool,
    #[serde(default, deserialize_with = "there")]
    b64: bool,
}

impl Header {
    fn algorithm(&self) -> Result<Algorithm, Invalid> {
        // `crit` lists what must be understood (RFC 7515 section 4.1.11); `b64` signs something else (RFC 7797)
        if self.crit || self.b64 {
            return Err(Invalid::Algorithm);
        }
        self.alg.as_deref().and_then(Algorithm::named).ok_or(Invalid::Algorithm)
    }
}

/// True for a member that is there, whatever it holds.
fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    serde::de::IgnoredAny::deserialize(deserializer).map(|_| true)
}

/// RFC 7519 section 4.1, and what Kubernetes adds. Times are seconds since 1970, perhaps with a fraction.
#[derive(Deserialize)]
struct Claims {
    iss: Option<String>,
    aud: Option<Audience>,
    exp: Option<f64>,
    nbf: Option<f64>,
    iat: Option<f64>,
    sub: Option<String>,
    #[serde(rename = "kubernetes.io")]
    kubernetes: Option<Value>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Claims {
    fn judge(self, rules: &Rules, now: SystemTime) -> Result<ServiceAccount, Invalid> {
        if self.iss.as_deref() != Some(&*rules.issuer) {
            return Err(Invalid::Issuer);
        }
        let meant = match &self.aud {
            Some(Audience::One(audience)) => *audience == rules.audience,
            Some(Audience::Several(audiences)) => audiences.contains(&rules.audience),
            None => false,
        };
        if !meant {
            return Err(Invalid::Audience);
        }
        let until = time(self.exp.ok_or(Invalid::Expired)?)?;
        if now >= until + LEEWAY {
            return Err(Invalid::Expired);
        }
        for begin in [self.nbf, self.iat].into_iter().flatten() {
            if time(begin)? > now + LEEWAY {
                return Err(Invalid::NotYetValid);
            }
        }
        let (namespace, name) = self.sub.as_deref().and_then(account).ok_or(Invalid::Subject)?;
        if let Some(claim) = &self.kubernetes
            && (claim["namespace"] != namespace || claim["serviceaccount"]["name"] != name)
        {
            return Err(Invalid::Subject);
        }
        Ok(ServiceAccount { namespace: namespace.to_owned(), name: name.to_owned(), until })
    }
}

/// A time that a calendar has: between 1970 and the year 9999.
fn time(secs: f64) -> Result<SystemTime, Invalid> {
    if !(0.0..253_402_300_800.0).contains(&secs) {
        return Err(Invalid::Malformed);
    }
    Ok(UNIX_EPOCH + Duration::from_secs_f64(secs))
}

/// Namespace and name of `system:serviceaccount:NAMESPACE:NAME`.
fn account(subject: &str) -> Option<(&str, &str)> {
    let (namespace, name) = subject.strip_prefix("system:serviceaccount:")?.split_once(':')?;
    // Kubernetes, "Object Names and IDs": a namespace is a DNS label, a service account's name a DNS subdomain
    let valid = is_label(namespace) && namespace.len() <= 63 && name.len() <= 253 && name.split('.').all(is_label);
    valid.then_some((namespace, name))
}

/// Lower-case letters, digits and hyphens, with no hyphen at either end.
fn is_label(text: &str) -> bool {
    let edge = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let bytes = text.as_bytes();
    bytes.first().is_some_and(|letter| edge(*letter))
        && bytes.last().is_some_and(|letter| edge(*letter))
        && bytes.iter().all(|letter| edge(*letter) || *letter == b'-')
}

#[cfg(test)]
#[path = "service_account/tests.rs"]
mod tests;
