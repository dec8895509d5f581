//! `credenza exec`: runs a command with credentials wired in.
//!
//! The order is: who is meant, an endpoint for them, the first credential (a command that cannot have it is not
//! started), the files, the child. Then the endpoint serves and the files follow the user's own until the child ends.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::azure_style::{self, AzureStyleArgs};
use super::child::{AzureStyle, Token, Wiring, Wirings};
use super::env_files::EnvFileArgs;
use super::identities::Defaults;
use super::login::FirstArgs;
use super::{Context, Trouble, identities, runtime, say};
use crate::app::token_rotation::{Timetable, TokenRotation};
use crate::app::user_sessions::AtDaemon;
use crate::app::{Endpoint, EndpointOptions};
use crate::config::Config;
use crate::credential::IdentityName;
use crate::world::child::{self, Ended, Start};
use crate::world::told_to_end::Told;
use crate::world::watch::FileWatch;
use command::Command;
use dialects::DialectArgs;
use files::Files;
use first::First;
use kept::Kept;

mod command;
pub mod dialects;
mod files;
mod first;
mod fnox;
mod kept;
mod static_keys;

/// What `exec` takes.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The identities; the first of each cloud is its default [default: AWS_PROFILE, else the wired one, else default]
    #[arg(value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Give the token in a file instead of a variable
    #[arg(long)]
    pub token_file: bool,
    /// Which dialects it finds them by.
    #[command(flatten)]
    pub dialects: DialectArgs,
    /// By which variables it finds tokens of Azure.
    #[command(flatten)]
    pub azure: AzureStyleArgs,
    /// The region that the command sees [default: AWS_REGION, AWS_DEFAULT_REGION, else the profile's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Put temporary keys themselves into the environment, for tools that know nothing else
    #[arg(long, conflicts_with_all = ["token_file", "pod_identity"])]
    pub static_env: bool,
    /// Which files have variables, for the command too.
    #[command(flatten)]
    pub env_files: EnvFileArgs,
    /// Who is asked for a login.
    #[command(flatten)]
    pub first: FirstArgs,
    /// The command and its arguments [default: $SHELL]
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Runs it; the exit code is the command's.
pub fn run(arguments: ExecArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    let ended = runtime::wait_for(exec(&arguments, &context))?;
    // only now: a signal that ended the child ends us as well
    Ok(child::end_like(ended))
}

