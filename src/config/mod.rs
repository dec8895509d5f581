//! What the user wrote, and what it means: our TOML and the shared AWS files, read into one [`Config`].
//!
//! Reading never fails as a whole because of one bad section: what is unusable stays listed, with its file, line and
//! reason. Only our own TOML is strict: unknown keys are errors, and all complaints come at once.

pub mod account;
pub mod asked;
pub mod azure;
pub mod azure_accounts;
pub mod chain;
pub mod child_files;
pub mod cli_login;
pub mod complaint;
pub mod duration;
pub mod env_file;
pub mod fnox;
pub mod identity;
pub mod import;
pub mod invitation;
pub mod keys_line;
pub mod limits;
pub mod listener;
pub mod names;
pub mod neighbour;
pub mod own;
pub mod places;
pub mod resolve;
pub mod sessions;
pub mod shared;
pub mod sign_in;
pub mod sso;
pub mod take_over;
pub mod toml;
pub mod trust;
pub mod user_session;
pub mod user_sessions;
pub mod web_identity;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use account::EntraAccount;
pub use asked::KeysBelow;
pub use azure::{AssertionSource, AzureDefinition, AzureSource};
pub use azure_accounts::AzureAccounts;
pub use complaint::{Complaint, ConfigError};
pub use env_file::Variables;
pub use identity::{
    Definition, Identity, KeysOrigin, Kind, Place, RoleBase, RoleDefinition, RoleRequest, StsEndpoint, Unusable,
    WebIdentityDefinition,
};
pub use listener::{Dialect, IssuerKeys, Kubernetes, ListenerDefinition, Peers};
pub use neighbour::{Neighbour, Who};
pub use own::Server;
pub use places::{PlaceError, Places};
pub use resolve::endpoint::iam_url;
pub use sessions::SessionsAtRest;
pub use shared::SharedFiles;
pub use sso::{SsoCache, SsoDefinition, SsoSession};
pub use user_session::{Device, KeysReference, Otp, Strategy, UserSession};
pub use web_identity::TokenSource;

use crate::credential::IdentityName;
use crate::world::{Files, World, ourselves};
use own::Own;
pub use own::RelayDefinition;
use resolve::Surroundings;

/// Everything that was written, and what it means.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where everything lies.
    pub places: Places,
    /// `[server]` of our TOML.
    pub server: Server,
    /// `[[listener]]`: the system-wide file's, then the user's, which take the place of those at the same address.
    pub listeners: Vec<ListenerDefinition>,
    /// `[relay]`: what a relay is told.
    pub relay: RelayDefinition,
    /// Everything that is served or could be, by name.
    pub identities: BTreeMap<IdentityName, Identity>,
    /// Every distinct sign-in of IAM Identity Center: `config/sign_in.rs` hands it out.
    sessions: Vec<Arc<SsoSession>>,
    /// What could not be read, and what was read otherwise than written: worth telling, nothing fails.
    pub complaints: Vec<Complaint>,
    /// The files whose change means that all this should be read again: for [`crate::world::watch::FileWatch`].
    pub watched: Vec<PathBuf>,
    /// The shared AWS files as they were read: what a child's generated files are made from.
    pub shared: Arc<SharedFiles>,
    /// With whom the Azure CLI is logged in.
    pub azure_accounts: AzureAccounts,
    /// What `keys = "env:PREFIX"` names.
    variables_of_keys: Vec<String>,
}

impl Config {
    /// Reads the files that the environment names ([`Places`]).
    ///
    /// Fails where a place cannot be known, and for our own TOML, with every complaint about it. Exit code 3.
    pub fn load(world: &World) -> Result<Self, ConfigError> {
        Self::load_with(world, &Variables::default())
    }

