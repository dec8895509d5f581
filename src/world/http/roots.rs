//! Which authorities are trusted: the system's own, read as the system reads them, those that the user adds, and Mozilla's
//! list, compiled in, where the system has none (an image made `FROM scratch`).
//!
//! `AWS_CA_BUNDLE`, `SSL_CERT_FILE` and `SSL_CERT_DIR` add to the system's roots. In botocore and OpenSSL they replace
//! them; there, a bundle that holds only a company's proxy breaks every other connection.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::world::files::{Files as _, SystemFiles};
use crate::world::{Environment, places};

/// Why TLS cannot be set up: a file that the user named is no bundle.
#[derive(Clone, Debug)]
pub(super) struct Unready(String);

impl fmt::Display for Unready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unready {}

/// What a user added: where each came from, for messages, and the file or folder.
pub(super) struct Added {
    files: Vec<(&'static str, PathBuf)>,
    folders: Vec<PathBuf>,
}

impl Added {
    /// What the environment names, and one bundle more.
    pub(super) fn from(environment: &Environment, bundle: Option<&Path>) -> Self {
        let named = |name| environment.raw(name).filter(|value| !value.is_empty());
        let file = |name| Some((name, places::expanded(Path::new(named(name)?), environment)));
        let bundle = bundle.map(|path| ("ca_bundle", path.to_owned()));
        let folders = named("SSL_CERT_DIR").map(|folders| std::env::split_paths(folders).collect());
        Self {
            files: [file("AWS_CA_BUNDLE"), file("SSL_CERT_FILE"), bundle].into_iter().flatten().collect(),
            folders: folders.unwrap_or_default(),
        }
    }

    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Unready> {
        let mut all = Vec::new();
        for (name, path) in &self.files {
            let wrong = |reason: String| Unready(format!("{name} names {}: {reason}", path.display()));
            let pem = SystemFiles.read(path).map_err(|error| wrong(error.to_string()))?;
            let before = all.len();
            for certificate in CertificateDer::pem_slice_iter(&pem) {
                all.push(certificate.map_err(|error| wrong(format!("it is no PEM file ({error})")))?);
            }
            if all.len() == before {
                return Err(wrong("it holds no certificate".to_owned()));
            }
        }
        for folder in &self.folders {
            // as OpenSSL does: what is no certificate in such a folder is passed over
            all.extend(rustls_native_certs::load_certs_from_paths(None, Some(folder)).certs);
        }
        Ok(all)
    }
}

/// A TLS set-up that trusts the system's authorities and `added`. Reads files: to be called on a blocking thread.
pub(super) fn tls(added: &Added) -> Result<rustls::ClientConfig, Unready> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let failed = |error: rustls::Error| Unready(format!("TLS cannot be set up: {error}"));
    let verifier = verifier(added.certificates()?, provider.clone())?;
    let builder = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let builder = builder.map_err(failed)?.dangerous().with_custom_certificate_verifier(verifier);
    let mut config = builder.with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

type Verifier = Arc<dyn rustls::client::danger::ServerCertVerifier>;

/// macOS judges by itself, keychains and administrators' rules included.
#[cfg(target_vendor = "apple")]
fn verifier(added: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Verifier, Unready> {
    rustls_platform_verifier::Verifier::new_with_extra_roots(added, provider)
        .map(|verifier| Arc::new(verifier) as Verifier)
        .map_err(|error| Unready(format!("TLS cannot be set up: {error}")))
}

/// Elsewhere the system is a bundle of files. `rustls_platform_verifier` would read the same files here, but lets
/// `SSL_CERT_FILE` stand in for them, and takes that from the process's own environment.
#[cfg(not(target_vendor = "apple"))]
fn verifier(added: Vec<CertificateDer<'static>>, provider: Arc<CryptoProvider>) -> Result<Verifier, Unready> {
    let roots = store(system_certificates(), added);
    rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map(|verifier| verifier as Verifier)
        .map_err(|error| Unready(format!("TLS cannot be set up: {error}")))
}

/// The system's authorities, Mozilla's where it has none, and those that were added to them.
#[cfg(not(target_vendor = "apple"))]
fn store(system: Vec<CertificateDer<'static>>, added: Vec<CertificateDer<'static>>) -> rustls::RootCertStore {
    let mut roots = rustls::RootCertStore::empty();
    // a bundle that somebody else keeps may hold what rustls does not understand; the rest still counts
    roots.add_parsable_certificates(system);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots.add_parsable_certificates(added);
    roots
}

/// The bundle where the system keeps one, else its folders of certificates.
#[cfg(not(target_vendor = "apple"))]
fn system_certificates() -> Vec<CertificateDer<'static>> {
    let bundle = BUNDLES.iter().map(Path::new).find(|path| path.exists());
    if let Some(bundle) = bundle {
        let found = rustls_native_certs::load_certs_from_paths(Some(bundle), None).certs;
        if !found.is_empty() {
            return found;
        }
    }
    let folders = FOLDERS.iter().map(Path::new).filter(|path| path.exists());
    folders.flat_map(|folder| rustls_native_certs::load_certs_from_paths(None, Some(folder)).certs).collect()
}

/// Where Linux systems keep their bundle (Go's crypto/x509, `root_linux.go`).
#[cfg(not(target_vendor = "apple"))]
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Gentoo, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",                  // Fedora, RHEL 6
    "/etc/ssl/ca-bundle.pem",                            // openSUSE
    "/etc/pki/tls/cacert.pem",                           // OpenELEC
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // CentOS, RHEL 7
    "/etc/ssl/cert.pem",                                 // Alpine
];

