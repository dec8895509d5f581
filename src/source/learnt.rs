//! [`Learnt`]: which durations AWS refused, so that each is asked for in vain once a day and not at every renewal.
//!
//! It outlives the sources that fill it: whoever makes sources keeps it, and hands it on when others take their place.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::secret::Digest;

/// When, in boot time, AWS last refused the duration that an identity asks for, by the digest of its definition. Clones
/// share it.
#[derive(Clone, Debug, Default)]
pub struct Learnt(Arc<Mutex<HashMap<Digest, Duration>>>);

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

    fn lock(&self) -> MutexGuard<'_, HashMap<Digest, Duration>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
