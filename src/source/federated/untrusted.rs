//! What it means that Entra ID knows no trust for what was shown: that one is missing, or that it was made just now.
//!
//! Entra ID says the same in both cases, and a new federated identity credential is known everywhere only after minutes
//! ("Important considerations and restrictions for federated identity credentials"). When it was made, nobody tells us. So:
//! [`KNOWN_AFTER`] from the first such answer on it is tried again by itself, as if it had just been made; then it is a refusal,
//! which ends what is held and is tried again only when a client asks. A pause of [`FORGOTTEN_AFTER`] between two such answers,
//! or a success, begins anew: somebody may have made the trust meanwhile.

use std::time::Duration;

use crate::config::trust::AzureTrust;
use crate::credential::claims::Claims;
use crate::credential::{Failure, FailureClass};

/// So long a new trust may take until it is known.
const KNOWN_AFTER: Duration = Duration::from_secs(5 * 60);

/// What was answered longer ago than this says nothing any more. The engine's own waits within [`KNOWN_AFTER`] are shorter.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10 * 60);

/// Such answers in a row, for one identity whatever the token is for. In boot time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::source) struct Untrusted {
    first: Duration,
    last: Duration,
}

impl Untrusted {
    /// One more such answer, after those `before`.
    pub(in crate::source) fn again(before: Option<Self>, boot: Duration) -> Self {
        match before.filter(|before| before.counts(boot)) {
            Some(before) => Self { last: boot, ..before },
            None => Self { first: boot, last: boot },
        }
    }

    /// Whether it still says something.
    pub(in crate::source) fn counts(&self, boot: Duration) -> bool {
        boot.saturating_sub(self.last) < FORGOTTEN_AFTER
    }

    fn class(&self) -> FailureClass {
        match self.last.saturating_sub(self.first) < KNOWN_AFTER {
            true => FailureClass::TryLater,
            false => FailureClass::Refused,
        }
    }

    /// The failure, with the command that makes the trust. `told`: what Entra ID said, and what was shown to it.
    pub(super) fn failure(&self, told: Failure, identity: &str, client_id: &str, claims: &Claims) -> Failure {
        let class = self.class();
        let made = AzureTrust::of(identity, client_id, claims).map(|trust| trust.az());
        let made = made.map_or_else(String::new, |az| format!(": {az}"));
        let more = match class {
            FailureClass::TryLater => {
                format!(
                    "; it is asked again soon, for a new one is known after some minutes; if there is none, make it{made}"
                )
            }
            FailureClass::NeedsPerson | FailureClass::Refused => format!("; make it{made}"),
        };
        let words = told.private.strip_prefix(&told.public).unwrap_or_default();
        let public = format!("{}{more}", told.public);
        Failure { class, private: format!("{public}{words}"), public, ..told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// The classes of answers at these seconds.
    fn classes(at: &[u64]) -> Vec<FailureClass> {
        let mut before = None;
        let answer = |at: &u64| {
            let now = Untrusted::again(before, secs(*at));
            before = Some(now);
            now.class()
        };
        at.iter().map(answer).collect()
    }

    #[test]
    fn what_may_have_been_made_just_now_is_tried_again_for_five_minutes_and_then_refused() {
        use FailureClass::{Refused, TryLater};
        assert_eq!(classes(&[7, 17, 37, 77, 157, 306]), [TryLater; 6]);
        assert_eq!(classes(&[7, 306, 307, 900]), [TryLater, TryLater, Refused, Refused]);
        assert_eq!(classes(&[0, 299, 898]), [TryLater, TryLater, Refused]);
        assert_eq!(classes(&[0, 299, 899]), [TryLater; 3], "nobody asked for ten minutes: it may have been made");
    }

    #[test]
    fn the_failure_says_how_the_trust_is_made_and_keeps_what_entra_said_for_the_log() {
        let told = Failure::new(FailureClass::TryLater, "NotFederated", "sync has no token: no such trust")
            .because("sync has no token: no such trust (invalid_client, AADSTS700213, status 401: words)");
        let claims = Claims {
            issuer: Some("https://i.test".to_owned()),
            subject: Some("s".to_owned()),
            audience: Some("api://AzureADTokenExchange".to_owned()),
            ..Claims::default()
        };
        let later = Untrusted::again(None, secs(9)).failure(told.clone(), "sync", "app", &claims);
        assert_eq!((later.class, later.code), (FailureClass::TryLater, "NotFederated"));
        for word in [
            "known after some minutes",
            "az ad app federated-credential create --id app --parameters '{",
            "https://i.test",
        ] {
            assert!(later.public.contains(word), "{word:?} is not in {}", later.public);
        }
        assert!(later.private.starts_with(&later.public) && later.private.ends_with("status 401: words)"), "{later:?}");
        let refused = Untrusted { first: secs(0), last: secs(301) }.failure(told, "sync", "app", &claims);
        assert_eq!(refused.class, FailureClass::Refused);
        assert!(refused.public.contains("; make it: az ad app") && !refused.public.contains("minutes"), "{refused}");
    }
}
