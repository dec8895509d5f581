//! `cargo demo`: one minute from nothing to an unmodified client that has credentials. A simulated AWS, a home of its own, the
//! real `credenza` binary. It reads nothing of the person's own `~/.aws`, and leaves nothing behind.

mod browser;
mod build;
mod home;
mod run;
mod stage;
mod tour;

use std::{io::Write as _, process::ExitCode};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

/// Shows what Credenza does, against a simulated AWS and in a home of its own.
#[derive(Parser)]
#[command(name = "demo")]
struct Arguments {
    /// Sign in by yourself, in your own browser, on a simulated page
    #[arg(long)]
    browser: bool,
    /// What stands in for a browser opens this
    #[arg(long, hide = true, value_name = "URL")]
    visit: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments { browser, visit } = Arguments::parse();
    // Stopped, the tour is dropped where it stands: its processes are ended and its home is removed.
    let toured = tokio::select! {
        toured = async {
            match visit {
                Some(url) => browser::visit(&url).await,
                None => tour::tour(browser).await,
            }
        } => toured,
        stopped = stopped() => stopped.map_err(Into::into).and_then(|()| Err("stopped".into())),
    };
    match toured {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nobody is left to tell when standard error is closed as well.
            let _ = writeln!(std::io::stderr(), "demo: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn stopped() -> std::io::Result<()> {
    let mut terminated = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted,
        _ = terminated.recv() => Ok(()),
    }
}
