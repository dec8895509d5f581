//! Long-term keys that are meant by reference: read where they lie when they are needed, and never written by us. Only the
//! keyring's entries are ours, and only a command that a person started writes them ([`kept`]).
//!
//! Called by [`super::aws_origin`], and by the commands that fetch keys in the process that a person started.

pub mod kept;
mod op;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use super::aws_origin::endless;
use super::{aws_process, op_words, said, shape};
use crate::config::shared::SharedFiles;
use crate::config::{KeysReference, asked};
use crate::credential::{AwsKeys, Failure, FailureClass, Issued};
use crate::secret::Secret;
use crate::world::keyring::KeyringError;
use crate::world::process::{Ran, Run, RunError, Seat};
use crate::world::{Environment, World};

/// The keys that a reference leads to: long-term ones, so without an end. `identity`: whose `keys` in our own TOML say it, such
/// as `base`.
///
/// # Errors
///
/// Of class `Refused` where something that is written must be corrected; `NeedsPerson` where whoever keeps the keys does not
/// give them before a person has done something; `TryLater` where it may work in a moment. Each names what mends it.
pub async fn keys(identity: &str, reference: &KeysReference, world: &World) -> Result<Issued, Failure> {
    let at = At { identity: identity.to_owned(), label: reference.label() };
    let keys = match reference {
        KeysReference::OnePassword { reference: item, account } => {
            let unattended = !needs_person(reference, &world.environment);
            op::keys(&at, item, account.as_deref(), unattended, world).await?
        }
        KeysReference::Keyring(name) => in_keyring(&at, name, world).await?,
        KeysReference::Environment(prefix) => in_environment(&at, prefix, &world.environment)?,
        KeysReference::File { path, profile } => in_file(&at, path, profile, world)?,
        KeysReference::Command { argv, unattended } => {
            let issued = of_command(&at, argv, *unattended, world).await?;
            return Ok(issued);
        }
    };
    at.check(&keys)?;
    Ok(endless(keys, None))
}

/// Whether a person may be asked for something when these keys are read: then only a command that the person started may
/// read them. A service account of 1Password needs nobody, nor does Connect; of a command its owner says it.
pub fn needs_person(reference: &KeysReference, environment: &Environment) -> bool {
    match reference {
        KeysReference::OnePassword { .. } => !op_words::is_unattended(environment),
        KeysReference::Command { unattended, .. } => !unattended,
        KeysReference::Keyring(_) | KeysReference::Environment(_) | KeysReference::File { .. } => false,
    }
}

/// A reference as it is written, and where: what every sentence about its keys begins with.
struct At {
    identity: String,
    label: String,
}

impl At {
    /// What is written must be corrected.
    fn unusable(&self, why: &str) -> Failure {
        self.failure(FailureClass::Refused, "KeysUnusable", why)
    }

    /// A person must do something first.
    fn withheld(&self, why: &str) -> Failure {
        self.failure(FailureClass::NeedsPerson, "KeysWithheld", why)
    }

    fn failure(&self, class: FailureClass, code: &'static str, why: &str) -> Failure {
        Failure::new(
            class,
            code,
            format!("the keys at {} (`keys` of [identity.{}]) cannot be used: {why}", self.label, self.identity),
        )
    }

    fn check(&self, keys: &AwsKeys) -> Result<(), Failure> {
        shape::check(keys).map_err(|why| self.unusable(&format!("{why}; correct them there")))?;
        match keys.session_token {
            Some(_) => Err(self.unusable(TEMPORARY)),
            None => Ok(()),
        }
    }
}

const TEMPORARY: &str = "they are temporary, and a reference is for an IAM user's long-term keys; write credential_process into the profile \
     for temporary ones";

/// `keyring:NAME`
async fn in_keyring(at: &At, name: &str, world: &World) -> Result<AwsKeys, Failure> {
    let found = world.keyring.read(&kept::entry(name)).await.map_err(|error| {
        let code = match error {
            KeyringError::Missing(_) => "KeyringMissing",
            KeyringError::Failed(_) => "KeyringFailed",
        };
        let failure = at.failure(FailureClass::NeedsPerson, code, "the keyring does not give them; unlock it");
        let private = format!("{} ({error})", failure.public);
        failure.because(private)
    })?;
    let add = format!("run `credenza keys add {name}`");
    let found = found.ok_or_else(|| at.withheld(&format!("the keyring has no such entry; {add}")))?;
    kept::read(&found).ok_or_else(|| at.unusable(&format!("its entry was not written by us; {add}")))
}

/// `env:PREFIX`
fn in_environment(at: &At, prefix: &str, environment: &Environment) -> Result<AwsKeys, Failure> {
    let [id, secret] = ["ACCESS_KEY_ID", "SECRET_ACCESS_KEY"].map(|half| format!("{prefix}_{half}"));
    let text = |name: &String| environment.text(name).ok_or_else(|| at.unusable(&not_set(&[name])));
    match (environment.text(&id), environment.text(&secret)) {
        (None, None) => Err(at.unusable(&not_set(&[&id, &secret]))),
        _ => Ok(AwsKeys {
            access_key_id: text(&id)?.to_owned(),
            secret_access_key: Secret::new(text(&secret)?),
            session_token: None,
        }),
    }
}

