//! The crowd at a listener: how many are connected, and who of them has not yet shown a token that opens something.
//!
//! Anybody on the machine can connect. When there is room for nobody else, a connection that never showed such a token
//! gives way to the newcomer, the oldest first: who comes to ask shows one at once. A connection that showed one is never
//! closed so. It is told apart once, by the [desk](super::desk), and costs its later requests nothing.
//!
//! Called by [`super::listener`] when a connection comes and goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::task::AbortHandle;

/// Everybody who is connected to one listener.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    present: Mutex<Present>,
    thinned: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Present {
    /// How many ever came: each is known by its number, so the lowest is the oldest.
    came: u64,
    open: usize,
    /// The most since the crowd was last seen to have thinned.
    peak: usize,
    /// Those without a token, and how each is closed; there is nothing to close before its task runs.
    strangers: BTreeMap<u64, Option<AbortHandle>>,
}

impl Crowd {
    /// One more, a stranger so far. It is one of the crowd as long as its [`Place`] is there.
    pub(super) fn enter(self: &Arc<Self>, room: OwnedSemaphorePermit) -> (Place, Standing) {
        let mut present = self.present();
        let number = present.came;
        present.came += 1;
        present.open += 1;
        present.peak = present.peak.max(present.open);
        present.strangers.insert(number, None);
        let (place, standing) = (Arc::clone(self), Arc::clone(self));
        (Place { crowd: place, number, _room: room }, Standing { crowd: standing, number })
    }

    /// The task that serves one of the crowd, unless it is no stranger any more.
    pub(super) fn is_served_by(&self, number: u64, task: AbortHandle) {
        if let Some(place) = self.present().strangers.get_mut(&number) {
            *place = Some(task);
        }
    }

    /// Has the oldest stranger go: its place is free soon. `false`: there is none.
    pub(super) fn close_the_oldest_stranger(&self) -> bool {
        let oldest = self.present().strangers.pop_first();
        if let Some((_, Some(task))) = &oldest {
            task.abort();
        }
        oldest.is_some()
    }

    /// Notified when most of a large crowd has gone.
    pub(super) fn thinned(&self) -> Arc<Notify> {
        Arc::clone(&self.thinned)
    }

    fn leave(&self, number: u64) {
        let mut present = self.present();
        present.strangers.remove(&number);
        present.open -= 1;
        if present.has_thinned() {
            self.thinned.notify_one();
        }
    }

    /// Nothing panics while it is held.
    fn present(&self) -> MutexGuard<'_, Present> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    /// Whether most of a large crowd has gone since it was last asked.
    fn has_thinned(&mut self) -> bool {
        let thinned = self.peak > MANY && self.open < self.peak / 4;
        if thinned {
            self.peak = self.open;
        }
        thinned
    }
}

/// What fewer connections than this leave behind is not worth a look.
const MANY: usize = 256;

/// A place in the crowd: dropped when the connection has ended.
#[derive(Debug)]
pub(super) struct Place {
    crowd: Arc<Crowd>,
    number: u64,
    /// Free again only after the crowd has forgotten the number: so each stranger that is closed makes room.
    _room: OwnedSemaphorePermit,
}

impl Place {
    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.crowd.leave(self.number);
    }
}

/// What a connection is to its listener: a stranger, until it proves otherwise.
#[derive(Clone, Debug)]
pub struct Standing {
    crowd: Arc<Crowd>,
    number: u64,
}

impl Standing {
    /// It has shown a token that opens something: from now on it gives way to nobody. Once it was chosen to be closed
    /// this comes too late.
    pub fn prove(self) {
        self.crowd.present().strangers.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::Semaphore;

    use super::*;

    fn room() -> Arc<Semaphore> {
        Arc::new(Semaphore::new(10_000))
    }

    /// Somebody who stays until closed.
    fn come(crowd: &Arc<Crowd>, room: &Arc<Semaphore>) -> (Standing, tokio::task::JoinHandle<()>) {
        let (place, standing) = crowd.enter(Arc::clone(room).try_acquire_owned().unwrap());
        let number = place.number();
        let task = tokio::spawn(async move {
            let _place = place;
            std::future::pending().await
        });
        crowd.is_served_by(number, task.abort_handle());
        (standing, task)
    }

    #[tokio::test]
    async fn strangers_are_closed_the_oldest_first_and_who_proved_itself_never() {
        let (crowd, room) = (Arc::new(Crowd::default()), room());
        let mut four: Vec<_> = (0..4).map(|_| come(&crowd, &room)).collect();
        four.remove(2).0.prove();
        for (_, task) in four {
            assert!(!task.is_finished());
            assert!(crowd.close_the_oldest_stranger());
            assert!(task.await.unwrap_err().is_cancelled());
        }
        assert!(!crowd.close_the_oldest_stranger());
        assert_eq!((crowd.present().open, room.available_permits()), (1, 9_999), "the one that is proven is there");
    }

    #[tokio::test]
    async fn who_has_gone_is_no_stranger_any_more() {
        let (crowd, room) = (Arc::new(Crowd::default()), room());
        let (place, standing) = crowd.enter(Arc::clone(&room).try_acquire_owned().unwrap());
        drop(place);
        assert!(!crowd.close_the_oldest_stranger());
        standing.prove();
        assert_eq!(crowd.present().open, 0);
    }

    #[test]
    fn a_crowd_has_thinned_when_most_of_many_have_gone_and_once() {
        let (crowd, room) = (Arc::new(Crowd::default()), room());
        let enter = |many: usize| -> Vec<Place> {
            (0..many).map(|_| crowd.enter(Arc::clone(&room).try_acquire_owned().unwrap()).0).collect()
        };
        let thinned = || {
            let notified = std::pin::pin!(crowd.thinned.notified());
            notified.poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
        };
        drop(enter(MANY));
        assert!(!thinned(), "they were not many");
        let mut many = enter(1000);
        many.truncate(250);
        assert!(!thinned(), "a quarter is there");
        many.pop();
        assert!(thinned());
        many.truncate(100);
        assert!(!thinned(), "it was said already");
        many.clear();
        assert!(!thinned(), "those 249 were not many");
        drop(enter(1000));
        assert!(thinned());
    }
}
