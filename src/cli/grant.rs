//! `credenza grant`: rights for containers and jobs.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Context, Trouble};

/// What `grant` takes.
#[derive(Debug, Args)]
pub struct GrantArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: GrantAction,
}

/// What to do with grants.
#[derive(Debug, Subcommand)]
pub enum GrantAction {
    /// Make one, and print or keep its token
    New(NewArgs),
    /// Show them
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// End some
    Revoke {
        /// Their names
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
}

/// What `grant new` takes.
#[derive(Debug, Args)]
pub struct NewArgs {
    /// The identities; the first is the default
    #[arg(required = true, value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Write the token to this file, and keep the file as long as the grant
    #[arg(long, value_name = "PATH")]
    pub token_file: Option<PathBuf>,
    /// How long it lasts, such as 8h, 30d [default: until revoked]
    #[arg(long = "for", value_name = "DURATION")]
    pub lasts: Option<String>,
    /// Its name [default: made up]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// Runs it.
pub fn run(arguments: GrantArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run grant", "it is not built yet"))
}
