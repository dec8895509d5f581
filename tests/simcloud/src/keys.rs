//! Keys that the cloud hands out: how they look, and what it remembers of each.

use std::{collections::BTreeMap, fmt, time::SystemTime};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use crate::principal::Principal;

/// A key pair, with a session token when it is temporary.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    /// `AKIA...` (long-term) or `ASIA...` (temporary), 20 characters.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
    /// Only temporary keys have one.
    pub session_token: Option<String>,
}

impl Keys {
    /// A fresh long-term pair, such as a user has.
    pub fn long_term() -> Self {
        Self { access_key_id: unique_id("AKIA", 16), secret_access_key: secret(), session_token: None }
    }

    /// A fresh temporary set, such as STS gives.
    pub fn temporary() -> Self {
        // Tokens of the real service begin with these letters: base64 of a header naming its origin.
        let session_token = format!("IQoJb3JpZ2luX2VjE{}", STANDARD.encode(random::<258>()));
        Self { access_key_id: unique_id("ASIA", 16), secret_access_key: secret(), session_token: Some(session_token) }
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// What the cloud remembers of keys that it gave out.
#[derive(Clone, Debug)]
pub struct Issued {
    /// The keys themselves.
    pub keys: Keys,
    /// Whom they stand for.
    pub principal: Principal,
    /// When they were given.
    pub at: SystemTime,
    /// When they end, in whole seconds as the answer said; long-term keys have no end.
    pub expires: Option<SystemTime>,
    /// Whether they came from a role that was itself assumed with temporary keys.
    pub chained: bool,
    /// Whether they came from a one-time code, by `GetSessionToken`.
    pub mfa: bool,
    /// When it becomes known, for a key that IAM made; at once when absent.
    pub known_from: Option<SystemTime>,
    /// When it signed a request last that was in order.
    pub last_used: Option<LastUse>,
    /// Whether the long-term key is active, or the session not withdrawn.
    pub active: bool,
    /// Session tags, inherited ones among them.
    pub tags: BTreeMap<String, String>,
    /// Keys of the tags that the next role of a chain inherits, as they were written.
    pub transitive: Vec<String>,
    /// Set once in a chain, then kept.
    pub source_identity: Option<String>,
}

/// The last time that keys signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastUse {
    /// By the cloud's clock.
    pub at: SystemTime,
    /// `sts`, `iam`.
    pub service: String,
    /// `eu-central-1`.
    pub region: String,
}

impl Issued {
    /// Long-term keys of a user.
    pub(crate) fn to_user(keys: Keys, principal: Principal, at: SystemTime) -> Self {
        Self {
            keys,
            principal,
            at,
            expires: None,
            chained: false,
            mfa: false,
            known_from: None,
            last_used: None,
            active: true,
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            source_identity: None,
        }
    }

    /// Whether these are temporary keys.
    pub fn is_temporary(&self) -> bool {
        self.keys.session_token.is_some()
    }

    /// Whether these are a user's own temporary keys, from `GetSessionToken`.
    pub fn is_user_session(&self) -> bool {
        self.is_temporary() && self.principal.role.is_none()
    }
}

/// An identifier as AWS makes them: a prefix that tells the kind, then letters and digits of base 32.
pub(crate) fn unique_id(prefix: &str, letters: usize) -> String {
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let random = random::<32>();
    let tail = random.iter().cycle().take(letters).map(|byte| ALPHABET[usize::from(byte % 32)] as char);
    prefix.chars().chain(tail).collect()
}

/// A request id, in the shape of a UUID.
pub(crate) fn request_id() -> String {
    let id: String = random::<16>().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..])
}

/// Something that nobody can guess: a token, a code, a client's secret. The prefix tells the kind, as with AWS.
pub(crate) fn opaque(prefix: &str) -> String {
    format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<48>()))
}

fn secret() -> String {
    STANDARD.encode(random::<30>())
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system has randomness");
    bytes
}
