//! What can be put into a cloud as JSON: by the control API one by one, by a seed file all at once.

use std::time::Duration;

use serde::Deserialize;

pub use super::{
    arm::ArmSeed,
    blob::BlobSeed,
    entra::EntraSeed,
    graph::{GraphSeed, NewItem, NewSite},
};
use crate::{
    Cloud, Device, Fault, Issuer, Keys, Trust, Workflow,
    mfa::totp,
    sso::{Account, Instance, Vanity},
};

/// A whole population: `{"users": [...], "roles": [...], "issuers": [...], "workflows": [...], "faults": [...]}`, each part optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Seed {
    /// Users with long-term keys.
    pub users: Vec<NewUser>,
    /// Roles.
    pub roles: Vec<NewRole>,
    /// Issuers of web identities.
    pub issuers: Vec<NewIssuer>,
    /// Jobs of GitHub Actions.
    pub workflows: Vec<NewWorkflow>,
    /// Faults in force from the start.
    pub faults: Vec<Fault>,
    /// IAM Identity Center.
    pub sso: SsoSeed,
    /// Entra ID.
    pub entra: EntraSeed,
    /// Accounts in which outbound identity federation is on.
    pub outbound: Vec<String>,
    /// Azure Resource Manager.
    pub arm: ArmSeed,
    /// Microsoft Graph.
    pub graph: GraphSeed,
    /// Azure Blob Storage.
    pub blob: BlobSeed,
}

/// Identity Center: `{"instances": [...], "people": [...], "accounts": [...], "assignments": [...], "vanities": [...]}`, each
/// part optional.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SsoSeed {
    /// Start URLs.
    pub instances: Vec<Instance>,
    /// Who signs in.
    pub people: Vec<NewPerson>,
    /// Accounts.
    pub accounts: Vec<Account>,
    /// Who has which role where.
    pub assignments: Vec<NewAssignment>,
    /// Companies' own addresses.
    pub vanities: Vec<Vanity>,
}

/// A person.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPerson {
    /// `ada@example.com`.
    pub name: String,
    /// Whether the person may sign in.
    #[serde(default = "yes")]
    pub enabled: bool,
}

/// A role that a person has in an account.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAssignment {
    /// `ada@example.com`.
    pub person: String,
    /// Twelve digits.
    pub account: String,
    /// `ReadOnly`.
    pub role: String,
    /// How long its sessions last, in seconds.
    #[serde(default = "one_hour")]
    pub session_secs: u64,
}

/// A user; the cloud makes keys when none are given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewUser {
    /// `base`.
    pub name: String,
    /// `111122223333`.
    pub account: String,
    /// Keys of the user's own choice.
    #[serde(default)]
    pub keys: Option<LongTermKeys>,
    /// A multi-factor device.
    #[serde(default)]
    pub device: Option<NewDevice>,
    /// Long-term keys alone may not ask STS for a session.
    #[serde(default)]
    pub code_required: bool,
}

/// A multi-factor device; the cloud makes a seed when none is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDevice {
    /// `arn:aws:iam::111122223333:mfa/base`.
    pub serial: String,
    /// In base 32.
    #[serde(default)]
    pub seed: Option<String>,
}

/// A long-term pair.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LongTermKeys {
    /// `AKIA...`.
    pub access_key_id: String,
    /// 40 characters.
    pub secret_access_key: String,
}

/// A role.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRole {
    /// `arn:aws:iam::111122223333:role/my-role`.
    pub arn: String,
    /// Who may assume it.
    #[serde(default)]
    pub trust: Trust,
    /// The longest session, in seconds.
    #[serde(default = "one_hour")]
    pub max_session_secs: u64,
}

/// An issuer of web identities, with a key of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewIssuer {
    /// `https://issuer.example`.
    pub url: String,
    /// `ES256` or `RS256`.
    #[serde(default)]
    pub algorithm: Algorithm,
    /// For whom its tokens are; `sts.amazonaws.com` when absent.
    #[serde(default)]
    pub audience: Option<String>,
}

/// A job of GitHub Actions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewWorkflow {
    /// `octo-org/octo-repo`.
    pub repository: String,
    /// `refs/heads/main`, `environment:production`, `pull_request`.
    #[serde(default = "main_branch")]
    pub reference: String,
}

