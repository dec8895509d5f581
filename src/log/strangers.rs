//! Names that no configuration holds. A client chooses them, as many and as long as it likes: in the audit trail they are
//! short, and a grant has a few of them a second written as they are; the rest is counted without a name. Else whoever
//! holds one token could push everything before out of the trail. Called by [`super::audit`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::window::SECOND;
use crate::credential::{IdentityName, Now};

/// What each grant asked for lately that nobody knows.
#[derive(Debug, Default)]
pub(super) struct Strangers(Mutex<HashMap<Option<Arc<str>>, Lately>>);

#[derive(Debug, Default)]
struct Lately {
    /// When the second is over, by the clock that is never set.
    ends: Duration,
    names: Vec<IdentityName>,
}

impl Strangers {
    /// The name as it is written down; `None`: the grant asked for too many others in this second.
    pub(super) fn written(&self, grant: Option<&Arc<str>>, name: &str, now: Now) -> Option<IdentityName> {
        let name = short(name);
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if grants.len() >= MOST_GRANTS {
            grants.retain(|_, lately| now.boot < lately.ends);
        }
        let lately = grants.entry(grant.cloned()).or_default();
        if now.boot >= lately.ends {
            *lately = Lately { ends: now.boot.saturating_add(SECOND), names: Vec::new() };
        }
        if let Some(known) = lately.names.iter().find(|known| &***known == name) {
            return Some(Arc::clone(known));
        }
        if lately.names.len() >= MOST_NAMES {
            return None;
        }
        lately.names.push(name.into());
        lately.names.last().cloned()
    }
}

/// How many unknown names of a grant are written in a second. A typing error in a service's settings is one or two.
pub(super) const MOST_NAMES: usize = 8;

/// With so many grants those that have been quiet for a second are forgotten.
const MOST_GRANTS: usize = 64;

/// Longer than any name that a person gives.
pub(super) const LONGEST_NAME: usize = 128;

fn short(name: &str) -> &str {
    name.char_indices().nth(LONGEST_NAME).map_or(name, |(end, _)| &name[..end])
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn at(ms: u64) -> Now {
        Now { wall: UNIX_EPOCH, boot: Duration::from_millis(60_000 + ms) }
    }

    #[test]
    fn a_grant_has_a_few_unknown_names_a_second() {
        let strangers = Strangers::default();
        let (job, shell) = (Some(&Arc::from("job")), Some(&Arc::from("shell")));
        for number in 0..20 {
            let written = strangers.written(job, &format!("name-{number}"), at(number));
            assert_eq!(written.is_some(), number < MOST_NAMES as u64, "{number}");
        }
        assert_eq!(strangers.written(job, "name-0", at(500)).as_deref(), Some("name-0"), "it was written before");
        assert_eq!(strangers.written(shell, "name-9", at(500)).as_deref(), Some("name-9"), "another grant's");
        assert_eq!(strangers.written(job, "name-9", at(1000)).as_deref(), Some("name-9"), "a new second");
    }

    #[test]
    fn long_names_are_cut_between_letters() {
        let written = Strangers::default().written(None, &"ü".repeat(5000), at(0)).unwrap();
        assert_eq!(&*written, "ü".repeat(LONGEST_NAME));
    }

    #[test]
    fn grants_that_are_quiet_are_forgotten() {
        let strangers = Strangers::default();
        for number in 0..10 * MOST_GRANTS as u64 {
            strangers.written(Some(&number.to_string().into()), "x", at(number * 100));
        }
        assert!(strangers.0.lock().unwrap().len() <= MOST_GRANTS);
    }
}
