//! What Entra ID knows. No rule is here but who is meant by a name.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, SystemTime},
};

use super::{
    app::App,
    exchange::Presented,
    known,
    login::Login,
    model::{Api, Person, Tenant},
};
use crate::{Issuer, sso::Visitor};

/// Everything there is.
pub(crate) struct Entra {
    /// By id.
    pub(crate) tenants: BTreeMap<String, Tenant>,
    /// By name.
    pub(crate) people: BTreeMap<String, Person>,
    /// By client id.
    pub(crate) apps: BTreeMap<String, App>,
    pub(crate) apis: Vec<Api>,
    /// Who sits at the browser.
    pub(crate) visitor: Option<Visitor>,
    pub(crate) logins: BTreeMap<u64, Login>,
    pub(crate) sessions: BTreeMap<u64, Session>,
    pub(crate) refresh_tokens: HashMap<String, RefreshToken>,
    /// The `jti` of certificate assertions that were taken, by client id.
    pub(crate) assertions: BTreeSet<(String, String)>,
    pub(crate) presented: Vec<Presented>,
    /// Access tokens of people by their `uti`, with the number that each was given.
    pub(crate) minted: HashMap<String, u64>,
    /// How long access tokens live, over what their API says.
    pub(crate) token_life: Option<Duration>,
    /// How long a refresh token lives without being used.
    pub(crate) refresh_life: Duration,
    /// Whether a refresh token is void once a newer one came of it.
    pub(crate) spends_refresh_tokens: bool,
    last_number: u64,
    /// One key for all tenants, as the real one has it.
    signer: Issuer,
}

impl Default for Entra {
    fn default() -> Self {
        let azure_cli = known::azure_cli();
        Self {
            tenants: BTreeMap::new(),
            people: BTreeMap::new(),
            apps: BTreeMap::from([(azure_cli.client_id.clone(), azure_cli)]),
            apis: known::apis(),
            visitor: None,
            logins: BTreeMap::new(),
            sessions: BTreeMap::new(),
            refresh_tokens: HashMap::new(),
            assertions: BTreeSet::new(),
            presented: Vec::new(),
            minted: HashMap::new(),
            token_life: None,
            refresh_life: NINETY_DAYS,
            spends_refresh_tokens: false,
            last_number: 0,
            signer: Issuer::rs256_of("", include_bytes!("../../testdata/entra-rs256.pem")),
        }
    }
}

/// A sign-in of a person with an app: what its refresh tokens hang on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) person: String,
    pub(crate) started: SystemTime,
}

/// A refresh token that was given out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) session: u64,
    pub(crate) client_id: String,
    pub(crate) issued: SystemTime,
    /// The scopes of the request that it came from.
    pub(crate) scope: String,
    /// The number of the error that it gets from now on.
    pub(crate) refused: Option<u32>,
}

/// The tokens of confidential and public clients alike. (learn.microsoft.com, "Refresh tokens in the Microsoft identity
/// platform", "Token lifetime")
const NINETY_DAYS: Duration = Duration::from_secs(90 * 24 * 3600);

impl Entra {
    pub(crate) fn tenant(&self, name: &str) -> Option<&Tenant> {
        self.tenants.values().find(|tenant| tenant.is_called(name))
    }

    /// The API that a tenant knows by this name.
    pub(crate) fn api(&self, tenant: &Tenant, name: &str) -> Option<&Api> {
        let mut known = self.apis.iter().filter(|api| api.tenant.as_ref().is_none_or(|owner| *owner == tenant.id));
        known.find(|api| api.is_called(name))
    }

    /// What was granted to an app at an API, where it stands in a list by any name of the API.
    pub(crate) fn granted(&self, grants: &BTreeMap<String, Vec<String>>, api: &Api) -> Vec<String> {
        let names = grants.iter().filter(|(name, _)| api.is_called(name));
        names.flat_map(|(_, granted)| granted.iter().cloned()).collect()
    }

    /// Who signs for a tenant in tokens of this version.
    pub(crate) fn issuer(&self, tenant: &Tenant, version: u8) -> Issuer {
        self.signer.at(tenant.issuer_url(version))
    }

    /// Whose tokens have this `iss`.
    pub(crate) fn tenant_of_issuer(&self, url: &str) -> Option<&Tenant> {
        self.tenants.values().find(|tenant| [1, 2].into_iter().any(|version| tenant.issuer_url(version) == url))
    }

    /// The key that signs all tokens.
    pub(crate) fn signer(&self) -> &Issuer {
        &self.signer
    }

    pub(crate) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }
}
