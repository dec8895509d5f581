//! `credenza logout`: ends a sign-in, at AWS and here, or forgets a user's session; with what was made of it.
//!
//! Whoever uses it at the moment is named first, since their next request fails.

use std::io::{BufRead as _, IsTerminal as _};
use std::sync::Arc;

use clap::Args;

use super::env_files::EnvFileArgs;
use super::sign_ins::{self, SignsInTo};
use super::{Context, Trouble, runtime, say};
use crate::app::accounts::AccountLogin;
use crate::app::user_sessions::{self, AtDaemon};
use crate::app::{background, login};
use crate::config::{Config, SessionsAtRest, SsoSession};
use crate::control::view;
use crate::credential::{IdentityName, SessionKey};

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
    /// What tells one setup from another.
    #[command(flatten)]
    pub env_files: EnvFileArgs,
}

/// Signs out.
pub fn run(arguments: LogoutArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for(async {
        let config = arguments.env_files.load(&context.world, CANNOT)?;
        if config.server.sessions_at_rest() != SessionsAtRest::Memory {
            // what lies at rest is the daemon's to forget
            let daemon = AtDaemon::of(&context.world, runtime::log_arguments(&context.globals));
            daemon.ensure().await.map_err(|error| Trouble::of_background(CANNOT, &error))?;
        }
        let ended = match arguments.all {
            true => {
                let center = config.sso_sessions().into_iter().map(SignsInTo::IdentityCenter);
                let accounts = AccountLogin::all(&config).into_iter().map(SignsInTo::Account);
                center.chain(accounts).chain(kept(&config).await).collect()
            }
            false => vec![sign_ins::named(arguments.name.as_deref(), &config, &context, CANNOT)?],
        };
        if !arguments.yes && !agreed(&config, &ended).await {
            say::err("credenza: nothing was ended\n");
            return Ok(1);
        }
        for one in &ended {
            match one {
                SignsInTo::IdentityCenter(session) => sign_out(&context, &config, session, arguments.all).await?,
                SignsInTo::Account(login) => log_out(&context, &config, login, arguments.all).await?,
                SignsInTo::User(identity) => {
                    if let Some(key) = user_sessions::key_of(&config, identity) {
                        forget(&context, &key, &label(&config, identity)).await?;
                    }
                }
                SignsInTo::Kept { key, label } => forget(&context, key, label).await?,
            }
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

/// Forgets a login at Entra ID, which is not told: a public client has no call for it, and the person's other programs go on.
async fn log_out(context: &Context, config: &Config, login: &AccountLogin, of_all: bool) -> Result<(), Trouble> {
    let identity = &login.identity;
    let was_there = login.log_out(&context.world, config).await;
    match was_there.map_err(|failure| Trouble::of_failure(format!("cannot log out {identity}"), &failure))? {
        true => say::err(&format!(
            "credenza: the login of {identity} is forgotten here; Entra ID is not told (tokens that were given live to their end, and \
             https://mysignins.microsoft.com ends all of a person's sign-ins)\n"
        )),
        false if of_all => {}
        false => say::err(&format!("credenza: {identity} was not logged in\n")),
    }
    Ok(())
}

/// Forgets a user's session. AWS cannot be told: its keys work to their end for whoever has them.
async fn forget(context: &Context, key: &SessionKey, label: &str) -> Result<(), Trouble> {
    let daemon = AtDaemon::of(&context.world, runtime::log_arguments(&context.globals));
    let was_there = user_sessions::forget(key, &daemon).await;
    match was_there.map_err(|failure| Trouble::of_failure(format!("cannot forget the session of {label}"), &failure))? {
        true => say::err(&format!("credenza: the session of {label} is forgotten; AWS knows no way to end it early\n")),
        false => say::err(&format!("credenza: no session of {label} was kept\n")),
    }
    Ok(())
}

/// The user sessions that a daemon keeps, also for those that these files do not name. Of what lies at rest and cannot be seen, all
/// that may.
async fn kept(config: &Config) -> Vec<SignsInTo> {
    let Ok(mut daemon) = background::connect(&config.places).await else { return Vec::new() };
    let Ok(status) = daemon.status().await else { return Vec::new() };
    let unseen = matches!(&*status.sessions_at_rest, view::LOCKED | view::OUT_OF_REACH);
    let kept = status.user_sessions.into_iter().filter(|session| unseen || session.began.is_some());
    kept.map(|session| SignsInTo::Kept { key: SessionKey(session.key.into()), label: session.session }).collect()
}

fn label(config: &Config, identity: &IdentityName) -> String {
    config.user_session_of(identity).map_or_else(|| identity.to_string(), |(_, session)| session.label())
}

/// Names who uses what is to end, and asks; where nobody does, or nobody can be asked, that is a yes.
async fn agreed(config: &Config, ended: &[SignsInTo]) -> bool {
    let (mut labels, mut resting) = (Vec::new(), Vec::new());
    for one in ended {
        match one {
            SignsInTo::IdentityCenter(session) => {
                labels.push(session.label().to_owned());
                resting.extend(config.identities_of(session));
            }
            SignsInTo::Account(login) => {
                labels.push(login.identity.to_string());
                resting.extend(config.identities_of_account(&login.account));
            }
            SignsInTo::User(identity) => {
                labels.push(label(config, identity));
                resting.extend(user_sessions::resting_with(config, identity));
            }
            SignsInTo::Kept { key, label } => {
                labels.push(label.clone());
                resting.extend(config.identities_resting_on(key));
            }
        }
    }
    let users = users(config, &resting).await;
    if users.is_empty() {
        return true;
    }
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

/// The grants and the commands that may use these identities, as a daemon knows them.
async fn users(config: &Config, resting: &[IdentityName]) -> Vec<String> {
    let Ok(mut daemon) = background::connect(&config.places).await else { return Vec::new() };
    let Ok(status) = daemon.status().await else { return Vec::new() };
    let concerned = |names: &[String]| names.iter().any(|name| name == "*" || resting.iter().any(|it| **it == **name));
    let grants = status.grants.iter().filter(|grant| concerned(&grant.identities));
    let jobs = status.jobs.iter().filter(|job| concerned(&job.identities));
    let pid = |pid: Option<u32>| pid.map_or_else(String::new, |pid| format!(", process {pid}"));
    let grants =
        grants.map(|grant| format!("grant {} ({}{})", grant.name, grant.identities.join(", "), pid(grant.pid)));
    let jobs = jobs.map(|job| format!("{} ({}{})", job.command, job.identities.join(", "), pid(job.pid)));
    grants.chain(jobs).collect()
}
