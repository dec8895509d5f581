//! `credenza keys list`: what was put into the keyring. Asks neither the keyring nor AWS.

use clap::Args;
use serde::Serialize;
use tracing::level_filters::LevelFilter;

use super::{of_keys, store, users_of};
use crate::app::keys::KeyStore;
use crate::cli::table::table;
use crate::cli::{Context, Trouble, runtime, say};
use crate::config::{Config, Otp};

/// What `keys list` takes.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
}

/// Shows it.
pub(super) fn run(arguments: ListArgs, context: Context) -> Result<u8, Trouble> {
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
    let list = List::of(&store(&context, &config), &config)?;
    if arguments.json {
        say::out(&format!("{}\n", serde_json::to_string_pretty(&list).unwrap_or_default()));
        return Ok(0);
    }
    if list.keys.is_empty() && list.seeds.is_empty() {
        say::err("nothing was put into the keyring; try: credenza keys add NAME\n");
        return Ok(0);
    }
    let rows: Vec<[String; 5]> = list.keys.iter().chain(&list.seeds).map(Listed::row).collect();
    say::out(&table(["NAME", "KEY", "ADDED", "USED BY", ""], &rows));
    Ok(0)
}

const CANNOT: &str = "cannot list the keys";

/// The shape of `credenza keys list --json`, documented in `docs/json.md`: members are added, never renamed.
#[derive(Debug, Serialize)]
struct List {
    schema: u32,
    keys: Vec<Listed>,
    seeds: Vec<Listed>,
}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    /// The last four characters of the access key's id; null for a seed.
    ends: Option<String>,
    /// When it was put there: by hand, or by a rotation.
    added: String,
    used_by: Vec<String>,
    /// A rotation was cut off.
    unfinished: bool,
}

impl List {
    fn of(store: &KeyStore, config: &Config) -> Result<Self, Trouble> {
        let cannot = |error| of_keys(CANNOT, &error);
        let mut keys = Vec::new();
        for (name, entry) in store.keys().map_err(cannot)? {
            let used_by = users_of(&name, config).into_iter().map(str::to_owned).collect();
            let unfinished = store.journal(&name).map_err(cannot)?.is_some();
            keys.push(Listed { name, ends: Some(entry.ends), added: entry.added, used_by, unfinished });
        }
        let seeds = store.seeds().map_err(cannot)?.into_iter().map(|(name, entry)| {
            let used_by = users_of_seed(&name, config);
            Listed { name, ends: None, added: entry.added, used_by, unfinished: false }
        });
        Ok(Self { schema: 1, keys, seeds: seeds.collect() })
    }
}

/// The identities whose codes are made of a seed.
fn users_of_seed(seed: &str, config: &Config) -> Vec<String> {
    let rests = |identity: &&str| {
        let session = config.keys_below(identity).and_then(|below| below.session);
        let device = session.and_then(|session| session.device.as_ref());
        device.is_some_and(|device| matches!(&device.otp, Otp::Totp { name } if name == seed))
    };
    config.identities.keys().map(|identity| &**identity).filter(rests).map(str::to_owned).collect()
}

impl Listed {
    fn row(&self) -> [String; 5] {
        let key = self.ends.as_ref().map_or_else(|| "seed of codes".to_owned(), |ends| format!("...{ends}"));
        let users = if self.used_by.is_empty() { "-".to_owned() } else { self.used_by.join(", ") };
        let day = self.added.get(..10).unwrap_or(&self.added).to_owned();
        let note = if self.unfinished {
            format!("rotation unfinished: credenza keys rotate {}", self.name)
        } else {
            String::new()
        };
        [self.name.clone(), key, day, users, note]
    }
}
