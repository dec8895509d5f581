//! `credenza relay`: serves the containers of a network at fixed addresses, from the host's daemon.

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Context, Trouble, runtime, say};
use crate::app::relay::Relay;
use crate::world::told_to_end;

/// What `relay` takes.
#[derive(Debug, Args)]
pub struct RelayArgs {}

/// Runs it until it is told to end. One line on standard output when it is ready.
pub fn run(arguments: RelayArgs, context: Context) -> Result<u8, Trouble> {
    let RelayArgs {} = arguments;
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
