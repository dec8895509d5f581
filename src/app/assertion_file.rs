//! [`AssertionFile`]: keeps a child's `AZURE_FEDERATED_TOKEN_FILE` in step with what the engine holds.
//!
//! Clients read the file anew every 5 or 10 min and show its content to Entra ID (azure-identity's `workload_identity.py`;
//! `workload_identity.go`), so it must have more life than that at any time. The engine renews at half of the life; what is
//! new goes into the file within [`LOOK`]. Where nothing new can be had, the file stays as it is: never empty, never half.
//! Called by `exec --azure-style workload`.

use std::fmt::Display;
use std::time::Duration;

use crate::credential::{Failure, Outcome};
use crate::secret::{Digest, Secret};

/// How often is looked: a look is answered from memory.
pub const LOOK: Duration = Duration::from_secs(15);

/// What is known of one file.
#[derive(Debug)]
pub struct AssertionFile {
    /// What it holds.
    written: Digest,
    /// What went wrong last: said once.
    trouble: Option<String>,
}

impl AssertionFile {
    /// For a file that holds this since just now.
    pub fn holding(assertion: &Secret) -> Self {
        Self { written: assertion.digest(), trouble: None }
    }

    /// Waits for another one than the file holds. May be dropped and called again.
    pub async fn next(&mut self, get: impl AsyncFn() -> Outcome) -> Secret {
        loop {
            tokio::time::sleep(LOOK).await;
            match get().await {
                Ok(credential) => {
                    if let Some(token) = credential.token().filter(|token| token.access_token.digest() != self.written)
                    {
                        return token.access_token.clone();
                    }
                    self.trouble = None;
                }
                Err(Failure { private, .. }) => self.failed(private),
            }
        }
    }

    /// Writes it. What fails is warned of, and tried again at the next look.
    pub fn write<E: Display>(&mut self, assertion: &Secret, write: impl FnOnce(&Secret) -> Result<(), E>) {
        match write(assertion) {
            Ok(()) => {
                (self.written, self.trouble) = (assertion.digest(), None);
                tracing::info!("the child's assertion file holds a new one");
            }
            Err(error) => self.failed(error.to_string()),
        }
    }

    fn failed(&mut self, error: String) {
        if self.trouble.as_ref() != Some(&error) {
            tracing::warn!(error, "the child's assertion file does not follow");
        }
        self.trouble = Some(error);
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::Arc;
    use std::time::SystemTime;

    use tokio::time::Instant;

    use super::*;
    use crate::credential::{ClockOffset, Content, Credential, FailureClass, Now, Token};

    const MINUTE: Duration = Duration::from_secs(60);
    const LIFE: Duration = Duration::from_secs(3600);

    /// An engine that renews at half of the life: which one it holds, and when that ends.
    struct Held {
        began: Instant,
        down: Cell<bool>,
        last: Cell<u64>,
    }

    impl Held {
        fn new() -> Self {
            Self { began: Instant::now(), down: Cell::new(false), last: Cell::new(0) }
        }

        fn number(&self) -> u64 {
            if !self.down.get() {
                self.last.set(self.began.elapsed().as_secs() / (LIFE.as_secs() / 2));
            }
            self.last.get()
        }

        fn get(&self) -> Outcome {
            let number = self.number();
            let half = u32::try_from(number).unwrap();
            if self.began.elapsed() >= LIFE / 2 * half + LIFE {
                return Err(Failure::new(FailureClass::TryLater, "UpstreamUnavailable", "down"));
            }
            let received = Now { wall: SystemTime::UNIX_EPOCH, boot: Duration::ZERO };
            Ok(Arc::new(Credential {
                content: Content::Token(Token::of(Secret::new(number.to_string()))),
                expiration: SystemTime::UNIX_EPOCH + LIFE,
                server_offset: ClockOffset::None,
                received,
            }))
        }

        /// What is left of the one of this number.
        fn left(&self, number: u64) -> Duration {
            (LIFE / 2 * u32::try_from(number).unwrap() + LIFE).saturating_sub(self.began.elapsed())
        }
    }

    fn number(content: &str) -> u64 {
        content.parse().expect("never empty, never half")
    }

    #[tokio::test(start_paused = true)]
    async fn c33_the_file_has_more_than_ten_minutes_of_life_at_any_time() {
        let held = Held::new();
        let content = RefCell::new("0".to_owned());
        let mut file = AssertionFile::holding(&Secret::new("0"));
        let follow = async {
            loop {
                let next = file.next(async || held.get()).await;
                file.write(&next, |next| -> Result<(), String> {
                    *content.borrow_mut() = next.expose().to_owned();
                    Ok(())
                });
            }
        };
        let read = async {
            for minute in 1..3 * 24 * 60 {
                tokio::time::sleep(MINUTE).await;
                assert!(held.left(number(&content.borrow())) > 29 * MINUTE, "after {minute} min");
            }
        };
        tokio::select! { () = follow => unreachable!("it goes on for ever"), () = read => {} }
        assert_eq!(number(&content.borrow()), 3 * 24 * 2 - 1, "a new one every half hour");
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_leaves_the_file_as_it_is_and_what_comes_after_goes_in() {
        let held = Held::new();
        let mut file = AssertionFile::holding(&Secret::new("0"));
        held.down.set(true);
        let waited = tokio::time::timeout(120 * MINUTE, file.next(async || held.get())).await;
        assert!(waited.is_err() && file.trouble.is_some());
        held.down.set(false);
        let next = file.next(async || held.get()).await;
        assert_eq!(next.expose(), "4");
        assert_eq!(held.began.elapsed(), 120 * MINUTE + LOOK);
    }

    #[tokio::test(start_paused = true)]
    async fn what_could_not_be_written_is_written_at_the_next_look() {
        let held = Held::new();
        let mut file = AssertionFile::holding(&Secret::new("before"));
        let next = file.next(async || held.get()).await;
        file.write(&next, |_| Err("the disk is full"));
        assert_eq!(file.trouble.as_deref(), Some("the disk is full"));
        assert_eq!(file.next(async || held.get()).await.expose(), "0");
        file.write(&next, |_| Ok::<(), String>(()));
        assert!(file.trouble.is_none());
        assert!(tokio::time::timeout(MINUTE, file.next(async || held.get())).await.is_err(), "nothing is new");
    }
}
