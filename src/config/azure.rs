//! [`AzureDefinition`]: an Azure identity with its settings resolved: whose tokens it gives, from where, and for what.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::identity::StsEndpoint;
use crate::credential::{IdentityName, Resource};

/// How an Azure identity's tokens are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureDefinition {
    /// Where they come from.
    pub source: AzureSource,
    /// Which cloud: where Entra ID answers, and what the usual resources are called there.
    pub cloud: Cloud,
    /// Where Entra ID answers, without a slash at the end: `https://login.microsoftonline.com`, or `AZURE_AUTHORITY_HOST`.
    pub authority: Arc<str>,
    /// The tenant, by its id or by a domain of it; `None`: the account's own.
    pub tenant: Option<String>,
    /// By which ids clients may call it.
    pub ids: PrincipalIds,
    /// What a token is for where nobody says: `resource`, else Azure Resource Manager.
    pub resource: Resource,
    /// What tokens are given for.
    pub resources: Resources,
    /// How much of a token's life clients get at least (`min_life`), where another one can be had; `None`: 5 min.
    pub min_life: Option<Duration>,
}

impl AzureDefinition {
    /// The application that its tokens are given to, where the definition tells.
    pub fn client_id(&self) -> Option<&str> {
        match &self.source {
            AzureSource::Entra { client_id }
            | AzureSource::Certificate { client_id, .. }
            | AzureSource::Federated { client_id, .. } => Some(client_id),
            AzureSource::AzureCli { .. } | AzureSource::Azd { .. } => self.ids.client_id.as_deref(),
        }
    }
}

/// Where an Azure identity's tokens come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AzureSource {
    /// `az account get-access-token`.
    AzureCli {
        /// `AZURE_CONFIG_DIR` for it; `None`: as it is.
        config_folder: Option<PathBuf>,
        /// The subscription whose tenant and account it is, by id or name. It goes before `tenant`: the CLI takes one of the two,
        /// and a tenant alone would mean the person of the default subscription.
        subscription: Option<String>,
    },
    /// `azd auth token`.
    Azd {
        /// `AZD_CONFIG_DIR` for it; `None`: as it is.
        config_folder: Option<PathBuf>,
    },
    /// A person's login at Entra ID, for an app registration of the user's own.
    Entra {
        /// The application's id.
        client_id: String,
    },
    /// An app registration with a certificate.
    Certificate {
        /// The application's id.
        client_id: String,
        /// The file with the certificate, PEM.
        certificate: PathBuf,
        /// Where its private key lies.
        key: CertificateKey,
    },
    /// An app registration or a managed identity that trusts what another party signs.
    Federated {
        /// The application's id.
        client_id: String,
        /// Who signs.
        assertion: AssertionSource,
    },
}

/// Where the private key of a certificate lies, PEM. A command prints only as its program's name.
#[derive(Clone, PartialEq, Eq)]
pub enum CertificateKey {
    /// In the certificate's own file.
    Beside,
    /// In a file of its own.
    File(PathBuf),
    /// At 1Password: `op://VAULT/ITEM/FIELD`.
    OnePassword(String),
    /// Printed by a program.
    Command(Vec<String>),
}

/// Who signs the statement that a federated identity shows, and for whom it is meant. A command prints only as its program's
/// name.
#[derive(Clone, PartialEq, Eq)]
pub enum AssertionSource {
    /// AWS STS, for one of our AWS identities (`GetWebIdentityToken`).
    Aws {
        /// The AWS identity.
        from: IdentityName,
        /// The regional STS that is asked: the global one does not know the call.
        sts: StsEndpoint,
        /// `api://AzureADTokenExchange`, or another cloud's.
        audience: String,
    },
    /// The OIDC endpoint of a running job of GitHub Actions.
    GitHubActions {
        /// `api://AzureADTokenExchange`, or another cloud's.
        audience: String,
    },
    /// Whoever writes this file.
    File(PathBuf),
    /// What this program prints.
    Command(Vec<String>),
}

impl fmt::Debug for CertificateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Beside => f.write_str("Beside"),
            Self::File(path) => write!(f, "File({path:?})"),
            Self::OnePassword(reference) => write!(f, "OnePassword({reference:?})"),
            Self::Command(argv) => write!(f, "Command({:?})", argv.first()),
        }
    }
}

impl fmt::Debug for AssertionSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aws { from, sts, audience } => write!(f, "Aws({from:?}, {sts:?}, {audience:?})"),
            Self::GitHubActions { audience } => write!(f, "GitHubActions({audience:?})"),
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Command(argv) => write!(f, "Command({:?})", argv.first()),
        }
    }
}

/// A cloud of Azure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Cloud {
    /// The public one.
    #[default]
    Public,
    /// That of the US government.
    UsGovernment,
    /// That of China.
    China,
}

impl Cloud {
    /// By the word in our TOML: `public`, `us-government`, `china`.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Public, Self::UsGovernment, Self::China].into_iter().find(|cloud| cloud.word() == word)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::UsGovernment => "us-government",
            Self::China => "china",
        }
    }

    /// Where its Entra ID answers (azure-identity, `AzureAuthorityHosts`).
    pub fn authority(self) -> &'static str {
        match self {
            Self::Public => "https://login.microsoftonline.com",
            Self::UsGovernment => "https://login.microsoftonline.us",
            Self::China => "https://login.chinacloudapi.cn",
        }
    }

    /// Its Azure Resource Manager, as a resource (azure-cli, `cloud.py`).
    pub fn resource_manager(self) -> &'static str {
        match self {
            Self::Public => "https://management.azure.com/",
            Self::UsGovernment => "https://management.usgovcloudapi.net/",
            Self::China => "https://management.chinacloudapi.cn/",
        }
    }

    /// For whom a federated identity's statement is meant (Entra ID, "Configure an app to trust an external identity
    /// provider"; the other clouds' by azure-identity's and the AKS documents).
    pub fn exchange_audience(self) -> &'static str {
        match self {
            Self::Public => "api://AzureADTokenExchange",
            Self::UsGovernment => "api://AzureADTokenExchangeUSGov",
            Self::China => "api://AzureADTokenExchangeChina",
        }
    }

    /// What IMDS calls it (`azEnvironment`).
    pub fn environment(self) -> &'static str {
        match self {
            Self::Public => "AzurePublicCloud",
            Self::UsGovernment => "AzureUSGovernmentCloud",
            Self::China => "AzureChinaCloud",
        }
    }
}

