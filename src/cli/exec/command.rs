//! The command that `exec` runs, and how it is spoken of where it cannot run.

use std::ffi::{OsStr, OsString};

use crate::app::AppError;
use crate::cli::{Exit, Trouble};
use crate::world::Environment;
use crate::world::child::{Start, StartError};

/// What is to be run, and how it is spoken of.
pub(super) struct Command {
    pub(super) start: Start,
}

impl Command {
    /// The words that were typed, else the user's shell.
    pub(super) fn of(words: &[OsString], outer: &Environment) -> Self {
        let (program, arguments) = match words.split_first() {
            Some((program, arguments)) => (program.clone(), arguments.to_vec()),
            None => {
                (outer.raw("SHELL").filter(|shell| !shell.is_empty()).unwrap_or(OsStr::new("/bin/sh")).into(), vec![])
            }
        };
        Self { start: Start { program, arguments, environment: Environment::default() } }
    }

    /// Its name, without its folder and its arguments.
    pub(super) fn name(&self) -> String {
        let name = std::path::Path::new(&self.start.program).file_name();
        name.unwrap_or(&self.start.program).to_string_lossy().into_owned()
    }

    pub(super) fn cannot(&self) -> String {
        format!("cannot run {}", self.start.program.to_string_lossy())
    }

    pub(super) fn cannot_with(&self, identity: &str) -> String {
        format!("{} with {identity}", self.cannot())
    }

    pub(super) fn unbuilt(&self, error: impl Into<AppError>) -> Trouble {
        Trouble::of_app(self.cannot(), &error.into())
    }

    pub(super) fn unstarted(&self, error: &StartError) -> Trouble {
        let exit = match error {
            StartError::NotFound => Exit::NotFound,
            StartError::CannotRun(_) => Exit::CannotRun,
            StartError::System(_) => Exit::Failed,
        };
        Trouble::new(exit, self.cannot(), error.to_string())
    }
}
