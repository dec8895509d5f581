//! `credenza up`: the daemon in the background.

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Context, Trouble, runtime, say, unlock};
use crate::app::background::{self, Found};
use crate::control::Client;

/// What `up` takes.
#[derive(Debug, Args)]
pub struct UpArgs {}

/// Starts it unless it runs; returns when it is ready. Sessions at rest that are locked are unlocked, by who sits at the
/// terminal.
pub fn run(arguments: UpArgs, context: Context) -> Result<u8, Trouble> {
    let UpArgs {} = arguments;
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    runtime::wait_for(async {
        let arguments = runtime::log_arguments(&context.globals);
        let asked = background::ask(&context.world, &arguments, Client::status).await;
        let (Found { started, mut client }, status) = asked.map_err(|error| Trouble::of_background(WHAT, &error))?;
        unlock::unlock(&context, &mut client, &status.sessions_at_rest).await;
        say::out(&format!("ready {}\n", status.address));
        if !started && status.version != env!("CARGO_PKG_VERSION") {
            let (theirs, ours) = (status.version, env!("CARGO_PKG_VERSION"));
            say::err(&format!(
                "credenza: the daemon that runs is version {theirs}, this is {ours}\n  try: credenza down && credenza up\n"
            ));
        }
        Ok(0)
    })
}

const WHAT: &str = "cannot start the daemon";
