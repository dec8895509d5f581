//! What is said of a panic: where, and nothing else. The text that a panic carries is written by whoever panics, a library
//! included, and may hold what was being read.
//!
//! Called by `app` for every command, before anything secret is read.

use std::io::Write as _;
use std::panic::{PanicHookInfo, set_hook};

/// From now on a panic of any thread is a line of the log, without its text; before there is a log, a line on stderr.
pub fn hide_text() {
    set_hook(Box::new(tell));
}

fn tell(panic: &PanicHookInfo<'_>) {
    let (file, line) = panic.location().map_or(("?", 0), |place| (place.file(), place.line()));
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(file, line, "panicked");
    } else {
        // where that cannot be said, nothing can
        let _ = writeln!(std::io::stderr(), "credenza: a fault of ours: panicked at {file}:{line}");
    }
}
