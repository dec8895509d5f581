//! `credenza exec`: runs a command with credentials wired in.
//!
//! The order is: who is meant, an endpoint for them, the first credential (a command that cannot have it is not
//! started), the files, the child. Then the endpoint serves and the files follow the user's own until the child ends.

use std::ffi::OsString;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::child::{Token, Wiring};
use super::env_files::{EnvFileArgs, EnvFiles};
use super::login::FirstArgs;
use super::{Context, Trouble, identities, runtime, say};
use crate::app::generated::{Generated, GeneratedError};
use crate::app::token_rotation::{Timetable, TokenRotation};
use crate::app::user_sessions::AtDaemon;
use crate::app::{Endpoint, EndpointOptions};
use crate::config::shared::SharedFiles;
use crate::config::{Config, ConfigError, Variables};
use crate::credential::IdentityName;
use crate::secret::Secret;
use crate::world::World;
use crate::world::child::{self, Ended, Start};
use crate::world::told_to_end::Told;
use crate::world::watch::FileWatch;
use command::Command;
use dialects::DialectArgs;
use first::First;

mod command;
pub mod dialects;
mod first;
mod fnox;
mod static_keys;

/// What `exec` takes.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The identities; the first is the default [default: AWS_PROFILE, else the wired one, else default]
    #[arg(value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Give the token in a file instead of a variable
    #[arg(long)]
    pub token_file: bool,
    /// Which dialects it finds them by.
    #[command(flatten)]
    pub dialects: DialectArgs,
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
    let (default, region) = (names[0].clone(), meant[0].region.clone());

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
    let metadata = arguments.dialects.metadata(arguments.region.as_deref());
    let options = EndpointOptions { identities: names.clone(), command: command.name(), own, metadata };
    let endpoint = Endpoint::open(&world, config.clone(), options).await.map_err(|error| command.unbuilt(error))?;
    for note in endpoint.notes() {
        say::err(&format!("credenza: {note}\n"));
    }
    names.iter().skip(1).for_each(|name| endpoint.warm(name));
    let mut told = Told::listening().map_err(|error| Trouble::failed(command.cannot(), error.to_string()))?;
    let first =
        First { endpoint: &endpoint, names: &names, asks: arguments.first, context, config: &config, daemon: &daemon };
    let files = async { Files::new(&world, &config, &env_files, watch) };
    let (credential, files) = tokio::select! {
        begun = async { tokio::join!(first.credential(since), files) } => begun,
        signal = told.next() => return Ok(Ended::Signal(signal)),
    };
    let (credential, mut files) = (credential?, files.map_err(|error| command.unbuilt(error))?);
    let credential = credential.map_err(|failure| Trouble::of_failure(command.cannot_with(&default), &failure))?;
    first.announce_ends().await;
    // with no waiting in between: what lands later is logged
    runtime::say_unlogged(context, &endpoint.fetched_notes());
    runtime::log_what_follows(context)?;

    let token = match token_in_file {
        true => Token::File(files.generated.write_token(endpoint.token()).map_err(|error| command.unbuilt(error))?),
        false => Token::Value(endpoint.token().clone()),
    };
    let rotated = || TokenRotation::new(world.clock.clone(), Timetable::default());
    let mut rotation = arguments.dialects.pod_identity.then(rotated);
    let static_keys = match arguments.static_env {
        true => Some(static_keys::of(&default, &credential, world.clock.now(), &command)?),
        false => None,
    };
    let wiring = Wiring {
        base: endpoint.base(),
        dialects: arguments.dialects.on(&endpoint),
        default: default.clone(),
        token,
        region: arguments.region.clone(),
        identity_region: region,
        config_file: files.generated.aws.config_file(),
        credentials_file: files.generated.aws.credentials_file(),
        static_keys,
    };
    let (unwired, mut notes) =
        env_files.over(&world.environment, config.variables_of_keys(), &default, &wiring.dialects);
    let start = Start { environment: wiring.changes(&unwired).applied_to(&unwired), ..command.start.clone() };
    notes.extend(fnox::notes(&start, &default, &wiring.dialects, &world));
    for note in notes {
        say::err(&format!("credenza: {note}\n"));
    }
    if let Some(signal) = told.by_now() {
        return Ok(Ended::Signal(signal));
    }
    let ended = match child::start(start) {
        Ok(child) => {
            if arguments.static_env {
                endpoint.handed_out(&default, &credential, child.id(), world.clock.now());
            }
            serve_until_ended(child.ended(), &mut files, rotation.as_mut(), &endpoint).await
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
    mut rotation: Option<&mut TokenRotation>,
    endpoint: &Endpoint,
) -> Result<Ended, Trouble> {
    let mut ended = std::pin::pin!(ended);
    loop {
        tokio::select! {
            ended = &mut ended => {
                return ended.map_err(|error| Trouble::failed("cannot wait for the command", error.to_string()));
            }
            config = files.changed() => endpoint.replace(config),
            Some(rotation) = due(&mut rotation) => {
                let write = |token: &Secret| files.generated.write_token(token).map(|_| ());
                rotation.step(|overlap| endpoint.renew_token(overlap), write);
            }
        }
    }
}

/// The rotation, when it is due; `None` at once where there is none.
async fn due<'a>(rotation: &'a mut Option<&mut TokenRotation>) -> Option<&'a mut TokenRotation> {
    let rotation = rotation.as_deref_mut()?;
    rotation.due().await;
    Some(rotation)
}

/// The child's files, which follow the user's own.
struct Files {
    world: World,
    /// Of env files: they are read once, as the command has them.
    variables: Variables,
    generated: Generated,
    watch: FileWatch,
    /// What keeps them from following, for as long as it does: said once.
    unusable: Option<ConfigError>,
    /// What the user's files said when they were read last.
    shared: Arc<SharedFiles>,
}

impl Files {
    fn new(world: &World, config: &Config, env_files: &EnvFiles, watch: FileWatch) -> Result<Self, GeneratedError> {
        let generated = Generated::new(&config.places, &*world.random)?;
        generated.aws.write(config)?;
        let shared = Arc::clone(&config.shared);
        let variables = env_files.variables().clone();
        Ok(Self { world: world.clone(), variables, generated, watch, unusable: None, shared })
    }

    /// Waits until the user's files have changed, and says what they mean now. While they cannot be read, what they
    /// meant before holds.
    async fn changed(&mut self) -> Arc<Config> {
        loop {
            self.watch.changed().await;
            match Config::load_again_with(&self.world, &self.variables, &self.shared) {
                Ok(config) => {
                    self.unusable = None;
                    self.shared = Arc::clone(&config.shared);
                    if let Err(error) = self.generated.aws.write(&config) {
                        tracing::warn!(error = %error, "the child's files do not follow");
                    }
                    return Arc::new(config);
                }
                Err(error) => {
                    self.watch.doubt();
                    if self.unusable.as_ref() != Some(&error) {
                        tracing::warn!(error = %error, "the configuration stays as it was");
                    }
                    self.unusable = Some(error);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "exec/tests.rs"]
mod tests;
