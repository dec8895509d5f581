//! `credenza list`: shows what could be served.

use clap::Args;

use super::{Context, Trouble};

/// What `list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Runs it.
pub fn run(arguments: ListArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run list", "it is not built yet"))
}
