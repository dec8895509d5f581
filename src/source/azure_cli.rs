//! `az account get-access-token`: the account that somebody signed in to with `az login` (azure-cli,
//! `src/azure-cli/azure/cli/command_modules/profile/custom.py`, `get_access_token`).
//!
//! `az` keeps the login and asks Entra ID with it; here it is only run, one at a time, and what it prints is read. It is never
//! run through a shell, asks no person, and what it says goes to the log alone.

use std::path::PathBuf;
use std::sync::Arc;

use super::{Ingredient, Need, Renewal, Source, said, wrong_ingredient};
use crate::config::azure::Cloud;
use crate::config::{AzureDefinition, cli_login};
use crate::credential::{Failure, IdentityName, Made, Renewed, Resource, SessionKey};
use crate::world::{BoxFuture, World};
use problem::Asked;
use run::{Running, Tool};
use words::Written;

pub(in crate::source) mod problem;
mod read;
pub(in crate::source) mod run;
pub(in crate::source) mod words;

pub(in crate::source) use read::{not_json, token_of};

/// An Azure identity whose tokens `az` gives, for one resource.
#[derive(Clone)]
pub(super) struct AzureCli {
    pub(super) identity: IdentityName,
    pub(super) definition: Arc<AzureDefinition>,
    /// `AZURE_CONFIG_DIR` for it, where it has one of its own.
    pub(super) config_folder: Option<PathBuf>,
    /// The subscription whose tenant and account it is.
    pub(super) subscription: Option<String>,
    pub(super) resource: Resource,
    pub(super) world: World,
}

/// The Azure CLI.
pub(in crate::source) const AZ: Tool = Tool {
    program: "az",
    called: "the Azure CLI",
    login: "login",
    logout: "account clear",
    tenant_option: "--tenant",
    trust: "name the authority that signed it in REQUESTS_CA_BUNDLE, if it is to be trusted",
    keeping: cli_login::AZ,
    install: "https://learn.microsoft.com/cli/azure/install-azure-cli",
    // it would say for whoever uses its tokens that they answer a claims challenge (CP1), and they would live for a day
    // (azure-cli-core, `auth/identity.py`, `_msal_app_kwargs`)
    settings: &[
        ("AZURE_CORE_NO_COLOR", "true"),
        ("AZURE_CORE_COLLECT_TELEMETRY", "false"),
        ("AZURE_IDENTITY_DISABLE_CP1", "true"),
    ],
};

impl Source for AzureCli {
    fn needs(&self) -> Need {
        Need::Nothing
    }

    fn renew(&self, _: Renewal) -> BoxFuture<'static, Result<Renewed, Failure>> {
        Box::pin(async { Err(wrong_ingredient()) })
    }

    fn issue(&self, _: Ingredient) -> BoxFuture<'static, Result<Made, Failure>> {
        let own = self.clone();
        Box::pin(async move { own.token().await })
    }

    fn limited_by(&self) -> SessionKey {
        self.running().key()
    }
}

impl AzureCli {
    fn running(&self) -> Running<'_> {
        Running {
            tool: &AZ,
            identity: &self.identity,
            config_folder: self.config_folder.as_deref(),
            world: &self.world,
        }
    }

    async fn token(&self) -> Result<Made, Failure> {
        let Self { identity, definition, subscription, resource, world, .. } = self;
        let written = Written { identity, resource, tenant: definition.tenant.as_deref() };
        let words = written.for_az(subscription.as_deref())?;
        let running = self.running();
        let ran = running.run(&words, cloud_name(definition.cloud)).await?;
        let asked = Asked { written, running: &running, words: &words };
        if ran.code != Some(0) {
            let failure = problem::failure(&asked, &String::from_utf8_lossy(&ran.stderr));
            return Err(said_besides(failure, &ran.stderr, &ran.stdout));
        }
        let token = read::read(&ran.stdout, world.clock.now().wall, &world.clock.zone());
        let token = token.map_err(|why| said_besides(asked.printed_nothing_usable(&why), &ran.stderr, &ran.stdout))?;
        match (&definition.tenant, &token.token.claims.tenant) {
            (Some(named), Some(given)) if is_another(named, given) => Err(asked.of_another_tenant()),
            _ => Ok(token.into()),
        }
    }
}

/// Whether these are the ids of two tenants: one may be named by a domain of it, which says nothing here.
fn is_another(named: &str, given: &str) -> bool {
    let is_id = |text: &str| text.len() == 36 && text.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    is_id(named) && is_id(given) && !named.eq_ignore_ascii_case(given)
}

/// The failure with what the program said, for the log.
pub(in crate::source) fn said_besides(failure: Failure, stderr: &[u8], stdout: &[u8]) -> Failure {
    let private = format!("{} ({})", failure.private, said::by_a_program(without_advice(stderr), stdout));
    failure.because(private)
}

/// What `az` calls a cloud (azure-cli, `azure/cli/core/cloud.py`), by a variable that goes before the cloud that was chosen in its
/// folder. The public one is not named: the folder may have one of its own instead.
fn cloud_name(cloud: Cloud) -> Option<(&'static str, &'static str)> {
    match cloud {
        Cloud::Public => None,
        Cloud::UsGovernment => Some(("AZURE_CLOUD_NAME", "AzureUSGovernment")),
        Cloud::China => Some(("AZURE_CLOUD_NAME", "AzureChinaCloud")),
    }
}

/// What it said, but for the login that it advises in the end whatever was wrong (`azure/cli/core/auth/util.py`,
/// `_generate_login_message`): ours is the advice for what it was.
fn without_advice(stderr: &[u8]) -> &[u8] {
    const ADVICE: [&[u8]; 2] = [b"Run the command below to authenticate", b"To re-authenticate, please run"];
    let at = |advice: &&[u8]| stderr.windows(advice.len()).position(|part| part == *advice);
    let end = ADVICE.iter().filter_map(at).min().unwrap_or(stderr.len());
    &stderr[..end]
}

#[cfg(test)]
pub(in crate::source) mod tests;
