//! `credenza wait`: returns when identities can be used. For what must not start before (`ExecStartPre=`, restart loops).

use std::sync::Arc;
use std::time::Duration;

use clap::Args;

use super::env_files::EnvFileArgs;
use super::{Context, Trouble, identities, runtime};
use crate::app;
use crate::config::duration;

/// What `wait` takes.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// The identities
    #[arg(required = true, value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Give up after so long, such as 90s, 10m [default: never]
    #[arg(long, value_name = "DURATION", value_parser = duration::parse)]
    pub timeout: Option<Duration>,
    /// Which files have variables.
    #[command(flatten)]
    pub env_files: EnvFileArgs,
}

/// Waits. Nobody is asked to sign in: who does so elsewhere ends the waiting.
pub fn run(arguments: WaitArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for(async {
        let world = &context.world;
        let config = arguments.env_files.load(world, CANNOT)?;
        let meant = identities::named(&arguments.identities, &config, &world.environment, CANNOT)?;
        let names = meant.iter().map(|identity| identity.name.clone()).collect();
        let waited = app::wait(world, Arc::new(config), names, arguments.timeout).await;
        match waited {
            Ok(()) => Ok(0),
            Err((name, failure)) => Err(Trouble::of_failure(format!("{name} cannot be used yet"), &failure)),
        }
    })
}

const CANNOT: &str = "cannot wait";
