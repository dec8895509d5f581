//! Who is signed in with `az` or `azd`, as far as the files tell that a login leaves: for whoever follows logins, and for whoever runs
//! these programs. No token is in those files.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::azure::{AzureDefinition, AzureSource};
use super::azure_accounts::AzureAccounts;
use crate::secret::Digest;
use crate::world::{Environment, Files, places};

/// Where a program of Azure keeps its login.
#[derive(Clone, Copy, Debug)]
pub struct Keeping {
    /// The variable that names the folder.
    pub variable: &'static str,
    /// The folder below the home where nobody names one.
    pub usual: &'static str,
    /// The file in it that each login and logout writes, and no token that is got.
    pub file: &'static str,
}

/// The Azure CLI (azure-cli, `azure/cli/core/_profile.py`).
pub const AZ: Keeping = Keeping { variable: "AZURE_CONFIG_DIR", usual: ".azure", file: "azureProfile.json" };

/// The Azure Developer CLI (azure-dev, `cli/azd/pkg/auth/manager.go`, `authConfigFileName`).
pub const AZD: Keeping = Keeping { variable: "AZD_CONFIG_DIR", usual: ".azd", file: "auth.json" };

impl Keeping {
    /// The folder: as an identity names it, else by the variable, else the usual one.
    pub fn folder(&self, named: Option<&Path>, environment: &Environment) -> PathBuf {
        let named = named.or_else(|| environment.text(self.variable).map(Path::new));
        let folder = named.map_or_else(|| Path::new("~").join(self.usual), Path::to_owned);
        places::absolute(&places::expanded(&folder, environment))
    }
}

/// Who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// That cannot be read now: it is being written, perhaps.
    Unread,
    /// Nobody.
    Nobody,
    /// Somebody, for a tenant. What tells them from others, and says nothing besides.
    Of(String),
}

impl AzureDefinition {
    /// The file that tells who is signed in; `None`: it rests on no such program.
    pub fn login_file(&self, environment: &Environment) -> Option<PathBuf> {
        let (keeping, named) = match &self.source {
            AzureSource::AzureCli { config_folder, .. } => (AZ, config_folder),
            AzureSource::Azd { config_folder } => (AZD, config_folder),
            AzureSource::Entra { .. } | AzureSource::Certificate { .. } | AzureSource::Federated { .. } => return None,
        };
        Some(keeping.folder(named.as_deref(), environment).join(keeping.file))
    }

    /// Who is signed in, by that file.
    pub fn login(&self, file: &Path, files: &dyn Files) -> Login {
        match &self.source {
            AzureSource::AzureCli { subscription, .. } => self.login_of_az(subscription.as_deref(), file, files),
            _ => login_of_azd(file, files),
        }
    }

    /// A tenant that the CLI knows nobody in is asked for in the name of whoever is the default.
    fn login_of_az(&self, subscription: Option<&str>, file: &Path, files: &dyn Files) -> Login {
        let (accounts, complaint) = AzureAccounts::read(Some(file), files);
        if complaint.is_some() {
            return Login::Unread;
        }
        let account = match subscription {
            Some(_) => accounts.of(None, subscription),
            None => accounts.default_account(),
        };
        let Some(account) = account else { return Login::Nobody };
        let tenant = self.tenant.as_ref().unwrap_or(&account.tenant);
        Login::Of(format!("{} in {tenant}", account.person.as_deref().unwrap_or_default()))
    }
}

fn login_of_azd(file: &Path, files: &dyn Files) -> Login {
    let text = match files.read(file) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Login::Nobody,
        Err(_) => return Login::Unread,
    };
    let Ok(written) = serde_json::from_slice::<Value>(&text) else { return Login::Unread };
    match written.pointer("/auth/account/currentUser") {
        Some(user) if !user.is_null() => Login::Of(Digest::of(user.to_string().as_bytes()).to_hex()),
        _ => Login::Nobody,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::azure::{Cloud, PrincipalIds, Resources};
    use crate::world::simulated::MemoryFiles;

    fn definition(source: AzureSource, tenant: Option<&str>) -> AzureDefinition {
        AzureDefinition {
            source,
            cloud: Cloud::Public,
            authority: Cloud::Public.authority().into(),
            tenant: tenant.map(str::to_owned),
            ids: PrincipalIds::default(),
            resource: Cloud::Public.resource_manager().into(),
            resources: Resources::default(),
            min_life: None,
        }
    }

    fn az(subscription: Option<&str>) -> AzureSource {
        AzureSource::AzureCli { config_folder: None, subscription: subscription.map(str::to_owned) }
    }

    #[test]
    fn the_file_lies_where_the_program_keeps_its_login() {
        let environment = Environment::from_iter([("HOME", "/home/ada"), ("AZD_CONFIG_DIR", "/home/ada/azd")]);
        let own = AzureSource::AzureCli { config_folder: Some("~/work".into()), subscription: None };
        for (source, file) in [
            (az(None), "/home/ada/.azure/azureProfile.json"),
            (own, "/home/ada/work/azureProfile.json"),
            (AzureSource::Azd { config_folder: None }, "/home/ada/azd/auth.json"),
        ] {
            assert_eq!(definition(source, None).login_file(&environment), Some(PathBuf::from(file)));
        }
        let entra = AzureSource::Entra { client_id: "a".to_owned() };
        assert_eq!(definition(entra, None).login_file(&environment), None);
    }

    #[test]
    fn who_is_signed_in_is_told_by_what_the_program_would_ask_with() {
        const TWO: &str = r#"{"subscriptions":[
            {"id":"s1","name":"One","tenantId":"t1","isDefault":true,"user":{"name":"ada@contoso.com"}},
            {"id":"s2","name":"Two","tenantId":"t2","isDefault":false,"user":{"name":"bob@fabrikam.com"}}]}"#;
        let of = |text: &str| Login::Of(text.to_owned());
        for (subscription, tenant, text, login) in [
            (None, None, Some(TWO), of("ada@contoso.com in t1")),
            (None, Some("t9"), Some(TWO), of("ada@contoso.com in t9")),
            (Some("Two"), None, Some(TWO), of("bob@fabrikam.com in t2")),
            (Some("Three"), None, Some(TWO), Login::Nobody),
            (None, None, Some(r#"{"subscriptions":[]}"#), Login::Nobody),
            (None, None, None, Login::Nobody),
            (None, None, Some(""), Login::Unread),
            (None, None, Some(&TWO[..40]), Login::Unread),
        ] {
            let files = MemoryFiles::default();
            let files = text.map_or_else(|| files.clone(), |text| files.clone().with("/f", text));
            let found = definition(az(subscription), tenant).login(Path::new("/f"), &files);
            assert_eq!(found, login, "{subscription:?} {tenant:?} {text:?}");
        }
    }

    #[test]
    fn azd_tells_one_person_from_another() {
        let login = |text: &str| {
            let files = MemoryFiles::default().with("/f", text);
            definition(AzureSource::Azd { config_folder: None }, None).login(Path::new("/f"), &files)
        };
        let user =
            |id: &str| login(&format!(r#"{{"auth":{{"account":{{"currentUser":{{"homeAccountId":"{id}"}}}}}}}}"#));
        assert!(matches!(user("ada"), Login::Of(_)));
        assert!(user("ada") == user("ada") && user("ada") != user("bob"));
        assert_eq!(login(r#"{"auth":{"account":{}}}"#), Login::Nobody);
        assert_eq!(login("{"), Login::Unread);
    }
}
