//! The audit trail: who used which identity when, apart from the log and from the first day.
//!
//! One JSON object a line, `schema: 1`, in a private file with a cap. The first of (grant, identity, dialect, outcome,
//! key) in a second is written at once; repeats are counted and written as one line with the times of the first and the
//! last (`window`). The whole access key id is there, so that CloudTrail's records can be joined with it; a secret never.
//!
//! A request never waits for it: what is to be written goes through a bounded channel to a task, and what finds no room is
//! counted, and the count written. What clients choose is bounded, in lines and in bytes (`strangers`). Called by [`crate::server`] for each request and by the control socket.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::sync::{mpsc, oneshot};

use super::capped::CappedFile;
use super::strangers::Strangers;
use super::window::{Noted, Repeats, Window};
use crate::credential::{Credential, IdentityName, Now, Want};
use crate::world::Clock;
use crate::world::peer::PeerProcess;

pub(super) use super::audit_writer::Message;
use super::audit_writer::Writer;

/// What was done, but for when and by which process: those of one kind are counted together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deed {
    /// The grant's name; `None`: no grant was shown.
    pub grant: Option<Arc<str>>,
    /// The container that asked, by its name, or by its address where it has none; `None`: it was none.
    pub container: Option<Arc<str>>,
    /// The identity that was asked for; `None`: it was not looked at. Of the configuration, or [`Audit::stranger`]'s.
    pub identity: Option<IdentityName>,
    /// How it was asked: `ecs`, `pod-identity`, `control`.
    pub dialect: &'static str,
    /// `issued`, or one word for why not, such as `token-unknown` or `LoginRequired`.
    pub outcome: &'static str,
    /// What the configuration says of the identity.
    pub known: Known,
    /// What was handed out.
    pub issued: Option<Handed>,
}

/// What is served under an identity's name, as far as the configuration tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Known {
    /// The account, twelve digits.
    pub account: Option<Arc<str>>,
    /// The role's ARN.
    pub role: Option<Arc<str>>,
}

/// What was handed out, without its secret parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handed {
    /// The whole temporary access key id, `ASIA...`; `None`: it is a token.
    pub access_key_id: Option<Arc<str>>,
    /// What a token was asked for, such as `https://graph.microsoft.com`, to the letter; where nobody said it, what it says itself.
    pub audience: Option<Arc<str>>,
    /// The account, where it is known.
    pub account_id: Option<Arc<str>>,
    /// The role's ARN, where there is one.
    pub role_arn: Option<Arc<str>>,
}

impl Handed {
    /// What there is to say of a credential.
    pub fn of(credential: &Credential) -> Self {
        let aws = credential.aws();
        Self {
            access_key_id: aws.map(|aws| aws.keys.access_key_id.as_str().into()),
            audience: credential.token().and_then(|token| token.claims.audience.as_deref()).map(Into::into),
            account_id: aws.and_then(|aws| aws.account_id.as_deref()).map(Into::into),
            role_arn: aws.and_then(|aws| aws.role_arn.as_deref()).map(Into::into),
        }
    }

    /// The same of one that was asked for so.
    #[must_use]
    pub fn asked_for(self, want: &Want) -> Self {
        match want {
            Want::Token(resource) => Self { audience: Some(Arc::clone(resource)), ..self },
            Want::Keys | Want::Assertion => self,
        }
    }
}

/// The other end of a connection. Which process it is, is looked up once, and only if it is written.
#[derive(Debug)]
pub struct Peer {
    from: SocketAddr,
    to: SocketAddr,
    look: Look,
    process: OnceLock<Option<PeerProcess>>,
}

type Look = fn(SocketAddr, SocketAddr, &[u32]) -> Option<PeerProcess>;

impl Peer {
    /// The client at `from`, connected to our address `to`.
    pub fn new(from: SocketAddr, to: SocketAddr) -> Self {
        Self { from, to, look: crate::world::peer::connected, process: OnceLock::new() }
    }

