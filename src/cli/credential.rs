//! `credenza credential`: prints one credential, never involving a person.
//!
//! A daemon that runs and means the same by the name hands it over from memory; else it comes from the identity's own
//! sources. Under `exec` and `env`, `--from-endpoint` asks the endpoint that the environment names for keys of AWS; clients of
//! Azure ask theirs themselves.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::time::{Instant, sleep_until};

use super::env_files::EnvFileArgs;
use super::printed::{Printed, PrintedToken};
use super::{Context, Exit, Trouble, identities, runtime, say};
use crate::app::{self, background};
use crate::config::child_files::shell_word;
use crate::config::{Config, Identity};
use crate::control::{ClientError, wire};
use crate::credential::handover::{self, Wanted};
use crate::credential::{FailureClass, Made, Want};
use crate::world::World;
use crate::world::child::{self, Ended};
use crate::world::told_to_end::Told;

mod endpoint;

/// What `credential` takes.
#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// The identity
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
    /// The form: `process` where nothing is said, `json` for an Azure identity
    #[arg(long, value_enum)]
    pub format: Option<CredentialFormat>,
    /// What the token of an Azure identity is for, such as https://graph.microsoft.com
    #[arg(long, value_name = "RESOURCE", conflicts_with = "from_endpoint")]
    pub resource: Option<String>,
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
                true => endpoint::credential(&arguments.identity, &context).await.map(Found::Keys),
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
    let text = match (&printed, arguments.format) {
        (Found::Keys(keys), None | Some(CredentialFormat::Process)) => keys.process(),
        (Found::Keys(keys), Some(CredentialFormat::Env)) => keys.exports(),
        (Found::Keys(keys), Some(CredentialFormat::Json)) => keys.json(),
        // that there is no other form was said before anything was asked for
        (Found::Token(token), _) => token.json(),
    };
    say::out(text.expose());
    Ok(0)
}

/// What there is to print.
enum Found {
    Keys(Printed),
    Token(Box<PrintedToken>),
}

/// What is wanted of an identity.
///
/// # Errors
///
/// Exit code 2 for what was typed and an identity of its cloud does not have.
fn wanted(arguments: &CredentialArgs, identity: &Identity) -> Result<Want, Trouble> {
    let name = &identity.name;
    let unfit = |why: String, mend: String| Err(Trouble::usage(cannot(name), why).mend(mend));
    match (identity.azure(), &arguments.resource, arguments.format) {
        (Some(_), resource, None | Some(CredentialFormat::Json)) => Ok(match resource {
            Some(resource) => Want::Token(resource.as_str().into()),
            None => identity.ask().want,
        }),
        (Some(_), _, Some(format)) => {
            let word = format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
            let why = format!("{name} is an Azure identity, and `{word}` is a form for keys of AWS");
            unfit(why, format!("credenza credential {} --format json", shell_word(name)))
        }
        (None, Some(_), _) => {
            let why = format!("{name} is an AWS identity: its keys are for no resource");
            unfit(why, format!("credenza credential {}", shell_word(name)))
        }
        (None, None, _) => Ok(identity.ask().want),
    }
}

fn cannot(identity: &str) -> String {
    format!("no credential for {identity}")
}

fn not_such(identity: &str) -> Trouble {
    Trouble::failed(cannot(identity), "what came is of another kind than was asked for")
}

async fn credential(arguments: &CredentialArgs, context: &Context) -> Result<Found, Trouble> {
    let (name, world) = (arguments.identity.as_str(), &context.world);
    let config = arguments.env_files.load(world, &cannot(name))?;
    let identity = identities::usable(name, &config, &world.environment, &cannot(name))?.clone();
    let want = wanted(arguments, &identity)?;
    if let Some(found) = from_daemon(&identity, &want, &config, world).await? {
        return Ok(found);
    }
    let once = app::once(world, Arc::new(config), identity.name.clone(), want.clone(), PATIENCE).await;
    runtime::say_unlogged(context, &once.notes);
    let credential = once.outcome.map_err(|failure| Trouble::of_failure(cannot(name), &failure))?;
    let found = match (&want, identity.azure()) {
        (Want::Token(resource), Some(azure)) => {
            PrintedToken::of(&credential, azure, resource, world.clock.now()).map(Box::new).map(Found::Token)
        }
        _ => Printed::of(&credential).map(Found::Keys),
    };
    found.ok_or_else(|| not_such(name))
}

/// What the daemon hands over; `None` where there is no daemon that could.
async fn from_daemon(
    identity: &Identity,
    want: &Want,
    config: &Config,
    world: &World,
) -> Result<Option<Found>, Trouble> {
    let mut client = match background::connect(&config.places).await {
        Ok(client) => client,
        Err(error @ ClientError::Folder(_)) => return Err(Trouble::of_client(cannot(&identity.name), &error)),
        Err(error) => return Ok(without(&error)),
    };
    let wanted = Wanted::of(&identity.name, identity.digest, want);
    // SDKs read a pipe: at a terminal sits somebody who may have mended what failed
    if std::io::stdout().is_terminal() {
        let reset = wire::Reset { identity: Some(wanted.identity.clone()) };
        // if it cannot, it says so below
        let _ = client.reset(&reset).await;
    }
    let deadline = Instant::now() + PATIENCE;
    loop {
        let (again, asked) = (Instant::now() + handover::PATIENCE, world.clock.now());
        match client.credential(&wanted).await {
            Ok(handover) => match (handover.since_its_receipt(asked), want, identity.azure()) {
                (Made::Keys(issued), Want::Keys, _) => return Ok(Printed::handed_over(issued).map(Found::Keys)),
                (Made::Token(issued), Want::Token(resource), Some(azure)) => {
                    let token = PrintedToken::handed_over(issued, azure, resource, world.clock.now());
                    return Ok(Some(Found::Token(Box::new(token))));
                }
                _ => return Err(not_such(&identity.name)),
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
fn without(error: &ClientError) -> Option<Found> {
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
