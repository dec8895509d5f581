//! The log and the audit trail.
//!
//! The log is for the person who runs us: `tracing` events of our own rooms, a line each, on stderr or in a file of the
//! daemon's. What may stand in it is a list: of targets (our own; the libraries trace whole requests, and are never
//! passed on at any level) and of fields. The audit trail ([`audit`]) is apart from it, and says who used what.
//!
//! Called by the commands that start something (`start`, once a process) and by the rooms that log.

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, PoisonError};

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

use crate::world::{Clock, Environment};
use capped::CappedFile;

pub mod audit;
mod audit_line;
mod audit_writer;
pub mod capped;
mod line;
pub mod panics;
mod strangers;
mod window;

/// How the log is kept.
#[derive(Debug)]
pub struct Settings {
    /// How a line looks.
    pub format: Format,
    /// The least that is logged.
    pub level: LevelFilter,
    /// Where it goes.
    pub output: Output,
}

/// How a line looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// `2026-11-21T22:04:16.120Z WARN  engine: not renewed identity=prod`
    #[default]
    Human,
    /// One JSON object a line: `time`, `level`, `room`, `message` and the event's fields.
    Json,
}

/// Where the log goes.
#[derive(Debug)]
pub enum Output {
    /// To stderr; in colour where that is a terminal and people read it.
    Stderr,
    /// To a private file.
    File(CappedFile),
}

/// Why there is no log.
#[derive(Clone, Debug, Error)]
pub enum LogError {
    /// A level that is none.
    #[error("CREDENZA_LOG={0}: the levels are off, error, warn, info, debug and trace")]
    Level(String),
    /// A log was started before.
    #[error("the log was started twice")]
    Twice,
}

/// The level that `CREDENZA_LOG` asks for; `None` where it is unset.
pub fn level_of(environment: &Environment) -> Result<Option<LevelFilter>, LogError> {
    let level = |text: &str| text.parse().map_err(|_| LogError::Level(text.chars().take(40).collect()));
    environment.text("CREDENZA_LOG").map(level).transpose()
}

/// Starts the log of this process.
pub fn start(settings: Settings, clock: Arc<dyn Clock>) -> Result<(), LogError> {
    let subscriber = tracing_subscriber::registry().with(Lines::new(settings, clock));
    tracing::subscriber::set_global_default(subscriber).map_err(|_| LogError::Twice)
}

/// Writes a line an event.
struct Lines {
    format: Format,
    colour: bool,
    level: LevelFilter,
    clock: Arc<dyn Clock>,
    output: Mutex<Output>,
}

impl Lines {
    fn new(settings: Settings, clock: Arc<dyn Clock>) -> Self {
        let Settings { format, level, output } = settings;
        let colour = format == Format::Human && matches!(output, Output::Stderr) && io::stderr().is_terminal();
        Self { format, colour, level, clock, output: Mutex::new(output) }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        line::is_ours(metadata.target()) && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let line = line::render(event, self.clock.now().wall, self.format, self.colour);
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        // A log that cannot be written has nowhere to say so.
        let _ = match &mut *output {
            Output::Stderr => io::stderr().write_all(line.as_bytes()),
            Output::File(file) => file.append(line.as_bytes()),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::clock::SystemClock;
    use crate::world::folder::Folder;

    #[test]
    fn libraries_are_never_passed_on() {
        for format in [Format::Human, Format::Json] {
            let root = tempfile::tempdir().unwrap();
            let folder = Arc::new(Folder::open_or_make(&root.path().join("state")).unwrap());
            let output = Output::File(CappedFile::open(folder, "log", 1 << 20).unwrap());
            let lines = Lines::new(Settings { format, level: LevelFilter::TRACE, output }, Arc::new(SystemClock));
            tracing::subscriber::with_default(tracing_subscriber::registry().with(lines), || {
                tracing::error!(target: "hyper::proto", "Authorization: hunter2");
                tracing::error!(target: "aws_config", reason = "hunter2");
                tracing::error!(target: "credenzas", "hunter2");
                tracing::trace!(target: "credenza::engine", "of ours");
            });
            let log = std::fs::read_to_string(root.path().join("state/log")).unwrap();
            assert!(log.lines().count() == 1 && log.contains("of ours"), "{log}");
        }
    }

    #[test]
    fn levels_come_from_the_environment() {
        let level = |value: &str| level_of(&Environment::from_iter([("CREDENZA_LOG", value)]));
        assert_eq!(level("").unwrap(), None);
        assert_eq!(level("debug").unwrap(), Some(LevelFilter::DEBUG));
        assert_eq!(level("OFF").unwrap(), Some(LevelFilter::OFF));
        assert!(level("hyper=trace").unwrap_err().to_string().contains("off, error, warn"));
    }
}
