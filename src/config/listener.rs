//! [`ListenerDefinition`]: one `[[listener]]` of our TOML, as it is meant.
//!
//! Knows what is to be served where, and nothing of sockets. Read by `config/own/listener.rs`; called by whoever opens
//! listeners.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use super::identity::Place;
use super::neighbour::Neighbour;
use crate::credential::IdentityName;

/// An address, and what is served there.
#[derive(Clone, PartialEq, Eq)]
pub struct ListenerDefinition {
    /// Where it is written.
    pub place: Place,
    /// Such as `127.0.0.1:9712` or `169.254.169.254:80`; never one that stands for all addresses.
    pub address: SocketAddr,
    /// How its clients speak; at least one.
    pub dialects: BTreeSet<Dialect>,
    /// What it serves, by whole names; the first of each cloud is the default. EC2 has exactly one:
    /// [`Config::aws_of`](crate::config::Config::aws_of).
    pub identities: Vec<IdentityName>,
    /// Who may ask what has no token of ours.
    pub peers: Peers,
    /// Which container gets what of them; where there is one, nobody else may ask without a token.
    pub neighbours: Vec<Neighbour>,
    /// How many machines its answers pass where it is not on loopback: 1 to 64, and 1 where nothing is written.
    pub hop_limit: u8,
    /// The relative addresses of ECS want a grant's token too.
    pub require_token: bool,
    /// EC2: requests without a session token are answered.
    pub imds_v1: bool,
    /// EC2: where no credential can be had, 200 with a `Code`, as the real service does, instead of a status.
    pub faithful: bool,
    /// EC2: `false`: every request is answered as by an instance whose metadata service is switched off.
    pub enabled: bool,
    /// EC2: what is said of the machine instead of the defaults, by path below `meta-data`, such as
    /// `placement/availability-zone`, and `user-data`; `None`: nothing is there.
    pub metadata: BTreeMap<String, Option<String>>,
    /// ECS task metadata: what is said instead of the defaults, by the names of the task metadata endpoint, version 4.
    pub task: serde_json::Map<String, serde_json::Value>,
    /// Azure's instance metadata service: what is said of the machine instead of the defaults, by the names of the document
    /// `compute`. Every value is a text, or a table or list of such.
    pub vm: serde_json::Map<String, serde_json::Value>,
    /// Pod Identity: whose tokens open it instead of a grant's.
    pub kubernetes: Option<Kubernetes>,
}

impl ListenerDefinition {
    /// Whether an identity is served in a dialect here.
    pub fn serves(&self, identity: &str, dialect: Dialect) -> bool {
        self.dialects.contains(&dialect) && self.identities.iter().any(|served| **served == *identity)
    }

    /// The same as one of its neighbours sees it, or as somebody does who is none of them.
    #[must_use]
    pub fn seen_by(&self, neighbour: Option<&Neighbour>) -> Self {
        let seen = Self { neighbours: Vec::new(), ..self.clone() };
        match neighbour {
            Some(neighbour) => Self { peers: Peers::Any, identities: neighbour.identities.clone(), ..seen },
            None => Self { peers: Peers::Nobody, ..seen },
        }
    }

    /// Whether a dialect wants a token that somebody was given here. The session token of EC2 is none: whoever asks gets one.
    pub fn wants_token(&self, dialect: Dialect) -> bool {
        match dialect {
            Dialect::Ecs => self.require_token,
            Dialect::PodIdentity | Dialect::AppService | Dialect::Terraform | Dialect::WorkloadIdentity => true,
            Dialect::EcsTask | Dialect::Ec2 | Dialect::AzureImds => false,
        }
    }
}

/// Without what is said of the machine and of the task: people put secrets into `user-data` and tags.
impl fmt::Debug for ListenerDefinition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, dialects, identities, .. } = self;
        let metadata: Vec<_> = self.metadata.keys().collect();
        f.debug_struct("ListenerDefinition")
            .field("address", address)
            .field("dialects", dialects)
            .field("identities", identities)
            .field("metadata", &metadata)
            .finish_non_exhaustive()
    }
}

/// How a kind of client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// The relative addresses of container credentials.
    Ecs,
    /// `/v1/credentials` with a token from a file.
    PodIdentity,
    /// Where a container learns which task it is part of.
    EcsTask,
    /// The instance metadata service.
    Ec2,
    /// The instance metadata service of Azure.
    AzureImds,
    /// The managed identity of App Service, 2019 and 2017: on addresses of grants alone.
    AppService,
    /// The same for Terraform, which sends no header: the proof is in the path. On addresses of grants alone.
    Terraform,
    /// The token file of a workload identity: nobody asks for it, it is written.
    WorkloadIdentity,
}

impl Dialect {
    /// Every one that a `[[listener]]` may have.
    pub const ALL: [Self; 5] = [Self::Ecs, Self::PodIdentity, Self::EcsTask, Self::Ec2, Self::AzureImds];

    /// Whether its clients want tokens of Azure, rather than AWS keys.
    pub fn is_azure(self) -> bool {
        match self {
            Self::AzureImds | Self::AppService | Self::Terraform | Self::WorkloadIdentity => true,
            Self::Ecs | Self::PodIdentity | Self::EcsTask | Self::Ec2 => false,
        }
    }

    /// As it is written, such as `pod-identity`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ecs => "ecs",
            Self::PodIdentity => "pod-identity",
            Self::EcsTask => "ecs-task",
            Self::Ec2 => "ec2",
            Self::AzureImds => "azure-imds",
            Self::AppService => "app-service",
            Self::Terraform => "terraform",
            Self::WorkloadIdentity => "workload-identity",
        }
    }
}

/// Who may ask what has no token of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Peers {
    /// Processes of our own user and of root on this machine, and nobody whose user cannot be told.
    #[default]
    Own,
    /// Whoever can reach the address.
    Any,
    /// Nobody: a token is shown, or nothing is had.
    Nobody,
    /// It cannot be told for now who it is: a token is shown, or it comes again.
    Untold,
}

/// The tokens of a cluster's service accounts, and what they open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kubernetes {
    /// `iss`, such as `https://kubernetes.default.svc.cluster.local`.
    pub issuer: String,
    /// `aud`: `pods.eks.amazonaws.com` where nothing else is written.
    pub audience: String,
    /// Where the cluster's public keys are.
    pub keys: IssuerKeys,
    /// `(namespace, service account)` to identity.
    pub identities: BTreeMap<(String, String), IdentityName>,
}

/// Where the public keys of an issuer are: a JSON Web Key Set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IssuerKeys {
    /// In a file.
    File(PathBuf),
    /// At a URL.
    Url(String),
}
