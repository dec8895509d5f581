//! [`View`]: one identity as it was written: what our TOML says, then its profile, then the profile that it includes.

use crate::config::azure_accounts::AzureAccount;
use crate::config::identity::{Definition, Kind, Place, Unusable};
use crate::config::own::{Said, SaidOfAzure, SaidOfKeys};
use crate::config::shared::{Section, SharedFiles, Value};
use crate::config::toml::Written;
use crate::credential::IdentityName;

/// One identity as it was written.
pub(super) struct View<'a> {
    /// The identity's name.
    pub(super) name: IdentityName,
    /// The profile that it is made of; the same name, but where our TOML says another.
    pub(super) profile: IdentityName,
    /// The profile's section, where there is one.
    pub(super) section: Option<&'a Section>,
    /// The profiles that aws-vault's `include_profile` names, nearest first.
    pub(super) included: Vec<&'a Section>,
    /// What our TOML says.
    pub(super) said: Option<&'a Said>,
    /// That it is an Azure identity, and which: then nothing else is said of it but when its tokens are made.
    pub(super) azure: Option<Azure<'a>>,
}

/// An Azure identity as it was written.
#[derive(Clone, Copy)]
pub(super) enum Azure<'a> {
    /// In our TOML.
    Said(&'a SaidOfAzure),
    /// By `az login`: the account, and whether it is named by its tenant.
    Account {
        /// The account.
        account: &'a AzureAccount,
        /// Named by its tenant, rather than the default.
        by_tenant: bool,
    },
}

impl Azure<'_> {
    /// Known before anything else is, and where it cannot be used too.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Said(said) => said.source.kind(),
            Self::Account { .. } => Kind::AzureCli,
        }
    }
}

impl<'a> View<'a> {
    pub(super) fn new(shared: &'a SharedFiles, said: Option<&'a Said>, name: &IdentityName) -> Self {
        let profile = match said.and_then(|said| said.profile.as_ref()) {
            Some(profile) => profile.value.as_str().into(),
            None => name.clone(),
        };
        let section = shared.profiles.get(&profile);
        Self { name: name.clone(), included: included(shared, section), section, profile, said, azure: None }
    }

    /// An Azure identity: no profile has to do with it.
    pub(super) fn of_azure(azure: Azure<'a>, said: Option<&'a Said>, name: &IdentityName) -> Self {
        let (name, profile) = (name.clone(), name.clone());
        Self { name, profile, section: None, included: Vec::new(), said, azure: Some(azure) }
    }

    /// The value of a key: what our TOML says instead, else the profile's own, else that of an included profile. Keys and
    /// what belongs to them are never taken from another profile.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        let said = self.said.and_then(|said| said.value(key));
        let own = said.or_else(|| self.section.and_then(|section| section.value(key)));
        if own.is_some() || key.starts_with("aws_") {
            return own;
        }
        self.included.iter().find_map(|section| section.value(key))
    }

    /// The text of a key; `None` where it is absent or empty.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        self.value(key).map(Value::text).filter(|text| !text.is_empty())
    }

    /// Where the identity is written.
    pub(super) fn place(&self) -> Option<Place> {
        self.section.map(|section| section.place.clone()).or_else(|| self.said.map(|said| said.place.clone()))
    }

    /// A reason at the place of a key, or at the section's where the key is absent.
    pub(super) fn unusable(&self, key: &str, reason: impl Into<String>) -> Unusable {
        let place = self.value(key).map(|value| value.place.clone()).or_else(|| self.place());
        Unusable { place, reason: reason.into() }
    }

    /// A role that is assumed with other keys. A token takes a profile out of that, as in botocore and in aws-config.
    pub(super) fn assumes_role(&self) -> bool {
        self.value("role_arn").is_some() && !self.has_token()
    }

    /// Whether there is a web-identity token. `web_identity_token_process` is aws-vault's alone, so what botocore and the SDKs
    /// take goes before it.
    pub(super) fn has_token(&self) -> bool {
        let has = |key: &str| self.value(key).is_some();
        let said = self.said.is_some_and(|said| said.web_identity.is_some());
        let process = has("web_identity_token_process") && !has("source_profile") && !has("credential_source");
        self.keys().is_none() && (said || has("web_identity_token_file") || process)
    }

    /// Where our TOML says that its keys lie.
    pub(super) fn keys(&self) -> Option<&'a Written<SaidOfKeys>> {
        self.said.and_then(|said| said.user.keys.as_ref())
    }

    /// A role of IAM Identity Center, whole or not: either key makes it one (botocore's `SSOProvider._load_sso_config`).
    pub(super) fn has_sso_role(&self) -> bool {
        self.value("sso_account_id").is_some() || self.value("sso_role_name").is_some()
    }

    /// Whether either half of static keys is there: then a profile that others name as source is its keys, not its role
    /// (botocore's `_has_static_credentials`).
    pub(super) fn has_static_keys(&self) -> bool {
        self.value("aws_access_key_id").is_some() || self.value("aws_secret_access_key").is_some()
    }

    /// The account that is served, where that is known without asking.
    pub(super) fn account(&self, definition: Option<&Definition>) -> Option<String> {
        let digits = |text: &&str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        let account = match definition {
            Some(Definition::Keys { .. }) => self.text("aws_account_id"),
            Some(Definition::Session(session)) => {
                let device = session.device.as_ref().and_then(|device| account_of(&device.serial));
                device.or_else(|| self.text("aws_account_id"))
            }
            Some(Definition::Role(role)) => account_of(&role.request.role_arn),
            Some(Definition::WebIdentity(role)) => account_of(&role.role_arn),
            Some(Definition::Sso(sso)) => return Some(sso.account_id.clone()),
            Some(Definition::Azure(_)) => None,
            None => self.text("role_arn").and_then(account_of).or_else(|| self.text("sso_account_id")),
        };
        account.filter(digits).map(str::to_owned)
    }
}

/// The fifth field of an ARN.
fn account_of(arn: &str) -> Option<&str> {
    arn.split(':').nth(4)
}

fn included<'a>(shared: &'a SharedFiles, section: Option<&'a Section>) -> Vec<&'a Section> {
    let mut sections = Vec::new();
    let mut current = section;
    while let Some(name) = current.and_then(|section| section.text("include_profile")) {
        let next = shared.profiles.get(name);
        let seen =
            |next: &Section| section.into_iter().chain(sections.iter().copied()).any(|seen| std::ptr::eq(seen, next));
        match next {
            Some(next) if !seen(next) => sections.push(next),
            _ => break,
        }
        current = next;
    }
    sections
}