    /// A client that is known already, or known not to be: the control socket is told by the system.
    pub fn known(process: Option<PeerProcess>) -> Self {
        let nowhere = SocketAddr::from(([0, 0, 0, 0], 0));
        Self { process: OnceLock::from(process), ..Self::new(nowhere, nowhere) }
    }

    /// A client on another machine or in a network of its own, of which no process is known here.
    pub fn elsewhere(from: SocketAddr) -> Self {
        Self { from, ..Self::known(None) }
    }

    /// Where it is, without its port.
    pub fn address(&self) -> std::net::IpAddr {
        self.from.ip()
    }

    /// The process; the `likely` ones are looked at first. Slow the first time (milliseconds): not for a task that others
    /// wait for.
    pub(super) fn process(&self, likely: &[u32]) -> Option<&PeerProcess> {
        self.process.get_or_init(|| (self.look)(self.from, self.to, likely)).as_ref()
    }
}

/// A deed with the count of its repeats. Who does the same again and again may keep it, and saves the look-up.
#[derive(Clone, Debug)]
pub struct Entry {
    pub(super) deed: Arc<Deed>,
    pub(super) window: Arc<Window>,
}

/// Where deeds are written down. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Audit {
    entries: Cache<Arc<Deed>, Arc<Window>>,
    strangers: Arc<Strangers>,
    sender: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

impl Audit {
    /// Starts the task that writes, on the current runtime. It ends with the last clone, or with [`Audit::close`].
    /// `served_by` is written into each line: `daemon` or `exec`.
    pub fn start(file: CappedFile, served_by: &'static str, clock: Arc<dyn Clock>) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let dropped = Arc::new(AtomicU64::new(0));
        tokio::spawn(Writer::new(file, served_by, clock, Arc::clone(&dropped)).run(receiver));
        // Clients choose what they ask for: without a bound they would choose how much memory we have.
        let entries = Cache::builder().max_capacity(MOST_ENTRIES).eviction_policy(EvictionPolicy::lru()).build();
        Self { entries, strangers: Arc::default(), sender, dropped }
    }

    /// The name of an identity that no configuration holds, as a [`Deed`] may carry it: cut short, and `None` where the
    /// same grant asked for many others in this second.
    pub fn stranger(&self, grant: Option<&Arc<str>>, name: &str, now: Now) -> Option<IdentityName> {
        self.strangers.written(grant, name, now)
    }

    /// The entry of a deed, to be [noted](Audit::note) now and as often as the same is done again.
    pub fn entry(&self, deed: Deed) -> Entry {
        let deed = Arc::new(deed);
        let window = self.entries.get_with_by_ref(&deed, Arc::default);
        Entry { deed, window }
    }

    /// It was done, at `now`, and took so long. Never waits.
    pub fn note(&self, entry: &Entry, peer: &Arc<Peer>, now: Now, ms: u32) {
        let Noted::First(left) = entry.window.note(now, ms) else { return };
        let count = |repeats: Option<&Repeats>| repeats.map_or(0, |repeats| repeats.count);
        let deeds = 1 + count(left.as_ref());
        let message = Message::First { entry: entry.clone(), peer: Arc::clone(peer), at: now.wall, ms, left };
        if self.sender.try_send(message).is_err() {
            // The writer never hears of this second, so what was counted in it would be lost.
            let missed = deeds + count(entry.window.close().as_ref());
            self.dropped.fetch_add(missed, Ordering::Relaxed);
        }
    }

    /// Writes what is still counted, and ends the writing. For the end of the process.
    pub async fn close(&self) {
        let (done, closed) = oneshot::channel();
        if self.sender.send(Message::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }
}

/// How many kinds of deeds are counted at once.
pub(super) const MOST_ENTRIES: u64 = 4096;

/// How many lines may wait to be written.
const QUEUE: usize = 1024;

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
