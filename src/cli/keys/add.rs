//! `credenza keys add`: keys into the keyring, from a person, a program, or `~/.aws/credentials`.

mod afterwards;
mod take_over_profile;

use std::io::Read as _;
use std::sync::Arc;

use clap::Args;
use zeroize::Zeroizing;

use super::{agreed, ca_bundle, may_be_asked, name_of, of_keys, quoted, store, users_of};
use crate::app::keys::{KeyStore, KeysError, check_seed, end_of, owner, typed};
use crate::cli::{Context, Trouble, runtime, say};
use crate::config::{Config, StsEndpoint, keys_line};
use crate::credential::{AwsKeys, FailureClass};
use crate::secret::Secret;
use crate::world::Person as _;
use crate::world::person::Terminal;

/// What `keys add` takes.
#[derive(Debug, Args)]
pub struct AddArgs {
    /// What the keys are to be called, or an identity whose `keys` say it
    #[arg(value_name = "NAME or IDENTITY")]
    pub name: String,
    /// Take the keys of this profile out of ~/.aws/credentials
    #[arg(long, value_name = "PROFILE", conflicts_with = "totp")]
    pub from_profile: Option<String>,
    /// A seed of one-time codes instead, base32 or otpauth://: whoever opens the keyring has both factors then
    #[arg(long)]
    pub totp: bool,
    /// Replace what is there
    #[arg(long)]
    pub replace: bool,
}

/// Adds.
pub(super) fn run(arguments: AddArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for_a_person(CANNOT, async {
        let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
        let name = name_of(&arguments.name, &config, CANNOT)?;
        let adding = Adding {
            name: &name,
            arguments: &arguments,
            store: store(&context, &config),
            context: &context,
            config: &config,
        };
        match (&arguments.from_profile, arguments.totp) {
            (_, true) => adding.seed().await,
            (Some(profile), false) => adding.take_over_profile(profile).await,
            (None, false) => adding.typed().await,
        }
    })
}

const CANNOT: &str = "cannot add the keys";

struct Adding<'a> {
    name: &'a str,
    arguments: &'a AddArgs,
    store: KeyStore,
    context: &'a Context,
    config: &'a Config,
}

