//! `credenza status`: shows what is served.

use clap::Args;

use super::{Context, Trouble};

/// What `status` takes.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Show it again whenever it changes
    #[arg(long)]
    pub watch: bool,
}

/// Runs it.
pub fn run(arguments: StatusArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run status", "it is not built yet"))
}
