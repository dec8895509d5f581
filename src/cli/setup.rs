//! `credenza setup`: what is done once, and mostly by somebody with more rights: printed, so that it is seen before.

mod federation;
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
    /// The trust between AWS and Azure that an identity needs: print it as Terraform and as commands, from a real token
    Federation(federation::FederationArgs),
    /// The fixed addresses of metadata services, such as 169.254.169.254: print the commands, or perform them as root
    LinkLocal(link_local::LinkLocalArgs),
}

/// Does it.
pub fn run(arguments: SetupArgs, context: Context) -> Result<u8, Trouble> {
    match arguments.command {
        SetupCommand::Federation(arguments) => federation::run(arguments, context),
        SetupCommand::LinkLocal(arguments) => link_local::run(arguments, context),
    }
}