impl Adding<'_> {
    async fn typed(&self) -> Result<u8, Trouble> {
        if !self.may_replace().await? {
            return Ok(1);
        }
        let name = self.name;
        let keys = match may_be_asked() {
            true => {
                let id = self.ask(&format!("Access key id of {name} (is not shown): ")).await?;
                let secret = self.ask("Secret access key (is not shown): ").await?;
                typed::of_pair((id.expose().trim().to_owned(), Secret::new(secret.expose().trim())))
            }
            false => typed::read(&piped().await?),
        };
        let keys = keys.map_err(|why| Trouble::usage(CANNOT, why))?;
        let whose = self.whose(&keys).await?;
        self.store.add(name, &keys).await.map_err(|error| of_keys(CANNOT, &error))?;
        self.told(&keys, whose.as_deref());
        if users_of(name, self.config).is_empty() {
            self.told_to_write(name);
        }
        Ok(0)
    }

    async fn seed(&self) -> Result<u8, Trouble> {
        let there = self.store.seeds().map_err(|error| of_keys(CANNOT, &error))?;
        if there.iter().any(|(name, _)| name == self.name) && !self.agrees_to_replace().await? {
            return Ok(1);
        }
        say::err(
            "credenza: with the seed in the keyring, the keys and the codes are in one place: whoever opens it has both\n",
        );
        let given = match may_be_asked() {
            true => self.ask(&format!("Seed of {} (is not shown): ", self.name)).await?,
            false => piped().await?,
        };
        let given = Secret::new(given.expose().trim());
        check_seed(&given).map_err(|why| Trouble::usage(CANNOT, format!("the seed {why}")))?;
        self.store.add_seed(self.name, given).await.map_err(|error| of_keys(CANNOT, &error))?;
        say::err(&format!(
            "credenza: the seed {} is in the keyring; codes come from it with: otp = {{ preset = \"totp\", name = \"{}\" }}\n",
            self.name, self.name
        ));
        Ok(0)
    }

    /// Whether what is there may go.
    async fn may_replace(&self) -> Result<bool, Trouble> {
        match self.store.read(self.name).await {
            Ok(None) => Ok(true),
            Ok(Some(_)) | Err(KeysError::Garbled(_)) => self.agrees_to_replace().await,
            Err(error) => Err(of_keys(CANNOT, &error)),
        }
    }

    async fn agrees_to_replace(&self) -> Result<bool, Trouble> {
        let name = self.name;
        if self.arguments.replace {
            return Ok(true);
        }
        if !may_be_asked() {
            let command = format!("credenza keys add {} --replace", quoted(name));
            return Err(Trouble::failed(CANNOT, format!("the keyring has {name} already")).mend(command));
        }
        let replace = agreed(&format!("The keyring has {name} already. Replace it?")).await;
        if !replace {
            say::err("credenza: nothing was changed\n");
        }
        Ok(replace)
    }

    async fn ask(&self, question: &str) -> Result<Secret, Trouble> {
        let person = Terminal::new(Arc::clone(&self.context.outer));
        let given = person.ask_code(question).await.filter(|given| !given.is_empty());
        given.ok_or_else(|| Trouble::failed(CANNOT, "nothing was typed, or too much"))
    }

    /// Whose keys they are; `None` where AWS cannot be asked now. Keys that AWS does not take are not kept.
    async fn whose(&self, keys: &AwsKeys) -> Result<Option<String>, Trouble> {
        let below = self.config.keys_below(&self.arguments.name);
        let sts = match below {
            Some(below) => below.sts.clone(),
            None => {
                let sts = StsEndpoint::of_environment(&self.context.world.environment);
                sts.map_err(|why| Trouble::configuration(CANNOT, why))?
            }
        };
        let bundle = below.map_or_else(|| ca_bundle(self.context), |below| below.identity.ca_bundle.clone());
        match owner(keys, self.name, &sts, bundle, &self.context.world).await {
            Ok(owner) => Ok(Some(owner.arn)),
            Err(failure) if failure.class == FailureClass::TryLater => {
                say::err(&format!("credenza: not verified: {}\n", failure.private));
                Ok(None)
            }
            Err(failure) => Err(Trouble::of_failure(CANNOT, &failure)),
        }
    }

    /// What was done.
    fn told(&self, keys: &AwsKeys, whose: Option<&str>) {
        let of = whose.map(|arn| format!(" of {arn}")).unwrap_or_default();
        let ends = end_of(&keys.access_key_id);
        say::err(&format!("credenza: the key ...{ends}{of} is in the keyring, as {}\n", self.name));
    }

    /// What to write, so that an identity has them.
    fn told_to_write(&self, identity: &str) {
        let file = self.config.places.config.display();
        let lines = keys_line::lines(identity, self.name);
        let lines: String = lines.lines().map(|line| format!("    {line}\n")).collect();
        say::err(&format!("  write into {file}:\n{lines}"));
    }
}

/// What stands on the standard input: as much as keys may have. May be dropped, as whoever is told to end does.
async fn piped() -> Result<Secret, Trouble> {
    let read = tokio::task::spawn_blocking(read_input).await;
    read.unwrap_or_else(|error| Err(Trouble::failed(CANNOT, error.to_string())))
}

fn read_input() -> Result<Secret, Trouble> {
    // whole from the start: a vector that grows would leave copies behind
    let mut bytes = Zeroizing::new(Vec::with_capacity(MOST_BYTES + 1));
    let read = std::io::stdin().lock().take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.map_err(|error| Trouble::failed(CANNOT, format!("standard input cannot be read: {error}")))?;
    let text = std::str::from_utf8(&bytes).ok().filter(|text| text.len() <= MOST_BYTES);
    text.map(Secret::new).ok_or_else(|| Trouble::usage(CANNOT, "standard input holds too much, or no text"))
}

const MOST_BYTES: usize = 16 << 10;
