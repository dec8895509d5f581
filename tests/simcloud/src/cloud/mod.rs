//! [`Cloud`]: what the simulated cloud knows, behind one lock that is never held across a wait.

mod people;
mod steering;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use jiff::SignedDuration;

use crate::{
    arm::Arm,
    blob::Blob,
    calls::Call,
    entra::directory::Entra,
    fault::{Fault, Met, Trouble},
    github::Github,
    graph::Graph,
    keys::{Issued, Keys},
    mfa::Devices,
    outbound::Outbound,
    refusal::Refusal,
    role::Role,
    sso::directory::Directory,
    user::User,
    web_identity::{Exchange, Issuer},
};

/// Where the cloud reads the time; its offset comes on top.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// A simulated cloud. Clones are handles to the same one.
#[derive(Clone)]
pub struct Cloud {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) offset: SignedDuration,
    pub(crate) date_skew: SignedDuration,
    /// By ARN.
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) devices: Devices,
    pub(crate) key_delay: Duration,
    pub(crate) roles: BTreeMap<String, Role>,
    pub(crate) issuers: BTreeMap<String, Issuer>,
    /// By access key id.
    pub(crate) issued: HashMap<String, Issued>,
    pub(crate) github: Github,
    pub(crate) outbound: Outbound,
    pub(crate) arm: Arm,
    pub(crate) graph: Graph,
    pub(crate) blob: Blob,
    /// Web identities that were in order, as they came.
    pub(crate) exchanges: Vec<Exchange>,
    /// IAM Identity Center.
    pub(crate) sso: Directory,
    /// Microsoft Entra ID.
    pub(crate) entra: Entra,
    pub(crate) disabled_regions: BTreeSet<String>,
    pub(crate) faults: BTreeMap<u64, Fault>,
    pub(crate) last_fault: u64,
    pub(crate) calls: BTreeMap<u64, Call>,
    pub(crate) last_call: u64,
}

impl Cloud {
    /// An empty cloud that reads the time here.
    pub fn new(clock: Clock) -> Self {
        Self { inner: Arc::new(Inner { clock, state: Mutex::default() }) }
    }

    /// An empty cloud on the machine's clock, for binaries and for tests over real sockets.
    #[allow(clippy::disallowed_methods)] // the one place where this crate asks the machine for the time
    pub fn on_system_clock() -> Self {
        Self::new(Arc::new(SystemTime::now))
    }

    /// The cloud's time: by it every end is judged, and nothing else.
    pub fn now(&self) -> SystemTime {
        shifted((self.inner.clock)(), self.state().offset)
    }

    /// What its `Date` header says: the cloud's time, wrong by the skew that was set.
    pub(crate) fn date(&self) -> SystemTime {
        shifted(self.now(), self.state().date_skew)
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.inner.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether keys would be taken now, as STS judges them: known, active, with their own secret and token, unexpired.
    ///
    /// This is the referee of the simulations: what a client was handed must pass it.
    pub fn judge(&self, keys: &Keys) -> Result<Issued, Refusal> {
        let issued = self.look_up(&keys.access_key_id, keys.session_token.as_deref())?;
        if issued.keys.secret_access_key != keys.secret_access_key {
            return Err(Refusal::wrong_signature());
        }
        Ok(issued)
    }

    /// The owner of an access key id, when the token fits it and its end has not come.
    pub(crate) fn look_up(&self, access_key_id: &str, session_token: Option<&str>) -> Result<Issued, Refusal> {
        let now = self.now();
        let state = self.state();
        let issued = state
            .issued
            .get(access_key_id)
            .filter(|issued| issued.known_from.is_none_or(|from| from <= now))
            .filter(|issued| issued.active && issued.keys.session_token.as_deref() == session_token)
            .ok_or_else(Refusal::unknown_key)?;
        if issued.expires.is_some_and(|end| end <= now) {
            return Err(Refusal::expired());
        }
        Ok(issued.clone())
    }

    /// Gives out temporary keys and remembers them. Only a fault of their life changes what was asked for.
    pub(crate) fn issue(&self, mut session: Issued, life: Duration, trouble: Option<&Trouble>) -> Issued {
        let now = self.now();
        let end = match trouble {
            Some(Trouble::Expired { ago_secs }) => now.checked_sub(Duration::from_secs(*ago_secs)),
            Some(Trouble::Life { secs }) => now.checked_add(Duration::from_secs(*secs)),
            _ => now.checked_add(life),
        };
        session.at = now;
        session.expires = Some(whole_seconds(end.unwrap_or(now)));
        self.state().issued.insert(session.keys.access_key_id.clone(), session.clone());
        session
    }

    /// Which faults meet a call; each that does is used up by one.
    pub(crate) fn meet(&self, action: &str, role: Option<&str>, principal: Option<&str>) -> Met {
        let mut met = Met::default();
        let mut state = self.state();
        for fault in state.faults.values_mut().filter(|fault| fault.meets(action, role, principal)) {
            match &fault.trouble {
                Trouble::Slow { before_ms, after_ms } => {
                    met.before += Duration::from_millis(*before_ms);
                    met.after += Duration::from_millis(*after_ms);
                }
                _ if met.trouble.is_some() => continue,
                trouble => met.trouble = Some(trouble.clone()),
            }
            fault.times = fault.times.map(|times| times.saturating_sub(1));
        }
        met
    }
}

/// A time moved by a signed step; it stays where it is when the step leads out of what can be said.
fn shifted(time: SystemTime, by: SignedDuration) -> SystemTime {
    let moved =
        if by.is_negative() { time.checked_sub(by.unsigned_abs()) } else { time.checked_add(by.unsigned_abs()) };
    moved.unwrap_or(time)
}

/// Answers speak in whole seconds, and what is remembered must end when the answer said so.
fn whole_seconds(time: SystemTime) -> SystemTime {
    let secs = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}
