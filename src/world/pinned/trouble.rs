//! [`Trouble`]: why two ends did not meet, by what the caller tells a person to do about it.

use std::io;

use rustls::{AlertDescription, CertificateError, Error as TlsError};
use thiserror::Error;

use super::verify::Unknown;
use crate::secret::Digest;

/// Why two ends did not meet. The texts hold fingerprints and the libraries' words, no key and no byte that was sent.
#[derive(Debug, Error)]
pub enum Trouble {
    /// The other end refused our certificate: it does not know it, or no longer. A new invitation mends it.
    #[error("the other end does not know our certificate, or no longer")]
    Unwelcome,
    /// We refused the certificate of this fingerprint, which the other end showed. Who expected to be known there wants a
    /// new invitation; a relay may have come to another machine's daemon.
    #[error("the other end shows a certificate that is not known here, of fingerprint {}", .0.to_hex())]
    Stranger(Digest),
    /// The other end shows no certificate at all, or one without having its key: it is not what it says it is.
    #[error("the other end has not proved who it is: it shows no certificate, or one whose key it has not")]
    Unproven,
    /// Something else listens there, or asks here: a web server, or a client that was given the wrong address.
    #[error("the other end speaks no TLS")]
    NoTls,
    /// It speaks TLS, but not as a relay and its daemon do: something else, or another version of ours.
    #[error("the other end speaks TLS, but not as a relay and its daemon do: {0}")]
    Foreign(String),
    /// The other end was silent, or too slow.
    #[error("the other end did not finish its part of the handshake in time")]
    Late,
    /// The connection broke: the other end is not there, or something on the way to it is not. Another attempt may help.
    #[error("the connection broke: {0}")]
    Network(#[source] io::Error),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(tls) => Self::from(tls),
            None => Self::Network(error),
        }
    }
}

impl From<&TlsError> for Trouble {
    fn from(error: &TlsError) -> Self {
        match error {
            TlsError::InvalidCertificate(CertificateError::Other(other)) => match other.0.downcast_ref() {
                Some(Unknown(fingerprint)) => Self::Stranger(*fingerprint),
                None => Self::Unproven,
            },
            TlsError::InvalidCertificate(_) | TlsError::NoCertificatesPresented => Self::Unproven,
            TlsError::AlertReceived(alert) if is_about_our_certificate(*alert) => Self::Unwelcome,
            TlsError::InvalidMessage(_) => Self::NoTls,
            other => Self::Foreign(other.to_string()),
        }
    }
}

/// Whether an alert means the certificate that we showed, or its signature (RFC 8446, 6.2).
fn is_about_our_certificate(alert: AlertDescription) -> bool {
    matches!(
        alert,
        AlertDescription::BadCertificate
            | AlertDescription::UnsupportedCertificate
            | AlertDescription::CertificateRevoked
            | AlertDescription::CertificateExpired
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnknownCA
            | AlertDescription::AccessDenied
            | AlertDescription::DecryptError
            | AlertDescription::CertificateRequired
    )
}
