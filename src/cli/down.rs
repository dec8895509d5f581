//! `credenza down`: ends the daemon.

use clap::Args;

use super::{Context, Trouble};

/// What `down` takes.
#[derive(Debug, Args)]
pub struct DownArgs {}

/// Runs it.
pub fn run(arguments: DownArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run down", "it is not built yet"))
}
