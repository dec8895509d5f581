//! [`Keypair`]: a certificate that nobody else signed, and its key, as one text that a file or an invitation holds.

use std::fmt;
use std::sync::Arc;

use rcgen::{CertificateParams, DistinguishedName, DnType};
use rustls::crypto::ring::sign::any_ecdsa_type;
use rustls::pki_types::pem::{PemObject as _, SectionKind};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use zeroize::Zeroizing;

use super::verify::SCHEME;
use crate::secret::{Digest, Secret};

/// A certificate and its private key, of the curve P-256. The other end knows it by the certificate's fingerprint.
///
/// ```
/// use credenza::world::pinned::Keypair;
/// let made = Keypair::generate()?;
/// let read = Keypair::from_pem(made.pem().clone())?;
/// assert_eq!(read.fingerprint(), made.fingerprint());
/// assert_eq!(made.fingerprint().to_hex().len(), 64);
/// # Ok::<(), credenza::world::pinned::KeypairError>(())
/// ```
#[derive(Clone)]
pub struct Keypair {
    certified: Arc<CertifiedKey>,
    pem: Secret,
    fingerprint: Digest,
}

impl Keypair {
    /// A new one, unlike any other. Its certificate names nobody and is good for two thousand years: what ends it is that
    /// the other end forgets its fingerprint.
    ///
    /// # Errors
    ///
    /// [`KeypairError::Unmade`].
    pub fn generate() -> Result<Self, KeypairError> {
        let unmade = |_| KeypairError::Unmade;
        let key = rcgen::KeyPair::generate().map_err(unmade)?;
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "credenza"); // RFC 5280, 4.1.2.4: an issuer has a name
        let certificate = params.self_signed(&key).map_err(unmade)?.pem();
        let key = Zeroizing::new(key.serialize_pem());
        let pem = Secret::written(|out| {
            out.write_all(certificate.as_bytes())?;
            out.write_all(key.as_bytes())
        });
        Self::from_pem(pem.map_err(|_| KeypairError::Unmade)?)
    }

    /// Reads what [`Keypair::pem`] gave: a `CERTIFICATE` and then a `PRIVATE KEY` (PKCS#8), and nothing beside them but
    /// blank lines.
    ///
    /// # Errors
    ///
    /// [`KeypairError::Unfit`] for anything else, such as a key that is not the certificate's.
    pub fn from_pem(pem: Secret) -> Result<Self, KeypairError> {
        if says_more(pem.expose()) {
            return Err(KeypairError::Unfit("there is other text beside the certificate and the key"));
        }
        let sections: Result<Vec<_>, _> = <(SectionKind, Vec<u8>)>::pem_slice_iter(pem.expose().as_bytes())
            .map(|section| section.map(|(kind, der)| (kind, Zeroizing::new(der))))
            .collect();
        let sections = sections.map_err(|_| KeypairError::Unfit("it is not whole PEM"))?;
        let [(SectionKind::Certificate, certificate), (SectionKind::PrivateKey, key)] = sections.as_slice() else {
            return Err(KeypairError::Unfit("it is not one CERTIFICATE and then one PRIVATE KEY"));
        };
        let key = any_ecdsa_type(&PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.as_slice()))).ok();
        let key = key.filter(|key| key.choose_scheme(&[SCHEME]).is_some());
        let key = key.ok_or(KeypairError::Unfit("its private key is not one of the curve P-256"))?;
        let fingerprint = Digest::of(certificate);
        let certified = CertifiedKey::new(vec![CertificateDer::from(certificate.to_vec())], key);
        certified.keys_match().map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => KeypairError::Unfit("its private key is not its certificate's"),
            _ => KeypairError::Unfit("its certificate is none"),
        })?;
        Ok(Self { certified: Arc::new(certified), pem, fingerprint })
    }

    /// Certificate and key as one text, which is all that there is to keep.
    pub fn pem(&self) -> &Secret {
        &self.pem
    }

    /// The SHA-256 of the certificate's DER, by which the other end knows it. It is no secret.
    pub fn fingerprint(&self) -> Digest {
        self.fingerprint
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        self.certified.clone()
    }
}

/// Whether a text holds a line that belongs to neither a certificate nor a key. The parser passes over such lines, and over
/// sections that it has no name for.
fn says_more(text: &str) -> bool {
    let mut within = false;
    text.lines().map(str::trim).any(|line| {
        let begins = matches!(line, "-----BEGIN CERTIFICATE-----" | "-----BEGIN PRIVATE KEY-----");
        let more = !within && !begins && !line.is_empty();
        within = (within || begins) && !line.starts_with("-----END ");
        more
    })
}

impl fmt::Debug for Keypair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keypair").field(&self.fingerprint).finish()
    }
}

