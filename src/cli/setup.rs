//! `credenza setup`: what needs more rights than a user has, done once, seen before, and undone.

mod link_local;

use clap::{Args, Subcommand};

use super::{Context, Trouble};

/// What `setup` takes.
#[derive(Debug, Args)]
pub struct SetupArgs {
    /// What is prepared.
    #[command(subcommand)]
    pub command: SetupCommand,
}

/// What can be prepared.
#[derive(Debug, Subcommand)]
pub enum SetupCommand {
    /// The fixed addresses of metadata services, such as 169.254.169.254: print the commands, or perform them as root
    LinkLocal(link_local::LinkLocalArgs),
}

/// Does it.
pub fn run(arguments: SetupArgs, context: Context) -> Result<u8, Trouble> {
    match arguments.command {
        SetupCommand::LinkLocal(arguments) => link_local::run(arguments, context),
    }
}
