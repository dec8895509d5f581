//! `credenza keys`: long-term keys in the keyring of the system: put there, listed, removed and rotated; and found where they
//! should not lie.
//!
//! What a rotation does, and in which order, is decided in `app/keys`. Here a person is asked and told.

mod add;
mod list;
mod remove;
mod rotate;
mod scan;

use std::io::{BufRead as _, IsTerminal as _};
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Context, Exit, Trouble, say};
use crate::app::keys::{Entry, KeyStore, KeysError, kept};
use crate::config::toml::nearest;
use crate::config::{Config, KeysOrigin, KeysReference};
use crate::world::keyring::KeyringError;

/// What `keys` takes.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What is done.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub enum KeysCommand {
    /// Put long-term keys into the keyring: typed, from standard input, or out of ~/.aws/credentials
    Add(add::AddArgs),
    /// Show what was put there, and who uses it
    List(list::ListArgs),
    /// Remove it
    Remove(remove::RemoveArgs),
    /// Have a new access key made, prove it, put it in the old one's place, and delete that
    Rotate(rotate::RotateArgs),
    /// Find long-term keys that lie in clear text, in ~/.aws, .env files and shell start-up files
    Scan(scan::ScanArgs),
}

/// Does it.
pub fn run(arguments: KeysArgs, context: Context) -> Result<u8, Trouble> {
    match arguments.command {
        KeysCommand::Add(arguments) => add::run(arguments, context),
        KeysCommand::List(arguments) => list::run(arguments, context),
        KeysCommand::Remove(arguments) => remove::run(arguments, context),
        KeysCommand::Rotate(arguments) => rotate::run(arguments, context),
        KeysCommand::Scan(arguments) => scan::run(arguments, context),
    }
}

/// The name of keys in the keyring that a person means: that of the identity's, else the word itself.
fn name_of(word: &str, config: &Config, what: &str) -> Result<String, Trouble> {
    if let Some(name) = config.keys_below(word).and_then(|below| name_in_keyring(below.origin)) {
        return Ok(name.to_owned());
    }
    match kept::check_name(word) {
        Ok(()) => Ok(word.to_owned()),
        Err(why) => Err(Trouble::usage(what, format!("`{word}`: {why}"))),
    }
}

/// What keys are called, where they lie in the keyring.
fn name_in_keyring(origin: &KeysOrigin) -> Option<&str> {
    match origin {
        KeysOrigin::Reference { reference: KeysReference::Keyring(name), .. } => Some(name),
        _ => None,
    }
}

/// The identities that rest on keys of this name.
fn users_of<'a>(name: &str, config: &'a Config) -> Vec<&'a str> {
    let rests = |identity: &&str| {
        config.keys_below(identity).and_then(|below| name_in_keyring(below.origin)).is_some_and(|it| it == name)
    };
    config.identities.keys().map(|identity| &**identity).filter(rests).collect()
}

/// Whether the keyring has such an entry.
async fn is_there(context: &Context, entry: &str, what: &str) -> Result<bool, Trouble> {
    let found = context.world.keyring.read(entry).await;
    Ok(found.map_err(|error| of_keys(what, &error.into()))?.is_some())
}

/// Nothing in the keyring is called so: said before anything is asked. `noted`: what is; `again`: the command without its name.
fn unknown(what: &str, kind: &str, name: &str, noted: &[(String, Entry)], again: &str) -> Trouble {
    let trouble = Trouble::failed(what, format!("the keyring has no {kind} called {name}"));
    match nearest(name, noted.iter().map(|(noted, _)| noted.as_str()).filter(|noted| *noted != name)) {
        Some(nearest) => trouble.mend(format!("{again} {}", quoted(nearest))),
        None => trouble.mend("credenza keys list"),
    }
}

fn store(context: &Context, config: &Config) -> KeyStore {
    KeyStore::new(&context.world, &config.places)
}

/// The CA bundle where no identity names one.
fn ca_bundle(context: &Context) -> Option<PathBuf> {
    context.world.environment.text("AWS_CA_BUNDLE").map(PathBuf::from)
}

/// Why keys were not kept or found, and what mends it.
fn of_keys(what: &str, error: &KeysError) -> Trouble {
    let why = error.to_string();
    match error {
        KeysError::Keyring(KeyringError::Missing(_) | KeyringError::Failed(_)) => Trouble::new(Exit::Person, what, why),
        KeysError::Garbled(_) | KeysError::Differs(_) | KeysError::Busy(_) => Trouble::failed(what, why),
        KeysError::File { .. } => Trouble::configuration(what, why),
        KeysError::Unfinished(name) => {
            Trouble::failed(what, why).mend(format!("credenza keys rotate {}", quoted(name)))
        }
    }
}

/// Whether there is somebody who reads a question and can answer it.
fn may_be_asked() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks; whoever goes away says no. May be dropped: nobody reads for us then but a thread that we leave behind.
async fn agreed(question: &str) -> bool {
    say::err(&format!("{question} [y/N] "));
    let read = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    matches!(read.await, Ok(Ok(answer)) if matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Asks where somebody can be asked; `yes` was said on the command line. False: they said no, and it was told.
async fn confirmed(question: &str, yes: bool, what: &str, command: &str) -> Result<bool, Trouble> {
    if yes {
        return Ok(true);
    }
    if !may_be_asked() {
        let why = "nobody can be asked here, and it is not taken back";
        return Err(Trouble::usage(what, why).mend(format!("{command} --yes")));
    }
    if agreed(question).await {
        return Ok(true);
    }
    say::err("credenza: nothing was changed\n");
    Ok(false)
}

fn quoted(word: &str) -> String {
    shlex::try_quote(word).map_or_else(|_| word.to_owned(), Into::into)
}
