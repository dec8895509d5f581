//! [`Attempt`]: from keys at hand to a session made with a one-time code: keys proved, a code that was never sent, one call,
//! and once more with another code where AWS did not take the first.
//!
//! Called by [`super::begin`], which holds the device's turn meanwhile.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::begin::Wanted;
use super::book::Book;
use super::record::{DeviceRecord, SeenClock, digest_of};
use super::spent::{self, MaySend};
use super::told::{self, CODE_REFUSED, CODE_SPENT};
use super::{Device, ExchangeCall, UserSessions, sts_of};
use crate::config;
use crate::credential::{AwsKeys, Failure, FailureClass};
use crate::secret::Secret;
use crate::source::Learnt;
use crate::source::aws_error::AN_HOUR;
use crate::source::otp::{self, Asked};
use crate::store::KeptSession;
use crate::world::World;

/// All that one needs.
pub(super) struct Attempt<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) device: &'a config::Device,
    pub(super) keys: AwsKeys,
    pub(super) book: Book,
    pub(super) sessions: &'a dyn UserSessions,
    pub(super) world: &'a World,
}

/// So many codes are fetched at most, where a source shows one that was sent before: two may be old where its clock is behind.
const MOST_FETCHES: usize = 3;

impl Attempt<'_> {
    /// With the code that a person gave: it is sent once, or not at all.
    pub(super) async fn with_given(&self, code: Secret) -> Result<KeptSession, Failure> {
        let code = otp::checked(code.expose()).map_err(|why| {
            let text = format!("nothing was sent for {}: {why}", self.wanted.identity);
            Failure::new(FailureClass::NeedsPerson, "OtpUnusable", text)
        })?;
        self.unless_paused()?;
        self.prove_keys().await?;
        let record = self.book.record()?;
        match spent::may_send(&record, digest_of(&self.device.serial, &code), self.time(&record)) {
            MaySend::Send => self.send(code).await,
            MaySend::WaitUntil(_) => Err(told::code_spent(&self.wanted.identity)),
        }
    }

    /// With a code that its source gives, and with another one where the first was refused.
    pub(super) async fn with_fetched(&self) -> Result<KeptSession, Failure> {
        self.unless_paused()?;
        self.prove_keys().await?;
        let failure = match self.send(self.fetch().await?).await {
            Ok(kept) => return Ok(kept),
            Err(failure) => failure,
        };
        if !self.is_worth_another_code(&failure) {
            return Err(failure);
        }
        self.wait_until(spent::next_code).await?;
        match self.send(self.fetch().await?).await {
            Err(again) if again.code == CODE_REFUSED => Err(told::refused_again(&self.wanted.identity, &again)),
            outcome => outcome,
        }
    }

    /// No code is sent for a while after too many were refused, whoever asks.
    fn unless_paused(&self) -> Result<(), Failure> {
        let record = self.book.record()?;
        told::unless_paused(&record, self.time(&record), &self.wanted.identity, self.world.clock.now())
    }

    /// Finds out what is wrong with the keys before a person is asked for a code, and what AWS's clock shows.
    /// `GetCallerIdentity` needs no permission (API_GetCallerIdentity).
    async fn prove_keys(&self) -> Result<(), Failure> {
        let exchange = self.wanted.exchange(self.keys.clone(), None);
        match sts_of(&exchange, self.world, &Learnt::default()).for_one_issue().caller(&self.keys).await {
            Ok(caller) => {
                let seen = SeenClock { offset: caller.server_offset, at: self.world.clock.now() };
                let noted = self.book.change(|record| {
                    record.clock = Some(seen);
                    Ok(())
                });
                noted.await
            }
            // an endpoint's policy may deny even this
            Err(failure) if failure.code == "AccessDenied" => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// A code that was never sent.
    async fn fetch(&self) -> Result<Secret, Failure> {
        let usual = otp::usual_latency(&self.device.otp);
        for _ in 0..MOST_FETCHES {
            let record = self.book.record()?;
            // who types is asked at once, and types what is shown by then
            let typed = otp::is_typed(&self.device.otp);
            if !typed {
                self.wait(spent::wait_before_fetch(&record, usual, self.time(&record))).await;
            }
            let began = Instant::now();
            let asked = Asked {
                serial: &self.device.serial,
                identity: &self.wanted.identity,
                otp: &self.device.otp,
                offset: spent::believed(&record, self.world.clock.now()).unwrap_or_default(),
            };
            let code = otp::code(&asked, self.world).await?;
            let took = began.elapsed();
            let record = self.book.change(|record| {
                if !typed {
                    record.latency = Some(took);
                }
                Ok(record.clone())
            });
            let record = record.await?;
            match spent::may_send(&record, digest_of(&self.device.serial, &code), self.time(&record)) {
                MaySend::Send => return Ok(code),
                MaySend::WaitUntil(_) => {
                    let label = self.device.label();
                    self.world.person.tell(&format!("That code of {label} was used before, and each is good once."));
                    self.wait_until(spent::next_code).await?;
                }
            }
        }
        Err(told::code_spent(&self.wanted.identity))
    }

    async fn send(&self, code: Secret) -> Result<KeptSession, Failure> {
        let device = Device { serial: self.device.serial.clone(), code };
        self.sessions.begin(self.wanted.exchange(self.keys.clone(), Some(device))).await
    }

    /// Whether another code may help: this one was refused or somebody else's, or the call asked for too much, which whoever
    /// made it has learnt. Not where there is a pause now.
    fn is_worth_another_code(&self, failure: &Failure) -> bool {
        let asked_for_too_much = failure.code == "DurationRefused"
            && matches!(&self.wanted.call, ExchangeCall::Role(role) if role.duration > AN_HOUR);
        (asked_for_too_much || [CODE_REFUSED, CODE_SPENT].contains(&failure.code)) && self.unless_paused().is_ok()
    }

    async fn wait_until(&self, when: impl Fn(SystemTime) -> SystemTime) -> Result<(), Failure> {
        let at = self.time(&self.book.record()?);
        self.wait(when(at).duration_since(at).unwrap_or_default()).await;
        Ok(())
    }

    async fn wait(&self, wait: Duration) {
        if wait >= WORTH_A_WORD {
            let label = self.device.label();
            self.world.person.tell(&format!("Waiting {} s for the next code of {label}.", wait.as_secs()));
        }
        sleep(wait).await;
    }

    /// AWS's time.
    fn time(&self, record: &DeviceRecord) -> SystemTime {
        let now = self.world.clock.now();
        spent::believed(record, now).unwrap_or_default().server_time(now.wall)
    }
}

const WORTH_A_WORD: Duration = Duration::from_secs(2);
