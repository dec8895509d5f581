//! How a command ends: [`Exit`] is the code, [`Trouble`] what a person is told: what failed, why, and the command that
//! mends it.

use std::ffi::OsString;
use std::process::ExitCode;

use super::say;
use crate::app::AppError;
use crate::app::background::BackgroundError;
use crate::control::ClientError;
use crate::credential::handover::START_ANEW;
use crate::credential::{Failure, FailureClass};

/// Why a command failed, as its exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// 1: it failed.
    Failed,
    /// 2: it was called wrongly.
    Usage,
    /// 3: what the user wrote, or a folder of ours, is not as it must be.
    Configuration,
    /// 4: a login or a code is needed first.
    Person,
    /// 5: the cloud cannot be reached, or says to come back later.
    Upstream,
    /// 126: `exec`'s command is there but cannot be run.
    CannotRun,
    /// 127: `exec`'s command was not found.
    NotFound,
}

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Configuration => 3,
            Self::Person => 4,
            Self::Upstream => 5,
            Self::CannotRun => 126,
            Self::NotFound => 127,
        }
    }

    /// The same for `exec`, whose codes below 125 are its command's: ours is 125, as `env(1)` and `docker run` have it.
    pub fn code_of_exec(self) -> u8 {
        match self {
            Self::CannotRun | Self::NotFound => self.code(),
            _ => EXEC_FAILED,
        }
    }
}

const EXEC_FAILED: u8 = 125;

/// What failed, why, and what mends it: all that a person is told. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The exit code.
    pub exit: Exit,
    /// What failed, such as `cannot start the daemon`.
    pub what: String,
    /// Why, such as `127.0.0.1:9711 is taken by process 4711 (nginx)`.
    pub why: String,
    /// The command that mends it, such as `credenza up`.
    pub mend: Option<String>,
}

impl Trouble {
    /// A failure of this class.
    pub fn new(exit: Exit, what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { exit, what: what.into(), why: why.into(), mend: None }
    }

    /// Exit code 1.
    pub fn failed(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what, why)
    }

    /// Exit code 2.
    pub fn usage(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what, why)
    }

    /// Exit code 3.
    pub fn configuration(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(Exit::Configuration, what, why)
    }

    /// What a failed ask means to a person: 4 where a login is needed, 5 where the upstream is away, else 1.
    pub fn of_failure(what: impl Into<String>, failure: &Failure) -> Self {
        let exit = match failure.class {
            FailureClass::NeedsPerson => Exit::Person,
            FailureClass::TryLater => Exit::Upstream,
            FailureClass::Refused => Exit::Failed,
        };
        Self::new(exit, what, failure.private.clone())
    }

    /// What stands in the way of building something: 3 where it is what the user wrote, or a folder of ours.
    pub fn of_app(what: impl Into<String>, error: &AppError) -> Self {
        use crate::app::BindError;
        let trouble = |exit| Self::new(exit, what, error.to_string());
        match error {
            AppError::Config(_)
            | AppError::Place(_)
            | AppError::Folder(_)
            | AppError::Store(_)
            | AppError::Control { .. }
            | AppError::Log(_)
            | AppError::Metadata(_)
            | AppError::Generated(_)
            | AppError::Bind(BindError::NotLoopback(_)) => trouble(Exit::Configuration),
            AppError::Running { .. } | AppError::Locked { .. } => trouble(Exit::Failed).mend("credenza down"),
            AppError::Broken => trouble(Exit::Failed).mend("credenza logs"),
            AppError::Relay(_) => trouble(Exit::Failed),
            AppError::Bind(_) | AppError::Grant(_) => trouble(Exit::Failed),
        }
    }

    /// Why the daemon does not answer, or not as was hoped.
    pub fn of_client(what: impl Into<String>, error: &ClientError) -> Self {
        match error {
            ClientError::NotRunning | ClientError::Closed => Self::failed(what, error.to_string()).mend("credenza up"),
            ClientError::Version(_) => Self::failed(what, error.to_string()).mend(START_ANEW),
            ClientError::Refused(refusal) => {
                let exit = match (refusal.class(), refusal.code.as_str()) {
                    (Some(FailureClass::NeedsPerson), _) => Exit::Person,
                    (Some(FailureClass::TryLater), _) => Exit::Upstream,
                    (_, "Unusable" | "UnknownIdentity" | "DefinitionDiffers") => Exit::Configuration,
                    _ => Exit::Failed,
                };
                Self { mend: refusal.mend.clone(), ..Self::new(exit, what, refusal.message.clone()) }
            }
            ClientError::Silent { .. } => Self::failed(what, error.to_string()).mend("credenza down"),
            ClientError::Connect { .. } | ClientError::Folder(_) => Self::configuration(what, error.to_string()),
            ClientError::Broken(_) => Self::failed(what, error.to_string()).mend("credenza logs"),
        }
    }

    /// Why there is no daemon.
    pub fn of_background(what: impl Into<String>, error: &BackgroundError) -> Self {
        match error {
            BackgroundError::App(error) => Self::of_app(what, error),
            BackgroundError::Client(error) => Self::of_client(what, error),
            BackgroundError::Ended { code: 3, said } => Self::configuration(what, said.clone()),
            BackgroundError::Ended { .. } | BackgroundError::System(_) => Self::failed(what, error.to_string()),
            BackgroundError::NotEnded { pid: Some(pid), .. } => {
                Self::failed(what, error.to_string()).mend(format!("kill -9 {pid}"))
            }
            BackgroundError::Unproved { pid: Some(pid) } => {
                Self::failed(what, error.to_string()).mend(format!("kill {pid}"))
            }
            BackgroundError::NotEnded { pid: None, .. } | BackgroundError::Unproved { pid: None } => {
                Self::failed(what, error.to_string()).mend("credenza logs")
            }
            BackgroundError::TimedOut { .. } => Self::failed(what, error.to_string()).mend("credenza logs"),
        }
    }

    /// The same with the command that mends it.
    pub fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

