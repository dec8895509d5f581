//! `credenza credential`: prints one credential, never involving a person.
//!
//! A daemon that runs and means the same by the name hands it over from memory; else it comes from the identity's own
//! sources. Under `exec` and `env`, `--from-endpoint` asks the endpoint that the environment names.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep_until};

use super::env_files::EnvFileArgs;
use super::printed::Printed;
use super::{Context, Exit, Trouble, identities, runtime, say};
use crate::app::{self, background};
use crate::config::{Config, Identity};
use crate::control::{ClientError, wire};
use crate::credential::handover::{self, Wanted};
use crate::credential::{FailureClass, Made};
use crate::world::child::{self, Ended};
use crate::world::told_to_end::Told;

mod endpoint;

/// What `credential` takes.
#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// The identity
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
    /// The form
    #[arg(long, value_enum, default_value = "process")]
    pub format: CredentialFormat,
    /// Ask the endpoint that the environment names, as a command under exec does
    #[arg(long, conflicts_with = "env_files")]
    pub from_endpoint: bool,
    /// Which files have variables.
    #[command(flatten)]
    pub env_files: EnvFileArgs,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredentialFormat {
    /// What AWS's `credential_process` prints, Version 1.
    Process,
    /// `export AWS_ACCESS_KEY_ID=...`.
    Env,
    /// What the endpoint answers.
    Json,
}

/// Prints it.
pub fn run(arguments: CredentialArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    let printed = runtime::wait_for(async {
        let told = Told::listening();
        let mut told = told.map_err(|error| Trouble::failed(cannot(&arguments.identity), error.to_string()))?;
        tokio::select! {
            printed = async { match arguments.from_endpoint {
                true => endpoint::credential(&arguments.identity, &context).await,
                false => credential(&arguments, &context).await,
            } } => printed.map(Ok),
            signal = told.next() => Ok(Err(signal)),
        }
    })?;
    let printed = match printed {
        Ok(printed) => printed,
        // only now: what was begun has ended
        Err(signal) => return Ok(child::end_like(Ended::Signal(signal))),
    };
    let text = match arguments.format {
        CredentialFormat::Process => printed.process(),
        CredentialFormat::Env => printed.exports(),
        CredentialFormat::Json => printed.json(),
    };
    say::out(text.expose());
    Ok(0)
}

fn cannot(identity: &str) -> String {
    format!("no credential for {identity}")
}

fn no_keys(identity: &str) -> Trouble {
    Trouble::failed(cannot(identity), "it is an Azure identity, and has no AWS keys")
}

async fn credential(arguments: &CredentialArgs, context: &Context) -> Result<Printed, Trouble> {
    let (name, world) = (arguments.identity.as_str(), &context.world);
    let config = arguments.env_files.load(world, &cannot(name))?;
    let identity = identities::usable(name, &config, &world.environment, &cannot(name))?.clone();
    if let Some(printed) = from_daemon(&identity, &config).await? {
        return Ok(printed);
    }
    let once = app::once(world, Arc::new(config), identity.name.clone(), identity.ask().want, PATIENCE).await;
    runtime::say_unlogged(context, &once.notes);
    match once.outcome {
        Ok(credential) => Printed::of(&credential).ok_or_else(|| no_keys(name)),
        Err(failure) => Err(Trouble::of_failure(cannot(name), &failure)),
    }
}

/// What the daemon hands over; `None` where there is no daemon that could.
async fn from_daemon(identity: &Identity, config: &Config) -> Result<Option<Printed>, Trouble> {
    let mut client = match background::connect(&config.places).await {
        Ok(client) => client,
        Err(error @ ClientError::Folder(_)) => return Err(Trouble::of_client(cannot(&identity.name), &error)),
        Err(error) => return Ok(without(&error)),
    };
    let wanted = Wanted::of(&identity.name, identity.digest, &identity.ask().want);
    // SDKs read a pipe: at a terminal sits somebody who may have mended what failed
    if std::io::stdout().is_terminal() {
        let reset = wire::Reset { identity: Some(wanted.identity.clone()) };
        // if it cannot, it says so below
        let _ = client.reset(&reset).await;
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let again = Instant::now() + handover::PATIENCE;
        match client.credential(&wanted).await {
            Ok(handover) => match handover.made {
                Made::Keys(issued) => return Ok(Printed::handed_over(issued)),
                Made::Token(_) => return Err(no_keys(&identity.name)),
            },
            Err(ClientError::Refused(refusal)) => match refusal.class() {
                Some(FailureClass::TryLater) if refusal.is_pending() && again < deadline => sleep_until(again).await,
                Some(_) if refusal.is_of_its_surroundings() => return Ok(None),
                Some(class) => {
                    return Err(Trouble::new(exit_of(class), cannot(&identity.name), refusal.message));
                }
                None => return Ok(None),
            },
            Err(error) => return Ok(without(&error)),
        }
    }
}

/// A daemon that cannot be asked is done without; the person is told why where a person can mend it. What a
/// `credential_process` says beside its credential, SDKs pass over.
fn without(error: &ClientError) -> Option<Printed> {
    if let ClientError::Version(_) = error {
        say::err(&format!("credenza: the daemon is not asked: {error}; try: {}\n", handover::START_ANEW));
    }
    None
}

fn exit_of(class: FailureClass) -> Exit {
    match class {
        FailureClass::NeedsPerson => Exit::Person,
        FailureClass::TryLater => Exit::Upstream,
        FailureClass::Refused => Exit::Failed,
    }
}

/// How long is waited for an upstream.
const PATIENCE: Duration = Duration::from_secs(60);
