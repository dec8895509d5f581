//! [`Learnt`]: which durations AWS refused, so that each is asked for in vain once a day and not at every renewal; and how
//! often the access portal of each sign-in was asked, so that all that ask it keep to one pace.
//!
//! It outlives the sources that fill it: whoever makes sources keeps it, and hands it on when others take their place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::aws_sso::bucket::Bucket;
use crate::credential::SessionKey;
use crate::secret::Digest;

/// What sources learnt of their upstreams. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Learnt {
    /// When, in boot time, AWS last refused the duration that an identity asks for, by the digest of its definition.
    refused: Arc<Mutex<HashMap<Digest, Duration>>>,
    /// The pace at which each sign-in's access portal is asked.
    buckets: Arc<Mutex<HashMap<SessionKey, Bucket>>>,
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
}
