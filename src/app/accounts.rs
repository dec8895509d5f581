//! A person logs in at Entra ID, or out: for the commands. A daemon never does either.

use std::sync::Arc;

use super::background;
use super::login::LoginOptions;
use crate::config::{Config, EntraAccount};
use crate::credential::{Failure, IdentityName, Resource};
use crate::source::account::{How, Wanted, login};
use crate::store::{AccountStore, Lies};
use crate::world::World;

pub use crate::source::account::is_mended_by_login;

/// A login as a command names it.
#[derive(Clone, Debug)]
pub struct AccountLogin {
    /// The identity whose login it is.
    pub identity: IdentityName,
    /// The login.
    pub account: EntraAccount,
    /// What that identity's tokens are for where nobody says.
    pub default: Resource,
}

/// A login that has begun.
#[derive(Clone, Debug)]
pub struct LoggedIn {
    /// Who, such as `ada@contoso.com`, where Entra ID says.
    pub name: Option<String>,
    /// At which tenant, by its id.
    pub tenant: Option<String>,
    /// What the person should know of how it is kept.
    pub note: Option<String>,
}

impl AccountLogin {
    /// The login that an identity rests on; `None` where it needs none.
    pub fn of(config: &Config, identity: &str) -> Option<Self> {
        let account = config.account_of(identity)?;
        let owner = config.owner_of_account(identity)?;
        let default = Arc::clone(&config.identities.get(&owner)?.azure()?.resource);
        Some(Self { identity: owner, account, default })
    }

    /// All that identities name themselves, each once.
    pub fn all(config: &Config) -> Vec<Self> {
        config.accounts().iter().filter_map(|(identity, _)| Self::of(config, identity)).collect()
    }

    /// Has the person of `world` log in, for a resource or for the identity's own, and tells a daemon.
    ///
    /// # Errors
    ///
    /// Where the person said no or did not come, a policy stands before it, the settings lead nowhere, or the upstream is in trouble.
    pub async fn log_in(
        &self,
        world: &World,
        config: &Config,
        resource: Option<Resource>,
        options: LoginOptions,
    ) -> Result<LoggedIn, Failure> {
        let LoginOptions { device_code, browser, unless_since } = options;
        let resource = resource.unwrap_or_else(|| Arc::clone(&self.default));
        let wanted = Wanted {
            identity: Arc::clone(&self.identity),
            account: self.account.clone(),
            is_default: resource == self.default,
            resource,
        };
        let logged_in = login(&wanted, world, How { device_code, browser, unless_since }).await?;
        self.tell_daemon(config, true).await;
        let note = match logged_in.lies {
            Some(Lies::InClear(why)) => Some(format!("it is kept in a file that only you may read: {why}")),
            Some(Lies::Sealed) | None => None,
        };
        Ok(LoggedIn { name: logged_in.account.name, tenant: logged_in.account.tenant, note })
    }

    /// Forgets the login here at once, with what was made of it wherever a process of ours follows it. `false`: there was none.
    ///
    /// # Errors
    ///
    /// Where it cannot be taken away.
    pub async fn log_out(&self, world: &World, config: &Config) -> Result<bool, Failure> {
        let failed = |error: crate::store::AccountError| error.failure(&self.identity);
        let store = AccountStore::of(&self.account, world).map_err(failed)?;
        let was_there = store.forget().await.map_err(failed)?;
        self.tell_daemon(config, false).await;
        Ok(was_there)
    }

    /// Tells a daemon what became of the login, so that the next request already finds it so.
    async fn tell_daemon(&self, config: &Config, logged_in: bool) {
        let Ok(mut daemon) = background::connect(&config.places).await else { return };
        let key = self.account.key();
        // one that cannot be told finds out by the files
        let _ = match logged_in {
            true => daemon.signed_in(&key.0).await,
            false => daemon.signed_out(&key.0).await,
        };
    }
}
