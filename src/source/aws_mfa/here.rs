//! [`Here`]: whoever keeps user sessions for all processes and makes the calls that begin them: the daemon, or a command that
//! goes without one.
//!
//! A code is marked as sent before it goes out, under a lock of all our processes, and what comes of it is marked after. The
//! call is a task of its own: whoever asked for it and hangs up cancels nothing.

use std::sync::Arc;

use super::book::Book;
use super::record::{Outcome, SeenClock, digest_of};
use super::spent::{self, MaySend};
use super::told::{self, CODE_REFUSED};
use super::{Device, Exchange, ExchangeCall, UserSessions, sts_of};
use crate::credential::{Failure, FailureClass, Issued, SessionKey};
use crate::source::Learnt;
use crate::source::aws_sts::Sts;
use crate::store::{KeptSession, SessionStore};
use crate::world::{BoxFuture, World};

/// Keeps sessions in this process, and begins them. Clones share them.
#[derive(Clone)]
pub struct Here {
    world: World,
    learnt: Learnt,
    store: Arc<SessionStore>,
}

impl Here {
    /// `learnt`: of those who ask STS in this process; `store`: where what comes of it is kept.
    pub fn new(world: World, learnt: Learnt, store: Arc<SessionStore>) -> Self {
        Self { world, learnt, store }
    }

    async fn begin_now(&self, exchange: Exchange) -> Result<KeptSession, Failure> {
        let sts = sts_of(&exchange, &self.world, &self.learnt).for_one_issue();
        let issued = match (&exchange.device, &exchange.call) {
            (Some(device), _) => self.with_code(&sts, &exchange, device).await?,
            (None, ExchangeCall::Session { duration }) => sts.session(&exchange.keys, *duration).await?,
            (None, ExchangeCall::Role(role)) => sts.assume_role(role, &exchange.keys).await?,
        };
        let began = self.world.clock.now();
        let kept = KeptSession { issued: Issued { received: Some(began), ..issued }, began };
        self.store.keep(&exchange.session, kept.clone()).await;
        Ok(kept)
    }

    async fn with_code(&self, sts: &Sts, exchange: &Exchange, device: &Device) -> Result<Issued, Failure> {
        let book = Book::of(&device.serial, &self.world)?;
        let digest = digest_of(&device.serial, &device.code);
        let signed_by = book
            .change(|record| {
                let now = self.world.clock.now();
                let offset = spent::believed(record, now).unwrap_or_default();
                let at = offset.server_time(now.wall);
                told::unless_paused(record, at, &exchange.identity, now)?;
                match spent::may_send(record, digest, at) {
                    MaySend::Send => record.note_sent(digest, at),
                    MaySend::WaitUntil(_) => return Err(told::code_spent(&exchange.identity)),
                }
                Ok(offset)
            })
            .await?;
        let answer = sts.with_code(&exchange.call, &exchange.keys, device, signed_by).await;
        let outcome = match &answer.outcome {
            _ if answer.unsent => None,
            Ok(_) => Some(Outcome::Accepted),
            Err(verdict) if verdict.failure.code == CODE_REFUSED => Some(Outcome::Refused),
            Err(_) => Some(Outcome::Unknown),
        };
        let noted = book.change(|record| {
            record.note_outcome(digest, outcome);
            if let Some(offset) = answer.offset {
                record.clock = Some(SeenClock { offset, at: self.world.clock.now() });
            }
            Ok(())
        });
        if let Err(failure) = noted.await {
            // it stays marked as sent, which errs on the safe side
            tracing::warn!(error_code = failure.code, "otp record not kept");
        }
        answer.outcome.map_err(|verdict| verdict.failure)
    }
}

impl UserSessions for Here {
    fn held(&self, key: &SessionKey) -> BoxFuture<'static, Result<Option<KeptSession>, Failure>> {
        let held = self.store.held(key);
        Box::pin(async { Ok(held) })
    }

    fn begin(&self, exchange: Exchange) -> BoxFuture<'static, Result<KeptSession, Failure>> {
        let here = self.clone();
        let begun = tokio::spawn(async move { here.begin_now(exchange).await });
        Box::pin(async { begun.await.unwrap_or_else(|_| Err(broken())) })
    }

    fn forget(&self, key: &SessionKey) -> BoxFuture<'static, Result<bool, Failure>> {
        let (store, key) = (Arc::clone(&self.store), key.clone());
        Box::pin(async move { Ok(store.forget(&key).await) })
    }
}

fn broken() -> Failure {
    let text = "a session could not be begun: please report it";
    Failure::new(FailureClass::TryLater, "InternalError", text)
}
