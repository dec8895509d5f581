//! `credenza env`: prints the environment for a shell to take.

use clap::{Args, ValueEnum};

use super::{Context, Trouble};

pub mod snippet;

/// What `env` takes.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// The identities; the first is the default [default: AWS_PROFILE, else default]
    #[arg(value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// The form [default: the parent shell's]
    #[arg(long, value_enum)]
    pub format: Option<EnvFormat>,
    /// How long the right lasts, such as 8h [default: as long as the shell]
    #[arg(long = "for", value_name = "DURATION")]
    pub lasts: Option<String>,
    /// Print what restores the environment as it was before
    #[arg(long, conflicts_with_all = ["identities", "lasts"])]
    pub unset: bool,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvFormat {
    /// `export NAME='value'`.
    Bash,
    /// The same for zsh.
    Zsh,
    /// `set -gx NAME 'value'`.
    Fish,
    /// `$env:NAME = 'value'`.
    Pwsh,
    /// `NAME="value"`.
    Dotenv,
    /// One object.
    Json,
}

/// Prints it.
pub fn run(arguments: EnvArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run env", "it is not built yet"))
}
