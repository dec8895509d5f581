//! A cluster's issuer for tests: keys, their JSON Web Key Set, and tokens that are really signed.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::rsa::PublicKeyComponents;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::KeySet;

pub(crate) const ISSUER: &str = "https://kubernetes.default.svc.cluster.local";
pub(crate) const AUDIENCE: &str = "pods.eks.amazonaws.com";

/// A key pair and its name.
pub(crate) struct Signer {
    pub(crate) kid: &'static str,
    pair: Pair,
}

enum Pair {
    P256(Box<EcdsaKeyPair>),
    Rsa(Box<RsaKeyPair>),
}

impl Signer {
    /// A fresh key.
    pub(crate) fn es256(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pair.as_ref(), &random).unwrap();
        Self { kid, pair: Pair::P256(Box::new(pair)) }
    }

    /// Always the same key: ring makes no RSA keys. It was made for this test with `openssl genpkey` and opens nothing
    /// anywhere.
    pub(crate) fn rs256(kid: &'static str) -> Self {
        let text = include_str!("test_rsa_key.base64").replace('\n', "");
        let pair = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(text).unwrap()).unwrap();
        Self { kid, pair: Pair::Rsa(Box::new(pair)) }
    }

    pub(crate) fn jwk(&self) -> Value {
        match &self.pair {
            Pair::P256(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (base64url(&point[1..33]), base64url(&point[33..]));
                json!({"kty": "EC", "kid": self.kid, "use": "sig", "alg": "ES256", "crv": "P-256", "x": x, "y": y})
            }
            Pair::Rsa(pair) => {
                let PublicKeyComponents::<Vec<u8>> { n, e } = pair.public_key().into();
                json!({"kty": "RSA", "kid": self.kid, "use": "sig", "alg": "RS256", "n": base64url(&n), "e": base64url(&e)})
            }
        }
    }

    pub(crate) fn header(&self) -> Value {
        let alg = if matches!(self.pair, Pair::P256(_)) { "ES256" } else { "RS256" };
        json!({"alg": alg, "kid": self.kid})
    }

    /// A token with what is said in it, signed.
    pub(crate) fn token(&self, claims: &Value) -> Vec<u8> {
        self.sign(&self.header().to_string(), &claims.to_string())
    }

    /// The same with these very bytes.
    pub(crate) fn sign(&self, header: &str, claims: &str) -> Vec<u8> {
        let message = format!("{}.{}", base64url(header.as_bytes()), base64url(claims.as_bytes()));
        let signature = self.signature(message.as_bytes());
        format!("{message}.{}", base64url(&signature)).into_bytes()
    }

    pub(crate) fn signature(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// What a cluster says of a service account: a token of an hour, ten minutes old at `now_secs`.
pub(crate) fn claims(now_secs: u64) -> Value {
    json!({
        "iss": ISSUER,
        "aud": [AUDIENCE],
        "exp": now_secs + 3000,
        "nbf": now_secs - 600,
        "iat": now_secs - 600,
        "jti": "0d0f3c4e-33f4-4b8c-9f0a-8f6f2a8f6f2a",
        "sub": "system:serviceaccount:jobs:nightly-sync",
        "kubernetes.io": {
            "namespace": "jobs",
            "pod": {"name": "sync-0", "uid": "e0ffe2ef-0f85-4d3c-bb56-5b7dc7a0ff2c"},
            "serviceaccount": {"name": "nightly-sync", "uid": "6a8f8f5c-4a3d-4b58-8a9d-9a2f0f5b1d11"},
        },
    })
}

/// The set of these keys, as a cluster writes it.
pub(crate) fn jwks(keys: &[Value]) -> Vec<u8> {
    json!({"keys": keys}).to_string().into_bytes()
}

pub(crate) fn set_of(signers: &[&Signer]) -> KeySet {
    KeySet::parse(&jwks(&signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>())).unwrap()
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
