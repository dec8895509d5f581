//! `credenza serve`: runs the daemon in the foreground.

use clap::Args;

use super::{Context, Trouble};

/// What `serve` takes.
#[derive(Debug, Args)]
pub struct ServeArgs {}

/// Runs it.
pub fn run(arguments: ServeArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run serve", "it is not built yet"))
}
