//! `credenza env`: prints the environment of `exec` for a shell to take: `eval "$(credenza env my-role)"`.
//!
//! The right is the daemon's to give, and ends with the shell: what is printed has the shell tell its own process number,
//! because we cannot know it: a shell may run us from another process of its own.

use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::azure_style::{self, AzureStyleArgs};
use super::child::wiring::{Layer, layer};
use super::child::{AzureWiring, Dialects, Token, Wiring, Wirings, original::undoing};
use super::identities::Defaults;
use super::login::FirstArgs;
use super::mending::Mending;
use super::{Context, Trouble, identities, runtime, say};
use crate::app::background;
use crate::app::user_sessions::AtDaemon;
use crate::config::{Config, duration};
use crate::control::wire::{GrantGiven, GrantWanted, Holder, Named};
use crate::world::ourselves;
use snippet::{NotText, Snippet};

pub mod snippet;

/// What `env` takes.
#[derive(Debug, Args)]
pub struct EnvArgs {
    /// The identities; the first of each cloud is its default [default: AWS_PROFILE, else the wired one, else default]
    #[arg(value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// The form [default: the parent shell's]
    #[arg(long, value_enum)]
    pub format: Option<EnvFormat>,
    /// How long the right lasts at most, such as 8h [default: as long as the shell]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::life)]
    pub lasts: Option<Duration>,
    /// By which variables it finds tokens of Azure.
    #[command(flatten)]
    pub azure: AzureStyleArgs,
    /// The region that the shell sees [default: AWS_REGION, AWS_DEFAULT_REGION, else the profile's]
    #[arg(long, value_name = "REGION", conflicts_with = "unset")]
    pub region: Option<String>,
    /// Who is asked for a login.
    #[command(flatten)]
    pub first: FirstArgs,
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

/// Prints it. Where that fails, a shell is told so by the one way that is left: what it evaluates fails, as the status of
/// a command substitution is lost.
pub fn run(arguments: EnvArgs, context: Context) -> Result<u8, Trouble> {
    let format = arguments.format;
    run_or_fail(arguments, context).inspect_err(|_| {
        if let Ok(Some(_)) = format.map_or_else(parents_format, Ok).map(EnvFormat::shell) {
            say::out("false\n");
        }
    })
}

fn run_or_fail(arguments: EnvArgs, context: Context) -> Result<u8, Trouble> {
    if arguments.unset {
        match layer(&context.outer) {
            Layer::Exec => {
                say::err(
                    "credenza: `credenza env` has wired nothing here; what `credenza exec` wired ends with its command\n",
                );
                return Ok(0);
            }
            Layer::EnvInExec => {
                let why = "it was wired inside `credenza exec`, whose own wiring would not come back: leave it, and start a new one";
                return Err(Trouble::failed("cannot restore this shell", why).mend("exit"));
            }
            Layer::None | Layer::Env => {}
        }
        let format = arguments.format.map_or_else(parents_format, Ok)?;
        return print(&Snippet::undoing(undoing(&context.outer)), format, None);
    }
    runtime::begin(&context)?;
    runtime::wait_for(wire(&arguments, &context))
}

const CANNOT: &str = "cannot wire this shell";

async fn wire(arguments: &EnvArgs, context: &Context) -> Result<u8, Trouble> {
    let (outer, world) = (&*context.outer, &context.world);
    let format = arguments.format.map_or_else(parents_format, Ok)?;
    let lasts_secs = arguments.lasts.map(|lasts| lasts.as_secs());
    let config = Arc::new(Config::load(world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?);
    let inside = identities::inside(outer, &world.environment);
    let identities = identities::named(&arguments.identities, &config, &inside, CANNOT)?;
    let daemon = AtDaemon::of(world, runtime::log_arguments(&context.globals));
    let since = world.clock.now().wall;
    let mut mending =
        Mending { asks: arguments.first, context, config: &config, daemon: &daemon, since, done: Vec::new() };
    mending.mend_for_daemon(&identities, CANNOT).await?;
    let defaults = Defaults::of(&identities);
    let styles = arguments.azure.for_shell(defaults.azure, CANNOT)?;
    let named = identities
        .iter()
        .map(|identity| Named { name: identity.name.to_string(), digest: Some(identity.digest.to_hex()) });
    let shell = format.shell();
    let holder = match shell {
        Some(_) => Holder::ShellToCome,
        None => {
            let parent = ourselves::parent().map_err(|error| Trouble::failed(CANNOT, error.to_string()))?;
            Holder::Shell { pid: parent.pid }
        }
    };
    // of Azure, what the shell itself has now
    let azure_client_id = defaults.azure.and_then(|_| world.environment.text("AZURE_CLIENT_ID")).map(str::to_owned);
    let wanted = GrantWanted { name: None, identities: named.collect(), lasts_secs, holder, azure_client_id };
    let arguments_of_log = runtime::log_arguments(&context.globals);
    let asked = background::ask(world, &arguments_of_log, async |client| client.grant(&wanted).await).await;
    let (_, given) = asked.map_err(|error| Trouble::of_background(CANNOT, &error))?;
    let GrantGiven { name: grant, token, address: base, config_file, credentials_file, .. } = given;
    let azure = defaults.azure.and_then(|identity| {
        let wiring = azure_style::wiring(identity, identity.azure()?, styles, base.clone(), token.clone());
        Some(AzureWiring { by_env: true, ..wiring })
    });
    let aws = defaults.aws.map(|identity| Wiring {
        default: identity.name.clone(),
        base,
        dialects: Dialects::default(),
        token: Token::Value(token),
        region: arguments.region.clone(),
        identity_region: identity.region.clone(),
        config_file,
        credentials_file,
        static_keys: None,
    });
    let snippet = Snippet::wiring(Wirings { aws, azure }.changes(outer), outer);
    let attach = match shell {
        Some(pid) => Some(attach_line(&grant, pid, format, arguments)?),
        None => None,
    };
    print(&snippet, format, attach)
}

/// The line by which the shell tells who it is. It names our program by its whole path: the shell may find another one.
fn attach_line(grant: &str, pid: &str, format: EnvFormat, arguments: &EnvArgs) -> Result<String, Trouble> {
    let program = ourselves::executable().map_err(|error| Trouble::failed(CANNOT, error.to_string()))?;
    let program = program.to_str().ok_or_else(|| Trouble::failed(CANNOT, "the path of our own program is no UTF-8"))?;
    let lasts = arguments.lasts.map_or_else(String::new, |lasts| format!(" --for {}s", lasts.as_secs()));
    // a grant's name that was made up is a plain word; a path may be anything
    Ok(format!("{} grant attach {grant} --pid {pid}{lasts}", snippet::called(format, program)))
}

fn print(snippet: &Snippet, format: EnvFormat, attach: Option<String>) -> Result<u8, Trouble> {
    let written = snippet
        .written(format)
        .map_err(|error: NotText| Trouble::failed(CANNOT, error.to_string()).mend("the same with --format bash"))?;
    say::out_bytes(&written);
    attach.into_iter().for_each(|line| say::out(&format!("{line}{}", format.line_end())));
    Ok(0)
}

impl EnvFormat {
    /// How a shell of this form says its own process number; `None` for what no shell reads.
    fn shell(self) -> Option<&'static str> {
        match self {
            Self::Bash | Self::Zsh => Some("$$"),
            Self::Fish => Some("$fish_pid"),
            Self::Pwsh => Some("$PID"),
            Self::Dotenv | Self::Json => None,
        }
    }

    /// What ends a line: fish's `eval (credenza env x)` joins lines with blanks.
    fn line_end(self) -> &'static str {
        if self == Self::Fish { ";\n" } else { "\n" }
    }

