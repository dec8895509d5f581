//! `credenza keys remove`: keys, or a seed, out of the keyring. AWS keeps the key: only `rotate` deletes there.

use clap::Args;

use super::{confirmed, is_there, kept, name_of, of_keys, quoted, store, unknown, users_of};
use crate::cli::{Context, Trouble, runtime, say};
use crate::config::Config;

/// What `keys remove` takes.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// What they are called, or an identity whose `keys` say it
    #[arg(value_name = "NAME or IDENTITY")]
    pub name: String,
    /// The seed of one-time codes of this name instead
    #[arg(long)]
    pub totp: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

/// Removes.
pub(super) fn run(arguments: RemoveArgs, context: Context) -> Result<u8, Trouble> {
    runtime::begin(&context)?;
    runtime::wait_for_a_person(CANNOT, async {
        let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &error.into()))?;
        let RemoveArgs { name, totp, yes } = arguments;
        let name = if totp { name } else { name_of(&name, &config, CANNOT)? };
        let users = if totp { Vec::new() } else { users_of(&name, &config) };
        let used =
            if users.is_empty() { String::new() } else { format!(" {} cannot be had without.", users.join(", ")) };
        let what = if totp { "seed" } else { "keys" };
        let totp_option = if totp { " --totp" } else { "" };
        let again = format!("credenza keys remove{totp_option}");
        let command = format!("{again} {}", quoted(&name));
        let store = store(&context, &config);
        let noted = if totp { store.seeds() } else { store.keys() }.map_err(|error| of_keys(CANNOT, &error))?;
        let entry = if totp { kept::seed_entry(&name) } else { kept::entry(&name) };
        if !noted.iter().any(|(noted, _)| *noted == name) && !is_there(&context, &entry, CANNOT).await? {
            return Err(unknown(CANNOT, what, &name, &noted, &again));
        }
        if !confirmed(&format!("Remove the {what} {name} from the keyring?{used}"), yes, CANNOT, &command).await? {
            return Ok(1);
        }
        let removed = if totp { store.remove_seed(&name).await } else { store.remove(&name).await };
        match removed.map_err(|error| of_keys(CANNOT, &error))? {
            true if totp => say::err(&format!("credenza: the seed {name} is gone from the keyring\n")),
            true => say::err(&format!(
                "credenza: the keys {name} are gone from the keyring; in IAM they are there as before\n"
            )),
            false => {
                return Err(unknown(CANNOT, what, &name, &noted, &again));
            }
        }
        Ok(0)
    })
}

const CANNOT: &str = "cannot remove the keys";
