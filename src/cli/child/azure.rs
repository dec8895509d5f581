//! [`AzureWiring`]: the variables by which a child finds tokens of Azure, style by style.
//!
//! One process environment leads a client to one source of a managed identity, and clients differ in which they look at first
//! (azure-identity's `managed_identity.py`, MSAL's `managedidentity.go`, `managed_identity_credential.rs`); so one of the styles
//! that they share is chosen, and what would lead elsewhere goes. Terraform's provider looks at variables of its own
//! (`internal/clients/auth.go`), which go beside any of the others.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use super::changes::Changes;
use super::original::{is_generated, original};
use super::wiring::{Layer, outer_name};
use super::{address, no_proxy};
use crate::credential::IdentityName;
use crate::secret::Secret;
use crate::world::Environment;

/// How a child finds the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum AzureStyle {
    /// As in App Service, Functions and Container Apps: what every SDK knows.
    AppService,
    /// As on a virtual machine, on a port of its own.
    Imds,
    /// As in Azure Machine Learning, and in App Service of 2017.
    Ml,
    /// As in a cluster: a token file that the client itself shows to Entra ID.
    Workload,
    /// As the azurerm provider has it, beside another style.
    Terraform,
}

impl AzureStyle {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::AppService => "app-service",
            Self::Imds => "imds",
            Self::Ml => "ml",
            Self::Workload => "workload",
            Self::Terraform => "terraform",
        }
    }
}

/// What a child is wired to for Azure.
#[derive(Clone, Debug)]
pub struct AzureWiring {
    /// The identity that it gets without naming one.
    pub default: IdentityName,
    /// The endpoint's base: `http://127.0.0.1:40123`.
    pub base: String,
    /// What opens the endpoint.
    pub token: Secret,
    /// How it is found: one of the styles that SDKs know, perhaps with Terraform's beside.
    pub styles: Vec<AzureStyle>,
    /// The base of the metadata service, for that style.
    pub imds: Option<String>,
    /// The file with what the child shows to Entra ID, for that style.
    pub assertion_file: Option<PathBuf>,
    /// Where it shows it.
    pub authority: String,
    /// The identity's own tenant, where it is known.
    pub tenant: Option<String>,
    /// The identity's own application, where it is known.
    pub client_id: Option<String>,
    /// `env` wires it, not `exec`.
    pub by_env: bool,
}

/// The name of the Azure identity that a child gets without naming one.
pub const AZURE_IDENTITY: &str = "CREDENZA_AZURE_IDENTITY";
/// The base of the metadata service that was wired in.
const IMDS: &str = "CREDENZA_AZURE_METADATA";
/// Who wired it: `exec`, `env`, `env-in-exec`.
const LAYER: &str = "CREDENZA_AZURE_WIRED";
/// Our own names here.
pub const OWN: [&str; 3] = [AZURE_IDENTITY, IMDS, LAYER];

/// What leads an SDK to a managed identity, or to another credential before it.
const SDK: [&str; 17] = [
    ENDPOINT,
    HEADER,
    "IDENTITY_SERVER_THUMBPRINT", // Service Fabric
    "IMDS_ENDPOINT",              // Azure Arc
    MSI_ENDPOINT,
    MSI_SECRET,
    DEFAULT_CLIENT_ID,
    POD_HOST,
    CHOSEN,
    ASSERTION_FILE,
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PATH",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_USERNAME",
    "AZURE_PASSWORD",
    "APPSETTING_WEBSITE_SITE_NAME", // msrestazure: App Service, whatever else is set
    "AZUREPS_HOST_ENVIRONMENT",     // the Azure CLI: Cloud Shell
];

/// What applications read too: set for the style in which the client itself goes to Entra ID, and else left.
const CLIENT: [&str; 3] = ["AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST"];

/// What leads Terraform's provider to a managed identity, or to another credential before it.
const TERRAFORM: [&str; 17] = [
    "ARM_USE_MSI",
    ARM_ENDPOINT,
    "ARM_MSI_API_VERSION",
    "ARM_TENANT_ID",
    "ARM_CLIENT_ID",
    "ARM_CLIENT_ID_FILE_PATH",
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_SECRET_FILE_PATH",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_CERTIFICATE_PATH",
    "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "ARM_USE_CLI",
    "ARM_USE_OIDC",
    "ARM_OIDC_TOKEN",
    "ARM_OIDC_TOKEN_FILE_PATH",
    "ARM_OIDC_REQUEST_TOKEN",
    "ARM_OIDC_REQUEST_URL",
];

