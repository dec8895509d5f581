//! Randomness for tokens and jitter.

use crate::secret::Secret;

/// Fills bytes at random.
pub trait Random: Send + Sync {
    /// Bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

impl dyn Random {
    /// A new local token: 256 bits, 43 characters of URL-safe base64.
    pub fn token(&self) -> Secret {
        use base64::Engine as _;
        let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
        self.fill(bytes.as_mut());
        Secret::new(base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes.as_slice()))
    }

    /// A number in `0.0..1.0`, for jitter.
    pub fn fraction(&self) -> f64 {
        let mut bytes = [0_u8; 4];
        self.fill(&mut bytes);
        f64::from(u32::from_le_bytes(bytes)) / (f64::from(u32::MAX) + 1.0)
    }
}
