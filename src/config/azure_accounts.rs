//! [`AzureAccounts`]: with whom the Azure CLI is logged in, from the file that `az login` leaves. No token is in it.
//!
//! `azureProfile.json` of `AZURE_CONFIG_DIR`, else of `~/.azure` (azure-cli, `azure/cli/core/_profile.py`): one entry a
//! subscription, or a tenant without any. Of several clouds only the active one's count, as for the CLI. Read by
//! [`super::Config`]; `config/resolve/names.rs` makes the identities `az` and `az:TENANT` of it.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::azure::Cloud;
use super::complaint::Complaint;
use super::identity::Place;
use crate::world::Files;

/// With whom the Azure CLI is logged in.
#[derive(Clone, Debug, Default)]
pub struct AzureAccounts {
    /// Where that is written; `None` where nothing says where the user's files are.
    file: Option<PathBuf>,
    /// One for each subscription, the default first.
    accounts: Vec<AzureAccount>,
}

/// A subscription of the Azure CLI, or a tenant without any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AzureAccount {
    /// The subscription's id; the tenant's, where it has none.
    pub subscription: String,
    /// What people call it.
    pub subscription_name: Option<String>,
    /// The tenant's id.
    pub tenant: String,
    /// The tenant's default domain, such as `contoso.onmicrosoft.com`, where the CLI tells it.
    pub domain: Option<String>,
    /// Whether it is what commands without `--subscription` use.
    pub is_default: bool,
    /// The cloud; `None`: one that somebody registered.
    pub cloud: Option<Cloud>,
    /// Who is logged in, such as `ada@contoso.com`.
    pub person: Option<String>,
}

impl AzureAccounts {
    /// Reads the file. One that is not there says that nobody is logged in; one that cannot be read is a complaint.
    pub(super) fn read(file: Option<&Path>, files: &dyn Files) -> (Self, Option<Complaint>) {
        let Some(path) = file else { return (Self::default(), None) };
        let none = Self { file: Some(path.to_owned()), accounts: Vec::new() };
        let text = match files.read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return (none, None),
            Err(error) => {
                let text = format!("{} cannot be read, so `az` is not known: {error}", path.display());
                return (none, Some(Complaint::general(text)));
            }
        };
        // the CLI writes it with a byte order mark
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&text);
        match serde_json::from_slice::<Written>(text) {
            Ok(written) => {
                let active = || active_cloud(&path.with_file_name("config"), files);
                (Self { accounts: written.accounts(active), ..none }, None)
            }
            Err(error) => {
                let place = Place { file: Arc::from(path), line: error.line().max(1) };
                let text = "this is not what the Azure CLI writes, so `az` is not known: run `az login`";
                (none, Some(Complaint::at(place, text)))
            }
        }
    }

    /// The account of the default subscription, else the first.
    pub fn default_account(&self) -> Option<&AzureAccount> {
        self.accounts.first()
    }

    /// One account a tenant, each with its name behind `az:`: the tenant's domain, else its id. Where several people are logged
    /// in to one tenant it is who is the default, else the first.
    pub(super) fn of_tenants(&self) -> Vec<(&str, &AzureAccount)> {
        let mut found: Vec<(&str, &AzureAccount)> = Vec::new();
        for account in &self.accounts {
            let name = account.domain.as_deref().unwrap_or(&account.tenant);
            if !found.iter().any(|(known, other)| *known == name || other.tenant == account.tenant) {
                found.push((name, account));
            }
        }
        found
    }

    /// The account that the Azure CLI takes for a subscription, by id or name, or for a tenant, by id or domain.
    pub(super) fn of(&self, tenant: Option<&str>, subscription: Option<&str>) -> Option<&AzureAccount> {
        let is = |one: &str, other: Option<&str>| other.is_some_and(|other| one.eq_ignore_ascii_case(other));
        match (tenant, subscription) {
            (None, None) => self.default_account(),
            (_, Some(subscription)) => self.accounts.iter().find(|account| {
                is(&account.subscription, Some(subscription))
                    || is(account.subscription_name.as_deref().unwrap_or_default(), Some(subscription))
            }),
            (Some(tenant), None) => {
                let same = |account: &&AzureAccount| {
                    is(&account.tenant, Some(tenant)) || is(tenant, account.domain.as_deref())
                };
                self.accounts.iter().find(same)
            }
        }
    }

    /// Whether a subscription has to be named for this account: a tenant alone means the default's person.
    pub(super) fn needs_its_subscription(&self, account: &AzureAccount) -> bool {
        self.default_account().is_some_and(|default| default.person != account.person)
    }

    /// Why there is no such identity, and what mends it, for a name that an account of the Azure CLI would have: `az`,
    /// `az:TENANT`, with or without `azure:` before it. `None` for every other name.
    pub fn not_logged_in(&self, typed: &str) -> Option<(String, String)> {
        let name = typed.strip_prefix("azure:").unwrap_or(typed);
        let tenant = match name.split_once(':') {
            None if name == BUILT_IN => None,
            Some((BUILT_IN, tenant)) if !tenant.is_empty() => Some(tenant),
            _ => return None,
        };
        if self.accounts.is_empty() {
            let seen = match &self.file {
                Some(file) => format!(": {} names no account", file.display()),
                None => ": HOME is not set, so its files cannot be found".to_owned(),
            };
            let mend = tenant.map_or_else(|| "az login".to_owned(), |tenant| format!("az login --tenant {tenant}"));
            return Some((format!("nobody is logged in with the Azure CLI{seen}"), mend));
        }
        let tenant = tenant?;
        let known: Vec<_> = self.of_tenants().into_iter().map(|(name, _)| name).collect();
        let why = format!("the Azure CLI knows no tenant {tenant}, only {}", known.join(", "));
        Some((why, format!("az login --tenant {tenant}")))
    }
}

