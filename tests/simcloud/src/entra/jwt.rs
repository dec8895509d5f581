//! Signed tokens as text, read without a judgement. (RFC 7515, section 3.1)

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

/// The parts of a token.
pub(super) struct Jwt<'a> {
    /// What was signed.
    pub(super) message: &'a str,
    pub(super) header: Value,
    pub(super) claims: Value,
    pub(super) signature: Vec<u8>,
}

impl<'a> Jwt<'a> {
    /// Takes a token apart; nothing when it is none.
    pub(super) fn read(token: &'a str) -> Option<Self> {
        let (message, signature) = token.rsplit_once('.')?;
        let (header, claims) = message.split_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        Some(Self { message, header: object(header)?, claims: object(claims)?, signature })
    }

    /// A text of the header; empty when absent.
    pub(super) fn header(&self, name: &str) -> &str {
        self.header[name].as_str().unwrap_or_default()
    }

    /// A claim that is text; empty when absent.
    pub(super) fn claim(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap_or_default()
    }

    /// A claim that is a time, in whole seconds since 1970. It may have a fraction (RFC 7519, section 2, `NumericDate`), as the
    /// assertions of MSAL for Python have it.
    pub(super) fn time(&self, name: &str) -> Option<u64> {
        let number = self.claims[name].as_number()?;
        let whole = number.to_string().split('.').next().and_then(|whole| whole.parse().ok());
        number.as_u64().or(whole)
    }
}

fn object(part: &str) -> Option<Value> {
    let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()?;
    value.is_object().then_some(value)
}
