//! App registrations: what a client may do, and how it proves who it is.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use rustls::{
    pki_types::{CertificateDer, pem::PemObject as _},
    server::ParsedCertificate,
};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::keys::request_id;

/// An app registration, with its service principal.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct App {
    /// The application (client) id, a GUID.
    pub client_id: String,
    /// The id of the tenant that it is registered in.
    pub tenant: String,
    /// A public client keeps no secret; any other must prove itself.
    #[serde(default)]
    pub public: bool,
    /// Known in every tenant, and good for `common` and `organizations`.
    #[serde(default)]
    pub multi_tenant: bool,
    /// One of Microsoft's own: nobody can consent for it, an API lets it in or does not. (AADSTS65002)
    #[serde(default)]
    pub first_party: bool,
    /// The object id of its service principal: the `oid` and `sub` of its own tokens.
    #[serde(default = "request_id")]
    pub object_id: String,
    /// As registered. The port of a loopback address is not looked at.
    #[serde(default)]
    pub redirect_uris: Vec<String>,
    /// Delegated permissions that were consented to: scopes, by any name of their API.
    #[serde(default)]
    pub scopes: BTreeMap<String, Vec<String>>,
    /// Application permissions (app roles) that were granted, by any name of their API.
    #[serde(default)]
    pub roles: BTreeMap<String, Vec<String>>,
    /// Client secrets.
    #[serde(default)]
    pub secrets: Vec<String>,
    /// Certificates whose keys sign assertions.
    #[serde(default)]
    pub certificates: Vec<Certificate>,
    /// Other issuers whose tokens are taken for assertions.
    #[serde(default)]
    pub federated: Vec<FederatedCredential>,
}

impl App {
    /// A confidential client without any credentials yet.
    pub fn confidential(client_id: &str, tenant: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            tenant: tenant.to_owned(),
            public: false,
            multi_tenant: false,
            first_party: false,
            object_id: request_id(),
            redirect_uris: Vec::new(),
            scopes: BTreeMap::new(),
            roles: BTreeMap::new(),
            secrets: Vec::new(),
            certificates: Vec::new(),
            federated: Vec::new(),
        }
    }

    /// A public client with these redirect URIs.
    pub fn public(client_id: &str, tenant: &str, redirect_uris: &[&str]) -> Self {
        let redirect_uris = redirect_uris.iter().map(|&uri| uri.to_owned()).collect();
        Self { public: true, redirect_uris, ..Self::confidential(client_id, tenant) }
    }

    /// The same with consent to these scopes of an API.
    pub fn with_scopes(mut self, api: &str, scopes: &[&str]) -> Self {
        self.scopes.insert(api.to_owned(), scopes.iter().map(|&scope| scope.to_owned()).collect());
        self
    }

    /// The same with these app roles at an API.
    pub fn with_roles(mut self, api: &str, roles: &[&str]) -> Self {
        self.roles.insert(api.to_owned(), roles.iter().map(|&role| role.to_owned()).collect());
        self
    }

    /// The same with a client secret.
    pub fn with_secret(mut self, secret: &str) -> Self {
        self.secrets.push(secret.to_owned());
        self
    }

    /// The same with a certificate.
    pub fn with_certificate(mut self, certificate: Certificate) -> Self {
        self.certificates.push(certificate);
        self
    }

    /// The same with a federated identity credential.
    pub fn with_federated(mut self, credential: FederatedCredential) -> Self {
        self.federated.push(credential);
        self
    }
}

/// A certificate: its name, and the key that verifies what it signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// SHA-256 of the certificate in base64url: the `x5t#S256` of assertions. (RFC 7515, section 4.1.8)
    pub thumbprint: String,
    /// `RSAPublicKey` in DER. (RFC 8017, appendix A.1.1)
    pub(crate) key: Vec<u8>,
}

impl Certificate {
    /// Reads a certificate with an RSA key; nothing when it is none.
    pub fn from_pem(pem: &str) -> Option<Self> {
        let der = CertificateDer::from_pem_slice(pem.as_bytes()).ok()?;
        let info = ParsedCertificate::try_from(&der).ok()?.subject_public_key_info();
        let thumbprint = URL_SAFE_NO_PAD.encode(digest(&SHA256, &der));
        Some(Self { thumbprint, key: rsa_key(&info)?.to_vec() })
    }
}

impl<'de> Deserialize<'de> for Certificate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let pem = String::deserialize(deserializer)?;
        Self::from_pem(&pem).ok_or_else(|| D::Error::custom("a certificate is PEM and has an RSA key"))
    }
}

/// The key within a `SubjectPublicKeyInfo` of RSA (RFC 3279, section 2.3.1): after the algorithm a bit string with no unused
/// bits, which reaches to the end.
fn rsa_key(info: &[u8]) -> Option<&[u8]> {
    const ALGORITHM: [u8; 15] = [0x30, 13, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1, 5, 0];
    let start = info.windows(ALGORITHM.len()).position(|window| window == ALGORITHM)? + ALGORITHM.len();
    let (&tag, rest) = info.get(start..)?.split_first()?;
    let (&length, rest) = rest.split_first()?;
    let longer = if length < 0x80 { 0 } else { usize::from(length & 0x7f) };
    let (&unused, key) = rest.get(longer..)?.split_first()?;
    (tag == 3 && unused == 0).then_some(key)
}

/// Whose tokens are taken for this app's assertions. (learn.microsoft.com, Graph, "federatedIdentityCredential resource type")
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FederatedCredential {
    /// The tokens' `iss`.
    pub issuer: String,
    /// The tokens' `sub`.
    pub subject: String,
    /// The tokens' `aud`.
    #[serde(default = "exchange")]
    pub audience: String,
    /// How long it takes until it is known everywhere, in seconds: AADSTS70021 meanwhile.
    #[serde(default)]
    pub propagation_secs: u64,
    /// When it was made.
    #[serde(skip)]
    pub(crate) created: Option<SystemTime>,
}

impl FederatedCredential {
    /// One with the recommended audience, known everywhere at once.
    pub fn new(issuer: &str, subject: &str) -> Self {
        Self {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience: exchange(),
            propagation_secs: 0,
            created: None,
        }
    }

    /// The same that takes a while until it is known.
    pub fn known_after(self, delay: Duration) -> Self {
        Self { propagation_secs: delay.as_secs(), ..self }
    }

    pub(crate) fn is_known(&self, now: SystemTime) -> bool {
        let age = self.created.and_then(|created| now.duration_since(created).ok()).unwrap_or_default();
        age.as_secs() >= self.propagation_secs
    }
}

fn exchange() -> String {
    "api://AzureADTokenExchange".to_owned()
}
