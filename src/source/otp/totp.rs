//! A code of our own making (RFC 6238), from a seed in the system's keyring: what a device shows that was given the same seed.
//!
//! RFC 4226 and RFC 6238 are twenty lines over `ring`'s HMAC, which is in the program anyway, and so is the base32 of RFC 4648.
//! The crate totp-rs would bring `hmac`, `sha1` and `sha2` beside it, a second implementation of each, and for the
//! address `otpauth://` the crate `url` with the Unicode tables of ICU.

use std::time::{Duration, SystemTime};

use percent_encoding::percent_decode_str;
use ring::hmac;
use zeroize::Zeroizing;

use super::trouble::{Trouble, again};
use super::{Asked, checked};
use crate::credential::{Failure, FailureClass};
use crate::secret::Secret;
use crate::world::World;
use crate::world::keyring::KeyringError;

/// The code of AWS's time now, of the seed that is kept under `totp/NAME`.
pub(super) async fn code(asked: &Asked<'_>, name: &str, world: &World) -> Result<Secret, Failure> {
    let add = || {
        let name = shlex::try_quote(name).map_or_else(|_| name.to_owned(), Into::into);
        format!("`credenza keys add --totp {name}` puts one there")
    };
    let kept = world.keyring.read(&format!("totp/{name}")).await.map_err(|error| {
        let code = match &error {
            KeyringError::Missing(_) => "KeyringMissing",
            KeyringError::Failed(_) => "KeyringFailed",
        };
        let text = format!("no one-time code of {} for {}: {error}", asked.device(), asked.identity);
        Failure::new(FailureClass::NeedsPerson, code, format!("{text}; mend that, then {}", again(asked)))
    })?;
    let Some(kept) = kept else {
        let why = format!("the keyring has no seed of the name {name}; {}", add());
        return Err(Trouble::ItemUnknown.failure(asked, &why));
    };
    let now = asked.offset.server_time(world.clock.now().wall);
    let code = Seed::read(&kept).and_then(|seed| seed.code(now));
    code.map_err(|why| Trouble::Refused.failure(asked, &format!("the seed {name} in the keyring {why}; {}", add())))
}

/// Whether a seed can give codes; the error is the end of a sentence.
pub(super) fn check(seed: &Secret) -> Result<(), &'static str> {
    Seed::read(seed).map(|_| ())
}

/// What codes are made of.
struct Seed {
    key: hmac::Key,
    period: Duration,
}

impl Seed {
    /// Reads a seed as AWS shows it, in base32, or an address such as `otpauth://totp/aws:ada?secret=JBSWY3DPEHPK3PXP`
    /// (google-authenticator wiki, "Key Uri Format"). The error is the end of a sentence.
    fn read(kept: &Secret) -> Result<Self, &'static str> {
        let text = kept.expose().trim_ascii();
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::new(text, "SHA1", "30");
        };
        let (kind, parameters) = rest.split_once('/').ok_or("is no otpauth://totp/ address")?;
        if !scheme.eq_ignore_ascii_case("otpauth") || !kind.eq_ignore_ascii_case("totp") {
            return Err("is no otpauth://totp/ address");
        }
        let parameters = parameters.split_once('?').map_or("", |(_, parameters)| parameters);
        let parameter = |name: &str| {
            let mut all = parameters.split('&').filter_map(|parameter| parameter.split_once('='));
            let value = all.find(|(this, _)| this.eq_ignore_ascii_case(name))?.1;
            Some(Zeroizing::new(percent_decode_str(value).decode_utf8().ok()?.into_owned()))
        };
        if parameter("digits").is_some_and(|digits| *digits != "6") {
            return Err("is of codes that have not six digits, which AWS does not take");
        }
        let secret = parameter("secret").ok_or("is an address without a secret")?;
        let algorithm = parameter("algorithm").map_or_else(|| "SHA1".to_owned(), |name| name.to_ascii_uppercase());
        let period = parameter("period").map_or_else(|| "30".to_owned(), |period| period.to_string());
        Self::new(&secret, &algorithm, &period)
    }

    fn new(base32: &str, algorithm: &str, period: &str) -> Result<Self, &'static str> {
        let algorithm = match algorithm {
            "SHA1" => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            "SHA256" => hmac::HMAC_SHA256,
            "SHA512" => hmac::HMAC_SHA512,
            _ => return Err("is of an algorithm other than SHA1, SHA256 and SHA512"),
        };
        let period: u64 = period.parse().map_err(|_| "has a period that is no number of seconds")?;
        if !(1..=LONGEST_PERIOD).contains(&period) {
            return Err("has a period that is not from 1 s to an hour");
        }
        let seed = decoded(base32).ok_or("is not written in base32 (letters and the digits 2 to 7)")?;
        Ok(Self { key: hmac::Key::new(algorithm, &seed), period: Duration::from_secs(period) })
    }

    /// The code at a time (RFC 6238 section 4.2, with the truncation of RFC 4226 section 5.3).
    fn code(&self, now: SystemTime) -> Result<Secret, &'static str> {
        let since = now.duration_since(SystemTime::UNIX_EPOCH).map_err(|_| "has no code before 1970: set the clock")?;
        let step = since.as_secs() / self.period.as_secs();
        let tag = hmac::sign(&self.key, &step.to_be_bytes());
        let at = usize::from(tag.as_ref().last().copied().unwrap_or_default() & 0xf);
        let word = tag.as_ref().get(at..at + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes);
        let code = Zeroizing::new(format!("{:06}", (word & 0x7fff_ffff) % 1_000_000));
        checked(&code).map_err(|_| "gives no code")
    }
}

