//! 1Password's `op`, version 2: `op read` of a secret reference, or `op item get --otp` (1Password CLI reference, "read", "item
//! get").
//!
//! With a service account or a Connect server it needs nobody; else it asks by the desktop app, or at the terminal. It says no
//! more than zero or not by its exit code, so its states are told apart by its words (`source/op_words.rs`). Never `op whoami`: with the desktop app
//! it says that nobody is signed in while reading works.

use std::ffi::OsString;

use super::Asked;
use super::program::{Program, UNATTENDED, WITH_A_PERSON};
use super::trouble::{Trouble, again};
use crate::credential::Failure;
use crate::secret::Secret;
use crate::source::op_words::{Meaning, REFERENCE, is_unattended, meaning};
use crate::source::surroundings::surroundings;
use crate::world::World;
use crate::world::process::Seat;

pub(super) async fn code(
    asked: &Asked<'_>,
    item: &str,
    vault: Option<&str>,
    account: Option<&str>,
    world: &World,
) -> Result<Secret, Failure> {
    let unattended = is_unattended(&world.environment);
    let look = by_hand(item, vault, account);
    let program = Program {
        argv: arguments(item, vault, account).into_iter().map(OsString::from).collect(),
        environment: surroundings(&world.environment, "OP_"),
        input: None,
        time_limit: if unattended { UNATTENDED } else { WITH_A_PERSON },
        seat: if unattended { Seat::Background } else { Seat::Overheard },
        // the desktop app asks in a window
        without_terminal: true,
        name: "op".to_owned(),
        install: "install it (https://developer.1password.com/docs/cli/get-started)".to_owned(),
        mend: match unattended {
            true => format!("run `{look}` by hand"),
            false => format!("run `{}`, then `{look}`", sign_in(account)),
        },
    };
    program.code(asked, world, |said| explained(said, asked, (item, vault, account), unattended)).await
}

/// `op` and its arguments.
fn arguments(item: &str, vault: Option<&str>, account: Option<&str>) -> Vec<String> {
    let mut words = match item.strip_prefix(REFERENCE) {
        Some(path) => vec!["op".to_owned(), "read".to_owned(), completed(path), "--no-newline".to_owned()],
        None => {
            let mut words = ["op", "item", "get", item, "--otp"].map(str::to_owned).to_vec();
            words.extend(vault.into_iter().flat_map(|vault| ["--vault".to_owned(), vault.to_owned()]));
            words
        }
    };
    words.extend(account.into_iter().flat_map(|account| ["--account".to_owned(), account.to_owned()]));
    words
}

/// The reference of a code: `op://vault/item` means the item's one-time password, and of any field its code is meant, not its
/// seed (1Password CLI, "Secret reference syntax").
fn completed(path: &str) -> String {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let path = path.trim_end_matches('/');
    let field = if path.split('/').count() < 3 { "/one-time password" } else { "" };
    format!("{REFERENCE}{path}{field}?{}", query.unwrap_or("attribute=otp"))
}

/// What shows a person whether the item can be found, and no secret of it.
fn by_hand(item: &str, vault: Option<&str>, account: Option<&str>) -> String {
    let path = item.strip_prefix(REFERENCE).map(|path| path.split('?').next().unwrap_or(path));
    let (vault, item) = match path.and_then(|path| path.split_once('/')) {
        Some((vault, rest)) => (Some(vault), rest.split('/').next().unwrap_or(rest)),
        None => (vault, item),
    };
    let options = [("--vault", vault), ("--account", account)].into_iter();
    let options = options.filter_map(|(option, value)| Some([option, value?])).flatten();
    command(["op", "item", "get", item].into_iter().chain(options))
}

fn sign_in(account: Option<&str>) -> String {
    command(["op", "signin"].into_iter().chain(account.into_iter().flat_map(|account| ["--account", account])))
}

fn command<'a>(words: impl Iterator<Item = &'a str> + Clone) -> String {
    shlex::try_join(words.clone()).unwrap_or_else(|_| words.collect::<Vec<_>>().join(" "))
}

/// What its words mean, and what mends it.
fn explained(
    said: &str,
    asked: &Asked<'_>,
    (item, vault, account): (&str, Option<&str>, Option<&str>),
    unattended: bool,
) -> Option<(Trouble, String)> {
    let whole = item.strip_prefix(REFERENCE).map(completed);
    let names: Vec<&str> = whole.as_deref().into_iter().chain([item]).chain(vault).chain(account).collect();
    let (look, login, sign_in) = (by_hand(item, vault, account), again(asked), sign_in(account));
    let locked = |why: String| (Trouble::Locked, why);
    Some(match meaning(said, &names, unattended)? {
        Meaning::TooOften => (Trouble::Later, format!("1Password is asked too often; {login} a little later")),
        Meaning::Ambiguous => {
            let why = "op finds more than one item of that name; name it by its id, which `op item list` shows";
            (Trouble::ItemUnknown, why.to_owned())
        }
        Meaning::NotFound => {
            let why = format!("1Password shows op no such item; look with `{look}`, and correct `otp`");
            (Trouble::ItemUnknown, why)
        }
        Meaning::TokenRefused => {
            let why = "1Password does not take the token in OP_SERVICE_ACCOUNT_TOKEN or OP_CONNECT_TOKEN; \
                       set one that is good (`op service-account create` makes one), and start again";
            (Trouble::Refused, why.to_owned())
        }
        Meaning::NoAccount => {
            let why = "op knows no account; turn on its integration in the 1Password app (Settings, Developer), \
                       or run `op account add`";
            locked(why.to_owned())
        }
        Meaning::NotApproved => {
            locked(format!("1Password asked for your approval and was not given it; {login} and approve it"))
        }
        Meaning::AppClosed => {
            locked(format!("op does not reach the 1Password app; open it and unlock it, then {login}"))
        }
        Meaning::SessionOver => locked(format!("the session of op has expired; run `{sign_in}`")),
        Meaning::SignedOut => locked(format!("1Password is locked, or nobody is signed in; run `{sign_in}`")),
        Meaning::NoCodes => {
            let why = format!("the item in 1Password has no one-time password; add one there, and look with `{look}`");
            (Trouble::ItemUnknown, why)
        }
    })
}

#[cfg(test)]
#[path = "op_tests.rs"]
mod tests;
