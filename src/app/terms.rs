//! What is served at an address, from what the configuration says: [`ListenerDefinition`] becomes [`Terms`].
//!
//! Called by [`super::listeners`] for the daemon's `[[listener]]`s and by [`super::endpoint`] for a command's own.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::config::{AzureSource, Config, Dialect, Identity, Kubernetes, ListenerDefinition, Peers};
use crate::credential::IdentityName;
use crate::dialect::azure::instance::{self, InstanceMetadata};
use crate::dialect::ec2::{self, Facts, Metadata};
use crate::dialect::ecs_task::{Documents, TaskFacts};
use crate::dialect::service_account::Rules;
use crate::dialect::ticket::Seal;
use crate::server::issuer_keys::IssuerKeys;
use crate::server::terms::{AzureMachine, Cluster, Ecs, Instance, PodIdentity, Task, Terms};
use crate::world::Random;

/// What outlives a change of the configuration, because it is one listener's own.
#[derive(Clone)]
pub(super) struct Own {
    seal: Arc<Seal>,
    keys: Option<Arc<IssuerKeys>>,
}

impl Own {
    /// With session tokens that end with it.
    pub(super) fn new(random: &dyn Random) -> Self {
        let mut key = zeroize::Zeroizing::new([0; 32]);
        random.fill(key.as_mut());
        Self::sealing_with(Seal::new(&key))
    }

    pub(super) fn sealing_with(seal: Seal) -> Self {
        Self { seal: Arc::new(seal), keys: None }
    }

    /// The same for one container of the listener, with session tokens of its own; no name: for who is none.
    pub(super) fn of_container(&self, container: &str) -> Self {
        match container {
            "" => self.clone(),
            name => Self { seal: Arc::new(self.seal.of_one(name)), keys: self.keys.clone() },
        }
    }

    pub(super) fn with_keys(self, keys: Option<Arc<IssuerKeys>>) -> Self {
        Self { keys, ..self }
    }

    /// Where a cluster's keys come from, if its tokens are taken.
    pub(super) fn keys(&self) -> Option<&Arc<IssuerKeys>> {
        self.keys.as_ref()
    }
}

impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Own")
    }
}

/// The terms of a `[[listener]]`. The error is one sentence: what is wrong with it, and what mends it.
pub(super) fn terms_of(definition: &ListenerDefinition, config: &Config, own: &Own) -> Result<Terms, String> {
    let speaks = |dialect| definition.dialects.contains(&dialect);
    let mut terms = Terms::of_nothing(definition.peers, definition.identities.clone());
    if speaks(Dialect::Ecs) {
        terms.ecs = Some(if definition.require_token { Ecs::RelativeByGrant } else { Ecs::Relative });
    }
    if speaks(Dialect::PodIdentity) {
        terms.pod_identity = Some(match (&definition.kubernetes, &own.keys) {
            (Some(kubernetes), Some(keys)) => PodIdentity::ByAccount(Arc::new(cluster(kubernetes, keys))),
            (Some(_), None) => return Err("the cluster's keys are not looked for".to_owned()),
            (None, _) => PodIdentity::ByGrant,
        });
    }
    if speaks(Dialect::Ec2) {
        let name = config.aws_of(definition).into_iter().next().ok_or("no AWS identity is named")?;
        let machine = Machine { identity: name, region: None, address: definition.address };
        terms.ec2 = Some(machine.instance(Some(definition), config, own));
    }
    if speaks(Dialect::EcsTask) {
        let name = config.aws_of(definition).into_iter().next().ok_or("no AWS identity is named")?;
        let machine = Machine { identity: name, region: None, address: definition.address };
        terms.task = Some(machine.task(Some(definition), config)?);
    }
    if speaks(Dialect::AzureImds) {
        let identities: Vec<IdentityName> = config.azure_of(definition).into_iter().cloned().collect();
        let azure = AzureChild { identities: &identities, client_id: None };
        terms.azure_imds = Some(azure.machine(Some(definition), definition.address, config)?);
    }
    Ok(terms)
}

