//! The lifetime rule: from a credential's whole life, when clients wait for a newer one and when we fetch it unasked.
//!
//! The numbers follow from the refresh windows of released clients. botocore begins to ask again with 15 min left and
//! blocks with 10 min left (`botocore/credentials.py`, `_advisory_refresh_timeout`, `_mandatory_refresh_timeout`); .NET
//! asks again with 16 min left (`RefreshingAWSCredentials.cs`, `PreemptExpiryTime`); Go and CRT with 5 min left. Who
//! always gets 20 min has at least 4 min of peace. Pure; called by the engine's tables and its plan.

use std::time::Duration;

/// With this much left or less nothing is handed out: it could end on its way.
pub const LAST_MINUTE: Duration = Duration::from_secs(60);

/// What clients of container endpoints get at least, where the upstream allows.
pub const CONTAINER_LIFE: Duration = Duration::from_secs(20 * 60);

/// What clients of the instance metadata service get at least, where the upstream allows: botocore takes what has less than
/// 17 to 25 min left for a sign of a service in trouble, and signs with it past its end (`botocore/utils.py`,
/// `_evaluate_expiration`).
pub const INSTANCE_LIFE: Duration = Duration::from_secs(26 * 60);

/// Lives of up to this long are too short for the rule: botocore asks for them again on every call, whatever is done. They
/// are those of up to 15 min, as a server says whose clock is half a minute ahead.
pub const SHORT_LIFE: Duration = Duration::from_secs(15 * 60 + 30);

/// At which remaining lives something happens to a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// With less than this left, a client waits a moment for a newer one.
    pub hard: Duration,
    /// With this much left or less, a newer one is fetched in the background.
    pub soft: Duration,
}

/// The thresholds of a credential that lives for `life`; `min_life` is the least that clients should get where the
/// upstream allows (20 min for container endpoints).
///
/// ```
/// use std::time::Duration;
/// use credenza::engine::lifetime::thresholds;
/// let minutes = |n: u64| Duration::from_secs(n * 60);
/// let hour = thresholds(minutes(60), minutes(20));
/// assert_eq!((hour.hard, hour.soft), (minutes(20), minutes(25)));
/// ```
pub fn thresholds(life: Duration, min_life: Duration) -> Thresholds {
    if life <= SHORT_LIFE {
        return Thresholds { hard: LAST_MINUTE, soft: (life * 7 / 10).max(LAST_MINUTE) };
    }
    let hard = min_life.min(life.saturating_sub(Duration::from_secs(5 * 60))).max(LAST_MINUTE);
    let soft = hard + (life.saturating_sub(hard) / 3).min(Duration::from_secs(5 * 60));
    Thresholds { hard, soft }
}

/// What clients of a token get at least, where the upstream allows: with less than this left every MSAL takes a token for none
/// and asks again on each call (`msal/managed_identity.py`; `ManagedIdentityClient.ts`), azure-core's policies renew it, and
/// `object_store` refuses it (`src/client/token.rs`).
pub const TOKEN_LIFE: Duration = Duration::from_secs(5 * 60);

/// Lives of up to this long leave clients little: their half is no more than [`TOKEN_LIFE`].
pub const SHORT_TOKEN_LIFE: Duration = Duration::from_secs(10 * 60);

/// The thresholds of a token that lives for `life`: renewed at half of it, and never handed out with less than `min_life` left
/// where there is more to have; of one that lives hardly longer half of it at least, so that the upstream is not asked all the
/// time.
///
/// ```
/// use std::time::Duration;
/// use credenza::engine::lifetime::{TOKEN_LIFE, token_thresholds};
/// let minutes = |n: u64| Duration::from_secs(n * 60);
/// let hour = token_thresholds(minutes(60), TOKEN_LIFE);
/// assert_eq!((hour.hard, hour.soft), (minutes(5), minutes(30)));
/// ```
pub fn token_thresholds(life: Duration, min_life: Duration) -> Thresholds {
    let half = (life / 2).max(LAST_MINUTE);
    let hard = if life >= min_life.saturating_add(WORTH_ASKING) { min_life } else { half };
    Thresholds { hard, soft: half.max(hard) }
}

/// The thresholds of a token that came again when it was fetched at half of its life: who has it keeps it until it has
/// [`TOKEN_LIFE`] left, as the Azure CLI does (`msal/application.py`: its cache gives nothing newer before), and asking again
/// earlier only starts a process.
pub fn kept_token_thresholds(life: Duration) -> Thresholds {
    let Thresholds { hard, .. } = token_thresholds(life, TOKEN_LIFE);
    Thresholds { hard, soft: hard }
}

/// How much longer than what clients should get a token must live for it to be kept to.
const WORTH_ASKING: Duration = Duration::from_secs(2 * 60);

