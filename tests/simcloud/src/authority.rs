//! A certificate authority for tests: it signs servers for loopback addresses and for any name, and is trusted by nobody who
//! was not given its certificate.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// An authority with a fresh key.
pub struct TestAuthority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A server's certificate and its key, for servers that are not ours.
pub struct ServerCertificate {
    /// The certificate in PEM.
    pub certificate_pem: String,
    /// Its private key in PEM (PKCS #8).
    pub key_pem: String,
}

impl TestAuthority {
    /// A new authority.
    pub fn new() -> Result<Self, rcgen::Error> {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        // OpenSSL 3 as Python 3.13 sets it up refuses authorities that do not say what their key is for.
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        parameters.distinguished_name.push(DnType::CommonName, "simcloud test authority");
        Ok(Self { issuer: CertifiedIssuer::self_signed(parameters, KeyPair::generate()?)? })
    }

    /// The authority's certificate in PEM: what `AWS_CA_BUNDLE` and `SSL_CERT_FILE` point at.
    pub fn ca_pem(&self) -> String {
        self.issuer.pem()
    }

    /// TLS for a server of these names (`["127.0.0.1", "localhost"]`), by HTTP/1.1.
    pub fn server(&self, names: &[&str]) -> Result<Arc<ServerConfig>, Box<dyn std::error::Error + Send + Sync>> {
        let key = KeyPair::generate()?;
        let certificate = server_parameters(names)?.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }

    /// The same as files would hold it.
    pub fn certificate(&self, names: &[&str]) -> Result<ServerCertificate, rcgen::Error> {
        let key = KeyPair::generate()?;
        let certificate = server_parameters(names)?.signed_by(&key, &self.issuer)?;
        Ok(ServerCertificate { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

fn server_parameters(names: &[&str]) -> Result<CertificateParams, rcgen::Error> {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut parameters = CertificateParams::new(names)?;
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.distinguished_name.push(DnType::CommonName, "simcloud");
    Ok(parameters)
}