/// Why there is no keypair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum KeypairError {
    /// None could be made: the system gives no random bytes.
    #[error("no key could be made: the system gives no random bytes")]
    Unmade,
    /// The text that was to be one is not: it must be made anew, or was not made by us.
    #[error("this is not a certificate with its key as Credenza makes them: {0}")]
    Unfit(&'static str),
}

#[cfg(test)]
mod tests {
    use rcgen::{KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SignatureAlgorithm};

    use super::*;

    #[test]
    fn a_keypair_goes_into_a_text_and_comes_back() {
        let made = Keypair::generate().unwrap();
        let read = Keypair::from_pem(made.pem().clone()).unwrap();
        assert_eq!(read.fingerprint(), made.fingerprint());
        assert_eq!(read.pem().expose(), made.pem().expose());
        // OpenSSL's answer would be the same: the digest is of the DER, not of the text
        let der = crate::world::pem::certificate(made.pem().expose().as_bytes()).unwrap();
        assert_eq!(made.fingerprint(), Digest::of(&der));
        let far = format!("\r\n\r\n{}\n  \n", made.pem().expose().replace('\n', "\r\n"));
        assert_eq!(Keypair::from_pem(Secret::new(far)).unwrap().fingerprint(), made.fingerprint());
        assert_ne!(Keypair::generate().unwrap().fingerprint(), made.fingerprint());
    }

    #[test]
    fn a_text_that_is_not_ours_is_refused_with_the_reason() {
        let (one, other) = (Keypair::generate().unwrap(), Keypair::generate().unwrap());
        let (certificate, key) = halves(one.pem().expose());
        let (_, other_key) = halves(other.pem().expose());
        let (p384_certificate, p384_key) = of_another_kind(&PKCS_ECDSA_P384_SHA384);
        let (ed_certificate, ed_key) = of_another_kind(&PKCS_ED25519);
        let beside = "there is other text beside the certificate and the key";
        let sections = "it is not one CERTIFICATE and then one PRIVATE KEY";
        let kind = "its private key is not one of the curve P-256";
        for (text, why) in [
            (String::new(), sections),
            ("hunter2".to_owned(), beside),
            (format!("Bag Attributes\n    friendlyName: web\n{certificate}{key}"), beside),
            (format!("{certificate}subject=CN = web\n{key}"), beside),
            (format!("{certificate}{key}{{\"name\": \"web\"}}\n"), beside),
            (format!("{certificate}{}", key.replace("PRIVATE", "ENCRYPTED PRIVATE")), beside),
            (format!("{certificate}{}", key.replace("PRIVATE", "EC PRIVATE")), beside),
            (certificate.clone(), sections),
            (key.clone(), sections),
            (format!("{key}{certificate}"), sections),
            (format!("{certificate}{certificate}{key}"), sections),
            (format!("{certificate}{key}{key}"), sections),
            (format!("{certificate}{}", key.replace("-----END PRIVATE KEY-----", "")), "it is not whole PEM"),
            (format!("{certificate}{}", key.replace("MIG", "M*G")), "it is not whole PEM"),
            (format!("{certificate}{other_key}"), "its private key is not its certificate's"),
            (format!("{p384_certificate}{p384_key}"), kind),
            (format!("{ed_certificate}{ed_key}"), kind),
            (format!("{}{key}", certificate.replace("MII", "MIJ")), "its certificate is none"),
        ] {
            let refused = Keypair::from_pem(Secret::new(text.clone()));
            assert_eq!(refused.unwrap_err(), KeypairError::Unfit(why), "{text}");
        }
        let text = KeypairError::Unfit(beside).to_string();
        assert!(text.starts_with("this is not a certificate with its key as Credenza makes them: there is"), "{text}");
    }

    #[test]
    fn a_keypair_prints_its_fingerprint_and_no_key() {
        let pair = Keypair::generate().unwrap();
        let printed = format!("{pair:?} {:?}", Some(&pair));
        assert!(printed.contains(&pair.fingerprint().to_hex()[..8]), "{printed}");
        let (_, key) = halves(pair.pem().expose());
        assert!(printed.len() < 80 && !printed.contains("PRIVATE"), "{printed}");
        assert!(!key.lines().any(|line| printed.contains(line)), "{printed}");
    }

    /// The certificate of a text, and its key.
    fn halves(text: &str) -> (String, String) {
        let at = text.find("-----BEGIN PRIVATE").unwrap();
        (text[..at].to_owned(), text[at..].to_owned())
    }

    fn of_another_kind(kind: &'static SignatureAlgorithm) -> (String, String) {
        let key = KeyPair::generate_for(kind).unwrap();
        let certificate = CertificateParams::default().self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }
}
