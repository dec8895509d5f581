//! What is remembered of a sign-in beside its tokens: nothing secret, and nothing that is missed when it is gone.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

/// What is remembered of a sign-in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SignInRecord {
    /// When a person last signed in here; `None`: never, or with another tool.
    pub signed_in: Option<SystemTime>,
    /// Who that was, as a person reads it, such as `ada@example.com`.
    pub person: Option<String>,
    /// How long a sign-in lasts, as seen by one that ended.
    pub length: Option<Duration>,
    /// When its coming end was last announced.
    pub announced: Option<SystemTime>,
}

/// What we write, and the newest that we can make sense of: fields that a neighbour adds are passed over.
const WRITES: u32 = 1;
const READS: u32 = WRITES + 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    signed_in_unix_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length_ms: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    announced_unix_ms: Option<u64>,
}

/// Reads a record; `None` for what is none, or of a version that is too new.
pub(super) fn read(bytes: &[u8]) -> Option<SignInRecord> {
    let file: File = serde_json::from_slice(bytes).ok()?;
    if file.version > READS {
        return None;
    }
    let time = |unix_ms| UNIX_EPOCH.checked_add(Duration::from_millis(unix_ms));
    Some(SignInRecord {
        signed_in: file.signed_in_unix_ms.and_then(time),
        person: file.person,
        length: file.length_ms.map(Duration::from_millis),
        announced: file.announced_unix_ms.and_then(time),
    })
}

pub(super) fn write(record: &SignInRecord) -> Vec<u8> {
    let whole_ms = |length: Duration| u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let unix_ms = |time: SystemTime| whole_ms(time.duration_since(UNIX_EPOCH).unwrap_or_default());
    let file = File {
        version: WRITES,
        signed_in_unix_ms: record.signed_in.map(unix_ms),
        person: record.person.clone(),
        length_ms: record.length.map(whole_ms),
        announced_unix_ms: record.announced.map(unix_ms),
    };
    // numbers and texts always have a form in JSON
    let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
    text.push(b'\n');
    text
}
