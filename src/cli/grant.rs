//! `credenza grant`: rights for containers and jobs.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use tracing::level_filters::LevelFilter;

use super::child::wiring::{FULL_URI, TOKEN, TOKEN_FILE};
use super::child::{address, no_proxy};
use super::identities::Defaults;
use super::table::table;
use super::{Context, Trouble, runtime, say, status};
use crate::app::background::{self, Found};
use crate::app::{self, AppError};
use crate::config::{Config, Identity, duration};
use crate::control::{Client, ClientError, wire};
use crate::secret::Secret;
use crate::world::places;

/// What `grant` takes.
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: GrantAction,
}

/// What to do with grants.
#[derive(Debug, Subcommand)]
pub enum GrantAction {
    /// Make one, and print what a container or a job needs in its environment
    New(NewArgs),
    /// Show those that live
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End some at once
    Revoke {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Let one end with a process: called by what `credenza env` prints
    #[command(hide = true)]
    Attach(AttachArgs),
}

/// What `grant new` takes.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The identities; the first of each cloud is its default
    #[arg(required = true, value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Write the token to this file, which must not be there; it is removed with the grant
    #[arg(long, value_name = "PATH")]
    pub token_file: Option<PathBuf>,
    /// How long it lasts, such as 8h, 30d [default: until revoked]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::life)]
    pub lasts: Option<Duration>,
    /// Its name [default: made up]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// What `grant attach` takes.
#[derive(Debug, Args)]
pub struct AttachArgs {
    /// The grant
    #[arg(value_name = "NAME")]
    pub name: String,
    /// The process, such as the shell
    #[arg(long, value_name = "PID")]
    pub pid: u32,
    /// How long it lasts at most
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::life)]
    pub lasts: Option<Duration>,
}

/// Does it.
pub fn run(arguments: GrantArgs, context: Context) -> Result<u8, Trouble> {
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    runtime::wait_for(async {
        match arguments.action {
            GrantAction::New(arguments) => new(arguments, &context).await?,
            GrantAction::List { json } => list(json, &context).await?,
            GrantAction::Revoke { names } => revoke(&names, &context).await?,
            GrantAction::Attach(AttachArgs { name, pid, lasts }) => {
                let attach = wire::Attach { pid, lasts_secs: lasts.map(|lasts| lasts.as_secs()) };
                let mut client = running(&context, ATTACH).await?;
                client.attach(&name, &attach).await.map_err(|error| Trouble::of_client(ATTACH, &error))?;
            }
        }
        Ok(0)
    })
}

const NEW: &str = "cannot make a grant";
const LIST: &str = "cannot list the grants";
const REVOKE: &str = "cannot revoke";
const ATTACH: &str = "cannot attach the grant";

async fn new(arguments: NewArgs, context: &Context) -> Result<(), Trouble> {
    let NewArgs { identities, token_file, lasts, name } = arguments;
    let token_file = token_file.map(|path| places::absolute(&path));
    if let Some(path) = &token_file {
        still_free(path, NEW)?;
    }
    let holder = wire::Holder::Job { token_file: token_file.clone() };
    let wanted = Wanted { name, identities, lasts, holder };
    let Given { config, identities, mut client, given } = wanted.ask(context, NEW).await?;
    if let Some(path) = &token_file
        && let Err(trouble) = write_secret(path, &given.token, NEW)
    {
        // nobody has the token, so nobody may use it
        let _ = client.revoke(&given.name).await;
        return Err(trouble);
    }
    let meant: Vec<&Identity> = identities.iter().filter_map(|name| config.identity(name)).collect();
    let mut text = variables(Defaults::of(&meant), &given, token_file.as_deref());
    // a client that sends even loopback requests to a proxy would hand it the token
    for name in ["NO_PROXY", "no_proxy"] {
        text.push_str(&format!("{name}={}\n", no_proxy::of(&context.world.environment, name)));
    }
    say::out(&text);
    if let Some(trouble) = say::unwritten() {
        // nobody knows it: no more than above
        let _ = client.revoke(&given.name).await;
        return Err(trouble);
    }
    let ends = given.ends.map_or_else(|| "until it is revoked".to_owned(), |ends| format!("until {ends}"));
    say::err(&format!("grant {}: {ends}; credenza grant revoke {} ends it at once\n", given.name, given.name));
    let defaults = Defaults::of(&meant);
    if defaults.aws.is_some() && config.identities.get("default").is_some_and(|identity| identity.definition.is_ok()) {
        say::err(
            "on this machine SDKs take your profile `default` before it: a job that runs here needs \
             AWS_CONFIG_FILE=/dev/null and AWS_SHARED_CREDENTIALS_FILE=/dev/null as well, or `credenza exec`\n",
        );
    }
    Ok(())
}

/// A grant that is wanted of the daemon.
pub(super) struct Wanted {
    pub(super) name: Option<String>,
    /// As they were typed.
    pub(super) identities: Vec<String>,
    pub(super) lasts: Option<Duration>,
    pub(super) holder: wire::Holder,
}

/// A grant that the daemon gave.
pub(super) struct Given {
    pub(super) config: Config,
    /// By their whole names.
    pub(super) identities: Vec<String>,
    pub(super) client: Client,
    pub(super) given: wire::GrantGiven,
}

