//! `credenza down`: ends the daemon.

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Context, Trouble, runtime, say};
use crate::app::background;

/// What `down` takes.
#[derive(Debug, Args)]
pub struct DownArgs {}

/// Ends it and waits until it is gone; that none runs is no failure.
pub fn run(arguments: DownArgs, context: Context) -> Result<u8, Trouble> {
    let DownArgs {} = arguments;
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    runtime::wait_for(async {
        let ended = background::end(&context.world).await;
        if !ended.map_err(|error| Trouble::of_background("cannot end the daemon", &error))? {
            say::err("no daemon runs\n");
        }
        Ok(0)
    })
}