/// What the account of the default subscription is called, without any configuration.
pub(super) const BUILT_IN: &str = "az";

/// The file.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    subscriptions: Vec<Subscription>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    id: String,
    name: Option<String>,
    tenant_id: String,
    tenant_default_domain: Option<String>,
    #[serde(default)]
    is_default: bool,
    environment_name: Option<String>,
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    name: Option<String>,
}

impl Written {
    fn accounts(self, active: impl FnOnce() -> Option<String>) -> Vec<AzureAccount> {
        let mut subscriptions = self.subscriptions;
        let several = subscriptions.iter().any(|one| one.environment_name != subscriptions[0].environment_name);
        if several {
            let active = active().unwrap_or_else(|| PUBLIC.to_owned());
            subscriptions.retain(|one| one.environment_name.as_deref().unwrap_or(PUBLIC).eq_ignore_ascii_case(&active));
        }
        subscriptions.sort_by_key(|one| !one.is_default);
        subscriptions.into_iter().map(Subscription::account).collect()
    }
}

impl Subscription {
    fn account(self) -> AzureAccount {
        let some = |text: Option<String>| text.filter(|text| !text.is_empty());
        AzureAccount {
            cloud: cloud(self.environment_name.as_deref().unwrap_or(PUBLIC)),
            subscription: self.id,
            subscription_name: some(self.name),
            tenant: self.tenant_id,
            domain: some(self.tenant_default_domain),
            is_default: self.is_default,
            person: some(self.user.and_then(|user| user.name)),
        }
    }
}

const PUBLIC: &str = "AzureCloud";

/// By the names of azure-cli (`azure/cli/core/cloud.py`).
fn cloud(name: &str) -> Option<Cloud> {
    match name {
        PUBLIC => Some(Cloud::Public),
        "AzureUSGovernment" => Some(Cloud::UsGovernment),
        "AzureChinaCloud" => Some(Cloud::China),
        _ => None,
    }
}

