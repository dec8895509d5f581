//! [`Terms`]: what is served at one address, to whom, and by which proof.
//!
//! Made by `app` from the configuration, and replaced as a whole when that changes; the [service](super::service) looks at
//! them for each request. Nothing here acts.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;

use super::gate::Takes;
use super::grant::Grant;
use super::issuer_keys::IssuerKeys;
use super::neighbours::{Found, Neighbours};
use crate::config::{Dialect, Peers};
use crate::credential::{IdentityName, Now};
use crate::dialect::azure::instance::InstanceMetadata;
use crate::dialect::azure::{self, imds, terraform};
use crate::dialect::ec2::Metadata;
use crate::dialect::ecs_task::{self, Documents, TaskFacts};
use crate::dialect::service_account::Rules;
use crate::dialect::ticket::Seal;

/// What is served at one address. A dialect that is `None` is not served there.
pub struct Terms {
    /// Who may ask what has no token.
    pub peers: Peers,
    /// What may be had here; `None`: all that a grant covers.
    pub identities: Option<Vec<IdentityName>>,
    /// Container credentials.
    pub ecs: Option<Ecs>,
    /// `/v1/credentials`.
    pub pod_identity: Option<PodIdentity>,
    /// The instance metadata service.
    pub ec2: Option<Instance>,
    /// Task metadata.
    pub task: Option<Task>,
    /// `/azure/IDENTITY/token`.
    pub azure: Option<AzureByGrant>,
    /// Azure's instance metadata service.
    pub azure_imds: Option<AzureMachine>,
    /// A grant's token opens what the grant covers here too, on its own paths, whatever else is served and to whom.
    pub own_tokens: bool,
    /// Whom these are the terms of, for the audit trail: a container's name, or its address where it has none.
    pub container: Option<Arc<str>>,
    /// Whether a relay brought the connection, and by which right.
    pub under: Under,
    /// Other terms for each container, and for who is none of them: then all else here means nothing.
    pub neighbours: Option<Neighbours>,
}

/// By which right a relay brings what its containers ask.
#[derive(Clone, Debug, Default)]
pub enum Under {
    /// There is no relay.
    #[default]
    Nobody,
    /// This grant: nothing is had without it, nor more than it covers.
    Grant(Arc<Grant>),
    /// A grant that there is not, or not any more.
    Ended,
}

/// The tokens of Azure identities, with a grant's token: in a header, or in the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AzureByGrant;

/// The machine that an Azure listener plays.
pub struct AzureMachine {
    /// The identities that it has, the default first: at least one.
    pub identities: Vec<IdentityName>,
    /// What it says of itself.
    pub metadata: InstanceMetadata,
    /// The client id that its clients' environment names (`AZURE_CLIENT_ID`), where it is known: it stands for the default.
    pub own_client_id: Option<String>,
}

/// By what container credentials are had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ecs {
    /// `/creds/NAME` with a grant's token: what full addresses point at.
    ByGrant,
    /// Relative addresses, without a token.
    Relative,
    /// Relative addresses, with a grant's token.
    RelativeByGrant,
}

/// By what `/v1/credentials` is opened.
pub enum PodIdentity {
    /// A grant's token: its default identity is meant.
    ByGrant,
    /// The token of a cluster's service account.
    ByAccount(Arc<Cluster>),
}

/// A cluster whose service accounts are known.
pub struct Cluster {
    /// Its public keys.
    pub keys: Arc<IssuerKeys>,
    /// What its tokens must say.
    pub rules: Rules,
    /// `(namespace, service account)` to identity.
    pub identities: BTreeMap<(String, String), IdentityName>,
}

/// The machine that an EC2 listener plays.
pub struct Instance {
    /// What makes and opens its session tokens, and no other listener's.
    pub seal: Arc<Seal>,
    /// Whose credential it has.
    pub identity: IdentityName,
    /// What it says of itself.
    pub metadata: Metadata,
    /// Requests without a session token are answered.
    pub v1: bool,
    /// Where there is no credential, 200 with a `Code`.
    pub faithful: bool,
    /// `false`: switched off.
    pub enabled: bool,
}

/// The task that a listener's clients are part of.
pub struct Task {
    /// What is said of it.
    pub documents: Documents,
    /// What of it depends on the identity.
    pub facts: TaskFacts,
    /// Whose account and region it has.
    pub identity: IdentityName,
}

impl Under {
    /// The grant of the relay.
    pub(super) fn grant(&self) -> Option<&Arc<Grant>> {
        match self {
            Self::Grant(grant) => Some(grant),
            Self::Nobody | Self::Ended => None,
        }
    }

    /// Whether it still opens anything; then it was used.
    pub(super) fn lives(&self, now: Now) -> bool {
        match self {
            Self::Nobody => true,
            Self::Grant(grant) if grant.lives(now) => {
                grant.use_at(now);
                true
            }
            Self::Grant(_) | Self::Ended => false,
        }
    }
}

impl std::fmt::Debug for Terms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Terms")
    }
}

impl Terms {
    /// Those of the main listener, and of `exec`'s own: a grant's token opens what the grant covers.
    pub fn of_grants() -> Self {
        Self {
            peers: Peers::Own,
            identities: None,
            ecs: Some(Ecs::ByGrant),
            pod_identity: Some(PodIdentity::ByGrant),
            azure: Some(AzureByGrant),
            ..Self::of_nothing(Peers::Own, Vec::new())
        }
    }

    /// Those of an address at which nothing is served yet.
    pub fn of_nothing(peers: Peers, identities: Vec<IdentityName>) -> Self {
        Self {
            peers,
            identities: Some(identities),
            ecs: None,
            pod_identity: None,
            ec2: None,
            task: None,
            azure: None,
            azure_imds: None,
            own_tokens: false,
            container: None,
            under: Under::Nobody,
            neighbours: None,
        }
    }

