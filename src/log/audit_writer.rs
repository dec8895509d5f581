//! The task that writes the audit trail: lines as they come, counts when their second is over. It sleeps while nothing
//! is counted. Called by [`super::audit`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::audit::{Entry, Peer};
use super::capped::CappedFile;
use super::line::stamp;
use super::window::{Repeats, SECOND};
use crate::world::Clock;

/// What the writer is told.
#[derive(Debug)]
pub(super) enum Message {
    /// The first of its kind in a second, and what was left of an earlier one.
    First { entry: Entry, peer: Arc<Peer>, at: SystemTime, ms: u32, left: Option<Repeats> },
    /// Write everything, say so, and end.
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    file: Option<CappedFile>,
    served_by: &'static str,
    clock: Arc<dyn Clock>,
    dropped: Arc<AtomicU64>,
    /// Those whose repeats are being counted, in the order in which their seconds end.
    counting: VecDeque<(Instant, Entry)>,
    /// The processes that asked lately: they are the likely ones to ask again.
    seen: Vec<u32>,
    complained: bool,
}

impl Writer {
    pub(super) fn new(
        file: CappedFile,
        served_by: &'static str,
        clock: Arc<dyn Clock>,
        dropped: Arc<AtomicU64>,
    ) -> Self {
        Self {
            file: Some(file),
            served_by,
            clock,
            dropped,
            counting: VecDeque::new(),
            seen: Vec::new(),
            complained: false,
        }
    }

    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let due = self.counting.front().map(|(due, _)| *due);
            let mut batch = Vec::new();
            tokio::select! {
                read = messages.recv_many(&mut batch, BATCH) => if read == 0 { break },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
            }
            let mut done = None;
            let mut lines = Vec::new();
            for message in batch {
                match message {
                    Message::First { entry, peer, at, ms, left } => {
                        lines.extend(left.map(|repeats| Line::Repeats(entry.clone(), repeats)));
                        self.counting.push_back((Instant::now() + SECOND, entry.clone()));
                        lines.push(Line::First { entry, peer, at, ms });
                    }
                    Message::Close(sender) => done = Some(sender),
                }
            }
            lines.extend(self.counted(done.is_some()));
            self.write(lines).await;
            if let Some(done) = done {
                // whoever waits may have gone
                let _ = done.send(());
                return;
            }
        }
        let lines = self.counted(true);
        self.write(lines).await;
    }

    /// The counts of those whose second is over, or of all.
    fn counted(&mut self, all: bool) -> Vec<Line> {
        let (now, instant) = (self.clock.now(), Instant::now());
        let mut lines = Vec::new();
        while let Some((_, entry)) = self.counting.pop_front_if(|(due, _)| all || *due <= instant) {
            let repeats = if all { entry.window.flush_all() } else { entry.window.flush(now) };
            lines.extend(repeats.map(|repeats| Line::Repeats(entry, repeats)));
        }
        lines
    }

    /// Writes lines away from the runtime's threads: the file may be slow, and so is the look for a process.
    async fn write(&mut self, lines: Vec<Line>) {
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if lines.is_empty() && dropped == 0 {
            return;
        }
        let Some(mut file) = self.file.take() else { return };
        let mut seen = std::mem::take(&mut self.seen);
        let (served_by, now) = (self.served_by, self.clock.now().wall);
        let written = tokio::task::spawn_blocking(move || {
            let mut text = Vec::new();
            for line in &lines {
                line.render(served_by, &mut seen, &mut text);
            }
            if dropped > 0 {
                render(&Dropped { schema: SCHEMA, time: stamp(now), outcome: "dropped", count: dropped }, &mut text);
            }
            let lost = dropped + lines.iter().map(Line::deeds).sum::<u64>();
            let result = file.append(&text).map_err(|error| (error, lost));
            (file, seen, result)
        });
        let Ok((file, seen, result)) = written.await else { return };
        (self.file, self.seen) = (Some(file), seen);
        match result {
            Ok(()) => self.complained = false,
            Err((error, lost)) => {
                self.dropped.fetch_add(lost, Ordering::Relaxed);
                if !std::mem::replace(&mut self.complained, true) {
                    tracing::error!(%error, "the audit trail cannot be written");
                }
            }
        }
    }
}

/// The most lines that are written at once.
const BATCH: usize = 64;

/// How many processes are remembered.
const MOST_SEEN: usize = 8;

const SCHEMA: u32 = 1;

enum Line {
    First { entry: Entry, peer: Arc<Peer>, at: SystemTime, ms: u32 },
    Repeats(Entry, Repeats),
}

impl Line {
    fn deeds(&self) -> u64 {
        match self {
            Self::First { .. } => 1,
            Self::Repeats(_, repeats) => repeats.count,
        }
    }

    fn render(&self, served_by: &'static str, seen: &mut Vec<u32>, text: &mut Vec<u8>) {
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
            identity: deed.identity.as_deref().map(short),
            account: issued.and_then(|issued| issued.account_id.as_deref()),
            role: issued.and_then(|issued| issued.role_arn.as_deref()),
            dialect: deed.dialect,
            grant: deed.grant.as_deref(),
            pid: process.map(|process| process.pid),
            exe: process.and_then(|process| process.exe.as_deref()),
            access_key_id: issued.map(|issued| &*issued.access_key_id),
            outcome: deed.outcome,
            ms,
            count,
            first_time,
            served_by,
        };
        render(&record, text);
    }
}

/// A name that a client chose may be as long as a head: 128 letters of it tell enough.
fn short(name: &str) -> &str {
    name.char_indices().nth(128).map_or(name, |(end, _)| &name[..end])
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
    pid: Option<u32>,
    exe: Option<&'a str>,
    access_key_id: Option<&'a str>,
    outcome: &'a str,
    ms: u32,
    count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_time: Option<String>,
    served_by: &'a str,
}

/// So many lines found no room in the queue.
#[derive(Serialize)]
struct Dropped {
    schema: u32,
    time: String,
    outcome: &'static str,
    count: u64,
}

fn render(record: &impl Serialize, text: &mut Vec<u8>) {
    // numbers and text always have a form in JSON
    if serde_json::to_writer(&mut *text, record).is_ok() {
        text.push(b'\n');
    }
}
