//! Randomness for tokens and jitter.

use crate::secret::Secret;

/// Fills bytes at random.
pub trait Random: Send + Sync {
    /// Bytes that nobody can guess.
    fn fill(&self, bytes: &mut [u8]);
}

/// The system's own random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    /// Panics where the system has no random numbers: nothing secret may be made then.
    fn fill(&self, bytes: &mut [u8]) {
        if let Err(error) = getrandom::fill(bytes) {
            panic!("this system gives no random numbers: {error}");
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Random for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    #[test]
    fn tokens_are_43_characters_and_never_the_same() {
        let random: &dyn Random = &SystemRandom;
        let (one, other) = (random.token(), random.token());
        assert_eq!(one.expose().len(), 43);
        assert!(one.expose().bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
        assert!(!one.same_as(other.expose().as_bytes()));
    }

    #[test]
    fn a_fraction_stays_below_one() {
        let most: &dyn Random = &Fixed(0xff);
        assert!(most.fraction() < 1.0 && most.fraction() > 0.999);
        let least: &dyn Random = &Fixed(0);
        assert_eq!(least.fraction(), 0.0);
    }
}
