//! `credenza health`: whether clients can be served, for the health check of a container and for monitors.
//!
//! Beside a daemon it asks that one; in the container of a relay it asks as the containers do, through the relay, so that it is well
//! only where the daemon, the grant and the login are.

use clap::Args;

use super::{Context, Exit, Trouble, runtime, say};
use crate::app::background;
use crate::app::{self, AppError};
use crate::config::Config;
use crate::control::{Ailing, Health, Report};

/// What `health` takes.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Says it: exit code 0, 4 where a person must log in, 5 where something that clients use cannot be had; 1 where nobody answers.
pub fn run(arguments: HealthArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    let report = runtime::wait_for(report(&context))?;
    let (word, exit) = match report.status {
        Health::Ready => ("ready", 0),
        Health::LoginNeeded => ("login needed", Exit::Person.code()),
        Health::Broken => ("broken", Exit::Upstream.code()),
    };
    if arguments.json {
        let report = serde_json::json!({ "schema": 1, "status": report.status, "identities": report.identities });
        say::out(&format!("{report:#}\n"));
    } else {
        let of = |ailing: &Ailing| format!("{}: {}", ailing.name, ailing.why);
        let all: Vec<_> = report.identities.iter().filter(|ailing| ailing.status == report.status).map(of).collect();
        let separator = if all.is_empty() { "" } else { ": " };
        say::out(&format!("{word}{separator}{}\n", all.join("; ")));
    }
    Ok(exit)
}

async fn report(context: &Context) -> Result<Report, Trouble> {
    let found = background::find(&context.world).await.map_err(|error| Trouble::of_background(WHAT, &error))?;
    if let Some(mut client) = found {
        return client.health().await.map_err(|error| Trouble::of_client(WHAT, &error));
    }
    let config = Config::load(&context.world).map_err(AppError::from);
    let config = config.map_err(|error| Trouble::of_app(WHAT, &error))?;
    if config.listeners.is_empty() {
        return Err(
            Trouble::failed(WHAT, "no daemon runs, and no [[listener]] of a relay is written").mend("credenza up")
        );
    }
    app::relay::health(&config).await.map_err(|why| Trouble::failed(WHAT, why))
}

const WHAT: &str = "nobody is well here";
