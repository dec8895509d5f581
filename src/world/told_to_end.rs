//! The signals by which a process in the foreground is told to end. Called by `serve`; and by `exec` and `credential` as long
//! as they wait for a credential, so that what they began ends with them, such as a helper program.

use std::io;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

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

/// The signals that [`listen`] hears, in their order.
#[derive(Debug)]
pub struct Told(mpsc::UnboundedReceiver<i32>);

impl Told {
    /// Listens from here on. Must be called within a runtime.
    ///
    /// # Errors
    ///
    /// Where the system has no resources for it.
    pub fn listening() -> io::Result<Self> {
        let (tell, told) = mpsc::unbounded_channel();
        // who listened may have gone
        listen(move |signal| {
            let _ = tell.send(signal);
        })?;
        Ok(Self(told))
    }

    /// The next one. May be dropped and called again.
    pub async fn next(&mut self) -> i32 {
        match self.0.recv().await {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }

    /// One that came already.
    pub fn by_now(&mut self) -> Option<i32> {
        self.0.try_recv().ok()
    }
}
