//! [`Spares`]: connections to the daemon that are ready for the next containers, so that none waits for a handshake.
//!
//! They are made when one was used, and let go of when nobody came for a while: a relay that nobody asks keeps none. Called by
//! [`super::relay_way`].

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::time::Instant;

use crate::server::relay::Stream;

/// What is ready.
#[derive(Default)]
pub(super) struct Spares {
    ready: Mutex<Ready>,
}

#[derive(Default)]
struct Ready {
    streams: VecDeque<(Instant, Box<dyn Stream>)>,
    /// One is being made.
    making: bool,
    /// Somebody lets go of those that are too old.
    tidied: bool,
}

impl Spares {
    /// One that is still good, the oldest first.
    pub(super) async fn take(&self) -> Option<Box<dyn Stream>> {
        loop {
            let (made, mut stream) = self.ready().streams.pop_front()?;
            if made.elapsed() < KEPT && is_quiet(&mut *stream).await {
                return Some(stream);
            }
        }
    }

    /// Has others made in the background until there are enough. One that cannot be made is not tried again before somebody comes.
    pub(super) fn refill<F>(self: &Arc<Self>, make: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = Option<Box<dyn Stream>>> + Send,
    {
        if std::mem::replace(&mut self.ready().making, true) {
            return;
        }
        let spares = Arc::clone(self);
        tokio::spawn(async move {
            // first the answer to who came, and then the handshake for who may come
            tokio::time::sleep(AFTER).await;
            while spares.wants_more() {
                match make().await {
                    Some(stream) => spares.ready().streams.push_back((Instant::now(), stream)),
                    None => break,
                }
            }
            let tidied = {
                let mut ready = spares.ready();
                ready.making = false;
                std::mem::replace(&mut ready.tidied, true)
            };
            if tidied {
                return;
            }
            // one for all that were made, as long as there are any
            while !spares.ready().streams.is_empty() {
                tokio::time::sleep(KEPT).await;
                spares.ready().streams.retain(|(made, _)| made.elapsed() < KEPT);
            }
            spares.ready().tidied = false;
        });
    }

    fn wants_more(&self) -> bool {
        let mut ready = self.ready();
        ready.streams.retain(|(made, _)| made.elapsed() < KEPT);
        ready.streams.len() < ENOUGH
    }

    /// Nothing panics while it is held.
    fn ready(&self) -> MutexGuard<'_, Ready> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the other end has neither closed it nor said anything, which it has no reason to.
async fn is_quiet(stream: &mut dyn Stream) -> bool {
    let mut byte = [0];
    poll_fn(|cx| {
        let read = Pin::new(&mut *stream).poll_read(cx, &mut ReadBuf::new(&mut byte));
        Poll::Ready(read.is_pending())
    })
    .await
}

/// Longer than a warm answer takes.
const AFTER: Duration = Duration::from_millis(2);

/// A program that begins asks a few things at once.
const ENOUGH: usize = 3;

/// Shorter than the daemon waits for a hello over TLS ([`crate::server::data`]).
const KEPT: Duration = Duration::from_secs(45);

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::io::{AsyncWriteExt as _, DuplexStream, duplex};

    use super::*;

    type Ends = Arc<Mutex<Vec<DuplexStream>>>;

    async fn filled() -> (Arc<Spares>, Ends, Arc<AtomicUsize>) {
        let (spares, ends, made) = (Arc::new(Spares::default()), Ends::default(), Arc::new(AtomicUsize::new(0)));
        refill(&spares, &ends, &made).await;
        (spares, ends, made)
    }

    async fn refill(spares: &Arc<Spares>, ends: &Ends, made: &Arc<AtomicUsize>) {
        let (ends, made) = (Arc::clone(ends), Arc::clone(made));
        spares.refill(move || {
            let (ours, theirs) = duplex(64);
            ends.lock().unwrap().push(theirs);
            made.fetch_add(1, Ordering::Relaxed);
            std::future::ready(Some(Box::new(ours) as Box<dyn Stream>))
        });
        tokio::time::sleep(2 * AFTER).await;
    }

    #[tokio::test(start_paused = true)]
    async fn there_are_enough_and_no_more() {
        let (spares, ends, made) = filled().await;
        assert_eq!(made.load(Ordering::Relaxed), ENOUGH);
        refill(&spares, &ends, &made).await;
        assert_eq!(made.load(Ordering::Relaxed), ENOUGH);
        for left in (0..ENOUGH).rev() {
            assert!(spares.take().await.is_some());
            assert_eq!(spares.ready().streams.len(), left);
        }
        assert!(spares.take().await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_the_daemon_has_closed_or_that_is_too_old_is_nobodys() {
        let (spares, ends, made) = filled().await;
        drop(ends.lock().unwrap().remove(0));
        let mut second = ends.lock().unwrap().remove(0);
        second.write_all(b"x").await.unwrap();
        assert!(spares.take().await.is_some(), "the third");
        assert!(spares.take().await.is_none());
        refill(&spares, &ends, &made).await;
        tokio::time::sleep(2 * KEPT).await;
        assert!(spares.take().await.is_none());
        assert!(spares.ready().streams.is_empty(), "nobody came");
    }
}
