//! One step of the tour: the command as a person would type it, then what it said.

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    process::{Output, Stdio},
    time::Duration,
};

use crate::home::Home;

/// No step takes longer than this.
const LIMIT: Duration = Duration::from_secs(60);

/// A command, not run yet.
pub(crate) struct Step {
    shown: String,
    program: OsString,
    arguments: Vec<OsString>,
}

impl Step {
    /// A command that is shown as this.
    pub(crate) fn new(shown: impl Into<String>) -> Self {
        Self { shown: shown.into(), program: OsString::new(), arguments: Vec::new() }
    }

    pub(crate) fn program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    pub(crate) fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// Shows the command, runs it, shows what it said; its standard output comes back. An error when it failed.
    pub(crate) async fn run(self, home: &Home) -> Result<String, Box<dyn Error + Send + Sync>> {
        say(&format!("$ {}", self.shown))?;
        let output = self.output(home).await?;
        let printed = String::from_utf8(output.stdout)?;
        say(&printed)?;
        let complaints = String::from_utf8_lossy(&output.stderr);
        if !complaints.is_empty() {
            say(&complaints)?;
        }
        if !output.status.success() {
            return Err(format!("`{}` failed: {}", self.shown, output.status).into());
        }
        Ok(printed)
    }

    /// Runs it in the tour's home and waits for its end.
    #[allow(clippy::disallowed_methods)] // the tour is made of processes
    pub(crate) async fn output(&self, home: &Home) -> Result<Output, Box<dyn Error + Send + Sync>> {
        let running = tokio::process::Command::new(&self.program)
            .args(&self.arguments)
            .env_clear()
            .envs(home.environment())
            .current_dir(home.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let ended = tokio::time::timeout(LIMIT, running).await;
        let ended = ended.map_err(|_| format!("`{}` did not end within {LIMIT:?}", self.shown))?;
        Ok(ended.map_err(|error| format!("`{}` cannot be run: {error}", self.shown))?)
    }
}

/// One piece of the tour on standard output.
pub(crate) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}