async fn exec(arguments: &ExecArgs, context: &Context) -> Result<Ended, Trouble> {
    let (outer, world) = (context.outer.clone(), context.world.clone());
    let since = world.clock.now().wall;
    let command = Command::of(&arguments.command, &outer);
    let token_in_file = arguments.dialects.token_in_file(arguments.token_file, &command)?;
    let files = Config::files(&world).map_err(|error| command.unbuilt(error))?;
    let watch = FileWatch::later(files, MOST_ARE_OVER);
    let env_files = arguments.env_files.read(&world).map_err(|error| command.unbuilt(error))?;
    let config = Config::load_with(&world, env_files.variables()).map_err(|error| command.unbuilt(error))?;
    let config = Arc::new(config);
    if arguments.command.is_empty()
        && let Some(meant) = identities::forgotten_dashes(&arguments.identities, &config)
    {
        let why = format!("{} is not an identity, and there is no -- before it; did you mean this?", meant.command);
        return Err(Trouble::usage(format!("cannot run {}", meant.command), why).mend(meant.whole));
    }
    let inside = env_files.meant(identities::inside(&outer, &world.environment));
    let meant = identities::named(&arguments.identities, &config, &inside, &command.cannot())?;
    identities::complain(&config);
    let names: Vec<IdentityName> = meant.iter().map(|identity| identity.name.clone()).collect();
    let defaults = Defaults::of(&meant);
    arguments.fit(defaults, &command)?;
    let styles = arguments.azure.chosen(defaults.azure, &command.cannot())?;

    if let Err(error) = runtime::raise_file_limit() {
        say::err(&format!("credenza: the limit of open files cannot be raised: {error}\n"));
    }
    let daemon = AtDaemon::of(&world, runtime::log_arguments(&context.globals));
    if names.iter().any(|name| config.user_session_of(name).is_some()) {
        // it keeps what a person begins here, for this command and the next
        if let Err(error) = daemon.ensure().await {
            say::err(&format!("credenza: no daemon keeps sessions: {error}\n"));
        }
    }
    let own = env_files.identities_of_their_own(&world, &config);
    let imds = styles.contains(&AzureStyle::Imds);
    let options = EndpointOptions {
        identities: names.clone(),
        command: command.name(),
        own,
        metadata: arguments.dialects.metadata(arguments.region.as_deref(), imds),
        azure_client_id: env_files.text("AZURE_CLIENT_ID", &world.environment),
    };
    let endpoint = Endpoint::open(&world, config.clone(), options).await.map_err(|error| command.unbuilt(error))?;
    for note in endpoint.notes() {
        say::err(&format!("credenza: {note}\n"));
    }
    let first_ones = defaults.names();
    names.iter().filter(|name| first_ones.first() != Some(name)).for_each(|name| endpoint.warm(name));
    let mut told = Told::listening().map_err(|error| Trouble::failed(command.cannot(), error.to_string()))?;
    let first = First {
        endpoint: &endpoint,
        names: &names,
        defaults: &first_ones,
        asks: arguments.first,
        context,
        config: &config,
        daemon: &daemon,
    };
    let files = async { Files::new(&world, &config, &env_files, watch) };
    let (outcomes, files) = tokio::select! {
        begun = async { tokio::join!(first.credentials(since), files) } => begun,
        signal = told.next() => return Ok(Ended::Signal(signal)),
    };
    let (outcomes, mut files) = (outcomes?, files.map_err(|error| command.unbuilt(error))?);
    let mut credentials = Vec::new();
    for (name, outcome) in outcomes {
        credentials.push(outcome.map_err(|failure| Trouble::of_failure(command.cannot_with(&name), &failure))?);
    }
    first.announce_ends().await;
    // with no waiting in between: what lands later is logged
    runtime::say_unlogged(context, &endpoint.fetched_notes());
    runtime::log_what_follows(context)?;

    let rotated = || TokenRotation::new(world.clock.clone(), Timetable::default());
    let mut kept = Kept { rotation: arguments.dialects.pod_identity.then(rotated), assertion: None };
    let given = match arguments.static_env {
        // the first of them: `fit` saw to it that there is an AWS identity
        true => defaults.aws.zip(credentials.first()),
        false => None,
    };
    let mut wirings = Wirings::default();
    if let Some(aws) = defaults.aws {
        let token = match token_in_file {
            true => Token::File(files.generated.write_token(endpoint.token()).map_err(|error| command.unbuilt(error))?),
            false => Token::Value(endpoint.token().clone()),
        };
        let static_keys = match &given {
            Some((_, credential)) => Some(static_keys::of(&aws.name, credential, world.clock.now(), &command)?),
            None => None,
        };
        wirings.aws = Some(Wiring {
            base: endpoint.base(),
            dialects: arguments.dialects.on(&endpoint),
            default: aws.name.clone(),
            token,
            region: arguments.region.clone(),
            identity_region: aws.region.clone(),
            config_file: files.generated.aws.config_file(),
            credentials_file: files.generated.aws.credentials_file(),
            static_keys,
        });
    }
    if let Some((identity, azure, token)) =
        defaults.azure.and_then(|identity| Some((identity, identity.azure()?, endpoint.azure_token()?)))
    {
        let mut wiring = azure_style::wiring(identity, azure, styles, endpoint.base(), token.clone());
        if imds {
            wiring.imds = endpoint.metadata_base();
        }
        if wiring.styles.contains(&AzureStyle::Workload) {
            let (file, assertion) = kept::first_assertion(&endpoint, &identity.name, &files, &command).await?;
            wiring.assertion_file = Some(file);
            kept.assertion = Some((identity.name.clone(), assertion));
        }
        wirings.azure = Some(wiring);
    }
    let (unwired, mut notes) = env_files.over(&world.environment, config.variables_of_keys(), &wirings);
    let start = Start { environment: wirings.changes(&unwired).applied_to(&unwired), ..command.start.clone() };
    if let Some(aws) = &wirings.aws {
        notes.extend(fnox::notes(&start, &aws.default, &aws.dialects, &world));
    }
    for note in notes {
        say::err(&format!("credenza: {note}\n"));
    }
    if let Some(signal) = told.by_now() {
        return Ok(Ended::Signal(signal));
    }
    let ended = match child::start(start) {
        Ok(child) => {
            if let Some((aws, credential)) = given {
                endpoint.handed_out(&aws.name, credential, child.id(), world.clock.now());
            }
            serve_until_ended(child.ended(), &mut files, &mut kept, &endpoint).await
        }
        Err(error) => Err(command.unstarted(&error)),
    };
    drop(files);
    endpoint.close().await;
    ended
}

/// Most commands are over by then, and end sooner without a watch.
const MOST_ARE_OVER: Duration = Duration::from_secs(2);

async fn serve_until_ended(
    ended: impl Future<Output = io::Result<Ended>>,
    files: &mut Files,
    kept: &mut Kept,
    endpoint: &Endpoint,
) -> Result<Ended, Trouble> {
    let mut ended = std::pin::pin!(ended);
    loop {
        tokio::select! {
            ended = &mut ended => {
                return ended.map_err(|error| Trouble::failed("cannot wait for the command", error.to_string()));
            }
            config = files.changed() => endpoint.replace(config),
            due = kept.due(endpoint) => kept.step(due, files, endpoint),
        }
    }
}

impl ExecArgs {
    /// Whether what was asked for of AWS has an identity that it is for.
    fn fit(&self, defaults: Defaults<'_>, command: &Command) -> Result<(), Trouble> {
        let flags = [(self.token_file, "--token-file"), (self.static_env, "--static-env")];
        let asked = self.dialects.asked().or_else(|| flags.into_iter().find_map(|(asked, flag)| asked.then_some(flag)));
        match asked {
            Some(flag) if defaults.aws.is_none() => {
                let why = format!("{flag} is for AWS identities, and none is named");
                Err(Trouble::usage(command.cannot(), why).mend(format!("the same without {flag}")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "exec/tests.rs"]
mod tests;