/// Tells what was wrong with the command line; help and version are no failure.
pub fn refuse_arguments(error: &clap::Error, typed: &[OsString]) -> ExitCode {
    if !error.use_stderr() {
        say::out(&error.render().to_string());
        return ExitCode::SUCCESS;
    }
    say::err(&error.render().to_string());
    if let Some(meant) = exec_without_dashes(typed) {
        say::err(&format!("\ndid you mean: {meant}\n"));
    }
    let is_exec = command_of(typed).is_some_and(|(_, command)| command == "exec");
    ExitCode::from(if is_exec { EXEC_FAILED } else { Exit::Usage.code() })
}

/// What `credenza exec NAME CMD --flag` probably meant: the same with `--` before CMD. `None` where `--` was typed, or
/// where there is no second word to be a command.
fn exec_without_dashes(typed: &[OsString]) -> Option<String> {
    let (at, command) = command_of(typed)?;
    if command != "exec" || typed.iter().any(|word| word == "--") {
        return None;
    }
    let words: Vec<String> = typed[at + 1..].iter().map(|word| word.to_string_lossy().into_owned()).collect();
    let name = words.iter().position(|word| !word.starts_with('-'))?;
    let rest = words.get(name + 1..).filter(|rest| rest.first().is_some_and(|word| !word.starts_with('-')))?;
    Some(did_you_mean(&words[..=name], rest))
}

/// `credenza exec NAME -- CMD ...`, quoted as a shell needs it.
pub fn did_you_mean(before: &[String], command: &[String]) -> String {
    let quoted = |words: &[String]| {
        let words = words.iter().map(|word| shlex::try_quote(word).map_or_else(|_| word.clone(), Into::into));
        words.collect::<Vec<String>>().join(" ")
    };
    format!("credenza exec {} -- {}", quoted(before), quoted(command))
}

fn command_of(typed: &[OsString]) -> Option<(usize, &OsString)> {
    typed.iter().enumerate().skip(1).find(|(_, word)| !word.to_string_lossy().starts_with('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_as_documented() {
        use Exit::*;
        let all = [Failed, Usage, Configuration, Person, Upstream, CannotRun, NotFound];
        assert_eq!(all.map(Exit::code), [1, 2, 3, 4, 5, 126, 127]);
        assert_eq!(all.map(Exit::code_of_exec), [125, 125, 125, 125, 125, 126, 127]);
    }

    #[test]
    fn a_daemon_that_does_not_end_is_killed_by_the_person_alone() {
        let error = BackgroundError::NotEnded { pid: Some(7), after: std::time::Duration::from_secs(10) };
        let trouble = Trouble::of_background("cannot end the daemon", &error);
        assert_eq!(trouble.why, "the daemon (process 7) has not ended within 10 s");
        assert_eq!((trouble.exit, trouble.mend.as_deref()), (Exit::Failed, Some("kill -9 7")));
    }

    #[test]
    fn exec_without_dashes_is_guessed() {
        for (typed, meant) in [
            ("credenza exec prod aws s3 ls --recursive", Some("credenza exec prod -- aws s3 ls --recursive")),
            ("credenza -v exec --token-file prod aws -x", Some("credenza exec --token-file prod -- aws -x")),
            ("credenza exec prod -- aws --bogus", None),
            ("credenza exec prod --bogus", None),
            ("credenza env prod aws --bogus", None),
            ("credenza exec", None),
        ] {
            let typed: Vec<OsString> = typed.split(' ').map(Into::into).collect();
            assert_eq!(exec_without_dashes(&typed).as_deref(), meant, "{typed:?}");
        }
    }
}
