//! `credenza up`: starts the daemon in the background.

use clap::Args;

use super::{Context, Trouble};

/// What `up` takes.
#[derive(Debug, Args)]
pub struct UpArgs {}

/// Runs it.
pub fn run(arguments: UpArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run up", "it is not built yet"))
}
