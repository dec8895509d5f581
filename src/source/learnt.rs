//! [`Learnt`]: which durations AWS refused, so that each is asked for in vain once a day and not at every renewal; how often the
//! access portal of each sign-in was asked, so that all that ask it keep to one pace; how long Entra ID wants to be left alone; and since
//! when it has known no trust for what an identity shows.
//!
//! It outlives the sources that fill it: whoever makes sources keeps it, and hands it on when others take their place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::aws_sso::bucket::Bucket;
use super::federated::Untrusted;
use crate::credential::SessionKey;
use crate::secret::Digest;

/// What sources learnt of their upstreams. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Learnt {
    /// When, in boot time, AWS last refused the duration that an identity asks for, by the digest of its definition.
    refused: Arc<Mutex<HashMap<Digest, Duration>>>,
    /// The pace at which each sign-in's access portal is asked.
    buckets: Arc<Mutex<HashMap<SessionKey, Bucket>>>,
    /// Until when, in boot time, an upstream said that it is not to be asked, by its address and who asks.
    pauses: Arc<Mutex<HashMap<String, Duration>>>,
    /// Which federated identities Entra ID lets in no more, by the digest of their definition.
    untrusted: Arc<Mutex<HashMap<Digest, Untrusted>>>,
}

/// What was learnt is believed for a day: then somebody may have raised the role's limit.
const BELIEVED: Duration = Duration::from_secs(24 * 3600);

impl Learnt {
    /// The duration of this definition was refused just now.
    pub(super) fn note(&self, definition: Digest, boot: Duration) {
        let mut refused = self.lock();
        refused.retain(|_, at| is_believed(*at, boot));
        refused.insert(definition, boot);
    }

    /// Whether it would be refused again.
    pub(super) fn is_too_long(&self, definition: Digest, boot: Duration) -> bool {
        self.lock().get(&definition).is_some_and(|at| is_believed(*at, boot))
    }

    /// The pace that everybody keeps to who asks this sign-in's access portal.
    pub fn bucket(&self, session: &SessionKey) -> Bucket {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.retain(|key, bucket| key == session || bucket.matters());
        buckets.entry(session.clone()).or_default().clone()
    }

    /// An upstream said just now that it is to be left alone for so long (`Retry-After`).
    pub(super) fn pause(&self, upstream: String, boot: Duration, pause: Duration) {
        let mut pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.retain(|_, until| *until > boot);
        pauses.insert(upstream, boot.saturating_add(pause));
    }

    /// For how long it is to be left alone still.
    pub(super) fn pause_left(&self, upstream: &str, boot: Duration) -> Option<Duration> {
        let pauses = self.pauses.lock().unwrap_or_else(PoisonError::into_inner);
        pauses.get(upstream).map(|until| until.saturating_sub(boot)).filter(|left| !left.is_zero())
    }

    /// Entra ID said just now that it knows no trust for what this definition shows; since when it has.
    pub(super) fn note_untrusted(&self, definition: Digest, boot: Duration) -> Untrusted {
        let mut untrusted = self.untrusted.lock().unwrap_or_else(PoisonError::into_inner);
        untrusted.retain(|_, before| before.counts(boot));
        let now = Untrusted::again(untrusted.get(&definition).copied(), boot);
        untrusted.insert(definition, now);
        now
    }

    /// It let this definition in.
    pub(super) fn note_trusted(&self, definition: Digest) {
        self.untrusted.lock().unwrap_or_else(PoisonError::into_inner).remove(&definition);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Duration>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_believed(at: Duration, boot: Duration) -> bool {
    boot.saturating_sub(at) < BELIEVED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_learnt_of_one_definition_is_believed_for_a_day() {
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        let learnt = Learnt::default();
        learnt.clone().note(one, hours(5));
        assert!(learnt.is_too_long(one, hours(28)) && !learnt.is_too_long(one, hours(29)));
        assert!(!learnt.is_too_long(other, hours(5)));
        learnt.note(other, hours(29));
        assert_eq!(learnt.lock().len(), 1, "what is believed no more is kept no more");
    }

    #[test]
    fn an_upstream_is_left_alone_for_as_long_as_it_said() {
        let secs = Duration::from_secs;
        let learnt = Learnt::default();
        learnt.pause("one".to_owned(), secs(100), secs(30));
        assert_eq!(learnt.clone().pause_left("one", secs(110)), Some(secs(20)));
        assert_eq!((learnt.pause_left("other", secs(110)), learnt.pause_left("one", secs(130))), (None, None));
    }
}
