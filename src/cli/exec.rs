//! `credenza exec`: runs a command with credentials wired in.

use std::ffi::OsString;

use clap::Args;

use super::{Context, Trouble};

/// What `exec` takes.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The identities; the first is the default [default: AWS_PROFILE, else default]
    #[arg(value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Give the token in a file instead of a variable
    #[arg(long)]
    pub token_file: bool,
    /// The region that the command sees [default: the profile's]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Put temporary keys themselves into the environment, for tools that know nothing else
    #[arg(long, conflicts_with = "token_file")]
    pub static_env: bool,
    /// The command and its arguments [default: $SHELL]
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<OsString>,
}

/// Runs it; the exit code is the command's.
pub fn run(arguments: ExecArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run exec", "it is not built yet"))
}
