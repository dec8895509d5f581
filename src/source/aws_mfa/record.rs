//! [`DeviceRecord`]: what our processes remember of a device together: which codes were sent, how that ended, and AWS's clock.
//! No code stands in it, only digests: what recognises a code that was sent before.
//!
//! Pure: [`super::book`] keeps it, [`super::spent`] decides by it.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::credential::millis::{time, unix_ms, whole_ms};
use crate::credential::{ClockOffset, Now};
use crate::secret::{Digest, Secret};

/// What is remembered of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct DeviceRecord {
    /// The last codes that were sent, oldest first.
    pub(super) sent: Vec<SentCode>,
    /// How many AWS refused since it last took one.
    pub(super) refused_in_a_row: u32,
    /// AWS's clock, as last seen.
    pub(super) clock: Option<SeenClock>,
    /// How long it took to get a code, last time.
    pub(super) latency: Option<Duration>,
}

/// A code that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SentCode {
    /// Of the serial and the code.
    pub(super) digest: Digest,
    /// When, by AWS's clock.
    pub(super) at: SystemTime,
    pub(super) outcome: Outcome,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Outcome {
    /// It is on its way, or whoever sent it is gone.
    Sent,
    /// AWS took it.
    Accepted,
    /// AWS did not take it.
    Refused,
    /// No answer came, or one about something else.
    Unknown,
}

/// AWS's clock less ours, and when that was seen by both of ours: by the boot clock shows whether ours was set since.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SeenClock {
    pub(super) offset: ClockOffset,
    pub(super) at: Now,
}

/// So many codes are remembered at least, however old.
const REMEMBERED: usize = 8;

/// So long each code is remembered at least, however many there are: AWS takes none that is minutes old, so whatever it might
/// take still is known here if it was ever sent.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(3 * 60);

/// What recognises a device's code.
pub(super) fn digest_of(serial: &str, code: &Secret) -> Digest {
    let salted = Secret::new([serial, "\0", code.expose()].concat());
    salted.digest()
}

impl DeviceRecord {
    /// Notes that a code is about to be sent.
    pub(super) fn note_sent(&mut self, digest: Digest, at: SystemTime) {
        self.sent.push(SentCode { digest, at, outcome: Outcome::Sent });
        let mut over = self.sent.len().saturating_sub(REMEMBERED);
        // the last refusal says how long the pause is yet
        let last_refused = self.sent.iter().rposition(|code| code.outcome == Outcome::Refused);
        let mut number = 0..;
        self.sent.retain(|code| {
            let is_last_refused = number.next() == last_refused;
            // one of a clock that was ahead is of now, too
            let is_old = at.duration_since(code.at).is_ok_and(|age| age >= REMEMBERED_FOR);
            let goes = over > 0 && is_old && !is_last_refused;
            over -= usize::from(goes);
            !goes
        });
    }

    /// Notes how that ended. `None`: nothing went out, so the code may be sent yet.
    pub(super) fn note_outcome(&mut self, digest: Digest, outcome: Option<Outcome>) {
        let Some(outcome) = outcome else {
            self.sent.retain(|code| code.digest != digest || code.outcome != Outcome::Sent);
            return;
        };
        if let Some(code) = self.sent.iter_mut().rfind(|code| code.digest == digest) {
            code.outcome = outcome;
        }
        match outcome {
            Outcome::Accepted => self.refused_in_a_row = 0,
            Outcome::Refused => self.refused_in_a_row = self.refused_in_a_row.saturating_add(1),
            Outcome::Sent | Outcome::Unknown => {}
        }
    }
}

/// What we write, and the newest that we can make sense of: fields that a neighbour adds are passed over.
const WRITES: u32 = 1;
const READS: u32 = WRITES + 1;

#[derive(Serialize, Deserialize)]
struct File {
    version: u32,
    #[serde(default)]
    sent: Vec<SentForm>,
    #[serde(default)]
    refused_in_a_row: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    aws_clock: Option<ClockForm>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    latency_ms: Option<u64>,
}

#[derive(Serialize, Deserialize)]
struct SentForm {
    digest: String,
    /// Which 30 s since 1970 that was, by AWS's clock: for who reads the file.
    step: u64,
    at_unix_ms: u64,
    outcome: Outcome,
}

#[derive(Serialize, Deserialize)]
struct ClockForm {
    ahead_ms: i64,
    seen_unix_ms: u64,
    seen_boot_ms: u64,
}

/// Reads a record. What is none counts as an empty one: at worst AWS refuses a code once. One that is too new does not,
/// for its writer knows of codes that are spent.
pub(super) fn read(bytes: &[u8]) -> Result<DeviceRecord, TooNew> {
    #[derive(Deserialize)]
    struct Version {
        version: u32,
    }
    if serde_json::from_slice::<Version>(bytes).is_ok_and(|file| file.version > READS) {
        return Err(TooNew);
    }
    let Ok(file) = serde_json::from_slice::<File>(bytes) else { return Ok(DeviceRecord::default()) };
    let sent = |form: &SentForm| {
        Some(SentCode { digest: Digest::from_hex(&form.digest)?, at: time(form.at_unix_ms), outcome: form.outcome })
    };
    Ok(DeviceRecord {
        sent: file.sent.iter().filter_map(sent).collect(),
        refused_in_a_row: file.refused_in_a_row,
        clock: file.aws_clock.map(|form| SeenClock {
            offset: ClockOffset::of_ahead_ms(form.ahead_ms),
            at: Now { wall: time(form.seen_unix_ms), boot: Duration::from_millis(form.seen_boot_ms) },
        }),
        latency: file.latency_ms.map(Duration::from_millis),
    })
}

/// It is of a later version of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooNew;

pub(super) fn write(record: &DeviceRecord) -> Vec<u8> {
    let sent = |code: &SentCode| SentForm {
        digest: code.digest.to_hex(),
        step: super::spent::step(code.at),
        at_unix_ms: unix_ms(code.at),
        outcome: code.outcome,
    };
    let file = File {
        version: WRITES,
        sent: record.sent.iter().map(sent).collect(),
        refused_in_a_row: record.refused_in_a_row,
        aws_clock: record.clock.map(|seen| ClockForm {
            ahead_ms: seen.offset.ahead_ms(),
            seen_unix_ms: unix_ms(seen.at.wall),
            seen_boot_ms: whole_ms(seen.at.boot),
        }),
        latency_ms: record.latency.map(whole_ms),
    };
    // numbers and texts always have a form in JSON
    let mut text = serde_json::to_vec_pretty(&file).unwrap_or_default();
    text.push(b'\n');
    text
}