    /// The form of a shell, by its executable's name; `None` for one that has none of these.
    fn of_shell(program: &str) -> Option<Self> {
        match program {
            "zsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            "pwsh" | "powershell" | "pwsh-preview" => Some(Self::Pwsh),
            "csh" | "tcsh" | "nu" | "elvish" | "xonsh" | "cmd.exe" => None,
            // bash, dash, ksh, busybox, and programs that run one of these for us
            _ => Some(Self::Bash),
        }
    }
}

fn parents_format() -> Result<EnvFormat, Trouble> {
    let program = ourselves::parent().map(|parent| parent.program).unwrap_or_default();
    EnvFormat::of_shell(&program).ok_or_else(|| {
        let why = format!("{program} has no form of its own");
        Trouble::usage(CANNOT, why).mend("--format json (or bash, zsh, fish, pwsh, dotenv)")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_is_known_by_its_program() {
        for (program, format) in [
            ("bash", Some(EnvFormat::Bash)),
            ("dash", Some(EnvFormat::Bash)),
            ("busybox", Some(EnvFormat::Bash)),
            ("zsh", Some(EnvFormat::Zsh)),
            ("fish", Some(EnvFormat::Fish)),
            ("pwsh", Some(EnvFormat::Pwsh)),
            ("tcsh", None),
            ("make", Some(EnvFormat::Bash)),
        ] {
            assert_eq!(EnvFormat::of_shell(program), format, "{program}");
        }
    }
}
