//! The task that writes the audit trail: lines as they come, counts when their second is over. It sleeps while nothing
//! is counted. Called by [`super::audit`].

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

use super::audit::{Entry, MOST_ENTRIES, Peer};
use super::audit_line::{Line, dropped_line};
use super::capped::CappedFile;
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
    file: Arc<Mutex<CappedFile>>,
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
            file: Arc::new(Mutex::new(file)),
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
                        lines.extend(self.count(entry.clone()));
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

    /// The repeats of an entry are counted from now on. Where too many are already, the oldest is written in its stead.
    fn count(&mut self, entry: Entry) -> Option<Line> {
        self.counting.push_back((Instant::now() + SECOND, entry));
        let oldest = self.counting.len() as u64 > MOST_ENTRIES;
        let (_, entry) = oldest.then(|| self.counting.pop_front()).flatten()?;
        entry.window.close().map(|repeats| Line::Repeats(entry, repeats))
    }

    /// The counts of those whose second is over, or of all.
    fn counted(&mut self, all: bool) -> Vec<Line> {
        let (now, instant) = (self.clock.now(), Instant::now());
        let mut lines = Vec::new();
        while let Some((_, entry)) = self.counting.pop_front_if(|(due, _)| all || *due <= instant) {
            let repeats = if all { entry.window.close() } else { entry.window.flush(now) };
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
        let lost = dropped + lines.iter().map(Line::deeds).sum::<u64>();
        let (file, served_by, now) = (Arc::clone(&self.file), self.served_by, self.clock.now().wall);
        let mut seen = std::mem::take(&mut self.seen);
        let written = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            for line in &lines {
                line.render(served_by, &mut seen, &mut text);
            }
            if dropped > 0 {
                dropped_line(now, dropped, &mut text);
            }
            let result = file.lock().unwrap_or_else(PoisonError::into_inner).append(text.as_bytes());
            (result, seen)
        });
        // a fault of ours in one line takes those written with it, and no more
        let result = written.await.map_or_else(
            |fault| Err(fault.into()),
            |(result, seen)| {
                self.seen = seen;
                result
            },
        );
        match result {
            Ok(()) => self.complained = false,
            Err(error) => {
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
