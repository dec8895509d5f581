//! The Secret Service (specifications.freedesktop.org, "Secret Service API"), by way of libsecret's `secret-tool`.
//!
//! By that program and not by a library: with the crates `zbus-secret-service-keyring-store` and `keyring-core` a release of
//! ours would be 2.8 MB larger, and have a second runtime in it (`async-io`), for what few people use a few times a day. Secrets
//! go through its standard input and output, never through its arguments.
//!
//! `secret-tool store` reads 8192 bytes, cuts off the rest and ends with success (libsecret, `tool/secret-tool.c`,
//! `read_password_stdin`), and a sign-in may have more. So a secret lies there in parts, each an entry of its own, and each
//! begins with how many there are and what is written with them: parts of two writings are not taken for one secret.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use super::{Keyring, KeyringError};
use crate::secret::Secret;
use crate::world::environment::OF_THE_DESKTOP;
use crate::world::process::{Ran, Run, RunError, Seat};
use crate::world::{BoxFuture, Environment, Processes};

/// The Secret Service of who is logged in.
#[derive(Clone)]
pub(super) struct SecretTool {
    processes: Arc<dyn Processes>,
    environment: Environment,
}

impl SecretTool {
    pub(super) fn new(processes: Arc<dyn Processes>, environment: &Environment) -> Self {
        let passed = OF_THE_DESKTOP.iter().filter_map(|name| Some((*name, environment.raw(name)?)));
        // LC_ALL: its words are read
        Self { processes, environment: Environment::from_iter(passed).with("LC_ALL", "C.UTF-8") }
    }

    async fn read_parts(self, name: String) -> Result<Option<Secret>, KeyringError> {
        for _ in 0..TRIES {
            let Some(first) = self.look_up(&name, 0).await? else { return Ok(None) };
            let Some((head, _)) = split(&first) else { return Err(strange(&name)) };
            let Some(count) = head.split_once(' ').and_then(|(count, _)| count.parse::<usize>().ok()) else {
                return Err(strange(&name));
            };
            let mut parts = vec![first.clone()];
            for part in 1..count.min(MOST_PARTS) {
                parts.extend(self.look_up(&name, part).await?);
            }
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| split(part))
                .filter(|(of, _)| *of == head)
                .map(|(_, text)| text)
                .collect();
            if texts.len() == count {
                let whole = Secret::written(|out| texts.iter().try_for_each(|text| out.write_all(text.as_bytes())));
                return whole.map(Some).map_err(|_| strange(&name));
            }
            // somebody of ours writes
            tokio::time::sleep(TRY_EVERY).await;
        }
        Err(strange(&name))
    }

    async fn write_parts(self, name: String, label: String, secret: Secret) -> Result<(), KeyringError> {
        let parts = parts(secret.expose());
        if parts.len() > MOST_PARTS {
            return Err(KeyringError::Failed("the sign-in is too long for it".to_owned()));
        }
        let head = format!("{} {}", parts.len(), &secret.digest().to_hex()[..16]);
        for (part, text) in parts.iter().enumerate() {
            let input = Secret::written(|out| write!(out, "{head}\n{text}"));
            let input = input.map_err(|_| KeyringError::Failed("there is no memory left".to_owned()))?;
            let arguments = ["store".to_owned(), format!("--label={label}")];
            let part = part.to_string();
            let ran = self.run(arguments.into_iter().chain(attributes(&name, Some(&part))), Some(input)).await?;
            if ran.code != Some(0) || !ran.stderr.is_empty() {
                return Err(said(&ran.stderr));
            }
        }
        Ok(())
    }

    /// False where there was none: `secret-tool clear` does not tell.
    async fn clear(self, name: String) -> Result<bool, KeyringError> {
        let was_there = self.look_up(&name, 0).await?.is_some();
        let ran = self.run(["clear".to_owned()].into_iter().chain(attributes(&name, None)), None).await?;
        match ran.code == Some(0) || ran.stderr.is_empty() {
            true => Ok(was_there),
            false => Err(said(&ran.stderr)),
        }
    }

    async fn look_up(&self, name: &str, part: usize) -> Result<Option<Secret>, KeyringError> {
        let part = part.to_string();
        let ran = self.run(["lookup".to_owned()].into_iter().chain(attributes(name, Some(&part))), None).await?;
        if ran.code == Some(0) {
            let text = std::str::from_utf8(&ran.stdout).map_err(|_| strange(name))?;
            return Ok(Some(Secret::new(text)));
        }
        // it says nothing when it finds nothing, and ends with 1
        if ran.stderr.is_empty() { Ok(None) } else { Err(said(&ran.stderr)) }
    }

    async fn run(&self, arguments: impl Iterator<Item = String>, input: Option<Secret>) -> Result<Ran, KeyringError> {
        let run = Run {
            argv: [PROGRAM.to_owned()].into_iter().chain(arguments).map(OsString::from).collect(),
            environment: self.environment.clone(),
            input,
            time_limit: TIME_LIMIT,
            output_limit: 64 << 10,
            seat: Seat::Background,
        };
        self.processes.run(run).await.map_err(|error| match error {
            RunError::Start { .. } => KeyringError::Missing(format!(
                "{error}; install it (Debian: libsecret-tools, Fedora: libsecret, Arch: libsecret) and a keyring such as GNOME's"
            )),
            other => KeyringError::Failed(other.to_string()),
        })
    }
}

