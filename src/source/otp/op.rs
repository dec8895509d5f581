//! 1Password's `op`, version 2: `op read` of a secret reference, or `op item get --otp` (1Password CLI reference, "read", "item
//! get").
//!
//! With a service account or a Connect server it needs nobody; else it asks by the desktop app, or at the terminal. It says no
//! more than zero or not by its exit code, so its states are told apart by its words. Never `op whoami`: with the desktop app
//! it says that nobody is signed in while reading works.

use std::ffi::OsString;

use super::Asked;
use super::program::{Program, UNATTENDED, WITH_A_PERSON, surroundings};
use super::trouble::{Trouble, again};
use crate::credential::Failure;
use crate::secret::Secret;
use crate::world::process::Seat;
use crate::world::{Environment, World};

/// Whether it needs no person: what it takes before the desktop app (1Password Developer, "Use service accounts with
/// 1Password CLI").
pub(super) fn is_unattended(environment: &Environment) -> bool {
    let is_set = |name: &str| environment.text(name).is_some();
    is_set("OP_SERVICE_ACCOUNT_TOKEN") || is_set("OP_CONNECT_HOST") && is_set("OP_CONNECT_TOKEN")
}

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

const REFERENCE: &str = "op://";

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

/// What its words mean; nobody documents them. The order tells: "could not get item" also begins what is said of a session.
fn explained(
    said: &str,
    asked: &Asked<'_>,
    (item, vault, account): (&str, Option<&str>, Option<&str>),
    unattended: bool,
) -> Option<(Trouble, String)> {
    let words = without_names(said, [Some(item), vault, account]);
    let says = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    let (look, login, sign_in) = (by_hand(item, vault, account), again(asked), sign_in(account));
    let found = if says(&["too many requests", "rate limit"]) {
        (Trouble::Later, format!("1Password is asked too often; {login} a little later"))
    } else if says(&["more than one item"]) {
        let why = "op finds more than one item of that name; name it by its id, which `op item list` shows";
        (Trouble::ItemUnknown, why.to_owned())
    } else if says(&["isn't an item", "isn't a vault"]) {
        (Trouble::ItemUnknown, format!("1Password shows op no such item; look with `{look}`, and correct `otp`"))
    } else if unattended && says(&REFUSES_TOKEN) {
        let why = "1Password does not take the token in OP_SERVICE_ACCOUNT_TOKEN or OP_CONNECT_TOKEN; \
                   set one that is good (`op service-account create` makes one), and start again";
        (Trouble::Refused, why.to_owned())
    } else if says(&["no accounts configured", "no account configured", "no accounts are configured"]) {
        let why = "op knows no account; turn on its integration in the 1Password app (Settings, Developer), \
                   or run `op account add`";
        (Trouble::Locked, why.to_owned())
    } else if says(&["prompt dismissed", "authorization timeout", "authorization was denied", "authorization denied"]) {
        (Trouble::Locked, format!("1Password asked for your approval and was not given it; {login} and approve it"))
    } else if says(&["desktop app", "1password app"]) {
        (Trouble::Locked, format!("op does not reach the 1Password app; open it and unlock it, then {login}"))
    } else if says(&["session expired", "session has expired", "invalid session"]) {
        (Trouble::Locked, format!("the session of op has expired; run `{sign_in}`"))
    } else if says(&NOT_SIGNED_IN) {
        (Trouble::Locked, format!("1Password is locked, or nobody is signed in; run `{sign_in}`"))
    } else if says(&NO_CODES) {
        let why = format!("the item in 1Password has no one-time password; add one there, and look with `{look}`");
        (Trouble::ItemUnknown, why)
    } else if says(&NOT_FOUND) {
        (Trouble::ItemUnknown, format!("1Password shows op no such item; look with `{look}`, and correct `otp`"))
    } else {
        return None;
    };
    Some(found)
}

const REFUSES_TOKEN: [&str; 8] = [
    "service account",
    "service-account",
    "unauthorized",
    "forbidden",
    "(401)",
    "(403)",
    "invalid token",
    "bearer token",
];

const NOT_SIGNED_IN: [&str; 6] = ["signed in", "signin", "sign in", "authenticat", "authorization", "locked"];

const NO_CODES: [&str; 6] =
    ["one-time password", "one time password", "otp", "does not have a field", "doesn't have a field", "no such field"];

const NOT_FOUND: [&str; 4] = ["not found", "no item", "not find", "could not get item"];

/// Its words in small letters, without the names that we gave it: an item may be called `signed in`.
fn without_names(said: &str, names: [Option<&str>; 3]) -> String {
    let mut words = said.to_lowercase();
    for name in names.into_iter().flatten().map(str::to_lowercase) {
        if let Some(path) = name.strip_prefix(REFERENCE) {
            words = words.replace(&completed(path), "").replace(&name, "");
        }
        let parts = name.strip_prefix(REFERENCE).unwrap_or(&name).split(['/', '?']);
        for part in parts.chain([name.as_str()]).filter(|part| !part.is_empty()) {
            words = words.replace(&format!("\"{part}\""), "").replace(&format!("'{part}'"), "");
        }
    }
    words
}

#[cfg(test)]
#[path = "op_tests.rs"]
mod tests;
