//! Keeps a process that lives long small: now and again, what it does not use of its own file is given back to the system.
//!
//! Called by the daemon and by `exec`'s endpoint, each of which spends its life answering from memory.

use std::time::Duration;

use tokio::time::sleep;

use crate::world::system;

/// Gives back what the start needed, and from time to time what a refresh needed. Never ends.
pub(super) async fn stay_small() {
    sleep(AFTER_THE_START).await;
    loop {
        if let Err(error) = system::give_back_file_pages() {
            tracing::debug!(reason = %error, "pages that are not used stay in memory");
        }
        sleep(EVERY).await;
    }
}

const AFTER_THE_START: Duration = Duration::from_secs(2);
/// A refresh an identity comes every half hour or so.
const EVERY: Duration = Duration::from_secs(600);