/// The cloud that `az cloud set` chose: `name` below `[cloud]` of the file `config`.
fn active_cloud(file: &Path, files: &dyn Files) -> Option<String> {
    let text = String::from_utf8(files.read(file).ok()?).ok()?;
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[cloud]";
        } else if inside
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            return Some(value.trim().to_owned());
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::simulated::MemoryFiles;

    const FILE: &str = "/h/.azure/azureProfile.json";

    fn read(text: &str) -> (AzureAccounts, Option<Complaint>) {
        AzureAccounts::read(Some(Path::new(FILE)), &MemoryFiles::default().with(FILE, text))
    }

    fn entry(id: &str, tenant: &str, more: &str) -> String {
        format!(
            "{{\"id\": \"{id}\", \"name\": \"Name of {id}\", \"tenantId\": \"{tenant}\", \"state\": \"Enabled\"{more}}}"
        )
    }

    fn file(entries: &[String]) -> String {
        format!("\u{feff}{{\"installationId\": \"x\", \"subscriptions\": [{}]}}", entries.join(", "))
    }

    const ADA: &str =
        ", \"user\": {\"name\": \"ada@contoso.com\", \"type\": \"user\"}, \"environmentName\": \"AzureCloud\"";

    #[test]
    fn the_default_subscription_is_the_account_and_each_tenant_has_a_name() {
        let (accounts, complaint) = read(&file(&[
            entry("s1", "t1", &format!("{ADA}, \"isDefault\": false")),
            entry("s2", "t2", &format!("{ADA}, \"isDefault\": true, \"tenantDefaultDomain\": \"contoso.com\"")),
            entry("s3", "t2", &format!("{ADA}, \"tenantDefaultDomain\": \"contoso.com\"")),
        ]));
        assert_eq!(complaint, None);
        let default = accounts.default_account().unwrap();
        assert_eq!((&*default.subscription, default.person.as_deref()), ("s2", Some("ada@contoso.com")));
        let tenants: Vec<_> = accounts.of_tenants().into_iter().map(|(name, one)| (name, &*one.subscription)).collect();
        assert_eq!(tenants, [("contoso.com", "s2"), ("t1", "s1")]);
        for (tenant, subscription, expected) in [
            (None, None, Some("s2")),
            (Some("T1"), None, Some("s1")),
            (Some("Contoso.com"), None, Some("s2")),
            (None, Some("name of s3"), Some("s3")),
            (None, Some("S3"), Some("s3")),
            (Some("t9"), None, None),
        ] {
            let found = accounts.of(tenant, subscription).map(|account| &*account.subscription);
            assert_eq!(found, expected, "{tenant:?} {subscription:?}");
        }
        assert!(!accounts.needs_its_subscription(accounts.of(Some("t1"), None).unwrap()));
    }

    #[test]
    fn another_person_of_the_cli_is_meant_by_a_subscription() {
        let (accounts, _) = read(&file(&[
            entry("s1", "t1", ", \"user\": {\"name\": \"root@fabrikam.com\"}"),
            entry("s2", "t2", &format!("{ADA}, \"isDefault\": true")),
        ]));
        assert!(accounts.needs_its_subscription(accounts.of(Some("t1"), None).unwrap()));
        assert!(!accounts.needs_its_subscription(accounts.default_account().unwrap()));
    }

    #[test]
    fn of_several_clouds_the_active_one_counts() {
        let text = file(&[
            entry("s1", "t1", ", \"environmentName\": \"AzureCloud\", \"isDefault\": true"),
            entry("s2", "t2", ", \"environmentName\": \"AzureUSGovernment\", \"isDefault\": true"),
        ]);
        let files = MemoryFiles::default().with(FILE, &*text);
        let default = |files: &MemoryFiles| {
            let (accounts, _) = AzureAccounts::read(Some(Path::new(FILE)), files);
            let default = accounts.default_account().cloned().unwrap();
            (default.subscription, default.cloud)
        };
        assert_eq!(default(&files), ("s1".to_owned(), Some(Cloud::Public)));
        let files = files.with("/h/.azure/config", "[core]\nname = x\n[cloud]\nname = AzureUSGovernment\n");
        assert_eq!(default(&files), ("s2".to_owned(), Some(Cloud::UsGovernment)));
        // one that somebody registered is no cloud of ours
        let (registered, _) = read(&file(&[entry("s1", "t1", ", \"environmentName\": \"Stack\"")]));
        assert_eq!(registered.default_account().unwrap().cloud, None);
    }

    #[test]
    fn a_file_that_is_not_there_says_nothing_and_a_broken_one_is_a_complaint() {
        let (none, complaint) = AzureAccounts::read(Some(Path::new(FILE)), &MemoryFiles::default());
        assert_eq!((none.default_account(), complaint), (None, None));
        for broken in ["", "{", "7", "{\"subscriptions\":\n 7}"] {
            let (none, complaint) = read(broken);
            assert_eq!(none.default_account(), None);
            let text = complaint.unwrap().to_string();
            assert!(text.starts_with(FILE) && text.contains("az login"), "{text}");
        }
        let (_, complaint) = read("{\"subscriptions\":\n 7}");
        assert_eq!(complaint.unwrap().place.unwrap().line, 2);
        // after `az logout`
        assert_eq!(read(&file(&[])).0.default_account(), None);
    }

    #[test]
    fn a_name_of_the_cli_that_is_not_known_is_told_how_to_log_in() {
        let (none, _) = read(&file(&[]));
        for (typed, mend) in
            [("az", Some("az login")), ("azure:az", Some("az login")), ("az:x.com", Some("az login --tenant x.com"))]
        {
            let (why, said) = none.not_logged_in(typed).unwrap();
            assert_eq!((Some(said.as_str()), why.contains(FILE)), (mend, true), "{typed}: {why}");
        }
        let (accounts, _) = read(&file(&[entry("s1", "t1", "")]));
        let (why, mend) = accounts.not_logged_in("az:x.com").unwrap();
        assert_eq!((&*why, &*mend), ("the Azure CLI knows no tenant x.com, only t1", "az login --tenant x.com"));
        for other in ["azx", "aws:az", "az:", "prod", "azure:prod"] {
            assert_eq!(none.not_logged_in(other), None, "{other}");
        }
        assert_eq!(accounts.not_logged_in("az"), None, "another one took the name");
    }
}