impl Wanted {
    /// Asks a daemon for it, and starts one where none runs. `what` is what failed, if it does.
    pub(super) async fn ask(self, context: &Context, what: &str) -> Result<Given, Trouble> {
        let Self { name, identities, lasts, holder } = self;
        let config = Config::load(&context.world).map_err(AppError::from);
        let config = config.map_err(|error| Trouble::of_app(what, &error))?;
        // what nobody has stays as it was typed: the daemon says so
        let whole = |name: String| config.name_of(&name).map_or(name.clone(), ToString::to_string);
        let identities: Vec<String> = identities.into_iter().map(whole).collect();
        let named = |name: &String| {
            let digest = config.identities.get(name.as_str()).map(|identity| identity.digest.to_hex());
            wire::Named { name: name.clone(), digest }
        };
        let wanted = wire::GrantWanted {
            name,
            identities: identities.iter().map(named).collect(),
            lasts_secs: lasts.map(|lasts| lasts.as_secs()),
            holder,
            // it may be used anywhere: nobody knows the environment there
            azure_client_id: None,
        };
        let arguments = runtime::log_arguments(&context.globals);
        let asked = background::ask(&context.world, &arguments, async |client| client.grant(&wanted).await).await;
        let (Found { client, .. }, given) = asked.map_err(|error| Trouble::of_background(what, &error))?;
        Ok(Given { config, identities, client, given })
    }
}

/// What the job's clients find each cloud's default by. Azure's have no variable for a file with the token.
fn variables(defaults: Defaults<'_>, given: &wire::GrantGiven, token_file: Option<&Path>) -> String {
    let mut lines = Vec::new();
    if let Some(aws) = defaults.aws {
        lines.push(format!("{FULL_URI}={}", app::url(&given.address, &aws.name)));
        lines.push(match token_file {
            Some(path) => format!("{TOKEN_FILE}={}", path.display()),
            None => format!("{TOKEN}={}", given.token.expose()),
        });
    }
    if let Some(azure) = defaults.azure {
        lines.push(format!("IDENTITY_ENDPOINT={}", address::azure(&given.address, &azure.name)));
        match token_file {
            Some(path) => say::err(&format!(
                "clients of Azure read no file: give them IDENTITY_HEADER with what {} holds\n",
                path.display()
            )),
            None => lines.push(format!("IDENTITY_HEADER={}", given.token.expose())),
        }
        lines.push("AZURE_TOKEN_CREDENTIALS=ManagedIdentityCredential".to_owned());
    }
    lines.into_iter().map(|line| line + "\n").collect()
}

/// Writes a token, or what holds one, to a fresh 0600 file, without a line's end (botocore and others would send it along), and gives it
/// its name only if nothing has that name.
pub(super) fn write_secret(path: &Path, secret: &Secret, what: &str) -> Result<(), Trouble> {
    let failed =
        |error: std::io::Error| Trouble::failed(what, format!("{} cannot be written: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut fresh = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    fresh.write_all(secret.expose().as_bytes()).map_err(failed)?;
    fresh.as_file().sync_all().map_err(failed)?;
    match fresh.persist_noclobber(path) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => Err(there_already(path, what)),
        Err(error) => Err(failed(error.error)),
    }
}

/// Fails where something has that name already.
pub(super) fn still_free(path: &Path, what: &str) -> Result<(), Trouble> {
    if path.symlink_metadata().is_ok() { Err(there_already(path, what)) } else { Ok(()) }
}

fn there_already(path: &Path, what: &str) -> Trouble {
    let trouble = Trouble::failed(what, format!("{} is there already", path.display()));
    let regular = path.symlink_metadata().is_ok_and(|there| there.is_file());
    trouble.mend(if regular { format!("rm {}", path.display()) } else { "name another file".to_owned() })
}

async fn list(json: bool, context: &Context) -> Result<(), Trouble> {
    let mut client = running(context, LIST).await?;
    let grants = client.grants().await.map_err(|error| Trouble::of_client(LIST, &error))?;
    if json {
        let list = serde_json::json!({ "schema": 1, "grants": grants });
        say::out(&format!("{list:#}\n"));
    } else if grants.is_empty() {
        say::err("no grant lives\n");
    } else {
        let now = context.world.clock.now().wall;
        let rows: Vec<_> = grants.iter().map(|grant| status::grant_row(grant, now)).collect();
        say::out(&table(["GRANT", "IDENTITIES", "HELD BY", "ENDS", "USED"], &rows));
    }
    Ok(())
}

/// Ends all that it can, and fails with the first that it cannot.
async fn revoke(names: &[String], context: &Context) -> Result<(), Trouble> {
    let mut client = running(context, REVOKE).await?;
    let mut failed = Ok(());
    for name in names {
        if let Err(error) = client.revoke(name).await {
            let trouble = match &error {
                ClientError::Refused(refusal) if refusal.code == wire::STATE_NOT_WRITTEN => {
                    Trouble::of_client(format!("{name} is revoked, but not for good"), &error)
                }
                _ => Trouble::of_client(format!("{REVOKE} {name}"), &error).mend("credenza grant list"),
            };
            failed = failed.and(Err(trouble));
        }
    }
    failed
}

/// The daemon that runs: for what makes no sense without one.
async fn running(context: &Context, what: &str) -> Result<Client, Trouble> {
    let found = background::find(&context.world).await.map_err(|error| Trouble::of_background(what, &error))?;
    found.ok_or_else(|| Trouble::of_client(what, &ClientError::NotRunning))
}