/// Whoever sets variables for us may only warn when it cannot, and start us all the same: so does `fnox exec`.
fn not_set(names: &[&str]) -> String {
    let (what, are) = (names.join(" and "), if names.len() == 1 { "is" } else { "are" });
    format!("{what} {are} not set; start Credenza where they are, and see what the program that sets them warned of")
}

/// `file:PATH#PROFILE`
fn in_file(at: &At, path: &Path, profile: &str, world: &World) -> Result<AwsKeys, Failure> {
    let bytes = world.files.read(path).map(Zeroizing::new).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => at.unusable("the file is not there; write it, or correct the path"),
        _ => {
            let failure = at.unusable("the file cannot be read; see to its owner and its mode");
            let private = format!("{} ({error})", failure.public);
            failure.because(private)
        }
    })?;
    let path: Arc<Path> = path.into();
    let read = SharedFiles::parse(&path, b"", &path, &bytes);
    let section = read.profiles.get(profile).ok_or_else(|| at.unusable(&format!("it has no section [{profile}]")))?;
    let value = |key: &str| {
        section.value(key).ok_or_else(|| at.unusable(&format!("section [{profile}] has no {key}; write it there")))
    };
    let token = ["aws_session_token", "aws_security_token"].iter().find_map(|key| section.value(key));
    Ok(AwsKeys {
        access_key_id: value("aws_access_key_id")?.text().to_owned(),
        secret_access_key: value("aws_secret_access_key")?.secret(),
        session_token: token.map(|token| token.secret()),
    })
}

/// `{ command = [...] }`: prints what a `credential_process` prints, but keys without an end.
async fn of_command(at: &At, argv: &[String], unattended: bool, world: &World) -> Result<Issued, Failure> {
    if asked::by(&world.environment, &at.label) {
        return Err(at.failure(
            FailureClass::Refused,
            "ProcessAsksItself",
            "it asks Credenza for them; have it get them from elsewhere",
        ));
    }
    let failed = |why: &str| at.failure(FailureClass::NeedsPerson, "ProcessFailed", why);
    let wanted = Run {
        argv: argv.iter().map(OsString::from).collect(),
        environment: asked::told(&world.environment, &at.label),
        input: None,
        time_limit: if unattended { UNATTENDED } else { WITH_A_PERSON },
        output_limit: OUTPUT_LIMIT,
        seat: seat(unattended),
    };
    let with = |failure: Failure, error: &RunError| {
        let private = format!("{} ({error})", failure.public);
        failure.because(private)
    };
    let ran = run(wanted, world).await.map_err(|error| match &error {
        RunError::Start { .. } => with(failed("it could not be started; install it, or correct its path"), &error),
        RunError::NoRoom { .. } => {
            let why = "it could not be started now; it is run again soon";
            with(at.failure(FailureClass::TryLater, "ProcessFailed", why), &error)
        }
        RunError::NoTerminal { .. } | RunError::Interrupted { .. } => {
            with(failed("it was ended at the terminal; run it by hand"), &error)
        }
        RunError::TimedOut { stderr, .. } | RunError::TooMuch { stderr, .. } => {
            let failure = failed("it took too long or printed too much, and was ended; run it by hand");
            let private = format!("{} ({error}; {})", failure.public, said::by_a_program(stderr, &[]));
            failure.because(private)
        }
    })?;
    let saying = |failure: Failure| {
        let private = format!("{} ({})", failure.public, said::by_a_program(&ran.stderr, &ran.stdout));
        failure.because(private)
    };
    if ran.code != Some(0) {
        let how = ran.code.map_or_else(|| "was ended by a signal".to_owned(), |code| format!("ended with code {code}"));
        return Err(saying(failed(&format!("it {how}; run it by hand, and correct what it says"))));
    }
    let issued = aws_process::read(&ran.stdout, world.clock.now().wall).map_err(|why| {
        saying(failed(&format!("it printed no usable credentials: {why}; run it by hand, and correct what it says")))
    })?;
    at.check(&issued.keys)?;
    if issued.expiration.is_some() {
        return Err(at.unusable(TEMPORARY));
    }
    Ok(issued)
}

/// Where a program runs: at the terminal, where a person may be asked. 1Password's app approves a terminal once, and each process
/// without one anew (1Password Developer, "App integration security").
fn seat(unattended: bool) -> Seat {
    if unattended { Seat::Background } else { Seat::Overheard }
}

/// Runs a program; in the background where there is no terminal: its person may have a window to answer it.
async fn run(run: Run, world: &World) -> Result<Ran, RunError> {
    match world.processes.run(run.clone()).await {
        Err(RunError::NoTerminal { .. }) => world.processes.run(Run { seat: Seat::Background, ..run }).await,
        ran => ran,
    }
}

/// How long a program may take that needs nobody.
const UNATTENDED: Duration = Duration::from_secs(15);

/// The same where a person must touch something or type.
const WITH_A_PERSON: Duration = Duration::from_secs(90);

/// How much it may print: an item of 1Password with notes and attachments' names, too.
const OUTPUT_LIMIT: usize = 256 << 10;
