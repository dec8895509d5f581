//! Keeps a process that lives long small: now and again, what it does not use of its own file and of its heap is given
//! back to the system.
//!
//! Called by the daemon and by `exec`'s endpoint, each of which spends its life answering from memory.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::sleep;

use crate::world::system;

/// Gives back what the start needed, from time to time what a refresh needed, and what a crowd of connections needed once
/// it has [thinned](crate::server::listener::Listener::thinned). Never ends.
pub(super) async fn stay_small(thinned: Arc<Notify>) {
    keep(&thinned, || async {
        // It takes a while where there is much. The task only ends early with the runtime.
        let _ = tokio::task::spawn_blocking(give_back).await;
    })
    .await;
}

fn give_back() {
    system::give_back_heap();
    if let Err(error) = system::give_back_file_pages() {
        tracing::debug!(reason = %error, "pages that are not used stay in memory");
    }
}

/// When it is time for it.
async fn keep<F: Future<Output = ()>>(thinned: &Notify, give_back: impl Fn() -> F) {
    sleep(AFTER_THE_START).await;
    loop {
        give_back().await;
        tokio::select! {
            () = sleep(EVERY) => {}
            // those who are still going go first; and crowds that come and go do not have it done all the time
            () = thinned.notified() => sleep(WHILE_THEY_GO).await,
        }
    }
}

const AFTER_THE_START: Duration = Duration::from_secs(2);
/// A refresh an identity comes every half hour or so.
const EVERY: Duration = Duration::from_secs(600);
const WHILE_THEY_GO: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_done_after_the_start_after_a_crowd_and_every_ten_minutes() {
        let (thinned, start) = (Notify::new(), Instant::now());
        let done = Mutex::new(Vec::new());
        let keeping = keep(&thinned, || async { done.lock().unwrap().push(start.elapsed().as_secs()) });
        let crowds = async {
            for pause in [100, 1, 1, 1, 1, 596] {
                sleep(Duration::from_secs(pause)).await;
                thinned.notify_one();
            }
            sleep(Duration::from_secs(1200)).await;
        };
        tokio::select! {
            () = keeping => {}
            () = crowds => {}
        }
        // the four that followed within five seconds are one
        assert_eq!(*done.lock().unwrap(), [2, 105, 110, 705, 1305]);
    }
}
