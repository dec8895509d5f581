//! The accounts and roles of a sign-in: `credenza list --accounts`, and the same list for `import`, with how far it is on a
//! person's screen.

use std::io::IsTerminal as _;
use std::sync::Arc;

use serde::Serialize;

use super::login::FirstArgs;
use super::table::table;
use super::{Context, Trouble, say, sign_ins};
use crate::app::AppError;
use crate::app::login::wants_login;
use crate::app::portal::{self, Listing, Progress};
use crate::config::import::Pair;
use crate::config::{Config, SsoSession};

/// Shows all that a sign-in gives.
pub(super) async fn show(name: &str, first: FirstArgs, json: bool, context: &Context) -> Result<u8, Trouble> {
    let config = Config::load(&context.world).map_err(|error| Trouble::of_app(CANNOT, &AppError::from(error)))?;
    let session = sign_ins::center(Some(name), &config, context, CANNOT)?;
    let listing = listed(context, &Arc::new(config), &session, first, CANNOT).await?;
    if json {
        let shown = Accounts::of(&session, &listing.pairs);
        say::out(&format!("{}\n", serde_json::to_string_pretty(&shown).unwrap_or_default()));
        return Ok(0);
    }
    if listing.pairs.is_empty() {
        say::err(&format!("credenza: {}\n", nothing_assigned(&session)));
        return Ok(0);
    }
    let rows: Vec<[String; 4]> = listing.pairs.iter().map(row).collect();
    say::out(&table(["ACCOUNT", "NAME", "EMAIL", "ROLE"], &rows));
    Ok(0)
}

const CANNOT: &str = "cannot list the accounts";

/// All that a sign-in gives. Where it needs a login and a person sits at the terminal, that comes first.
///
/// # Errors
///
/// Exit code 4 where a login is needed and nobody may be asked.
pub(super) async fn listed(
    context: &Context,
    config: &Arc<Config>,
    session: &Arc<SsoSession>,
    first: FirstArgs,
    what: &str,
) -> Result<Listing, Trouble> {
    let since = context.world.clock.now().wall;
    let mut screen = Screen::default();
    let mut listed = portal::accounts(&context.world, session, |progress| screen.show(progress)).await;
    if listed.as_ref().is_err_and(wants_login) && first.may_ask() {
        screen.clear();
        first.sign_in(context, config, session, since).await?;
        listed = portal::accounts(&context.world, session, |progress| screen.show(progress)).await;
    }
    screen.clear();
    let listing = listed.map_err(|failure| Trouble::of_failure(what, &failure))?;
    if !listing.refused.is_empty() {
        let refused = listing.refused.join(", ");
        say::err(&format!("credenza: the portal does not say which roles there are in {refused}\n"));
    }
    Ok(listing)
}

/// What is said of a sign-in that gives nothing.
pub(super) fn nothing_assigned(session: &SsoSession) -> String {
    format!("the portal of {} lists no role: ask whoever assigns permission sets", session.label())
}

/// How far it is, in one line of a person's screen; elsewhere nothing.
#[derive(Default)]
struct Screen {
    width: usize,
}

impl Screen {
    fn show(&mut self, progress: Progress) {
        if !std::io::stderr().is_terminal() {
            return;
        }
        let line = match progress {
            Progress::Found(found) => format!("{found} accounts"),
            Progress::Listed { done, all } => format!("{done} of {all} accounts"),
        };
        // numbers may get shorter in the next line
        say::err(&format!("\r{line:width$}", width = self.width));
        self.width = line.len();
    }

    fn clear(&mut self) {
        if self.width > 0 {
            say::err(&format!("\r{:width$}\r", "", width = self.width));
            self.width = 0;
        }
    }
}

fn row(pair: &Pair) -> [String; 4] {
    let or_dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let email = pair.email.as_deref().unwrap_or_default();
    [pair.account_id.clone(), or_dash(&pair.account_name), or_dash(email), pair.role_name.clone()]
}

/// The shape of `credenza list --accounts --json`, documented in `docs/json.md`: members are added, never renamed.
#[derive(Debug, Serialize)]
struct Accounts<'a> {
    schema: u32,
    session: &'a str,
    start_url: &'a str,
    accounts: Vec<Account<'a>>,
}

#[derive(Debug, Serialize)]
struct Account<'a> {
    id: &'a str,
    name: Option<&'a str>,
    email: Option<&'a str>,
    roles: Vec<&'a str>,
}

impl<'a> Accounts<'a> {
    fn of(session: &'a SsoSession, pairs: &'a [Pair]) -> Self {
        let account = |pairs: &'a [Pair]| Account {
            id: &pairs[0].account_id,
            name: Some(pairs[0].account_name.as_str()).filter(|name| !name.is_empty()),
            email: pairs[0].email.as_deref(),
            roles: pairs.iter().map(|pair| pair.role_name.as_str()).collect(),
        };
        let accounts = pairs.chunk_by(|one, other| one.account_id == other.account_id).map(account).collect();
        Self { schema: 1, session: session.label(), start_url: &session.start_url, accounts }
    }
}
