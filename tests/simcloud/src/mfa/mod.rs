//! Multi-factor devices: who has one, which of its codes were spent, and every code that was ever sent.
//!
//! A code opens once. Whoever sends it again, or one of an earlier step, is refused (RFC 6238, section 5.2).

mod steering;
pub(crate) mod totp;

use std::{
    collections::BTreeMap,
    ops::RangeInclusive,
    time::{Duration, SystemTime},
};

use ring::hmac;
use serde::Serialize;

use crate::user::is_named;

/// A device that makes one-time codes: six digits, a new one every 30 seconds.
#[derive(Clone)]
pub struct Device {
    /// `arn:aws:iam::111122223333:mfa/base`, or what is printed on a piece of hardware: `GAHT12345678`.
    pub serial: String,
    /// Whose it is: the ARN of a user, or the name alone.
    pub user: String,
    pub(crate) seed: Vec<u8>,
    /// The step of the last code that was taken.
    pub(crate) spent: Option<u64>,
}

/// A code that was sent, without the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCode {
    /// By the cloud's clock.
    pub at: SystemTime,
    /// `GetSessionToken`, `AssumeRole`.
    pub action: String,
    /// The step that it is the code of, when there is one within five minutes: seconds since 1970, divided by 30.
    pub step: Option<u64>,
    /// Equal for equal codes of one serial, and for no others.
    pub digest: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It arrived, and was not looked at: a fault came between, a wrong signature, a parameter out of its limits.
    Unjudged,
    /// It was right, and is spent now.
    Accepted,
    /// It was right once: it, or one of a later step, has been taken already.
    Spent,
    /// It is the code of no step near the cloud's time.
    Wrong,
    /// There is no such device, or it is another user's.
    NotTheirs,
}

/// Every device, and every code that was sent.
pub(crate) struct Devices {
    pub(crate) all: BTreeMap<String, Device>,
    /// By serial.
    sent: BTreeMap<String, Vec<SentCode>>,
    digests: hmac::Key,
}

impl Default for Devices {
    fn default() -> Self {
        let digests = hmac::Key::new(hmac::HMAC_SHA256, &totp::random_seed());
        Self { all: BTreeMap::new(), sent: BTreeMap::new(), digests }
    }
}

impl Devices {
    /// Writes down a code as it arrives, whatever will become of its call.
    pub(crate) fn note(&mut self, serial: &str, code: &str, action: &str, now: SystemTime) {
        let near = totp::step_of(now).saturating_sub(NEAR)..=totp::step_of(now).saturating_add(NEAR);
        let step = self.all.get(serial).and_then(|device| device.steps_of(code, near).next());
        let digest = self.digest(serial, code);
        let sent = SentCode { at: now, action: action.to_owned(), step, digest, verdict: Verdict::Unjudged };
        self.sent.entry(serial.to_owned()).or_default().push(sent);
    }

    /// Judges a code that the user of this ARN sent; one that is right is spent by it.
    pub(crate) fn judge(&mut self, serial: &str, code: &str, user_arn: &str, now: SystemTime) -> Verdict {
        let device = self.all.get_mut(serial).filter(|device| is_named(user_arn, &device.user));
        let verdict = device.map_or(Verdict::NotTheirs, |device| device.take(code, now));
        let digest = self.digest(serial, code);
        let unjudged = |sent: &&mut SentCode| sent.digest == digest && sent.verdict == Verdict::Unjudged;
        if let Some(sent) = self.sent.get_mut(serial).and_then(|sent| sent.iter_mut().rev().find(unjudged)) {
            sent.verdict = verdict;
        }
        verdict
    }

    fn digest(&self, serial: &str, code: &str) -> String {
        let tag = hmac::sign(&self.digests, format!("{serial} {code}").as_bytes());
        tag.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Device {
    /// Its seed in base 32, as an authenticator app takes it.
    pub fn seed(&self) -> String {
        totp::write_seed(&self.seed)
    }

    fn take(&mut self, code: &str, now: SystemTime) -> Verdict {
        let step = totp::step_of(now);
        let right: Vec<u64> = self.steps_of(code, step.saturating_sub(1)..=step.saturating_add(1)).collect();
        let fresh = right.iter().find(|step| self.spent.is_none_or(|spent| **step > spent));
        match fresh {
            Some(step) => {
                self.spent = Some(*step);
                Verdict::Accepted
            }
            None if right.is_empty() => Verdict::Wrong,
            None => Verdict::Spent,
        }
    }

    /// The steps among these that this is the code of.
    fn steps_of(&self, code: &str, steps: RangeInclusive<u64>) -> impl Iterator<Item = u64> {
        steps.filter(move |step| totp::code(&self.seed, *step) == code)
    }
}

/// So many steps either way are searched for a code that is right at no time near.
const NEAR: u64 = 10;

/// How long a code is shown.
pub const STEP: Duration = Duration::from_secs(30);