/// What is never kept under another name: secrets that are not ours, and our own token.
pub const SECRET: [&str; 11] = [
    HEADER,
    MSI_SECRET,
    "AZURE_CLIENT_SECRET",
    "AZURE_CLIENT_CERTIFICATE_PASSWORD",
    "AZURE_PASSWORD",
    ARM_ENDPOINT,
    "ARM_CLIENT_SECRET",
    "ARM_CLIENT_CERTIFICATE",
    "ARM_CLIENT_CERTIFICATE_PASSWORD",
    "ARM_OIDC_TOKEN",
    "ARM_OIDC_REQUEST_TOKEN",
];

const ENDPOINT: &str = "IDENTITY_ENDPOINT";
const HEADER: &str = "IDENTITY_HEADER";
const MSI_ENDPOINT: &str = "MSI_ENDPOINT";
const MSI_SECRET: &str = "MSI_SECRET";
const DEFAULT_CLIENT_ID: &str = "DEFAULT_IDENTITY_CLIENT_ID";
const POD_HOST: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
const CHOSEN: &str = "AZURE_TOKEN_CREDENTIALS";
const ASSERTION_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
const ARM_ENDPOINT: &str = "ARM_MSI_ENDPOINT";

/// Every variable that may be set or removed.
pub fn all() -> impl Iterator<Item = &'static str> {
    SDK.into_iter().chain(CLIENT).chain(TERRAFORM)
}

/// What becomes of a variable.
enum Value {
    Plain(String),
    Secret(Secret),
}

impl AzureWiring {
    /// What becomes of an environment, wired already or not. What an AWS wiring sets stays as it is.
    pub fn changes(&self, environment: &Environment) -> Changes {
        let before = original(environment);
        let mut changes = Changes::default();
        let mut put = |name: &str, value: Option<OsString>| match value {
            Some(value) => changes.set(name, value),
            None if environment.raw(name).is_some() => changes.remove(name),
            None => {}
        };
        let mut secrets = Vec::new();
        for name in all() {
            let outer = before.raw(name).map(OsStr::to_owned);
            if !self.touches(name) {
                // the user's own, unless somebody wired it before
                put(&outer_name(name), None);
                if outer.as_deref() != environment.raw(name) {
                    put(name, outer);
                }
                continue;
            }
            put(&outer_name(name), outer.filter(|_| !SECRET.contains(&name)));
            match self.value(name) {
                Some(Value::Plain(value)) => put(name, Some(value.into())),
                Some(Value::Secret(value)) => secrets.push((name, value)),
                None => put(name, None),
            }
        }
        for name in ["NO_PROXY", "no_proxy"] {
            put(&outer_name(name), before.raw(name).map(OsStr::to_owned));
            put(name, Some(no_proxy::of(&before, name).into()));
        }
        put(AZURE_IDENTITY, Some(self.default.as_ref().into()));
        put(IMDS, self.imds.clone().filter(|_| self.has(AzureStyle::Imds)).map(Into::into));
        put(LAYER, Some(self.layer(environment).into()));
        secrets.into_iter().for_each(|(name, value)| changes.set_secret(name, value));
        changes
    }

    /// Whether a variable is set by it, or goes; `None` where it is left as the user has it.
    pub fn sets(&self, name: &str) -> Option<bool> {
        self.touches(name).then(|| self.value(name).is_some())
    }

    fn has(&self, style: AzureStyle) -> bool {
        self.styles.contains(&style)
    }

    /// Whether a variable is one of those that the chosen styles set or take away.
    fn touches(&self, name: &str) -> bool {
        let sdk = self.styles.iter().any(|style| *style != AzureStyle::Terraform);
        sdk && SDK.contains(&name)
            || self.has(AzureStyle::Workload) && CLIENT.contains(&name)
            || self.has(AzureStyle::Terraform) && TERRAFORM.contains(&name)
    }

