//! `credenza list`: what could be served, and why what cannot be is not.
//!
//! Reads the files itself: it needs no daemon and asks no upstream. But with `--accounts`: what a sign-in gives, which only
//! its access portal knows (`accounts.rs`).

use clap::Args;
use serde::Serialize;
use tracing::level_filters::LevelFilter;

use super::login::FirstArgs;
use super::table::table;
use super::{Context, Trouble, accounts, runtime, say};
use crate::app::AppError;
use crate::config::azure::Cloud;
use crate::config::{Config, Identity};

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Instead: every account and role that a sign-in to IAM Identity Center gives; signs in first where somebody is there
    #[arg(long, value_name = "SSO-SESSION")]
    pub accounts: Option<String>,
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Who is asked to sign in.
    #[command(flatten)]
    pub first: FirstArgs,
}

/// Shows it.
pub fn run(arguments: ListArgs, context: Context) -> Result<u8, Trouble> {
    if let Some(name) = &arguments.accounts {
        runtime::begin(&context)?;
        return runtime::wait_for(accounts::show(name, arguments.first, arguments.json, &context));
    }
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    let config = Config::load(&context.world).map_err(AppError::from);
    let config = config.map_err(|error| Trouble::of_app("cannot list the identities", &error))?;
    let list = List::of(&config);
    if arguments.json {
        say::out(&format!("{}\n", serde_json::to_string_pretty(&list).unwrap_or_default()));
        return Ok(0);
    }
    for complaint in &list.complaints {
        say::err(&format!("{complaint}\n"));
    }
    if list.identities.is_empty() {
        let places = &config.places;
        let (one, other) = (places.aws_config.display(), places.aws_credentials.display());
        say::err(&format!("no profile in {one} and none in {other}\n"));
        return Ok(0);
    }
    let rows: Vec<[String; 5]> = list.identities.iter().map(Listed::row).collect();
    say::out(&table(["IDENTITY", "KIND", "ACCOUNT", "REGION", ""], &rows));
    Ok(0)
}

/// The shape of `credenza list --json`, documented in `docs/json.md`: members are added, never renamed.
#[derive(Debug, Serialize)]
struct List {
    schema: u32,
    identities: Vec<Listed>,
    complaints: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    kind: &'static str,
    account: Option<String>,
    region: Option<String>,
    /// The Entra tenant of an Azure identity, by its id or a domain, where the files tell.
    tenant: Option<String>,
    /// The cloud of an Azure identity.
    cloud: Option<&'static str>,
    /// What a token of an Azure identity is for where nobody says.
    resource: Option<String>,
    /// Where its section begins.
    file: Option<String>,
    line: Option<usize>,
    usable: bool,
    /// Why it is not usable, with the file and the line.
    reason: Option<String>,
    keep_warm: bool,
    warnings: Vec<String>,
}

impl List {
    fn of(config: &Config) -> Self {
        let identities = config.identities.values().map(Listed::of).collect();
        let complaints = config.complaints.iter().map(ToString::to_string).collect();
        Self { schema: 1, identities, complaints }
    }
}

impl Listed {
    fn of(identity: &Identity) -> Self {
        let azure = identity.azure();
        Self {
            name: identity.name.to_string(),
            kind: identity.kind.word(),
            account: identity.account.clone(),
            region: identity.region.clone(),
            tenant: azure.and_then(|azure| azure.tenant.clone()),
            cloud: azure.map(|azure| azure.cloud.word()),
            resource: azure.map(|azure| azure.resource.to_string()),
            file: identity.place.as_ref().map(|place| place.file.display().to_string()),
            line: identity.place.as_ref().map(|place| place.line),
            usable: identity.definition.is_ok(),
            reason: identity.definition.as_ref().err().map(ToString::to_string),
            keep_warm: identity.keep_warm,
            warnings: identity.warnings.clone(),
        }
    }

    /// An Azure identity's tenant is what an account is to one of AWS; clouds have regions of their own, but a token has none.
    fn row(&self) -> [String; 5] {
        let or_dash = |text: Option<&str>| text.unwrap_or("-").to_owned();
        let account = self.account.as_deref().or(self.tenant.as_deref());
        let region = self.region.as_deref().or(self.cloud.filter(|cloud| *cloud != Cloud::Public.word()));
        let note = match &self.reason {
            Some(reason) => format!("not usable: {reason}"),
            None => self.warnings.join("; "),
        };
        [self.name.clone(), self.kind.to_owned(), or_dash(account), or_dash(region), note]
    }
}