/// The terms of what `exec` opens for its child beside its own endpoint, by the overrides of the first `[[listener]]` that
/// serves the same identity in the same dialect.
pub(super) fn terms_of_child(
    machine: &Machine<'_>,
    azure: &AzureChild<'_>,
    dialects: &[Dialect],
    config: &Config,
    own: &Own,
) -> Result<Terms, String> {
    let mut served = vec![Arc::clone(machine.identity)];
    served.extend(azure.identities.iter().filter(|name| *name != machine.identity).cloned());
    let mut terms = Terms::of_nothing(Peers::Own, served);
    let written = |dialect| config.listener_for(machine.identity, dialect);
    if dialects.contains(&Dialect::Ec2) {
        let instance = machine.instance(written(Dialect::Ec2), config, own);
        terms.ec2 = Some(Instance { v1: false, enabled: true, ..instance });
    }
    if dialects.contains(&Dialect::EcsTask) {
        terms.task = Some(machine.task(written(Dialect::EcsTask), config)?);
    }
    if dialects.contains(&Dialect::AzureImds) {
        let default = azure.identities.first().ok_or("no Azure identity is named")?;
        let written = config.listener_for(default, Dialect::AzureImds);
        terms.azure_imds = Some(azure.machine(written, machine.address, config)?);
    }
    Ok(terms)
}

/// The identities of Azure that are had at an address, the default first, and the client id that the environment of its clients
/// names, where that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AzureChild<'a> {
    pub(super) identities: &'a [IdentityName],
    pub(super) client_id: Option<&'a str>,
}

impl AzureChild<'_> {
    fn machine(
        &self,
        written: Option<&ListenerDefinition>,
        address: SocketAddr,
        config: &Config,
    ) -> Result<AzureMachine, String> {
        let default = self.identities.first().ok_or("no Azure identity is named")?;
        let azure = config.identity(default).and_then(Identity::azure);
        let subscription = azure.and_then(|azure| match &azure.source {
            AzureSource::AzureCli { subscription, .. } => subscription.clone().filter(|named| is_guid(named)),
            _ => None,
        });
        let facts = instance::Facts {
            environment: azure.map(|azure| azure.cloud).unwrap_or_default().environment(),
            tenant: azure.and_then(|azure| azure.tenant.clone()),
            subscription,
            address,
            compute: written.map(|written| written.vm.clone()).unwrap_or_default(),
        };
        Ok(AzureMachine {
            identities: self.identities.to_vec(),
            metadata: InstanceMetadata::new(facts),
            own_client_id: self.client_id.map(str::to_owned),
        })
    }
}

/// A subscription may be written by its name, which no document has in the place of the id.
fn is_guid(text: &str) -> bool {
    text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// Whose machine, or task, is played where.
pub(super) struct Machine<'a> {
    pub(super) identity: &'a IdentityName,
    /// Goes before the identity's own.
    pub(super) region: Option<&'a str>,
    pub(super) address: SocketAddr,
}

impl Machine<'_> {
    fn instance(&self, written: Option<&ListenerDefinition>, config: &Config, own: &Own) -> Instance {
        let identity = config.identities.get(self.identity);
        let role = ec2::role_name(self.identity, identity.and_then(Identity::role_arn));
        let facts = Facts {
            role,
            region: self.region(identity),
            account: identity.and_then(|identity| identity.account.clone()),
            address: self.address,
            values: written.map(|written| written.metadata.clone()).unwrap_or_default(),
        };
        Instance {
            seal: Arc::clone(&own.seal),
            identity: Arc::clone(self.identity),
            metadata: Metadata::new(facts),
            v1: written.is_some_and(|written| written.imds_v1),
            faithful: written.is_some_and(|written| written.faithful),
            enabled: written.is_none_or(|written| written.enabled),
        }
    }

    fn task(&self, written: Option<&ListenerDefinition>, config: &Config) -> Result<Task, String> {
        let identity = config.identities.get(self.identity);
        let facts = TaskFacts {
            account: identity.and_then(|identity| identity.account.clone()),
            region: self.region(identity),
            identity: self.identity.to_string(),
        };
        let said = written.map(|written| written.task.clone()).unwrap_or_default();
        let place = written.map(|written| format!("{}: ", written.place)).unwrap_or_default();
        let documents = Documents::new(&said).map_err(|why| format!("{place}[listener.task]: {why}"))?;
        Ok(Task { documents, facts, identity: Arc::clone(self.identity) })
    }

    fn region(&self, identity: Option<&Identity>) -> Option<String> {
        self.region.map(str::to_owned).or_else(|| identity.and_then(|identity| identity.region.clone()))
    }
}

fn cluster(kubernetes: &Kubernetes, keys: &Arc<IssuerKeys>) -> Cluster {
    let Kubernetes { issuer, audience, identities, .. } = kubernetes;
    let rules = Rules { issuer: issuer.clone(), audience: audience.clone() };
    Cluster { keys: Arc::clone(keys), rules, identities: identities.clone() }
}

#[cfg(test)]
#[path = "terms_tests.rs"]
mod tests;
