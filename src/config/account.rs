//! [`EntraAccount`]: one login at Entra ID, and which identities rest on it, at the end of whatever chain.
//!
//! Two identities that name the same application of the same tenant share a login: its refresh token is good for every resource.
//! Called by the source that uses the login, and by the commands that begin and end it.

use std::sync::Arc;

use super::{AzureDefinition, AzureSource, Config};
use crate::credential::{IdentityName, SessionKey};
use crate::secret::Digest;

/// A login at Entra ID, by what it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntraAccount {
    /// Where Entra ID answers: `https://login.microsoftonline.com`.
    pub authority: Arc<str>,
    /// The tenant, by its id or by a domain of it; `organizations` where the person's own is meant.
    pub tenant: String,
    /// The application's id.
    pub client_id: String,
}

impl EntraAccount {
    /// The login that an Azure identity's own tokens come from, if it is one of a person.
    pub fn of(definition: &AzureDefinition) -> Option<Self> {
        let AzureSource::Entra { client_id } = &definition.source else { return None };
        Some(Self {
            authority: Arc::clone(&definition.authority),
            tenant: definition.tenant.clone().unwrap_or_else(|| ORGANIZATIONS.to_owned()),
            client_id: client_id.clone(),
        })
    }

    /// The key of its session in the engine's table: `entra:TENANT/CLIENT:0f3a11c2`.
    pub fn key(&self) -> SessionKey {
        SessionKey(format!("entra:{}/{}:{}", self.tenant, self.client_id, &self.digest()[..8]).into())
    }

    /// Tells it from others: 32 hexadecimal digits. GUIDs and domains are the same in upper and in lower case.
    pub fn digest(&self) -> String {
        let parts = [&*self.authority, &self.tenant, &self.client_id].map(str::to_ascii_lowercase);
        let mut digest = Digest::of(parts.join("\n").as_bytes()).to_hex();
        digest.truncate(32);
        digest
    }
}

/// Any tenant of a company or a school, but no personal account (Microsoft, "Microsoft identity platform endpoints").
const ORGANIZATIONS: &str = "organizations";

impl Config {
    /// The login that an identity rests on; `None` where it needs none.
    pub fn account_of(&self, identity: &str) -> Option<EntraAccount> {
        let mut identity = self.identities.get(identity)?;
        loop {
            if let Some(account) = identity.azure().and_then(|azure| EntraAccount::of(azure)) {
                return Some(account);
            }
            // a circle has no definition
            identity = self.identities.get(identity.made_from()?)?;
        }
    }

    /// Every identity that rests on a login, AWS roles by way of a token too.
    pub fn identities_of_account(&self, account: &EntraAccount) -> Vec<IdentityName> {
        let key = account.key();
        let rests = |name: &&IdentityName| self.account_of(name).is_some_and(|account| account.key() == key);
        self.identities.keys().filter(rests).cloned().collect()
    }

    /// Every login that identities name themselves, each once, with the first identity that does: what it is called.
    pub fn accounts(&self) -> Vec<(IdentityName, EntraAccount)> {
        let mut accounts: Vec<(IdentityName, EntraAccount)> = Vec::new();
        for (name, identity) in &self.identities {
            if let Some(account) = identity.azure().and_then(|azure| EntraAccount::of(azure))
                && !accounts.iter().any(|(_, known)| known.key() == account.key())
            {
                accounts.push((Arc::clone(name), account));
            }
        }
        accounts
    }

    /// The identity whose own login it is that another one rests on: what its sentences and commands name.
    pub fn owner_of_account(&self, identity: &str) -> Option<IdentityName> {
        let mut identity = self.identities.get(identity)?;
        loop {
            if identity.azure().is_some_and(|azure| EntraAccount::of(azure).is_some()) {
                return Some(Arc::clone(&identity.name));
            }
            identity = self.identities.get(identity.made_from()?)?;
        }
    }
}
