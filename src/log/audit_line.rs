//! One line of the audit trail: what it says, as JSON. docs/json.md describes it for people. Called by
//! [`super::audit_writer`].

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::audit::{Entry, Peer};
use super::line::{json_line, stamp};
use super::window::Repeats;

/// What one line says.
pub(super) enum Line {
    /// The first of its kind in a second.
    First { entry: Entry, peer: Arc<Peer>, at: SystemTime, ms: u32 },
    /// What was counted since.
    Repeats(Entry, Repeats),
}

impl Line {
    /// How many requests it stands for.
    pub(super) fn deeds(&self) -> u64 {
        match self {
            Self::First { .. } => 1,
            Self::Repeats(_, repeats) => repeats.count,
        }
    }

    /// Appends it. `seen` are the processes that asked lately: they are looked at first.
    pub(super) fn render(&self, served_by: &'static str, seen: &mut Vec<u32>, text: &mut String) {
        let (entry, time, count, first_time, ms) = match self {
            Self::First { entry, at, ms, .. } => (entry, stamp(*at), 1, None, *ms),
            Self::Repeats(entry, repeats) => {
                (entry, stamp(repeats.last), repeats.count, Some(stamp(repeats.first)), repeats.slowest_ms)
            }
        };
        let process = match self {
            Self::First { peer, .. } => peer.process(seen),
            Self::Repeats(..) => None,
        };
        if let Some(process) = process.filter(|process| !seen.contains(&process.pid)) {
            seen.insert(0, process.pid);
            seen.truncate(MOST_SEEN);
        }
        let (deed, issued) = (&entry.deed, entry.deed.issued.as_ref());
        let record = Record {
            schema: SCHEMA,
            time,
            identity: deed.identity.as_deref(),
            account: issued.and_then(|issued| issued.account_id.as_deref()).or(deed.known.account.as_deref()),
            role: issued.and_then(|issued| issued.role_arn.as_deref()).or(deed.known.role.as_deref()),
            dialect: deed.dialect,
            grant: deed.grant.as_deref(),
            container: deed.container.as_deref(),
            pid: process.map(|process| process.pid),
            exe: process.and_then(|process| process.exe.as_deref()),
            access_key_id: issued.and_then(|issued| issued.access_key_id.as_deref()),
            resource: issued.and_then(|issued| issued.audience.as_deref()),
            outcome: deed.outcome,
            ms,
            count,
            first_time,
            served_by,
        };
        render(&record, text);
    }
}

/// `first_time` is there in a line that counts: then `time` is the last one's, and `ms` the slowest one's.
#[derive(Serialize)]
struct Record<'a> {
    schema: u32,
    time: String,
    identity: Option<&'a str>,
    account: Option<&'a str>,
    role: Option<&'a str>,
    dialect: &'a str,
    grant: Option<&'a str>,
    container: Option<&'a str>,
    pid: Option<u32>,
    exe: Option<&'a str>,
    access_key_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<&'a str>,
    outcome: &'a str,
    ms: u32,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_time: Option<String>,
    served_by: &'a str,
}

/// Appends the line that says how many could not be written.
pub(super) fn dropped_line(now: SystemTime, count: u64, text: &mut String) {
    render(&Dropped { schema: SCHEMA, time: stamp(now), outcome: "dropped", count }, text);
}

#[derive(Serialize)]
struct Dropped {
    schema: u32,
    time: String,
    outcome: &'static str,
    count: u64,
}

fn render(record: &impl Serialize, text: &mut String) {
    text.push_str(&json_line(record));
}

/// How many processes are remembered.
const MOST_SEEN: usize = 8;

const SCHEMA: u32 = 1;
