//! [`Secret`]: text that must not leak. Wiped when dropped, unprintable, compared in constant time.
//!
//! A secret is a `Secret` from the byte it arrives until the byte it leaves. There is no `Display`, no `Serialize`
//! and no `PartialEq`; `Debug` says only that something is there. [`Secret::expose`] is called where a response or a
//! request is written, and nowhere else.

use std::{fmt, io};

use bytes::Bytes;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Text that must not leak: a secret access key, a session token, a local token.
///
/// ```
/// use credenza::secret::Secret;
/// let secret = Secret::new("wJalrXUtnFEMI");
/// assert_eq!(format!("{secret:?}"), "Secret(..)");
/// assert!(secret.same_as(b"wJalrXUtnFEMI"));
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over; the caller's own copy is moved, not left behind.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text that `write` writes, which must be the same each time: it is called once to measure and once to write, so
    /// that the text never moves. A buffer that grew would leave copies behind, unwiped.
    ///
    /// # Errors
    ///
    /// What `write` fails with; and text that is not UTF-8.
    pub fn written(write: impl Fn(&mut dyn io::Write) -> io::Result<()>) -> io::Result<Self> {
        let mut length = Length(0);
        write(&mut length)?;
        let mut text = Zeroizing::new(Vec::with_capacity(length.0));
        write(&mut *text)?;
        match String::from_utf8(std::mem::take(&mut *text)) {
            Ok(text) => Ok(Self::new(text)),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                Err(io::ErrorKind::InvalidData.into())
            }
        }
    }

    /// The text as the body of an answer, wiped when the last who holds it lets go.
    pub fn into_bytes(mut self) -> Bytes {
        wiped(Zeroizing::new(std::mem::take(&mut *self.0).into_bytes()))
    }

    /// The text itself: for a response or a request that is being written, and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether `other` is the same text, in time that depends on the lengths alone.
    pub fn same_as(&self, other: &[u8]) -> bool {
        if self.0.len() != other.len() {
            return false;
        }
        // Eight bytes at a time: `subtle` puts a barrier around every element, and this is done for every request.
        let (mine, theirs) = (self.0.as_bytes().chunks_exact(8), other.chunks_exact(8));
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_ne_bytes);
        let rest = mine.remainder().ct_eq(theirs.remainder());
        mine.zip(theirs).fold(rest, |same, (mine, theirs)| same & word(mine).ct_eq(&word(theirs))).into()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The SHA-256 of the text: what may be kept at rest to recognise a token later.
    pub fn digest(&self) -> Digest {
        Digest::of(self.0.as_bytes())
    }
}

/// Bytes whose memory is wiped when the last who holds them lets go. What hyper and the kernel copy is theirs.
pub fn wiped(bytes: Zeroizing<Vec<u8>>) -> Bytes {
    struct Wiped(Zeroizing<Vec<u8>>);
    impl AsRef<[u8]> for Wiped {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    Bytes::from_owner(Wiped(bytes))
}

/// Keeps nothing but how much was written.
struct Length(usize);

impl io::Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl<'de> serde::Deserialize<'de> for Secret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// A SHA-256 digest, 32 bytes. Equality may take a time that depends on the bytes: who can choose a digest's bytes
/// knows its preimage already.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut out = [0; 32];
        out.copy_from_slice(ring::digest::digest(&ring::digest::SHA256, bytes).as_ref());
        Self(out)
    }

    /// The digest as 64 lower-case hexadecimal digits.
    pub fn to_hex(self) -> String {
        use std::fmt::Write as _;
        self.0.iter().fold(String::with_capacity(64), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    }

    /// Reads what [`Digest::to_hex`] wrote; `None` for anything else.
    pub fn from_hex(text: &str) -> Option<Self> {
        if text.len() != 64 {
            return None;
        }
        let digit = |letter: u8| match letter {
            b'0'..=b'9' => Some(letter - b'0'),
            b'a'..=b'f' => Some(letter - b'a' + 10),
            _ => None,
        };
        let mut out = [0; 32];
        for (byte, pair) in out.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
            *byte = digit(pair[0])? << 4 | digit(pair[1])?;
        }
        Some(Self(out))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({}..)", &self.to_hex()[..8])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_nothing_of_itself() {
        let secret = Secret::new("hunter2hunter2");
        assert!(!format!("{secret:?} {:?}", Some(&secret)).contains("hunter"));
    }

    #[test]
    fn what_is_written_never_moves() {
        let pieces = ["{\"a\":", "\"", "hunter2", "\"}"];
        let written = Secret::written(|out| pieces.iter().try_for_each(|piece| out.write_all(piece.as_bytes())));
        let written = written.unwrap();
        assert_eq!(written.expose(), r#"{"a":"hunter2"}"#);
        assert_eq!(written.0.capacity(), written.0.len(), "room for all of it, and no more");
        let at = written.expose().as_ptr();
        assert_eq!(written.into_bytes().as_ptr(), at);
        assert!(Secret::written(|out| out.write_all(&[0xff])).is_err());
    }

    #[test]
    fn comparison_wants_every_byte_and_the_length() {
        let secret = Secret::new("abcdef");
        assert!(secret.same_as(b"abcdef"));
        for other in ["", "abcde", "abcdefg", "ABCDEF", "abcdeg"] {
            assert!(!secret.same_as(other.as_bytes()), "{other}");
        }
        let long = "0123456789abcdef0123456789abcdef0123456789a";
        let secret = Secret::new(long);
        assert!(secret.same_as(long.as_bytes()));
        for at in 0..long.len() {
            let mut other = long.as_bytes().to_vec();
            other[at] ^= 1;
            assert!(!secret.same_as(&other), "byte {at}");
        }
    }

    #[test]
    fn a_digest_survives_hex() {
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(Digest::from_hex(&digest.to_hex()), Some(digest));
        for (number, other) in ["BA", "+a", "0x", "é"].into_iter().enumerate() {
            assert_eq!(Digest::from_hex(&format!("{other}{}", &digest.to_hex()[2..])), None, "{number}");
        }
        assert_eq!(Digest::from_hex("xyz"), None);
    }
}
