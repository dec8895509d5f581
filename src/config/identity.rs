//! [`Identity`]: a named thing that can be served, with its settings resolved.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::azure::{AssertionSource, AzureDefinition, AzureSource};
use super::sso::SsoDefinition;
use super::user_session::{KeysReference, UserSession};
use super::web_identity::TokenSource;
use crate::credential::{Ask, AwsKeys, IdentityName};
use crate::secret::{Digest, Secret};

/// Where something was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The file; shared, since every value of a file keeps its place.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.line)
    }
}

/// A named thing that can be served, or that could be if its definition were whole.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The profile's name, such as `prod`.
    pub name: IdentityName,
    /// The profile that it is made of: the same name, but where our TOML says another.
    pub profile: IdentityName,
    /// Where the profile's section begins.
    pub place: Option<Place>,
    /// What kind of source it has, for people.
    pub kind: Kind,
    /// The account of what is served, twelve digits, where the definition tells.
    pub account: Option<String>,
    /// Whose login of the Azure CLI it is, such as `ada@contoso.com`, where that is known without asking.
    pub person: Option<String>,
    /// The profile's region, such as `eu-central-1`.
    pub region: Option<String>,
    /// How it is served, or why it cannot be.
    pub definition: Result<Definition, Unusable>,
    /// Refreshed even when nobody asks (our TOML's `keep_warm`).
    pub keep_warm: bool,
    /// What its owner should be told once, such as a duration that was clamped.
    pub warnings: Vec<String>,
    /// The CA bundle for its upstream requests: `AWS_CA_BUNDLE`, else the profile's `ca_bundle`.
    pub ca_bundle: Option<PathBuf>,
    /// Digest of everything above that decides what is served and from where.
    pub digest: Digest,
    /// The digest that somebody has who lacks the variables that its long-term keys are in (`keys = "env:PREFIX"`), where we
    /// have them: by the name they mean the same, and have no other keys for it. `None`: there are no such variables.
    pub digest_without: Option<Digest>,
}

impl Identity {
    /// The Azure identity that it is, if it is a usable one.
    pub fn azure(&self) -> Option<&Arc<AzureDefinition>> {
        self.definition.as_ref().ok()?.azure()
    }

    /// The identity whose credential this one is made from: the base of a role, the AWS identity that a federated Azure
    /// identity rests on, the Azure identity whose token a role is assumed with.
    pub fn made_from(&self) -> Option<&IdentityName> {
        self.definition.as_ref().ok()?.made_from()
    }

    /// Whether it is of Azure, usable or not.
    pub fn is_azure(&self) -> bool {
        self.kind.is_azure()
    }

    /// What is asked of it where nobody says what for: its keys, or a token for its own resource.
    pub fn ask(&self) -> Ask {
        match self.azure() {
            Some(azure) => Ask::token(Arc::clone(&self.name), Arc::clone(&azure.resource)),
            None => Ask::aws(Arc::clone(&self.name)),
        }
    }

    /// The ARN of the role that is served, where it is one.
    pub fn role_arn(&self) -> Option<&str> {
        match self.definition.as_ref().ok()? {
            Definition::Keys { .. } | Definition::Session(_) | Definition::Sso(_) | Definition::Azure(_) => None,
            Definition::Role(role) => Some(&role.request.role_arn),
            Definition::WebIdentity(role) => Some(&role.role_arn),
        }
    }
}

/// What kind of source an identity has: shown by `credenza list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Access keys in the shared files.
    Keys,
    /// A `credential_process`.
    Process,
    /// An assumed role.
    Role,
    /// A role assumed with a web-identity token.
    WebIdentity,
    /// IAM Identity Center.
    Sso,
    /// A role or session that asks for a one-time code.
    Mfa,
    /// `aws login` (`login_session`).
    Login,
    /// The account of the Azure CLI (`az login`).
    AzureCli,
    /// The account of the Azure Developer CLI (`azd auth login`).
    Azd,
    /// A login or a certificate at Entra ID.
    Entra,
    /// Entra ID, by a statement that another party signs.
    Federated,
    /// Settings only: nothing says where credentials come from.
    Settings,
}

impl Kind {
    /// Whether an identity of this kind gives tokens of Azure, and no AWS keys.
    pub fn is_azure(self) -> bool {
        matches!(self, Self::AzureCli | Self::Azd | Self::Entra | Self::Federated)
    }