impl Keyring for SecretTool {
    fn read(&self, name: &str) -> BoxFuture<'static, Result<Option<Secret>, KeyringError>> {
        Box::pin(self.clone().read_parts(name.to_owned()))
    }

    fn write(&self, name: &str, label: &str, secret: Secret) -> BoxFuture<'static, Result<(), KeyringError>> {
        Box::pin(self.clone().write_parts(name.to_owned(), label.to_owned(), secret))
    }

    fn remove(&self, name: &str) -> BoxFuture<'static, Result<bool, KeyringError>> {
        Box::pin(self.clone().clear(name.to_owned()))
    }
}

const PROGRAM: &str = "secret-tool";

/// A locked keyring asks its person for a password meanwhile.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How many bytes of a secret go into one part, below the 8192 that are read.
const PART: usize = 6 << 10;

const MOST_PARTS: usize = 32;

/// How often, and after how long, parts are looked at again that do not belong together.
const TRIES: usize = 5;
const TRY_EVERY: Duration = Duration::from_millis(100);

fn attributes(name: &str, part: Option<&str>) -> impl Iterator<Item = String> {
    let part = part.map(|part| ["part".to_owned(), part.to_owned()]);
    ["service", "credenza", "name", name].map(str::to_owned).into_iter().chain(part.into_iter().flatten())
}

/// The text in pieces of at most [`PART`] bytes, one at least.
fn parts(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > PART {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// What stands at the beginning of a part, such as `2 0f3a11c2d4e5f607`, and the rest.
fn split(part: &Secret) -> Option<(&str, &str)> {
    part.expose().split_once('\n')
}

fn strange(name: &str) -> KeyringError {
    KeyringError::Failed(format!("its entry {name} was not written whole by us: sign in again"))
}

/// What it said, as one line.
fn said(stderr: &[u8]) -> KeyringError {
    let text = String::from_utf8_lossy(stderr);
    let plain: String =
        text.trim().chars().map(|letter| if letter.is_control() { ' ' } else { letter }).take(200).collect();
    let no_service = ["org.freedesktop.secrets", "D-Bus", "Could not connect", "DBus"];
    if no_service.iter().any(|words| plain.contains(words)) {
        return KeyringError::Missing(format!("{plain}; start one, such as GNOME's, in your session"));
    }
    KeyringError::Failed(if plain.is_empty() { format!("{PROGRAM} ended without a word") } else { plain })
}

#[cfg(test)]
#[path = "secret_tool_tests.rs"]
mod tests;