const LONGEST_PERIOD: u64 = 3600;

/// What base32 stands for (RFC 4648 section 6): letters of either case, in groups or not, padded or not. `None` for anything
/// else, and for nothing.
fn decoded(base32: &str) -> Option<Zeroizing<Vec<u8>>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(base32.len() * 5 / 8));
    let (mut bits, mut held) = (0_u32, 0);
    for letter in base32.trim_end_matches('=').bytes().filter(|letter| !b" -".contains(letter)) {
        let value = match letter.to_ascii_uppercase() {
            letter @ b'A'..=b'Z' => letter - b'A',
            letter @ b'2'..=b'7' => letter - b'2' + 26,
            _ => return None,
        };
        bits = bits << 5 | u32::from(value);
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn code(seed: &str, secs: u64) -> Result<String, &'static str> {
        Seed::read(&Secret::new(seed)).and_then(|seed| seed.code(at(secs))).map(|code| code.expose().to_owned())
    }

    /// "12345678901234567890" and its longer kin.
    const SHA1: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const SHA256: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZA====";
    const SHA512: &str =
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQGEZDGNA=";

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238 appendix B, the last six of its eight digits
        for (secs, sha1, sha256, sha512) in [
            (59, "287082", "119246", "693936"),
            (1_111_111_109, "081804", "084774", "091201"),
            (1_111_111_111, "050471", "062674", "943326"),
            (1_234_567_890, "005924", "819424", "441116"),
            (2_000_000_000, "279037", "698825", "618901"),
            (20_000_000_000, "353130", "737706", "863826"),
        ] {
            assert_eq!(code(SHA1, secs).unwrap(), sha1);
            for (algorithm, seed, expected) in
                [("SHA1", SHA1, sha1), ("SHA256", SHA256, sha256), ("sha512", SHA512, sha512)]
            {
                let address = format!(
                    "otpauth://totp/AWS:ada%40x?secret={}&algorithm={algorithm}&digits=6&period=30",
                    seed.replace('=', "%3D")
                );
                assert_eq!(code(&address, secs).unwrap(), expected, "{algorithm} {secs}");
            }
        }
    }

    #[test]
    fn seeds_are_read_as_people_write_them() {
        for seed in [
            "gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
            " GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ \n",
            "GEZDGNBV-GY3TQOJQ-GEZDGNBV-GY3TQOJQ",
            "OTPAUTH://TOTP/x?issuer=AWS&Secret=gezdgnbvgy3tqojqgezdgnbvgy3tqojq",
        ] {
            assert_eq!(code(seed, 59).unwrap(), "287082", "{seed}");
        }
        let minute = format!("otpauth://totp/x?secret={SHA1}&period=60");
        assert_eq!(code(&minute, 119).unwrap(), "287082", "the second step");
    }

    #[test]
    fn seeds_that_aws_would_not_take_or_nobody_can_read_are_refused() {
        for (seed, why) in [
            ("", "base32"),
            ("A", "base32"),
            ("GEZDGNB1", "base32"),
            ("GEZDGNBVé", "base32"),
            ("https://example.com/x", "otpauth"),
            ("otpauth://hotp/x?secret=GEZDGNBV&counter=1", "otpauth"),
            ("otpauth://totp", "otpauth"),
            ("otpauth://totp/x?issuer=AWS", "without a secret"),
            ("otpauth://totp/x?secret=GEZDGNBV&digits=8", "six digits"),
            ("otpauth://totp/x?secret=GEZDGNBV&algorithm=MD5", "algorithm"),
            ("otpauth://totp/x?secret=GEZDGNBV&period=0", "period"),
            ("otpauth://totp/x?secret=GEZDGNBV&period=soon", "period"),
        ] {
            let error = code(seed, 59).unwrap_err();
            assert!(error.contains(why), "{seed}: {error}");
        }
    }
}
