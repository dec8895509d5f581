//! `credenza credential`: prints one credential, never involving a person.

use clap::{Args, ValueEnum};

use super::{Context, Trouble};

/// What `credential` takes.
#[derive(Debug, Args)]
pub struct CredentialArgs {
    /// The identity
    #[arg(value_name = "IDENTITY")]
    pub identity: String,
    /// The form
    #[arg(long, value_enum, default_value = "process")]
    pub format: CredentialFormat,
    /// Ask the endpoint that the environment names, as a command under exec does
    #[arg(long)]
    pub from_endpoint: bool,
}

/// The form of what is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CredentialFormat {
    /// What AWS's `credential_process` prints, Version 1.
    Process,
    /// `export AWS_ACCESS_KEY_ID=...`.
    Env,
    /// What the endpoint answers.
    Json,
}

/// Prints it.
pub fn run(arguments: CredentialArgs, context: Context) -> Result<u8, Trouble> {
    let _ = (arguments, context);
    Err(Trouble::failed("cannot run credential", "it is not built yet"))
}
