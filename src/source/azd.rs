//! `azd auth token`: the account that somebody signed in to with `azd auth login` (azure-dev, `cli/azd/cmd/auth_token.go`).
//!
//! As with `az` (`azure_cli.rs`): it is run, one at a time, and what it prints is read. It runs in the root folder, where there is no
//! project of `azd`, so the tenant is the identity's own or the account's, and never that of an environment of somebody's project.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::azure_cli::problem::{self, Asked};
use super::azure_cli::run::{Running, Tool};
use super::azure_cli::words::Written;
use super::azure_cli::{not_json, said_besides, token_of};
use super::{Ingredient, Need, Renewal, Source, wrong_ingredient};
use crate::config::{AzureDefinition, cli_login};
use crate::credential::{Failure, IdentityName, IssuedToken, Made, Now, Renewed, Resource, SessionKey};
use crate::secret::Secret;
use crate::world::{BoxFuture, World};

/// An Azure identity whose tokens `azd` gives, for one resource.
#[derive(Clone)]
pub(super) struct Azd {
    pub(super) identity: IdentityName,
    pub(super) definition: Arc<AzureDefinition>,
    /// `AZD_CONFIG_DIR` for it, where it has one of its own.
    pub(super) config_folder: Option<PathBuf>,
    pub(super) resource: Resource,
    pub(super) world: World,
}

/// The Azure Developer CLI.
const AZD: Tool = Tool {
    program: "azd",
    called: "the Azure Developer CLI",
    login: "auth login",
    logout: "auth logout",
    tenant_option: "--tenant-id",
    trust: "name the authority that signed it in SSL_CERT_FILE, if it is to be trusted",
    keeping: cli_login::AZD,
    install: "https://aka.ms/azd/install",
    settings: &[("NO_COLOR", "true"), ("AZURE_DEV_COLLECT_TELEMETRY", "no"), ("AZD_SKIP_UPDATE_CHECK", "true")],
};

impl Source for Azd {
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

impl Azd {
    fn running(&self) -> Running<'_> {
        let Self { identity, config_folder, world, .. } = self;
        Running { tool: &AZD, identity, config_folder: config_folder.as_deref(), world }
    }

    async fn token(&self) -> Result<Made, Failure> {
        let Self { identity, definition, resource, world, .. } = self;
        let written = Written { identity, resource, tenant: definition.tenant.as_deref() };
        let words = written.for_azd()?;
        let running = self.running();
        let ran = running.run(&words, None).await?;
        let asked = Asked { written, running: &running, words: &words };
        let said = plain(&String::from_utf8_lossy(&ran.stderr));
        if ran.code != Some(0) {
            return Err(said_besides(problem::failure(&asked, &said), said.as_bytes(), &ran.stdout));
        }
        let token = read(&ran.stdout, world.clock.now());
        token
            .map(Made::from)
            .map_err(|why| said_besides(asked.printed_nothing_usable(&why), said.as_bytes(), &ran.stdout))
    }
}

/// Reads what was printed; the error says what is wrong with it, in words that hold nothing of it.
fn read(stdout: &[u8], now: Now) -> Result<IssuedToken, String> {
    #[derive(Deserialize)]
    struct Printed {
        token: Option<Secret>,
        #[serde(rename = "expiresOn")]
        expires_on: Option<String>,
    }
    let printed: Printed = serde_json::from_slice(stdout).map_err(not_json)?;
    let end = printed.expires_on.ok_or("it has no expiresOn")?;
    let end: Timestamp = end.parse().map_err(|_| "its expiresOn is no time such as 2026-11-21T22:04:16Z")?;
    token_of(printed.token.ok_or("it has no token")?, end.into(), now.wall)
}

/// What it said, without the JSON around it: with `--output json` each line of its standard error is an object of some shape, with
/// sentences somewhere inside (azure-dev, `cli/azd/pkg/contracts/console.go`, `error.go`).
fn plain(stderr: &str) -> String {
    let mut said = Vec::new();
    for line in stderr.lines() {
        match serde_json::from_str::<Value>(line.trim()) {
            Ok(object @ Value::Object(_)) => texts(&object, &mut said),
            _ => said.push(line.to_owned()),
        }
    }
    said.join("\n")
}

fn texts(value: &Value, said: &mut Vec<String>) {
    match value {
        // what has no blank is a word for machines, or a time
        Value::String(text) if text.trim().contains(' ') => said.push(text.clone()),
        Value::Array(all) => all.iter().for_each(|one| texts(one, said)),
        Value::Object(members) => members.values().for_each(|one| texts(one, said)),
        _ => {}
    }
}

#[cfg(test)]
#[path = "azd_tests.rs"]
mod tests;
