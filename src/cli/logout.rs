//! `credenza logout`: ends a sign-in, at AWS and here, with what was made of it.
//!
//! Whoever uses it at the moment is named first, since their next request fails.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;

use clap::Args;

use super::{Context, Trouble, runtime, say, sign_ins};
use crate::app::{background, login};
use crate::config::{Config, SsoSession};

/// What `logout` takes.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    /// An identity, or the name or start URL of an [sso-session] [default: AWS_PROFILE, else default, else the only one]
    #[arg(value_name = "IDENTITY or SSO-SESSION")]
    pub name: Option<String>,
    /// All of them
    #[arg(long, conflicts_with = "name")]
    pub all: bool,
    /// Do not ask, whoever uses it
    #[arg(short, long)]
    pub yes: bool,
}

/// Signs out.
pub fn run(arguments: LogoutArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for(async {
        let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
        let sessions = match arguments.all {
            true => config.sso_sessions(),
            false => vec![sign_ins::named(arguments.name.as_deref(), &config, &context, CANNOT)?],
        };
        if !arguments.yes && !agreed(&config, &sessions).await {
            say::err("credenza: nothing was ended\n");
            return Ok(1);
        }
        for session in &sessions {
            sign_out(&context, &config, session, arguments.all).await?;
        }
        Ok(0)
    })
}

const CANNOT: &str = "cannot log out";

async fn sign_out(context: &Context, config: &Config, session: &Arc<SsoSession>, of_all: bool) -> Result<(), Trouble> {
    let label = session.label();
    let signed_out = login::sign_out(&context.world, config, session).await;
    let signed_out =
        signed_out.map_err(|error| Trouble::failed(format!("cannot sign out of {label}"), error.to_string()))?;
    if let Some(untold) = signed_out.untold {
        say::err(&format!("credenza: AWS could not be told, and keeps the sign-in to its end: {}\n", untold.private));
    }
    match signed_out.was_there {
        true => say::err(&format!("credenza: signed out of {label}\n")),
        false if of_all => {}
        false => say::err(&format!("credenza: nobody was signed in to {label}\n")),
    }
    Ok(())
}

/// Names who uses the sign-ins now, and asks; where nobody does, or nobody can be asked, that is a yes.
async fn agreed(config: &Config, sessions: &[Arc<SsoSession>]) -> bool {
    let users = users(config, sessions).await;
    if users.is_empty() {
        return true;
    }
    let labels: Vec<&str> = sessions.iter().map(|session| session.label()).collect();
    say::err(&format!("{} in use by:\n", labels.join(", ")));
    users.iter().for_each(|user| say::err(&format!("  {user}\n")));
    if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
        return true;
    }
    say::err("Their next request fails. Log out? [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}

/// The grants and the commands that may use what rests on these sign-ins, as a daemon knows them.
async fn users(config: &Config, sessions: &[Arc<SsoSession>]) -> Vec<String> {
    let Ok(mut daemon) = background::connect(&config.places).await else { return Vec::new() };
    let Ok(status) = daemon.status().await else { return Vec::new() };
    let resting: Vec<_> = sessions.iter().flat_map(|session| config.identities_of(session)).collect();
    let concerned = |names: &[String]| names.iter().any(|name| name == "*" || resting.iter().any(|it| **it == **name));
    let grants = status.grants.iter().filter(|grant| concerned(&grant.identities));
    let jobs = status.jobs.iter().filter(|job| concerned(&job.identities));
    let pid = |pid: Option<u32>| pid.map_or_else(String::new, |pid| format!(", process {pid}"));
    let grants =
        grants.map(|grant| format!("grant {} ({}{})", grant.name, grant.identities.join(", "), pid(grant.pid)));
    let jobs = jobs.map(|job| format!("{} ({}{})", job.command, job.identities.join(", "), pid(job.pid)));
    grants.chain(jobs).collect()
}
