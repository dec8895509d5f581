//! The log of this process, as the command line and `CREDENZA_LOG` ask for it.

use std::sync::Arc;

use tracing::level_filters::LevelFilter;

use super::AppError;
use super::background::LOG;
use crate::config::Places;
use crate::log::capped::CappedFile;
use crate::log::{self, Format, Output, Settings};
use crate::world::World;
use crate::world::folder::Folder;

/// How the log is kept.
#[derive(Clone, Copy, Debug)]
pub struct LogOptions {
    /// JSON objects instead of lines for people.
    pub json: bool,
    /// The least that is logged, where the command line says so.
    pub level: Option<LevelFilter>,
    /// The same where neither it nor `CREDENZA_LOG` does.
    pub default: LevelFilter,
    /// Into `daemon.log` in the state folder instead of to stderr.
    pub to_file: bool,
}

/// Starts the log. Once a process.
///
/// # Errors
///
/// Where `CREDENZA_LOG` is no level, or the file cannot be written.
pub fn start_log(world: &World, options: LogOptions) -> Result<(), AppError> {
    let level = match options.level {
        Some(level) => level,
        None => log::level_of(&world.environment)?.unwrap_or(options.default),
    };
    let output = if options.to_file {
        let state = Folder::open_or_make(&Places::from(&world.environment)?.state)?;
        Output::File(CappedFile::open(Arc::new(state), LOG, LOG_CAP)?)
    } else {
        Output::Stderr
    };
    let format = if options.json { Format::Json } else { Format::Human };
    Ok(log::start(Settings { format, level, output }, world.clock.clone())?)
}

/// What a panic says goes nowhere, only where it was: before anything secret is read, log or no log.
pub fn hide_panics() {
    log::panics::hide_text();
}

/// The log and the one before hold so many bytes each.
const LOG_CAP: u64 = 4 << 20;