#[cfg(not(target_vendor = "apple"))]
const FOLDERS: &[&str] = &["/etc/ssl/certs", "/etc/pki/tls/certs"];

#[cfg(test)]
mod tests {
    use super::*;

    fn added(environment: &[(&str, &Path)], bundle: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, Unready> {
        let environment = environment.iter().map(|(name, path)| (*name, path.as_os_str())).collect();
        Added::from(&environment, bundle).certificates()
    }

    #[test]
    fn every_bundle_that_was_named_counts() {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..4)
            .map(|number| {
                let authority = rcgen::generate_simple_self_signed([format!("ca{number}")]).unwrap();
                let path = folder.path().join(format!("{number}.pem"));
                std::fs::write(&path, authority.cert.pem()).unwrap();
                path
            })
            .collect();
        let inside = folder.path().join("folder");
        std::fs::create_dir(&inside).unwrap();
        std::fs::rename(&paths[3], inside.join("authority.pem")).unwrap();
        std::fs::write(inside.join("README"), "not a certificate").unwrap();

        let environment: [(&str, &Path); 3] =
            [("AWS_CA_BUNDLE", &paths[0]), ("SSL_CERT_FILE", &paths[1]), ("SSL_CERT_DIR", &inside)];
        assert_eq!(added(&environment, Some(&paths[2])).unwrap().len(), 4);
        assert_eq!(added(&[], None).unwrap().len(), 0);
        let below_home = [("HOME", folder.path()), ("AWS_CA_BUNDLE", Path::new("~/0.pem"))];
        assert_eq!(added(&below_home, None).unwrap().len(), 1);
        assert_eq!(added(&[("AWS_CA_BUNDLE", Path::new(""))], None).unwrap().len(), 0, "empty is unset");
    }

    #[test]
    fn a_bundle_that_is_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (empty, none) = (folder.path().join("empty"), folder.path().join("none"));
        std::fs::write(&empty, "no certificate here").unwrap();
        let torn = folder.path().join("torn");
        std::fs::write(&torn, "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n").unwrap();
        let pipe = folder.path().join("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RUSR).unwrap();
        for (path, reason) in [
            (&pipe, "no regular file"),
            (&empty, "holds no certificate"),
            (&none, "No such file"),
            (&torn, "no PEM file"),
        ] {
            let error = added(&[("AWS_CA_BUNDLE", path)], None).unwrap_err().to_string();
            assert!(error.starts_with(&format!("AWS_CA_BUNDLE names {}: ", path.display())), "{error}");
            assert!(error.contains(reason), "{error}");
        }
    }

    #[cfg(not(target_vendor = "apple"))]
    #[test]
    fn what_is_added_is_added_to_the_systems_or_to_mozillas() {
        let authority = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap().cert.der().clone();
        let (one, other, garbage) = (authority("one"), authority("other"), CertificateDer::from(vec![1, 2, 3]));
        let mozilla = webpki_roots::TLS_SERVER_ROOTS.len();
        assert!(mozilla > 100);
        let store = |system: &[&CertificateDer<'static>], added: &[&CertificateDer<'static>]| {
            let owned = |list: &[&CertificateDer<'static>]| list.iter().map(|one| (*one).clone()).collect();
            super::store(owned(system), owned(added)).len()
        };
        assert_eq!(store(&[&one], &[&other]), 2);
        assert_eq!(store(&[&one, &garbage], &[&garbage]), 1);
        assert_eq!(store(&[], &[&other]), mozilla + 1);
        assert_eq!(store(&[&garbage], &[]), mozilla);
    }

    #[test]
    fn a_tls_set_up_exists_whatever_the_system_has() {
        assert!(tls(&Added::from(&Environment::default(), None)).is_ok());
    }
}
