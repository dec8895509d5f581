//! Certificates and private keys as they lie in files: PEM (RFC 7468). Reads no file, and knows of no use of them.

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::{Zeroize as _, Zeroizing};

/// A private key, DER.
pub enum PrivateKey {
    /// `BEGIN PRIVATE KEY` (RFC 5958).
    Pkcs8(Zeroizing<Vec<u8>>),
    /// `BEGIN RSA PRIVATE KEY` (RFC 8017, A.1.2).
    Pkcs1(Zeroizing<Vec<u8>>),
    /// Another kind.
    Other,
}

/// The first certificate of a text, DER: the holder's own, where a chain follows.
pub fn certificate(text: &[u8]) -> Option<Vec<u8>> {
    CertificateDer::from_pem_slice(text).ok().map(|der| der.to_vec())
}

/// The first private key of a text. `None`: there is none, or it is encrypted.
pub fn private_key(text: &[u8]) -> Option<PrivateKey> {
    let mut read = PrivateKeyDer::from_pem_slice(text).ok()?;
    let key = match &read {
        PrivateKeyDer::Pkcs8(der) => PrivateKey::Pkcs8(Zeroizing::new(der.secret_pkcs8_der().to_vec())),
        PrivateKeyDer::Pkcs1(der) => PrivateKey::Pkcs1(Zeroizing::new(der.secret_pkcs1_der().to_vec())),
        _ => PrivateKey::Other,
    };
    // the library's copy is not wiped by itself
    read.zeroize();
    Some(key)
}

/// Whether there is a private key that a passphrase opens (PKCS#8's own form, and OpenSSL's older one).
pub fn is_encrypted(text: &[u8]) -> bool {
    let has = |words: &[u8]| text.windows(words.len()).any(|window| window == words);
    has(b"BEGIN ENCRYPTED PRIVATE KEY") || has(b"Proc-Type: 4,ENCRYPTED")
}
