//! The form of user sessions at rest: one line that says how they are sealed, a nonce, and what only the key opens.
//!
//! ```text
//! credenza-sessions 1 keyring
//! credenza-sessions 1 passphrase 17 000102030405060708090a0b0c0d0e0f
//! ```
//!
//! The line with its newline is the associated data: whoever changes a byte of it opens nothing either. With a passphrase it
//! holds what makes the key of it (RFC 7914, scrypt): log2(N), and the salt; r is 8 and p is 1. Then come 12 bytes of nonce,
//! fresh at each writing, and ChaCha20-Poly1305 (RFC 8439). Nothing here reads or writes a file.

use std::fmt;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use zeroize::Zeroizing;

use crate::secret::Secret;
use crate::world::Random;

/// How a file is sealed: its first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Seal {
    /// Under the key that lies in the keyring.
    Keyring,
    /// Under a key that is made of a passphrase.
    Passphrase(Making),
}

/// What a key is made with, beside the passphrase.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Making {
    log_n: u8,
    salt: [u8; 16],
}

impl Making {
    /// One of its own, for a new file. `log_n`: what it costs, 10 to 20.
    pub(super) fn new(log_n: u8, random: &dyn Random) -> Self {
        let mut salt = [0; 16];
        random.fill(&mut salt);
        Self { log_n, salt }
    }

    /// The key: this takes a good part of a second, and 128 MiB for as long ([`LOG_N`]).
    pub(super) fn key(&self, passphrase: &Secret) -> Option<Key> {
        let cost = scrypt::Params::new(self.log_n, 8, 1).ok()?;
        let mut bytes = Zeroizing::new([0; Key::LENGTH]);
        scrypt::scrypt(passphrase.expose().as_bytes(), &self.salt, &cost, bytes.as_mut()).ok()?;
        Some(Key(bytes))
    }
}

/// What a key of a passphrase costs: N = 2^17 (OWASP, "Password Storage Cheat Sheet", scrypt).
pub(super) const LOG_N: u8 = 17;

/// 256 bits.
#[derive(Clone)]
pub(super) struct Key(Zeroizing<[u8; Key::LENGTH]>);

impl Key {
    const LENGTH: usize = 32;

    /// A new one, at random.
    pub(super) fn new(random: &dyn Random) -> Self {
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        random.fill(bytes.as_mut());
        Self(bytes)
    }

    /// As the keyring keeps it: 64 hexadecimal digits.
    pub(super) fn to_text(&self) -> Option<Secret> {
        Secret::written(|out| self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))).ok()
    }

    /// Reads what [`Key::to_text`] wrote.
    pub(super) fn from_text(text: &Secret) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; Self::LENGTH]);
        unhex(text.expose(), bytes.as_mut())?;
        Some(Self(bytes))
    }

    fn cipher(&self) -> Option<LessSafeKey> {
        Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, self.0.as_slice()).ok()?))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Seals a text; the whole file.
pub(super) fn seal(seal: &Seal, key: &Key, text: &Secret, random: &dyn Random) -> Option<Vec<u8>> {
    let line = seal.line();
    let mut nonce = [0; NONCE_LEN];
    random.fill(&mut nonce);
    let plain = text.expose().as_bytes();
    // room for the tag: a buffer that grew would leave the text behind
    let mut sealed = Zeroizing::new(Vec::with_capacity(plain.len() + CHACHA20_POLY1305.tag_len()));
    sealed.extend_from_slice(plain);
    let nonce_of_this = Nonce::assume_unique_for_key(nonce);
    key.cipher()?.seal_in_place_append_tag(nonce_of_this, Aad::from(line.as_bytes()), &mut *sealed).ok()?;
    Some([line.as_bytes(), &nonce, &sealed].concat())
}

/// How a file is sealed; `None` for what is none of ours.
pub(super) fn seal_of(file: &[u8]) -> Option<Seal> {
    let end = file.iter().take(LONGEST_LINE).position(|byte| *byte == b'\n')?;
    let line = std::str::from_utf8(&file[..end]).ok()?;
    let seal = match *line.split(' ').collect::<Vec<_>>().as_slice() {
        ["credenza-sessions", VERSION, "keyring"] => Seal::Keyring,
        ["credenza-sessions", VERSION, "passphrase", log_n, digits] => {
            let mut salt = [0; 16];
            unhex(digits, &mut salt)?;
            Seal::Passphrase(Making { log_n: log_n.parse().ok().filter(|log_n| COSTS.contains(log_n))?, salt })
        }
        _ => return None,
    };
    // there is one way to write it
    (seal.line().as_bytes() == &file[..=end]).then_some(seal)
}

/// What is sealed in a file, wiped when dropped; `None` where the key does not open it, or a byte is not as it was.
pub(super) fn open(file: &[u8], seal: &Seal, key: &Key) -> Option<Zeroizing<Vec<u8>>> {
    let line = seal.line();
    let (nonce, sealed) = file.strip_prefix(line.as_bytes())?.split_at_checked(NONCE_LEN)?;
    let mut text = Zeroizing::new(sealed.to_vec());
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let length = key.cipher()?.open_in_place(nonce, Aad::from(line.as_bytes()), &mut text).ok()?.len();
    text.truncate(length);
    Some(text)
}

const VERSION: &str = "1";

const LONGEST_LINE: usize = 100;

/// What a file may say that its key costs: up to a gibibyte.
const COSTS: std::ops::RangeInclusive<u8> = 10..=20;

impl Seal {
    fn line(&self) -> String {
        match self {
            Self::Keyring => format!("credenza-sessions {VERSION} keyring\n"),
            Self::Passphrase(Making { log_n, salt }) => {
                let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("credenza-sessions {VERSION} passphrase {log_n} {salt}\n")
            }
        }
    }
}

/// Fills `out` with what hexadecimal digits say, twice as many as it has bytes.
fn unhex(digits: &str, out: &mut [u8]) -> Option<()> {
    if digits.len() != 2 * out.len() {
        return None;
    }
    let digit = |letter: u8| char::from(letter).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in out.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(())
}
