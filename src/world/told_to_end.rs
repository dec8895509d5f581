//! The signals by which a process in the foreground is told to end. Called by `serve`.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

use super::system;

/// Listens for TERM and INT; for HUP too, unless it is ignored as `nohup` has it. Calls `end` at each, with its number.
/// From here on they end nobody by themselves. Must be called within a runtime.
///
/// # Errors
///
/// Where the system has no resources for it.
pub fn listen(end: impl Fn(i32) + Clone + Send + 'static) -> io::Result<()> {
    let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    for kind in kinds.into_iter().filter(|kind| !system::was_ignored(kind.as_raw_value())) {
        let (mut told, end) = (signal(kind)?, end.clone());
        tokio::spawn(async move {
            while told.recv().await.is_some() {
                end(kind.as_raw_value());
            }
        });
    }
    Ok(())
}
