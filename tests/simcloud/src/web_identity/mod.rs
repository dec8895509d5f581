//! Web identities: issuers that roles trust, and their signed tokens (JSON Web Tokens, RFC 7519), as
//! `AssumeRoleWithWebIdentity` takes them.

mod exchange;
mod token;

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    rsa::PublicKeyComponents,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
        ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
    },
};
use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use exchange::Exchange;
pub(crate) use exchange::digest_of;
pub(crate) use token::{Parts, read};

/// An issuer of web identities, with its signing key: it can mint tokens, so that a test needs no other party.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    audiences: Vec<String>,
    key: Arc<Key>,
}

enum Key {
    Es256(Box<EcdsaKeyPair>),
    Es384(Box<EcdsaKeyPair>),
    Rs256(Box<RsaKeyPair>),
}

/// What a token says that matters here (RFC 7519, section 4.1). Times are seconds since 1970.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Claims {
    /// The issuer's URL.
    pub iss: String,
    /// Whom it speaks of.
    pub sub: String,
    /// For whom it is meant.
    pub aud: String,
    /// When it ends.
    pub exp: u64,
    /// When it begins.
    #[serde(default)]
    pub nbf: u64,
    /// When it was issued.
    #[serde(default)]
    pub iat: u64,
}

impl Issuer {
    /// An issuer with a fresh P-256 key, whose tokens must be meant for `sts.amazonaws.com`.
    pub fn es256(url: impl Into<String>) -> Self {
        Self::of(url.into(), Key::Es256(Box::new(fresh(&ECDSA_P256_SHA256_FIXED_SIGNING))))
    }

    /// The same with a fresh P-384 key.
    pub fn es384(url: impl Into<String>) -> Self {
        Self::of(url.into(), Key::Es384(Box::new(fresh(&ECDSA_P384_SHA384_FIXED_SIGNING))))
    }

    /// The same with an RSA key, always the one of `testdata/issuer-rs256.pem`: ring makes none.
    pub fn rs256(url: impl Into<String>) -> Self {
        Self::rs256_of(url, include_bytes!("../../testdata/issuer-rs256.pem"))
    }

    /// The same with the RSA key of another file beside: parties that sign with one key cannot be told apart by it.
    pub(crate) fn rs256_of(url: impl Into<String>, pem: &[u8]) -> Self {
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(pem).expect("the file beside is PEM");
        let key = RsaKeyPair::from_pkcs8(pkcs8.secret_pkcs8_der()).expect("the file beside holds an RSA key");
        Self::of(url.into(), Key::Rs256(Box::new(key)))
    }

    /// The same key under another URL, as one service that speaks for many tenants has it.
    pub(crate) fn at(&self, url: impl Into<String>) -> Self {
        Self { url: url.into(), ..self.clone() }
    }

    /// The same for tokens that are meant for this audience instead.
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audiences = vec![audience.into()];
        self
    }

    /// The issuer's URL, as in the tokens' `iss`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A token for its own audience that speaks of `subject` from `now` on and ends after `life`.
    pub fn mint(&self, subject: &str, now: SystemTime, life: Duration) -> String {
        let now = unix_secs(now);
        self.sign(&Claims {
            iss: self.url.clone(),
            sub: subject.to_owned(),
            aud: self.audiences.first().cloned().unwrap_or_default(),
            exp: now.saturating_add(life.as_secs()),
            nbf: now,
            iat: now,
        })
    }

    /// A token that says whatever the claims say ([`Claims`], or more than those), true or not.
    pub fn sign(&self, claims: &impl Serialize) -> String {
        let header = token::Header::new(self.algorithm(), Some(self.key_id()));
        token::write(&header, claims, |message| self.key.sign(message))
    }

    /// The `kid` of its tokens: what its key is called in the set of keys that it publishes (RFC 7517, section 4.5).
    pub fn key_id(&self) -> String {
        let public = match &*self.key {
            Key::Es256(key) | Key::Es384(key) => digest(&SHA256, key.public_key().as_ref()),
            Key::Rs256(key) => digest(&SHA256, key.public_key().as_ref()),
        };
        public.as_ref().iter().take(20).map(|byte| format!("{byte:02X}")).collect()
    }

    /// The set of public keys that it publishes (RFC 7517, section 5): its key alone.
    pub fn key_set(&self) -> Value {
        let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        let mut key = match &*self.key {
            Key::Es256(key) => curve_point("P-256", key.public_key().as_ref()),
            Key::Es384(key) => curve_point("P-384", key.public_key().as_ref()),
            Key::Rs256(key) => {
                let public = PublicKeyComponents::<Vec<u8>>::from(key.public());
                json!({ "kty": "RSA", "n": text(&public.n), "e": text(&public.e) })
            }
        };
        key["kid"] = self.key_id().into();
        key["alg"] = self.algorithm().into();
        key["use"] = "sig".into();
        json!({ "keys": [key] })
    }

    pub(crate) fn accepts_audience(&self, audience: &str) -> bool {
        self.audiences.iter().any(|known| known == audience)
    }

    /// The `alg` of its tokens (RFC 7518, section 3.1).
    pub(crate) fn algorithm(&self) -> &'static str {
        match *self.key {
            Key::Es256(_) => "ES256",
            Key::Es384(_) => "ES384",
            Key::Rs256(_) => "RS256",
        }
    }

    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &*self.key {
            Key::Es256(key) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key.public_key().as_ref()).verify(message, signature)
            }
            Key::Es384(key) => {
                UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key.public_key().as_ref()).verify(message, signature)
            }
            Key::Rs256(key) => UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref())
                .verify(message, signature),
        }
        .is_ok()
    }

    fn of(url: String, key: Key) -> Self {
        Self { url, audiences: vec!["sts.amazonaws.com".to_owned()], key: Arc::new(key) }
    }
}

impl Key {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match self {
            Self::Es256(key) | Self::Es384(key) => {
                key.sign(&random, message).expect("the system has randomness").as_ref().to_vec()
            }
            Self::Rs256(key) => {
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).expect("the buffer fits the key");
                signature
            }
        }
    }
}

fn fresh(algorithm: &'static EcdsaSigningAlgorithm) -> EcdsaKeyPair {
    let random = SystemRandom::new();
    EcdsaKeyPair::generate_pkcs8(algorithm, &random)
        .and_then(|pkcs8| {
            EcdsaKeyPair::from_pkcs8(algorithm, pkcs8.as_ref(), &random).map_err(|_| ring::error::Unspecified)
        })
        .expect("ring reads the key that it made")
}

/// A public key as a JWK. (RFC 7518, section 6.2; SEC 1, section 2.3.3: 4, then both coordinates.)
fn curve_point(curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at((point.len() - 1) / 2);
    let text = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
}

impl fmt::Debug for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Issuer").field("url", &self.url).field("audiences", &self.audiences).finish_non_exhaustive()
    }
}

pub(crate) fn unix_secs(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}
