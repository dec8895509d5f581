//! Asking AWS again, for a minute, about what it may not know yet. Called by [`rotate`](super::rotate).

use std::time::Duration;

use crate::credential::{Failure, FailureClass};

/// Asks again while AWS does not know a new key, or is away: what IAM changes is not seen everywhere at once (IAM User
/// Guide, "Changes that I make are not always immediately visible").
pub(super) async fn patiently<T>(ask: impl AsyncFn() -> Result<T, Failure>) -> Result<T, Failure> {
    for pause in PAUSES {
        match ask().await {
            Err(failure) if failure.code == "InvalidClientTokenId" || failure.class == FailureClass::TryLater => {
                tokio::time::sleep(pause).await;
            }
            outcome => return outcome,
        }
    }
    ask().await
}

/// A minute in all.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
    Duration::from_secs(8),
    Duration::from_secs(15),
    Duration::from_secs(15),
    Duration::from_secs(15),
];
