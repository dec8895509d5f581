//! `credenza relay`: serves the containers of a network at fixed addresses, from the host's daemon.

mod invite;

use std::net::SocketAddr;

use clap::{Args, Subcommand};
use tracing::level_filters::LevelFilter;

use super::{Context, Trouble, runtime, say};
use crate::app::relay::{Forward, Relay};
use crate::world::told_to_end;

/// What `relay` takes.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RelayArgs {
    /// Pass what comes to this address of loopback on as it is, for programs that show a grant's token: 127.0.0.1:9711
    #[arg(long, value_name = "ADDRESS")]
    pub forward: Option<SocketAddr>,
    /// What to do instead of relaying.
    #[command(subcommand)]
    pub action: Option<RelayAction>,
}

/// What to do instead of relaying.
#[derive(Debug, Subcommand)]
pub enum RelayAction {
    /// Make what a relay needs to be let in, on the host: credenza relay invite --out relay.invite my-role
    Invite(invite::InviteArgs),
}

/// Runs it until it is told to end. One line on standard output when it is ready.
pub fn run(arguments: RelayArgs, context: Context) -> Result<u8, Trouble> {
    if let Some(RelayAction::Invite(arguments)) = arguments.action {
        return invite::run(arguments, &context);
    }
    runtime::log_to_stderr(&context, LevelFilter::INFO)?;
    if let Err(error) = runtime::raise_file_limit() {
        tracing::warn!(reason = %error, "the limit of open files cannot be raised");
    }
    runtime::wait_for(async {
        // the first process of a container is not ended by a signal that it does not listen for
        let (end, mut ended) = tokio::sync::watch::channel(false);
        let tell = end.clone();
        let listening = told_to_end::listen(move |signal| {
            tracing::info!(signal, "told to end");
            tell.send_replace(true);
        });
        listening.map_err(|error| Trouble::failed(WHAT, error.to_string()))?;
        if let Some(address) = arguments.forward {
            if !address.ip().is_loopback() {
                let why = format!(
                    "{address} is no address of loopback: others would reach it; write one like 127.0.0.1:9711"
                );
                return Err(Trouble::usage(WHAT, why));
            }
            let forward = Forward::build(&context.world, address).map_err(|error| Trouble::of_app(WHAT, &error))?;
            say::out(&format!("ready http://{}\n", forward.address()));
            forward.run(ended).await;
            return Ok(0);
        }
        let relay = tokio::select! {
            relay = Relay::build(&context.world) => relay.map_err(|error| Trouble::of_app(WHAT, &error))?,
            _ = ended.wait_for(|ended| *ended) => return Ok(0),
        };
        let addresses: Vec<_> = relay.addresses().iter().map(|address| format!(" http://{address}")).collect();
        say::out(&format!("ready{}\n", addresses.concat()));
        relay.run(ended).await;
        Ok(0)
    })
}

const WHAT: &str = "cannot relay";