    /// What a variable that is touched holds; `None`: it goes.
    fn value(&self, name: &str) -> Option<Value> {
        let plain = |text: &str| Some(Value::Plain(text.to_owned()));
        let by = |style: AzureStyle| self.has(style).then_some(());
        match name {
            ENDPOINT => by(AzureStyle::AppService).and_then(|()| plain(&self.url())),
            HEADER => by(AzureStyle::AppService).map(|()| Value::Secret(self.token.clone())),
            MSI_ENDPOINT => by(AzureStyle::Ml).and_then(|()| plain(&self.url())),
            MSI_SECRET => by(AzureStyle::Ml).map(|()| Value::Secret(self.token.clone())),
            // .NET asks for it where no id is given; to us any name of the identity is its id
            DEFAULT_CLIENT_ID => {
                by(AzureStyle::Ml).and_then(|()| plain(self.client_id.as_deref().unwrap_or(&self.default)))
            }
            POD_HOST => by(AzureStyle::Imds).and_then(|()| plain(self.imds.as_deref()?)),
            CHOSEN if self.has(AzureStyle::Workload) => plain("WorkloadIdentityCredential"),
            // no probe, and no other credential before it (azure-identity's README, "Exclude a credential type category")
            CHOSEN => plain("ManagedIdentityCredential"),
            ASSERTION_FILE => by(AzureStyle::Workload).and_then(|()| plain(self.assertion_file.as_ref()?.to_str()?)),
            "AZURE_CLIENT_ID" => plain(self.client_id.as_deref()?),
            "AZURE_TENANT_ID" => plain(self.tenant.as_deref()?),
            // with a slash, as the webhook of Azure Workload Identity has it
            "AZURE_AUTHORITY_HOST" => plain(&format!("{}/", self.authority)),
            "ARM_USE_MSI" => plain("true"),
            "ARM_USE_CLI" | "ARM_USE_OIDC" => plain("false"),
            // it sends no secret but what is in the address
            ARM_ENDPOINT => {
                let url = format!("{}/{}", self.url(), self.token.expose());
                Some(Value::Secret(Secret::new(url)))
            }
            "ARM_TENANT_ID" => plain(self.tenant.as_deref()?),
            _ => None,
        }
    }

    fn url(&self) -> String {
        address::azure(&self.base, &self.default)
    }

    fn layer(&self, environment: &Environment) -> &'static str {
        match (self.by_env, layer(environment)) {
            (false, _) => "exec",
            (true, Layer::Exec | Layer::EnvInExec) => "env-in-exec",
            (true, Layer::None | Layer::Env) => "env",
        }
    }
}

/// Who wired an environment for Azure last.
pub fn layer(environment: &Environment) -> Layer {
    match environment.text(LAYER) {
        _ if environment.raw(AZURE_IDENTITY).is_none() => Layer::None,
        Some("env") => Layer::Env,
        Some("env-in-exec") => Layer::EnvInExec,
        _ => Layer::Exec,
    }
}

/// Whether a variable of [`all`] still holds what we wired into it.
pub(super) fn is_ours(environment: &Environment, name: &str) -> bool {
    let leads_to_us = |name: &str| environment.text(name).is_some_and(address::is_azure);
    let is = |name: &str, value: &str| environment.text(name) == Some(value);
    let host_is_ours = || environment.raw(IMDS).is_some() && environment.raw(POD_HOST) == environment.raw(IMDS);
    let file_is_ours = || environment.raw(ASSERTION_FILE).is_some_and(|file| is_generated(Path::new(file)));
    match name {
        ENDPOINT | MSI_ENDPOINT | ARM_ENDPOINT => leads_to_us(name),
        HEADER => leads_to_us(ENDPOINT),
        MSI_SECRET | DEFAULT_CLIENT_ID => leads_to_us(MSI_ENDPOINT),
        POD_HOST => host_is_ours(),
        ASSERTION_FILE => file_is_ours(),
        CHOSEN if is(name, "WorkloadIdentityCredential") => file_is_ours(),
        CHOSEN => {
            is(name, "ManagedIdentityCredential")
                && (leads_to_us(ENDPOINT) || leads_to_us(MSI_ENDPOINT) || host_is_ours())
        }
        _ if CLIENT.contains(&name) => file_is_ours(),
        "ARM_USE_MSI" => is(name, "true") && leads_to_us(ARM_ENDPOINT),
        "ARM_USE_CLI" | "ARM_USE_OIDC" => is(name, "false") && leads_to_us(ARM_ENDPOINT),
        "ARM_TENANT_ID" => leads_to_us(ARM_ENDPOINT),
        _ => false,
    }
}

#[cfg(test)]
#[path = "azure_tests.rs"]
mod tests;
