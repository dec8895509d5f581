//! `credenza logs`: shows the daemon's log.

use clap::Args;

use super::{Context, Trouble};

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Go on showing what is added
    #[arg(short, long)]
    pub follow: bool,
    /// Who used which credential, instead of the log
    #[arg(long)]
    pub audit: bool,
}

/// Runs it.
pub fn run(arguments: LogsArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run logs", "it is not built yet"))
}
