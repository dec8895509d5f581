//! Proof that who redeems a code is who asked for it (RFC 7636): a verifier that stays here, and its challenge, which may be
//! seen. Pure.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::secret::{Digest, Secret};
use crate::world::Random;

/// A verifier and its challenge.
pub(in crate::source) struct Pkce {
    /// 64 characters of the unreserved set: 384 bits.
    pub(in crate::source) verifier: Secret,
    /// Its SHA-256 in URL-safe base64 without padding, 43 characters (method `S256`).
    pub(in crate::source) challenge: String,
}

impl Pkce {
    pub(in crate::source) fn new(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0_u8; 48]);
        random.fill(bytes.as_mut());
        Self::of(Secret::new(URL_SAFE_NO_PAD.encode(bytes.as_slice())))
    }

    fn of(verifier: Secret) -> Self {
        let Digest(digest) = verifier.digest();
        Self { challenge: URL_SAFE_NO_PAD.encode(digest), verifier }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::random::SystemRandom;

    #[test]
    fn the_challenge_is_that_of_the_standard() {
        // RFC 7636, appendix B
        let pkce = Pkce::of(Secret::new("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert_eq!(pkce.challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_verifier_is_64_unreserved_characters_and_new_each_time() {
        let (one, other) = (Pkce::new(&SystemRandom), Pkce::new(&SystemRandom));
        let verifier = one.verifier.expose();
        assert_eq!(verifier.len(), 64);
        assert!(verifier.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
        assert!(!one.verifier.same_as(other.verifier.expose().as_bytes()));
    }
}