    /// The word for it in lists and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Keys => "keys",
            Self::Process => "process",
            Self::Role => "role",
            Self::WebIdentity => "web-identity",
            Self::Sso => "sso",
            Self::Mfa => "mfa",
            Self::Login => "login",
            Self::AzureCli => "azure-cli",
            Self::Azd => "azd",
            Self::Entra => "entra",
            Self::Federated => "federated",
            Self::Settings => "settings",
        }
    }
}

/// Why an identity cannot be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unusable {
    /// The line that is at fault.
    pub place: Option<Place>,
    /// One sentence, with what would mend it.
    pub reason: String,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Some(place) => write!(f, "{place}: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

/// How an identity's credentials are made. All but the last are AWS identities.
#[derive(Clone, Debug)]
pub enum Definition {
    /// Keys of the profile's own, from a file, a process or the surroundings.
    Keys {
        /// Where they come from.
        origin: KeysOrigin,
        /// The region whose STS turns long-term keys into a session.
        sts: StsEndpoint,
    },
    /// A role, assumed from a base.
    Role(RoleDefinition),
    /// A user's session, handed out as it is.
    Session(Arc<UserSession>),
    /// A role, assumed with a token of an identity provider.
    WebIdentity(WebIdentityDefinition),
    /// A role of an account, by way of IAM Identity Center.
    Sso(SsoDefinition),
    /// A principal of Azure.
    Azure(Arc<AzureDefinition>),
}

impl Definition {
    /// The identity whose credential it is made from: [`Identity::made_from`].
    pub fn made_from(&self) -> Option<&IdentityName> {
        match self {
            Self::Role(RoleDefinition { base: RoleBase::Identity(base), .. }) => Some(base),
            Self::WebIdentity(WebIdentityDefinition { token: TokenSource::Azure { from, .. }, .. }) => Some(from),
            Self::Azure(azure) => match &azure.source {
                AzureSource::Federated { assertion: AssertionSource::Aws { from, .. }, .. } => Some(from),
                _ => None,
            },
            Self::Role(_) | Self::Keys { .. } | Self::Session(_) | Self::WebIdentity(_) | Self::Sso(_) => None,
        }
    }

    /// The Azure identity that it is, if it is one.
    pub fn azure(&self) -> Option<&Arc<AzureDefinition>> {
        match self {
            Self::Azure(azure) => Some(azure),
            Self::Keys { .. } | Self::Role(_) | Self::Session(_) | Self::WebIdentity(_) | Self::Sso(_) => None,
        }
    }
}

/// Where base keys come from. A command prints only as its program's name: its arguments may hold a secret.
#[derive(Clone)]
pub enum KeysOrigin {
    /// Written in a shared file under this profile.
    Static {
        /// The profile that holds them.
        profile: IdentityName,
        /// The keys.
        keys: AwsKeys,
        /// `aws_account_id`, where written.
        account_id: Option<String>,
    },
    /// Printed by this profile's `credential_process`.
    Process {
        /// The profile that names it.
        profile: IdentityName,
        /// Its words, split as Python's `shlex` does.
        argv: Vec<String>,
        /// `aws_account_id`, where written.
        account_id: Option<String>,
    },
    /// Meant by reference: `keys` of our own TOML.
    Reference {
        /// Whose `keys` say it, in our own TOML: for the sentences.
        identity: IdentityName,
        /// Where they lie.
        reference: KeysReference,
        /// `aws_account_id`, where written.
        account_id: Option<String>,
    },
    /// `credential_source = Environment`: the variables we were started with.
    Environment,
    /// `credential_source = EcsContainer`.
    EcsContainer,
    /// `credential_source = Ec2InstanceMetadata`.
    Ec2InstanceMetadata,
}

impl KeysOrigin {
    /// The profile that they are written in; `None` for what the surroundings give.
    pub fn profile(&self) -> Option<&IdentityName> {
        match self {
            Self::Static { profile, .. } | Self::Process { profile, .. } => Some(profile),
            Self::Reference { .. } | Self::Environment | Self::EcsContainer | Self::Ec2InstanceMetadata => None,
        }
    }

    /// What people call it: the profile, the reference, or where the surroundings keep them.
    pub fn label(&self) -> String {
        match self {
            Self::Static { profile, .. } | Self::Process { profile, .. } => profile.to_string(),
            Self::Reference { reference, .. } => reference.label(),
            Self::Environment => "environment".to_owned(),
            Self::EcsContainer => "container".to_owned(),
            Self::Ec2InstanceMetadata => "instance".to_owned(),
        }
    }

    /// Tells two of them apart, and what they held from what they hold, without telling what that is.
    pub fn mark(&self) -> String {
        let parts: Vec<&str> = match self {
            Self::Static { keys, .. } => {
                let token = keys.session_token.as_ref().map_or("", Secret::expose);
                vec![&keys.access_key_id, keys.secret_access_key.expose(), token]
            }
            Self::Process { argv, .. } => argv.iter().map(String::as_str).collect(),
            Self::Reference { reference: KeysReference::Command { argv, .. }, .. } => {
                argv.iter().map(String::as_str).collect()
            }
            Self::Reference { reference: KeysReference::OnePassword { account, .. }, .. } => {
                account.as_deref().into_iter().collect()
            }
            Self::Reference { .. } | Self::Environment | Self::EcsContainer | Self::Ec2InstanceMetadata => Vec::new(),
        };
        let mut digest = Digest::of(parts.join("\0").as_bytes()).to_hex();
        digest.truncate(8);
        digest
    }
}

impl fmt::Debug for KeysOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Static { profile, keys, .. } => write!(f, "Static({profile}, {})", keys.access_key_id),
            Self::Process { profile, argv, .. } => {
                write!(f, "Process({profile}, {})", argv.first().map_or("", String::as_str))
            }
            Self::Reference { reference, .. } => write!(f, "{reference:?}"),
            Self::Environment => f.write_str("Environment"),
            Self::EcsContainer => f.write_str("EcsContainer"),
            Self::Ec2InstanceMetadata => f.write_str("Ec2InstanceMetadata"),
        }
    }
}