/// The ids of a principal, as a client may name it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrincipalIds {
    /// The application's id.
    pub client_id: Option<String>,
    /// The principal's object id.
    pub object_id: Option<String>,
    /// The ARM id of a user-assigned managed identity.
    pub resource_id: Option<String>,
}

/// What tokens are given for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// For these alone; `None`: for all that are not denied.
    pub allow: Option<Vec<Resource>>,
    /// Never for these.
    pub deny: Vec<Resource>,
}

impl Resources {
    /// Whether a token may be given for a resource. A slash at the end makes no difference here, nor does the case of letters, nor
    /// whether a client wrote the scope that stands for it (`/.default`): all of these are the same API to Entra ID, so a list that
    /// told them apart would keep nobody out. The same goes for the other names of Microsoft's own APIs ([`ONE_API`]); of anybody
    /// else's API only its owner knows all names, so what must not be had is kept out by `allow`.
    pub fn give(&self, resource: &str) -> bool {
        let same = |written: &Resource| plain(written) == plain(resource);
        !self.deny.iter().any(same) && self.allow.as_ref().is_none_or(|allow| allow.iter().any(same))
    }
}

fn plain(resource: &str) -> String {
    let resource = resource.to_ascii_lowercase();
    let mut plain = resource.trim_end_matches('/');
    while let Some(before) = plain.strip_suffix("/.default") {
        plain = before.trim_end_matches('/');
    }
    ONE_API.iter().find(|names| names.contains(&plain)).map_or(plain, |names| names[0]).to_owned()
}

/// The names of one API each: its application id stands for its URI (Microsoft Learn, "Scopes and permissions in the Microsoft identity
/// platform"; the ids by "Verify first-party Microsoft applications in sign-in reports", the two names of Azure Resource Manager by
/// azure-cli's `azure/cli/core/cloud.py`).
const ONE_API: [&[&str]; 4] = [
    &["https://graph.microsoft.com", "00000003-0000-0000-c000-000000000000"],
    &["https://management.azure.com", "https://management.core.windows.net", "797f4846-ba00-4fd7-ba43-dac1f8f63013"],
    &["https://vault.azure.net", "cfa8b339-82a2-471a-a3c9-0fc0be7a4093"],
    &["https://storage.azure.com", "e406a681-f3d4-42a8-90b6-c2b029497af1"],
];

impl fmt::Display for AzureSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AzureCli { .. } => "azure-cli",
            Self::Azd { .. } => "azd",
            Self::Entra { .. } | Self::Certificate { .. } => "entra",
            Self::Federated { .. } => "federated",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_resources_take_one_api_for_one() {
        let lists = |allow: Option<&[&str]>, deny: &[&str]| Resources {
            allow: allow.map(|allow| allow.iter().map(|&one| Resource::from(one)).collect()),
            deny: deny.iter().map(|&one| Resource::from(one)).collect(),
        };
        let graph = "https://graph.microsoft.com";
        assert!(lists(None, &[]).give(graph));
        assert!(lists(Some(&["https://graph.microsoft.com/"]), &[]).give(graph));
        assert!(!lists(Some(&["https://vault.azure.net"]), &[]).give(graph));
        assert!(!lists(Some(&[]), &[]).give(graph));
        for spelling in [graph, "https://graph.microsoft.com/", "HTTPS://Graph.microsoft.com//"] {
            assert!(!lists(None, &[graph]).give(spelling), "{spelling}");
            assert!(!lists(Some(&[graph]), &[graph]).give(spelling), "what is denied is denied: {spelling}");
        }
        assert!(lists(None, &[graph]).give("https://graph.microsoft.com.example"));
    }

    #[test]
    fn a_scope_is_no_way_around_the_lists() {
        let graph = "https://graph.microsoft.com";
        let denied = Resources { allow: None, deny: vec![graph.into()] };
        let allowed = Resources { allow: Some(vec![graph.into()]), deny: Vec::new() };
        for scope in ["/.default", "//.default", "/.Default", "/.default/", "/.default/.default"] {
            let scope = format!("{graph}{scope}");
            assert!(!denied.give(&scope), "{scope}");
            assert!(allowed.give(&scope), "{scope}");
        }
    }

    #[test]
    fn another_name_of_the_same_api_is_no_way_around_what_is_denied() {
        let denied = Resources {
            allow: None,
            deny: vec!["https://graph.microsoft.com/".into(), "https://management.azure.com".into()],
        };
        for other in [
            "00000003-0000-0000-c000-000000000000",
            "00000003-0000-0000-C000-000000000000/.default",
            "https://management.core.windows.net/",
            "797f4846-ba00-4fd7-ba43-dac1f8f63013",
        ] {
            assert!(!denied.give(other), "{other}");
        }
        assert!(denied.give("https://vault.azure.net") && denied.give("00000002-0000-0000-c000-000000000000"));
    }
}