/// With how much left a session that can be renewed without a person is renewed: about 20 min, so that other tools, which
/// look at theirs with 15 min left or less (`botocore/tokens.py`, `_refresh_timeout`), find it done; of a life below that,
/// or one that is unknown (`None`), as much as there is. `jitter`, in `0.0..1.0`, keeps processes apart that began together.
///
/// ```
/// use std::time::Duration;
/// use credenza::engine::lifetime::renew_session_with;
/// let minutes = |n: u64| Duration::from_secs(n * 60);
/// assert_eq!(renew_session_with(Some(minutes(60)), 0.0), minutes(20));
/// assert_eq!(renew_session_with(Some(minutes(60)), 1.0), minutes(23));
/// assert_eq!(renew_session_with(Some(minutes(15)), 0.5), Duration::from_secs(450));
/// ```
pub fn renew_session_with(life: Option<Duration>, jitter: f64) -> Duration {
    let early = Duration::from_secs(20 * 60) + Duration::from_secs(3 * 60).mul_f64(jitter.clamp(0.0, 1.0));
    life.map_or(early, |life| early.min(life / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn the_table_of_lives() {
        // (life, hard, soft; all in seconds)
        for (life, hard, soft) in [
            (5 * 60, 60.0, 210.0),
            (10 * 60, 60.0, 420.0),
            (15 * 60, 60.0, 630.0), // fetched every 4.5 min
            (901, 60.0, 630.7),     // the same by a clock that is a little ahead
            (902, 60.0, 631.4),
            (930, 60.0, 651.0),
            (931, 631.0, 731.0),
            (20 * 60, 900.0, 1000.0),
            (25 * 60, 1200.0, 1300.0),
            (30 * 60, 1200.0, 1400.0),
            (60 * 60, 1200.0, 1500.0),
            (720 * 60, 1200.0, 1500.0),
        ] {
            let expected = Thresholds { hard: Duration::from_secs_f64(hard), soft: Duration::from_secs_f64(soft) };
            assert_eq!(thresholds(secs(life), CONTAINER_LIFE), expected, "{life} s");
        }
    }

    #[test]
    fn the_table_of_lives_of_either_kind_of_client() {
        // (life in minutes; hard and soft in seconds for containers, then for instances)
        for (life, containers, instances) in [
            (5, (60, 210), (60, 210)),
            (10, (60, 420), (60, 420)),
            (15, (60, 630), (60, 630)),
            (20, (900, 1000), (900, 1000)),
            (25, (1200, 1300), (1200, 1300)),
            (30, (1200, 1400), (1500, 1600)),
            (35, (1200, 1500), (1560, 1740)),
            (60, (1200, 1500), (1560, 1860)),
            (720, (1200, 1500), (1560, 1860)),
        ] {
            for (min_life, (hard, soft)) in [(CONTAINER_LIFE, containers), (INSTANCE_LIFE, instances)] {
                let expected = Thresholds { hard: secs(hard), soft: secs(soft) };
                assert_eq!(thresholds(secs(life * 60), min_life), expected, "{life} min, {min_life:?}");
            }
        }
    }

    #[test]
    fn the_table_of_lives_of_tokens() {
        let twenty = 20 * 60;
        // (life, min_life, hard, soft; all in seconds)
        for (life, min_life, hard, soft) in [
            (61, 300, 60, 60),
            (120, 300, 60, 60),
            (200, 300, 100, 100),
            (419, 300, 209, 209),
            (420, 300, 300, 300),
            (600, 300, 300, 300),
            (601, 300, 300, 300),
            (3600, 300, 300, 1800),
            (5400, 300, 300, 2700),
            (86_400, 300, 300, 43_200),
            (200, twenty, 100, 100),
            (1319, twenty, 659, 659),
            (1320, twenty, 1200, 1200),
            (2401, twenty, 1200, 1200),
            (3600, twenty, 1200, 1800),
        ] {
            let Thresholds { hard: at_least, soft: renewed } = token_thresholds(secs(life), secs(min_life));
            assert_eq!((at_least.as_secs(), renewed.as_secs()), (hard, soft), "{life} s");
            assert!(renewed < secs(life), "what is just issued is not due: {life} s");
        }
    }

    #[test]
    fn what_is_just_issued_is_never_due_and_soft_comes_before_hard() {
        for (life, min_life) in (61..2000).flat_map(|life| [(life, CONTAINER_LIFE), (life, INSTANCE_LIFE)]) {
            let life = secs(life * 7);
            let Thresholds { hard, soft } = thresholds(life, min_life);
            assert!(soft < life && hard <= soft && hard >= LAST_MINUTE, "{life:?}: {hard:?} {soft:?}");
        }
    }
}