/// Which STS is asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StsEndpoint {
    /// The region, such as `eu-central-1`; `us-east-1` where nothing names one.
    pub region: String,
    /// An endpoint that replaces the region's own: `AWS_ENDPOINT_URL_STS` or `[services]`.
    pub url: Option<String>,
    /// FIPS endpoints.
    pub fips: bool,
    /// Dual-stack endpoints.
    pub dualstack: bool,
    /// Whether a request that was refused because of this machine's clock is signed again by the server's.
    pub correct_skew: bool,
}

/// What a role is assumed from.
#[derive(Clone, Debug)]
pub enum RoleBase {
    /// Another identity's credential: a role or web-identity profile.
    Identity(IdentityName),
    /// Keys, used as they are.
    Keys(KeysOrigin),
    /// A user's session, which others share.
    Session(Arc<UserSession>),
    /// The user's keys, with a code of the device in the call itself: what comes of it is for this role alone, and may last
    /// longer than an hour.
    Code(Arc<UserSession>),
}

/// An assumed role.
#[derive(Clone, Debug)]
pub struct RoleDefinition {
    /// What STS is asked for.
    pub request: RoleRequest,
    /// What it is assumed from.
    pub base: RoleBase,
}

/// What STS is asked for to assume a role (`AssumeRole`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRequest {
    /// `arn:aws:iam::123456789012:role/deploy`.
    pub role_arn: String,
    /// `RoleSessionName`, 2 to 64 of `[\w+=,.@-]`.
    pub session_name: String,
    /// `ExternalId`.
    pub external_id: Option<String>,
    /// `DurationSeconds`, 15 min to 12 h.
    pub duration: Duration,
    /// Whether `duration_seconds` was written, rather than our default of an hour.
    pub duration_written: bool,
    /// Session tags, at most 50.
    pub tags: Vec<(String, String)>,
    /// The keys of the tags that go down the chain.
    pub transitive_tag_keys: Vec<String>,
    /// `SourceIdentity`.
    pub source_identity: Option<String>,
    /// An inline session policy, JSON.
    pub policy: Option<String>,
    /// Managed session policies, at most ten.
    pub policy_arns: Vec<String>,
    /// Which STS is asked.
    pub sts: StsEndpoint,
}

/// A role assumed with a web-identity token.
#[derive(Clone, Debug)]
pub struct WebIdentityDefinition {
    /// The role's ARN.
    pub role_arn: String,
    /// Where the token comes from, at every issue.
    pub token: TokenSource,
    /// `RoleSessionName`.
    pub session_name: String,
    /// `DurationSeconds`.
    pub duration: Duration,
    /// An inline session policy, JSON.
    pub policy: Option<String>,
    /// Managed session policies, at most ten.
    pub policy_arns: Vec<String>,
    /// Which STS is asked.
    pub sts: StsEndpoint,
}