/// How an issuer signs (RFC 7518, section 3.1).
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub enum Algorithm {
    /// ECDSA on P-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSA, PKCS #1.
    #[serde(rename = "RS256")]
    Rs256,
}

impl Seed {
    /// Puts everything into the cloud; the keys of the users come back in their order.
    pub fn sow(self, cloud: &Cloud) -> Vec<Keys> {
        self.roles.into_iter().for_each(|role| role.add_to(cloud));
        self.issuers.into_iter().for_each(|issuer| issuer.add_to(cloud));
        self.workflows.into_iter().for_each(|workflow| drop(workflow.add_to(cloud)));
        self.sso.sow(cloud);
        self.entra.sow(cloud);
        self.outbound.iter().for_each(|account| drop(cloud.enable_outbound_federation(account)));
        self.arm.sow(cloud);
        self.graph.sow(cloud);
        self.blob.sow(cloud);
        for fault in self.faults {
            cloud.add_fault(fault);
        }
        self.users.into_iter().map(|user| user.add_to(cloud)).collect()
    }
}

impl NewUser {
    pub(super) fn add_to(self, cloud: &Cloud) -> Keys {
        let keys = self.keys.map_or_else(Keys::long_term, |keys| Keys {
            access_key_id: keys.access_key_id,
            secret_access_key: keys.secret_access_key,
            session_token: None,
        });
        cloud.add_user_with_keys(&self.name, &self.account, keys.clone());
        let arn = format!("arn:aws:iam::{}:user/{}", self.account, self.name);
        self.device.and_then(|device| device.add_to(cloud, &arn));
        cloud.set_code_required(&arn, self.code_required);
        keys
    }

    /// Whether the seed of the device, if one is given, can be read.
    pub fn is_readable(&self) -> bool {
        let seed = self.device.as_ref().and_then(|device| device.seed.as_deref());
        seed.is_none_or(|seed| totp::read_seed(seed).is_some())
    }
}

impl NewDevice {
    /// Gives it to a user; nothing when its seed cannot be read.
    pub(super) fn add_to(self, cloud: &Cloud, user: &str) -> Option<Device> {
        match &self.seed {
            Some(seed) if !cloud.add_device_with_seed(user, &self.serial, seed) => return None,
            Some(_) => {}
            None => drop(cloud.add_device(user, &self.serial)),
        }
        cloud.devices().into_iter().find(|device| device.serial == self.serial)
    }
}

impl NewWorkflow {
    pub(super) fn add_to(self, cloud: &Cloud) -> Workflow {
        cloud.add_workflow(&self.repository, &self.reference)
    }
}

impl NewRole {
    pub(super) fn add_to(self, cloud: &Cloud) {
        cloud.add_role(&self.arn, self.trust, Duration::from_secs(self.max_session_secs));
    }
}

impl NewIssuer {
    pub(super) fn add_to(self, cloud: &Cloud) {
        let issuer = match self.algorithm {
            Algorithm::Es256 => Issuer::es256(self.url),
            Algorithm::Rs256 => Issuer::rs256(self.url),
        };
        cloud.add_issuer(match self.audience {
            Some(audience) => issuer.audience(audience),
            None => issuer,
        });
    }
}

impl SsoSeed {
    fn sow(self, cloud: &Cloud) {
        self.instances.into_iter().for_each(|instance| cloud.add_instance(instance));
        self.people.into_iter().for_each(|person| person.add_to(cloud));
        self.accounts.into_iter().for_each(|account| cloud.add_account(account));
        self.assignments.into_iter().for_each(|assignment| assignment.add_to(cloud));
        self.vanities.into_iter().for_each(|vanity| cloud.add_vanity(vanity));
    }
}

impl NewPerson {
    pub(super) fn add_to(self, cloud: &Cloud) {
        cloud.add_person(&self.name);
        if !self.enabled {
            cloud.disable_person(&self.name);
        }
    }
}

impl NewAssignment {
    pub(super) fn add_to(self, cloud: &Cloud) {
        cloud.assign(&self.person, &self.account, &self.role, Duration::from_secs(self.session_secs));
    }
}

fn main_branch() -> String {
    "refs/heads/main".to_owned()
}

fn yes() -> bool {
    true
}

fn one_hour() -> u64 {
    3600
}
