//! One-time codes by time: SHA-1, six digits, 30 seconds (RFC 6238; RFC 4226, section 5.3), from seeds that are written in
//! base 32 as authenticator apps take them.

use std::time::SystemTime;

use data_encoding::BASE32_NOPAD;
use ring::hmac;

use super::STEP;
use crate::web_identity::unix_secs;

/// The step that a time lies in.
pub(crate) fn step_of(time: SystemTime) -> u64 {
    unix_secs(time) / STEP.as_secs()
}

/// The code of a step.
pub(crate) fn code(seed: &[u8], step: u64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag[tag.len() - 1] & 0x0f);
    let number = tag[offset..offset + 4].iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

/// As long as AWS makes them for virtual devices: 64 letters in base 32.
pub(crate) fn random_seed() -> [u8; 40] {
    let mut seed = [0; 40];
    getrandom::fill(&mut seed).expect("the system has randomness");
    seed
}

pub(crate) fn write_seed(seed: &[u8]) -> String {
    BASE32_NOPAD.encode(seed)
}

/// Small letters, blanks, hyphens and padding are what people copy along.
pub(crate) fn read_seed(text: &str) -> Option<Vec<u8>> {
    let letters: String = text.chars().filter(|letter| !matches!(letter, ' ' | '-' | '=')).collect();
    BASE32_NOPAD.decode(letters.to_ascii_uppercase().as_bytes()).ok().filter(|seed| !seed.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B: the last six digits of its eight.
    #[test]
    fn codes_are_those_of_the_standard() {
        let seed = read_seed("gezd gnbv gy3t qojq GEZD-GNBV-GY3T-QOJQ").unwrap();
        assert_eq!(seed, b"12345678901234567890");
        for (secs, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(&seed, secs / 30), expected, "{secs}");
        }
    }

    #[test]
    fn seeds_are_written_as_they_are_read() {
        let seed = random_seed();
        assert_eq!(write_seed(&seed).len(), 64);
        assert_eq!(read_seed(&write_seed(&seed)).unwrap(), seed);
        for broken in ["", "=", "a1", "GEZDGNBV0"] {
            assert!(read_seed(broken).is_none(), "{broken:?}");
        }
    }
}
