//! One step of the tour: the command as a person would type it, then what it said.

use std::{
    error::Error,
    ffi::OsString,
    io::{self, Write as _},
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::home::Home;

/// No step takes longer than this, unless it waits for a person.
const LIMIT: Duration = Duration::from_secs(60);

/// A login waits for ten minutes.
const LIMIT_OF_A_PERSON: Duration = Duration::from_secs(11 * 60);

/// A command, not run yet.
pub(crate) struct Step {
    shown: String,
    program: OsString,
    arguments: Vec<OsString>,
    waits_for_person: bool,
    fails: bool,
}

impl Step {
    /// A command that is shown as this.
    pub(crate) fn new(shown: impl Into<String>) -> Self {
        let (program, arguments) = (OsString::new(), Vec::new());
        Self { shown: shown.into(), program, arguments, waits_for_person: false, fails: false }
    }

    pub(crate) fn program(mut self, program: impl Into<OsString>) -> Self {
        self.program = program.into();
        self
    }

    pub(crate) fn arguments(mut self, arguments: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.arguments = arguments.into_iter().map(Into::into).collect();
        self
    }

    /// What it complains of is shown while it runs: a person must read it.
    pub(crate) fn waits_for_person(self, waits_for_person: bool) -> Self {
        Self { waits_for_person, ..self }
    }

    /// It is to fail.
    pub(crate) fn fails(self) -> Self {
        Self { fails: true, ..self }
    }

    /// Shows the command, runs it, shows what it said; its standard output comes back. An error when it ended otherwise than
    /// it should.
    pub(crate) async fn run(self, home: &Home) -> Result<String, Box<dyn Error + Send + Sync>> {
        say(&format!("$ {}", self.shown))?;
        let output = self.output(home).await?;
        let printed = String::from_utf8(output.stdout)?;
        let complaints = String::from_utf8_lossy(&output.stderr);
        [shortened(&printed), shortened(&complaints)]
            .iter()
            .filter(|text| !text.is_empty())
            .try_for_each(|t| say(t))?;
        if output.status.success() == self.fails {
            let ended = if self.fails { "should have failed" } else { "failed" };
            return Err(format!("`{}` {ended}: {}", self.shown, output.status).into());
        }
        Ok(printed)
    }

    /// Shows the command and starts it; returns when it has said its first line. It ends when the child is dropped.
    pub(crate) async fn start(self, home: &Home) -> Result<Child, Box<dyn Error + Send + Sync>> {
        say(&format!("$ {}", self.shown))?;
        let mut child = self.command(home).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        if let Some(stdout) = child.stdout.take() {
            timeout(LIMIT, BufReader::new(stdout).read_line(&mut line)).await??;
        }
        if line.is_empty() {
            return Err(format!("`{}` did not start", self.shown).into());
        }
        say(&line)?;
        Ok(child)
    }

    /// Runs it in the tour's home and waits for its end.
    pub(crate) async fn output(&self, home: &Home) -> Result<Output, Box<dyn Error + Send + Sync>> {
        let stderr = if self.waits_for_person { Stdio::inherit() } else { Stdio::piped() };
        let limit = if self.waits_for_person { LIMIT_OF_A_PERSON } else { LIMIT };
        let running = self.command(home).stdout(Stdio::piped()).stderr(stderr).spawn();
        let running = running.map_err(|error| format!("`{}` cannot be run: {error}", self.shown))?;
        let ended = timeout(limit, running.wait_with_output()).await;
        Ok(ended.map_err(|_| format!("`{}` did not end within {limit:?}", self.shown))??)
    }

    #[allow(clippy::disallowed_methods)] // the tour is made of processes
    fn command(&self, home: &Home) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear().envs(home.environment()).current_dir(home.path());
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

/// Addresses without their long queries, which nobody is to open here, and the SDK's errors without their insides.
fn shortened(text: &str) -> String {
    let line = |line: &str| match (line.split_once('?'), line.split_once(" (DispatchFailure(")) {
        (Some((address, _)), _) if address.starts_with("http") => format!("{address}?...\n"),
        (_, Some((error, _))) => format!("{error}\n"),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// One piece of the tour on standard output.
pub(crate) fn say(text: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_errors_of_the_sdk_are_cut() {
        let text = "open:\nhttp://127.0.0.1:1/authorize?state=x\nwhat? this (that)\nno: 403 (DispatchFailure(a b))\n";
        assert_eq!(shortened(text), "open:\nhttp://127.0.0.1:1/authorize?...\nwhat? this (that)\nno: 403\n");
    }
}
