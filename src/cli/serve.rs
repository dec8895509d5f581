//! `credenza serve`: the daemon in the foreground.

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::{Context, Trouble, runtime, say};
use crate::app::App;
use crate::world::told_to_end;

/// What `serve` takes.
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// Started by up, env or exec: the log goes to a file, and nobody reads what is said
    #[arg(long, hide = true)]
    pub background: bool,
}

/// Runs it until it is told to end. One line on standard output when it is ready.
pub fn run(arguments: ServeArgs, context: Context) -> Result<u8, Trouble> {
    let ServeArgs { background } = arguments;
    if background {
        runtime::log_to_file(&context, LevelFilter::INFO)?;
    } else {
        runtime::log_to_stderr(&context, LevelFilter::INFO)?;
    }
    if let Err(error) = runtime::raise_file_limit() {
        tracing::warn!(reason = %error, "the limit of open files cannot be raised");
    }
    runtime::wait_with_many(async {
        let app = App::build(context.world).await.map_err(|error| Trouble::of_app(WHAT, &error))?;
        end_by_signals(&app).map_err(|error| Trouble::failed(WHAT, error.to_string()))?;
        if !background {
            say::out(&format!("ready http://{}\n", app.address()));
        }
        app.run().await.map_err(|error| Trouble::of_app(WHAT, &error))?;
        Ok(0)
    })
}

/// What failed, in the words of [`Trouble`]: a daemon that was started in the background is heard by these.
pub const WHAT: &str = "cannot serve";

/// TERM, INT and HUP end it in good order.
fn end_by_signals(app: &App) -> std::io::Result<()> {
    let stop = app.stop();
    told_to_end::listen(move |signal| {
        tracing::info!(signal, "told to end");
        stop.send_replace(true);
    })
}
