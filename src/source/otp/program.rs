//! A program that prints a code: run with limits, and read strictly. Never says what it printed.

use std::ffi::OsString;
use std::time::Duration;

use zeroize::Zeroizing;

use super::trouble::{Trouble, again};
use super::{Asked, checked};
use crate::credential::Failure;
use crate::secret::Secret;
use crate::source::said;
use crate::world::process::{Ran, Run, RunError, Seat};
use crate::world::{Environment, World};

/// How long a program may take that needs nobody.
pub(super) const UNATTENDED: Duration = Duration::from_secs(15);

/// How long one may take whose person must find a key, or type a password.
pub(super) const WITH_A_PERSON: Duration = Duration::from_secs(90);

/// How much it may print and say.
const OUTPUT_LIMIT: usize = 16 << 10;

/// A program, and what mends it where it fails in a way that nobody knows.
pub(super) struct Program {
    /// The program and its arguments.
    pub(super) argv: Vec<OsString>,
    /// Its whole environment.
    pub(super) environment: Environment,
    /// What it reads.
    pub(super) input: Option<Secret>,
    /// How long it may take.
    pub(super) time_limit: Duration,
    /// Where it runs.
    pub(super) seat: Seat,
    /// It is run in the background where there is no terminal: its person has other ways to answer it.
    pub(super) without_terminal: bool,
    /// What people call it, such as `op`.
    pub(super) name: String,
    /// What to do where it is not there: ``install it (https://...)``.
    pub(super) install: String,
    /// What to do where it fails or is not understood: ``run `op item list` ``.
    pub(super) mend: String,
}

impl Program {
    /// The code that it prints. `explain`: what is known of a failure by what it said; the text says why and what mends it.
    pub(super) async fn code(
        self,
        asked: &Asked<'_>,
        world: &World,
        explain: impl FnOnce(&str) -> Option<(Trouble, String)>,
    ) -> Result<Secret, Failure> {
        let (name, mend) = (self.name.clone(), self.mend.clone());
        let ran = self.run(asked, world).await?;
        if ran.code != Some(0) {
            let words = Zeroizing::new(String::from_utf8_lossy(&ran.stderr).into_owned());
            let (trouble, why) = explain(&words).unwrap_or_else(|| {
                let how = match ran.code {
                    Some(code) => format!("ended with code {code}"),
                    None => "was ended by a signal".to_owned(),
                };
                (Trouble::Failed, format!("{name} {how}; {mend}"))
            });
            return Err(saying(trouble.failure(asked, &why), &ran.stderr, &ran.stdout));
        }
        let code = std::str::from_utf8(&ran.stdout).ok().and_then(|printed| checked(printed).ok());
        code.ok_or_else(|| {
            let why = format!("{name} printed something else than six digits; {mend}");
            saying(Trouble::Unusable.failure(asked, &why), &ran.stderr, &ran.stdout)
        })
    }

    /// Runs it to its end, whatever that is.
    pub(super) async fn run(self, asked: &Asked<'_>, world: &World) -> Result<Ran, Failure> {
        let Self { argv, environment, input, time_limit, seat, without_terminal, name, install, mend } = self;
        let run = Run { argv, environment, input, time_limit, output_limit: OUTPUT_LIMIT, seat };
        let ran = match world.processes.run(run.clone()).await {
            Err(RunError::NoTerminal { .. }) if without_terminal => {
                world.processes.run(Run { seat: Seat::Background, ..run }).await
            }
            ran => ran,
        };
        ran.map_err(|error| {
            let (trouble, why, stderr) = match &error {
                RunError::Start { .. } => (Trouble::Missing, format!("{name} cannot be started; {install}"), None),
                RunError::NoRoom { .. } => {
                    (Trouble::Later, format!("{name} could not be started now; {} later", again(asked)), None)
                }
                RunError::TimedOut { after, stderr, .. } => {
                    let why = format!("{name} did not answer within {} s and was ended; {mend}", after.as_secs());
                    (Trouble::TimedOut, why, Some(stderr.as_slice()))
                }
                RunError::TooMuch { stderr, .. } => (
                    Trouble::Unusable,
                    format!("{name} printed too much and was ended; {mend}"),
                    Some(stderr.as_slice()),
                ),
                RunError::NoTerminal { .. } => {
                    let why = format!(
                        "{name} may ask you something, and there is no terminal here; {} at one, in the foreground",
                        again(asked)
                    );
                    (Trouble::NotGiven, why, None)
                }
                RunError::Interrupted { .. } => {
                    (Trouble::NotGiven, format!("{name} was ended by Ctrl-C; {}", again(asked)), None)
                }
            };
            let failure = trouble.failure(asked, &why);
            // what never ran, and what its person ended, has nothing to say
            match stderr {
                Some(stderr) => saying(failure, stderr, &[]),
                None => failure,
            }
        })
    }
}

/// The same failure, with what the program said for the log.
fn saying(failure: Failure, stderr: &[u8], stdout: &[u8]) -> Failure {
    let private = format!("{} ({})", failure.public, without_codes(stderr, stdout));
    failure.because(private)
}

/// What it said, without what it printed and without what may be a code: six digits or more, in one piece or in groups.
fn without_codes(stderr: &[u8], stdout: &[u8]) -> String {
    let mut said = Zeroizing::new(said::by_a_program(stderr, stdout));
    let printed = Zeroizing::new(String::from_utf8_lossy(stdout).into_owned());
    for word in printed.split_whitespace().filter(|word| word.len() >= 3) {
        said = Zeroizing::new(said.replace(word, HIDDEN));
    }
    let mut shown = String::with_capacity(said.len());
    let mut rest = said.as_str();
    while let Some(first) = rest.chars().next() {
        let end = end_of_digits(rest);
        let digits = rest[..end].bytes().filter(u8::is_ascii_digit).count();
        match digits {
            0 => shown.push(first),
            SHORTEST_CODE.. => shown.push_str(HIDDEN),
            _ => shown.push_str(&rest[..end]),
        }
        rest = &rest[end.max(first.len_utf8())..];
    }
    shown
}

/// How far digits go, with single blanks and hyphens between them.
fn end_of_digits(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let joins = |at: usize| bytes.get(at).is_some_and(|byte| b" -".contains(byte)) && digit(at + 1);
    let mut end = 0;
    while digit(end) || end > 0 && joins(end) {
        end += 1;
    }
    end
}

const HIDDEN: &str = "[hidden]";
const SHORTEST_CODE: usize = 6;

/// Words as a process is started with them.
pub(super) fn words<'a>(argv: impl IntoIterator<Item = &'a str>) -> Vec<OsString> {
    argv.into_iter().map(OsString::from).collect()
}