    /// The same with an env file's variables for `${NAME}` in `[identity.X]`. They say nothing of where files lie: the
    /// environment alone does.
    pub fn load_with(world: &World, variables: &Variables) -> Result<Self, ConfigError> {
        let places = places(world)?;
        let surroundings = Surroundings {
            environment: &world.environment,
            variables,
            session_name: format!("{}@{}", ourselves::user_name(&world.environment), ourselves::host_name()),
            own_program: ourselves::executable().ok(),
            folder: crate::world::places::absolute(Path::new(".")),
            kept_address: places.kept_address(&*world.files),
        };
        Self::read(&places, &*world.files, &surroundings)
    }

    /// The same for who has a configuration already and would lose it. Fails too where a shared AWS file is there and
    /// cannot be read any more (no permission, no descriptor left, a folder in its place): that is no reason to forget what
    /// it said. One that could not be read `before` either has nothing to lose.
    pub fn load_again(world: &World, before: &SharedFiles) -> Result<Self, ConfigError> {
        Self::load_again_with(world, &Variables::default(), before)
    }

    /// The same with an env file's variables.
    pub fn load_again_with(world: &World, variables: &Variables, before: &SharedFiles) -> Result<Self, ConfigError> {
        let config = Self::load_with(world, variables)?;
        let lost = config.shared.unread.iter().filter(|complaint| !before.unread.contains(complaint));
        let complaints: Vec<_> = lost.cloned().collect();
        if complaints.is_empty() { Ok(config) } else { Err(ConfigError { complaints }) }
    }

    /// The files that [`Config::load`] reads. Who watches them from before they are read misses no change.
    pub fn files(world: &World) -> Result<Vec<PathBuf>, ConfigError> {
        places(world).map(|places| places.watched())
    }

    /// The same with everything given: pure but for the files.
    pub fn read(places: &Places, files: &dyn Files, surroundings: &Surroundings<'_>) -> Result<Self, ConfigError> {
        let own = Own::read(places, files)?.with_variables(&|name| surroundings.variable(name));
        let mut shared = SharedFiles::read(places, files);
        let (azure_accounts, unread) = AzureAccounts::read(places.azure_profile.as_deref(), files);
        // the CLI does not write it at once: who reads again in the middle keeps what it said
        shared.unread.extend(unread.clone());
        let (identities, resolved) = resolve::resolve(&shared, &own, &azure_accounts, surroundings);
        let (sessions, unused) = resolve::sso::sessions(&shared, &own, surroundings, identities.values());
        let missing = own.missing(&shared, &|name| identities.get(name).is_some_and(Identity::is_azure));
        let doubts = own.doubts_about_listeners(&identities, &azure_accounts);
        let variables_of_keys = own.variables_of_keys();
        let said = missing.into_iter().chain(doubts).chain(unread);
        let complaints = said.chain(shared.complaints.iter().cloned()).chain(resolved).chain(unused);
        let config = Self {
            places: places.clone(),
            listeners: own.listeners(surroundings.environment),
            relay: own.relay(surroundings.environment),
            server: own.server,
            identities,
            complaints: complaints.collect(),
            sessions,
            watched: places.watched(),
            shared: Arc::new(shared),
            azure_accounts,
            variables_of_keys,
        };
        Ok(config.with_whole_names())
    }

    /// The first listener that serves an identity in a dialect: what it says of the machine or the task holds for `exec` too.
    pub fn listener_for(&self, identity: &str, dialect: Dialect) -> Option<&ListenerDefinition> {
        self.listeners.iter().find(|listener| listener.serves(identity, dialect))
    }

    /// The variables that hold long-term keys, of identities that cannot be used too: no command and no helper program of ours
    /// gets them. `BOOT_ACCESS_KEY_ID` and `BOOT_SECRET_ACCESS_KEY` where `keys = "env:BOOT"`.
    pub fn variables_of_keys(&self) -> &[String] {
        &self.variables_of_keys
    }
}

fn places(world: &World) -> Result<Places, ConfigError> {
    let places = Places::from(&world.environment);
    let complaint = |error: PlaceError| ConfigError { complaints: vec![Complaint::general(error.to_string())] };
    places.map(Places::absolute).map_err(complaint)
}
