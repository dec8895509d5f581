//! [`KeySet`]: the public keys of a cluster's issuer, a JSON Web Key Set (RFC 7517, RFC 7518 section 6).
//!
//! A cluster has it at `/openid/v1/jwks` (Kubernetes, "Service account issuer discovery"). Holds no private key, and no key
//! that a token itself brings along. Called by the verification of tokens.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::json;

/// Public keys by their `kid`.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct KeySet(BTreeMap<String, PublicKey>);

impl KeySet {
    /// The keys of a set that can be used. One that cannot is left out: another kind or curve, another `alg` than RS256 and
    /// ES256, a `use` other than `sig`, an RSA key of less than 2048 bits or more than 8192, no `kid`, or a private key, which
    /// somebody published. A `kid` that two different keys bear says nothing of either.
    ///
    /// # Errors
    ///
    /// One sentence, where it is no key set or none of its keys can be used. It holds nothing of the set.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let set: Set = json::read(text).ok_or("it is no JSON Web Key Set: an object with a list of `keys`")?;
        let found = set.keys.len();
        let mut keys: BTreeMap<String, Option<PublicKey>> = BTreeMap::new();
        for (kid, key) in set.keys.iter().filter_map(usable) {
            keys.entry(kid).and_modify(|held| *held = held.take().filter(|held| *held == key)).or_insert(Some(key));
        }
        let keys: BTreeMap<_, _> = keys.into_iter().filter_map(|(kid, key)| key.map(|key| (kid, key))).collect();
        if keys.is_empty() {
            return Err(format!(
                "none of its {found} keys can be used: RS256 of 2048 to 8192 bits or ES256, with a `kid`"
            ));
        }
        Ok(Self(keys))
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a key of this `kid` is among them.
    pub fn has(&self, kid: &str) -> bool {
        self.0.contains_key(kid)
    }

    pub(super) fn named(&self, kid: &str) -> Option<&PublicKey> {
        self.0.get(kid)
    }
}

/// The names: they are public, and tell whether a key is there.
impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// How a token is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Algorithm {
    Rs256,
    Es256,
}

impl Algorithm {
    /// By its name of RFC 7518 section 3.1, in exactly that case.
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "RS256" => Some(Self::Rs256),
            "ES256" => Some(Self::Es256),
            _ => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq)]
pub(super) enum PublicKey {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// SEC 1, section 2.3.3: 4, x, y.
    P256(Vec<u8>),
}

impl PublicKey {
    /// The one that it can be used with. The token has no say: an attacker who may choose takes the public key for a shared
    /// secret (RFC 8725 sections 2.1 and 3.1).
    pub(super) fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
        }
    }

    pub(super) fn signed(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }
                .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
                .is_ok(),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature).is_ok()
            }
        }
    }
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Map<String, Value>>,
}

fn usable(key: &Map<String, Value>) -> Option<(String, PublicKey)> {
    let text = |name: &str| key.get(name).and_then(Value::as_str);
    let is = |name: &str, wanted: &str| key.get(name).is_none_or(|value| value == wanted);
    let private = PRIVATE.iter().any(|name| key.contains_key(*name));
    let verifies = match key.get("key_ops") {
        Some(Value::Array(uses)) => uses.iter().any(|name| name == "verify"),
        Some(_) => false,
        None => true,
    };
    if private || !verifies || !is("use", "sig") {
        return None;
    }
    let kid = text("kid").filter(|kid| !kid.is_empty())?;
    let bytes = |name: &str| BASE64_URL_SAFE_NO_PAD.decode(text(name)?).ok();
    let public = match text("kty")? {
        "RSA" if is("alg", "RS256") => rsa(bytes("n")?, bytes("e")?)?,
        "EC" if is("alg", "ES256") && text("crv") == Some("P-256") => p256(&bytes("x")?, &bytes("y")?)?,
        _ => return None,
    };
    Some((kid.to_owned(), public))
}

/// RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1.
const PRIVATE: &[&str] = &["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

fn rsa(modulus: Vec<u8>, exponent: Vec<u8>) -> Option<PublicKey> {
    let bits = (modulus.len() * 8).saturating_sub(modulus.first()?.leading_zeros() as usize);
    // written in the fewest bytes (RFC 7518 section 2, Base64urlUInt): ring takes no others
    let minimal = modulus[0] != 0 && *exponent.first()? != 0;
    let odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
    let exponent_fits = exponent.len() <= 4 && exponent != [1];
    ((2048..=8192).contains(&bits) && minimal && odd(&modulus) && odd(&exponent) && exponent_fits)
        .then_some(PublicKey::Rsa { modulus, exponent })
}

fn p256(x: &[u8], y: &[u8]) -> Option<PublicKey> {
    // both have their full length (RFC 7518 section 6.2.1.2)
    (x.len() == 32 && y.len() == 32).then(|| PublicKey::P256([&[4], x, y].concat()))
}

#[cfg(test)]
#[path = "key_set_tests.rs"]
mod tests;
