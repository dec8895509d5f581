//! Helper programs: run without a shell, bounded in time and output, the whole process group ended with them.

use std::ffi::OsString;
use std::time::Duration;

use thiserror::Error;
use zeroize::Zeroizing;

use super::BoxFuture;
use crate::secret::Secret;

mod system;
mod withholding;

pub use system::SystemProcesses;
pub use withholding::Withholding;

/// Runs helper programs.
pub trait Processes: Send + Sync {
    /// Runs one program to its end.
    fn run(&self, run: Run) -> BoxFuture<'static, Result<Ran, RunError>>;
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The program and its arguments; the program is looked for in `PATH`.
    pub argv: Vec<OsString>,
    /// The whole environment of the child.
    pub environment: super::Environment,
    /// What it reads from its standard input: a secret, which has no place among the arguments. `None`: nothing.
    pub input: Option<Secret>,
    /// How long it may take.
    pub time_limit: Duration,
    /// How much it may write to its standard output, in bytes; as much again to its standard error.
    pub output_limit: usize,
    /// Where it runs.
    pub seat: Seat,
}

/// Where a program runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seat {
    /// In a session of its own, without a terminal.
    #[default]
    Background,
    /// At our controlling terminal, which is its own while it runs: its standard input and error are the terminal, so its
    /// `input` must be `None`, and what it says is not told. Ctrl-C reaches it and not us.
    Terminal,
    /// The same, but what it says passes through us: shown as it comes, and told. It need not know that its standard error is
    /// no terminal.
    Overheard,
    /// As [`Seat::Background`], in the root folder: for programs that take code or settings from the folder that they are
    /// started in, as Python does with `-m`. Who could write to ours would have their say otherwise.
    Apart,
}

/// What came of it.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote: perhaps a secret, so wiped when dropped.
    pub stdout: Zeroizing<Vec<u8>>,
    /// What it said to a person.
    pub stderr: Vec<u8>,
}

/// Why nothing came of it.
#[derive(Clone, Debug, Error)]
pub enum RunError {
    /// The program could not be started.
    #[error("cannot run {program}: {reason}")]
    Start {
        /// The program's name, without its arguments.
        program: String,
        /// The system's words.
        reason: String,
    },
    /// The machine had no room for it just now: no descriptor, process or memory left. Later it may have.
    #[error("cannot run {program} now: {reason}")]
    NoRoom {
        /// The program's name.
        program: String,
        /// The system's words.
        reason: String,
    },
    /// It took too long and was ended.
    #[error("{program} took longer than {after:?} and was ended")]
    TimedOut {
        /// The program's name.
        program: String,
        /// The limit.
        after: Duration,
        /// What it had said to a person.
        stderr: Vec<u8>,
    },
    /// It wrote too much and was ended.
    #[error("{program} wrote more than {limit} bytes and was ended")]
    TooMuch {
        /// The program's name.
        program: String,
        /// The limit.
        limit: usize,
        /// What it had said to a person.
        stderr: Vec<u8>,
    },
    /// It was to run at the terminal, and there is none; or we are a background job there.
    #[error("{program} asks its person at a terminal, and there is none here")]
    NoTerminal {
        /// The program's name.
        program: String,
    },
    /// The person ended it by Ctrl-C, at the terminal.
    #[error("{program} was ended by Ctrl-C")]
    Interrupted {
        /// The program's name.
        program: String,
    },
}
