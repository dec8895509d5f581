//! What was typed: the clap tree and its exit codes; one file a command.
//!
//! Nothing here decides anything about credentials: a command reads its arguments, asks the rooms below and tells a
//! person what came of it. Called by `main` alone.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::world::{Environment, World, system};

mod accounts;
mod azure_style;
pub mod child;
pub mod credential;
pub mod down;
pub mod env;
mod env_files;
pub mod exec;
pub mod exit;
pub mod grant;
pub mod health;
mod identities;
pub mod import;
pub mod keys;
pub mod list;
pub mod login;
pub mod logout;
pub mod logs;
mod mending;
mod printed;
pub mod relay;
pub mod runtime;
pub mod say;
pub mod serve;
pub mod setup;
mod sign_ins;
pub mod status;
pub mod table;
mod unlock;
pub mod up;
pub mod wait;

pub use exit::{Exit, Trouble};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "credenza", version, about = "Fresh AWS credentials for unmodified SDKs, from your own ~/.aws files.")]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What every command takes.
    #[command(flatten)]
    pub globals: Globals,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// What every command takes.
#[derive(Clone, Debug, Default, Args)]
pub struct Globals {
    /// How log lines look [default: human]
    #[arg(long, global = true, display_order = LAST, value_enum, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
    /// The least that is logged [default: warn; info for serve] [env: CREDENZA_LOG]
    #[arg(long, global = true, display_order = LAST, value_enum, value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,
    /// Log more: -v is info, -vv is debug
    #[arg(short, long, global = true, display_order = LAST, action = clap::ArgAction::Count, conflicts_with = "log_level")]
    pub verbose: u8,
}

/// After the options of the command itself, among which they would stand else.
const LAST: usize = 900;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// The least that is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// A person must act.
    Error,
    /// Degraded, but serving.
    Warn,
    /// Changes of state.
    Info,
    /// Decisions.
    Debug,
}

/// The commands, in the order in which a newcomer meets them.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a command with credentials wired in: credenza exec my-role -- aws sts get-caller-identity
    Exec(exec::ExecArgs),
    /// Print the same environment for this shell to take: eval "$(credenza env my-role)"
    Env(env::EnvArgs),
    /// Sign in to IAM Identity Center, or begin a session with a one-time code
    Login(login::LoginArgs),
    /// Sign out, and forget what was made of it
    Logout(logout::LogoutArgs),
    /// Write the accounts and roles of IAM Identity Center into ~/.aws/config, as profiles
    Import(import::ImportArgs),
    /// Keep long-term keys in the keyring, rotate them, and find those that lie in clear text
    Keys(keys::KeysArgs),
    /// Print one credential, as credential_process, shell variables or JSON
    Credential(credential::CredentialArgs),
    /// Show what could be served, and why what cannot be is not
    List(list::ListArgs),
    /// Show what is served, how fresh it is and who uses it
    Status(status::StatusArgs),
    /// Return when identities can be used
    Wait(wait::WaitArgs),
    /// Start the daemon in the background, unless it runs
    Up(up::UpArgs),
    /// End the daemon
    Down(down::DownArgs),
    /// Run the daemon in the foreground
    Serve(serve::ServeArgs),
    /// Give a container or a job the right to some identities, and take it back
    Grant(grant::GrantArgs),
    /// Serve the containers of a network at fixed addresses, from the host's daemon
    Relay(relay::RelayArgs),
    /// Say whether clients can be served: the health check of a container
    Health(health::HealthArgs),
    /// Show the daemon's log, or who used which credential
    Logs(logs::LogsArgs),
    /// Prepare this machine for what needs more than a user's own rights
    Setup(setup::SetupArgs),
}

/// What a command is given beside its own arguments.
#[derive(Clone, Debug)]
pub struct Context {
    /// What every command takes.
    pub globals: Globals,
    /// The variables that we were started with: a shell's or a child's may be wired by us.
    pub outer: Arc<Environment>,
    /// The outside, with the variables as they were before us: there the user's own files are named.
    pub world: World,
}

impl Context {
    fn new(globals: Globals) -> Self {
        let world = World::system();
        let outer = world.environment.clone();
        Self { globals, world: World { environment: Arc::new(child::original(&outer)), ..world }, outer }
    }
}

/// Reads the command line, runs the command and returns the process's exit code.
///
/// Exit codes: 0 done; 1 failed; 2 usage; 3 configuration; 4 a login or a code is needed; 5 the upstream is unavailable.
/// `exec` has its command's, 125 when Credenza itself failed, and 126 and 127 as a shell has them.
pub fn run() -> ExitCode {
    crate::app::logging::hide_panics();
    // whoever ignores SIGCHLD must not cost us the end of a helper program, or of the daemon that we start
    system::hear_signals();
    system::share_the_heap();
    let typed: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&typed) {
        Ok(cli) => cli,
        Err(error) => return exit::refuse_arguments(&error, &typed),
    };
    let is_exec = matches!(cli.command, Command::Exec(_));
    let done = dispatch(cli).and_then(|code| match say::unwritten() {
        Some(trouble) if !is_exec => Err(trouble),
        _ => Ok(code),
    });
    match done {
        Ok(code) => ExitCode::from(code),
        Err(trouble) => {
            say::trouble(&trouble);
            ExitCode::from(if is_exec { trouble.exit.code_of_exec() } else { trouble.exit.code() })
        }
    }
}

fn dispatch(cli: Cli) -> Result<u8, Trouble> {
    // every command reads long-term keys, or is told a token
    if let Err(error) = system::forbid_dumps() {
        say::err(&format!("credenza: core dumps of this command cannot be forbidden: {error}\n"));
    }
    let context = Context::new(cli.globals);
    match cli.command {
        Command::Exec(arguments) => exec::run(arguments, context),
        Command::Env(arguments) => env::run(arguments, context),
        Command::Login(arguments) => login::run(arguments, context),
        Command::Logout(arguments) => logout::run(arguments, context),
        Command::Wait(arguments) => wait::run(arguments, context),
        Command::Import(arguments) => import::run(arguments, context),
        Command::Keys(arguments) => keys::run(arguments, context),
        Command::Credential(arguments) => credential::run(arguments, context),
        Command::List(arguments) => list::run(arguments, context),
        Command::Status(arguments) => status::run(arguments, context),
        Command::Up(arguments) => up::run(arguments, context),
        Command::Down(arguments) => down::run(arguments, context),
        Command::Serve(arguments) => serve::run(arguments, context),
        Command::Grant(arguments) => grant::run(arguments, context),
        Command::Relay(arguments) => relay::run(arguments, context),
        Command::Health(arguments) => health::run(arguments, context),
        Command::Logs(arguments) => logs::run(arguments, context),
        Command::Setup(arguments) => setup::run(arguments, context),
    }
}