    /// The terms as one of the neighbours sees them, or as somebody else does; where there are no neighbours, everybody sees these.
    fn seen_by<'t>(self: &'t Arc<Self>, who: &Found) -> &'t Arc<Self> {
        self.neighbours.as_ref().map_or(self, |neighbours| neighbours.terms(who))
    }

    /// Whether an identity may be had here at all.
    pub fn serves(&self, identity: &str) -> bool {
        self.identities.as_ref().is_none_or(|served| served.iter().any(|name| **name == *identity))
    }

    /// Whose machine or task the address plays in a dialect.
    pub(super) fn played(&self, dialect: Dialect) -> Option<&IdentityName> {
        match dialect {
            Dialect::Ec2 => self.ec2.as_ref().map(|instance| &instance.identity),
            Dialect::EcsTask => self.task.as_ref().map(|task| &task.identity),
            Dialect::AzureImds => self.azure_imds.as_ref().and_then(|machine| machine.identities.first()),
            _ => None,
        }
    }

    /// What is taken here that is not everywhere.
    pub(super) fn takes(&self) -> Takes {
        Takes { puts: self.ec2.is_some(), azure_address: self.azure_imds.is_some() }
    }

    /// In which dialect a request for this path is answered, if only to be told that there is no such path.
    pub(super) fn dialect_of(&self, path: &str, query: Option<&str>) -> Dialect {
        if self.azure.is_some() && azure::owns(path) {
            return if terraform::read(path).is_some() { Dialect::Terraform } else { Dialect::AppService };
        }
        if self.azure_imds.is_some() && imds::owns(path) {
            return Dialect::AzureImds;
        }
        if self.ecs.is_none() && self.pod_identity.is_none() && self.task.is_none() {
            return self.main_dialect();
        }
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let begins = [segments.next(), segments.next()];
        let with_id = query.is_some_and(|query| query.split('&').any(|pair| pair.starts_with("id=")));
        match begins {
            [Some("v1"), Some("credentials")] if self.pod_identity.is_some() && !(with_id && self.ecs.is_some()) => {
                Dialect::PodIdentity
            }
            [Some("v1" | "v2"), Some("credentials")] | [Some("creds"), _] if self.ecs.is_some() => Dialect::Ecs,
            _ if self.task.is_some() && ecs_task::owns(path) => Dialect::EcsTask,
            _ => self.main_dialect(),
        }
    }

    /// In which dialect a path that nobody owns is spoken of: the instance metadata service has the widest tree.
    fn main_dialect(&self) -> Dialect {
        if self.ec2.is_some() {
            Dialect::Ec2
        } else if self.ecs.is_some() {
            Dialect::Ecs
        } else if self.pod_identity.is_some() {
            Dialect::PodIdentity
        } else if self.task.is_some() {
            Dialect::EcsTask
        } else if self.azure.is_some() {
            Dialect::AppService
        } else {
            Dialect::AzureImds
        }
    }
}

/// The terms of an address as one connection sees them: looking whether they have changed costs no more than a reading of
/// memory that connections share and none of them writes.
pub(super) struct InForce {
    /// `None`: nothing can change any more.
    receiver: Option<watch::Receiver<Arc<Terms>>>,
    /// The listener's.
    latest: Arc<Terms>,
    /// Who is at the other end, of the listener's neighbours.
    who: Found,
    terms: Arc<Terms>,
}

impl InForce {
    pub(super) fn new(mut receiver: watch::Receiver<Arc<Terms>>, who: Found) -> Self {
        let latest = Arc::clone(&receiver.borrow_and_update());
        let terms = Arc::clone(latest.seen_by(&who));
        Self { receiver: Some(receiver), latest, who, terms }
    }

    /// Looks again: whether there are others than before.
    pub(super) fn renew(&mut self) -> bool {
        let Some(receiver) = &mut self.receiver else { return false };
        let changed = receiver.has_changed();
        if matches!(changed, Ok(false)) {
            return false;
        }
        let latest = Arc::clone(&receiver.borrow_and_update());
        if changed.is_err() {
            self.receiver = None;
        }
        let others = !Arc::ptr_eq(&latest, &self.latest);
        self.terms = Arc::clone(latest.seen_by(&self.who));
        self.latest = latest;
        others
    }

    pub(super) fn terms(&self) -> &Arc<Terms> {
        &self.terms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nothing() -> Arc<Terms> {
        Arc::new(Terms::of_nothing(Peers::Own, Vec::new()))
    }

    #[test]
    fn other_terms_are_seen_once_and_the_same_are_not_others() {
        let (first, second) = (nothing(), nothing());
        let (sender, receiver) = watch::channel(Arc::clone(&first));
        let mut in_force = InForce::new(receiver, Found::Nobody);
        assert!(!in_force.renew() && Arc::ptr_eq(in_force.terms(), &first));
        sender.send_replace(Arc::clone(&second));
        assert!(in_force.renew() && Arc::ptr_eq(in_force.terms(), &second));
        assert!(!in_force.renew());
        sender.send_replace(Arc::clone(&second));
        assert!(!in_force.renew());
    }

    #[test]
    fn what_was_said_last_holds_when_nobody_can_say_more() {
        let (first, last) = (nothing(), nothing());
        let (sender, receiver) = watch::channel(first);
        let mut in_force = InForce::new(receiver, Found::Nobody);
        sender.send_replace(Arc::clone(&last));
        drop(sender);
        assert!(in_force.renew() && Arc::ptr_eq(in_force.terms(), &last));
        assert!(!in_force.renew() && Arc::ptr_eq(in_force.terms(), &last));
    }
}
