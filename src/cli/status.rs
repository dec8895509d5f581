//! `credenza status`: what the daemon serves, how fresh it is and who uses it.

use std::io::IsTerminal as _;
use std::time::{Duration, SystemTime};

use clap::Args;
use tracing::level_filters::LevelFilter;

use super::table::table;
use super::{Context, Trouble, runtime, say};
use crate::app::{background, link_local};
use crate::config::Config;
use crate::config::sso::login_command;
use crate::control::view::{ASSERTION, Ask, Grant, Job, Listener, SignIn, Status, TOKEN, UserSession};
use crate::control::{Client, ClientError};

/// What `status` takes.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// As JSON
    #[arg(long)]
    pub json: bool,
    /// Show it again whenever it changes
    #[arg(long)]
    pub watch: bool,
}

/// Shows it.
pub fn run(arguments: StatusArgs, context: Context) -> Result<u8, Trouble> {
    let StatusArgs { json, watch } = arguments;
    runtime::log_to_stderr(&context, LevelFilter::WARN)?;
    runtime::wait_for(async {
        let found = background::find(&context.world).await;
        let client = found.map_err(|error| Trouble::of_background(WHAT, &error))?;
        let mut client = client.ok_or_else(|| {
            tell_leftovers(&context);
            Trouble::of_client(WHAT, &ClientError::NotRunning)
        })?;
        let now = || context.world.clock.now().wall;
        if watch {
            return watch_it(&mut client, json, now).await;
        }
        let status = ask(&mut client).await?;
        say::out(&if json { as_json(&status, true) } else { as_text(&status, now()) });
        Ok(0)
    })
}

const WHAT: &str = "cannot show the status";

/// Where no daemon runs that would say it: what is left of fixed addresses that no listener is written for.
fn tell_leftovers(context: &Context) {
    let Ok(config) = Config::load(&context.world) else { return };
    let left = link_local::leftovers(&context.world, config.server.address(), &config.listeners);
    left.iter().for_each(|line| say::err(&format!("credenza: {line}\n")));
}

async fn ask(client: &mut Client) -> Result<Status, Trouble> {
    client.status().await.map_err(|error| Trouble::of_client(WHAT, &error))
}

/// Shows it whenever it changes, until interrupted or the daemon ends. A terminal sees the time run.
async fn watch_it(client: &mut Client, json: bool, now: impl Fn() -> SystemTime) -> Result<u8, Trouble> {
    let screen = !json && std::io::stdout().is_terminal();
    let mut shown = None;
    loop {
        let status = ask(client).await?;
        let what_counts = without_time(&status);
        if screen {
            say::out(&format!("\x1b[H\x1b[2J{}", as_text(&status, now())));
        } else if shown.as_ref() != Some(&what_counts) {
            say::out(&if json { as_json(&status, false) } else { format!("{}\n", as_text(&status, now())) });
        }
        shown = Some(what_counts);
        tokio::time::sleep(LOOK).await;
    }
}

const LOOK: Duration = Duration::from_secs(1);

fn without_time(status: &Status) -> Status {
    let mut status = status.clone();
    status.sign_ins.iter_mut().for_each(|sign_in| sign_in.next_refresh = None);
    status.asks.iter_mut().for_each(|ask| (ask.remaining_secs, ask.next_refresh) = (None, None));
    status
}

fn as_json(status: &Status, pretty: bool) -> String {
    let text = if pretty { serde_json::to_string_pretty(status) } else { serde_json::to_string(status) };
    format!("{}\n", text.unwrap_or_default())
}

fn as_text(status: &Status, now: SystemTime) -> String {
    let Status { version, pid, started, address, listeners, sign_ins, user_sessions, .. } = status;
    let Status { asks, grants, jobs, warnings, .. } = status;
    let mut text = format!("credenza {version} at {address}, process {pid}, up for {}\n", since(started, now));
    let mut section = |rows: String| text.push_str(&format!("\n{rows}"));
    if !listeners.is_empty() {
        let head = ["LISTENER", "DIALECTS", "IDENTITIES", "STATE", ""];
        section(table(head, &listeners.iter().map(listener_row).collect::<Vec<_>>()));
    }
    let sign_ins: Vec<_> = sign_ins.iter().filter(|sign_in| sign_in.identities > 0).collect();
    if !sign_ins.is_empty() {
        let head = ["SESSION", "STATE", "PERSON", "ENDS", "TOKEN ENDS", "NEXT REFRESH", ""];
        section(table(head, &sign_ins.iter().map(|sign_in| sign_in_row(sign_in, now)).collect::<Vec<_>>()));
    }
    if !user_sessions.is_empty() {
        let head = ["USER SESSION", "STATE", "BEGAN", "ENDS", "IDENTITIES", ""];
        section(table(head, &user_sessions.iter().map(|session| user_session_row(session, now)).collect::<Vec<_>>()));
    }
    let (tokens, keys): (Vec<&Ask>, Vec<&Ask>) = asks.iter().partition(|ask| is_token(ask));
    if asks.is_empty() {
        section("nothing was asked for yet\n".to_owned());
    }
    if !keys.is_empty() {
        let head = ["IDENTITY", "STATE", "LEFT", "REFRESH", "USED", "ACCOUNT", "KEY", ""];
        section(table(head, &keys.iter().map(|ask| ask_row(ask, now)).collect::<Vec<_>>()));
    }
    if !tokens.is_empty() {
        let head = ["IDENTITY", "TOKEN FOR", "STATE", "LEFT", "REFRESH", "USED", "ACCOUNT", ""];
        section(table(head, &token_rows(&tokens, now)));
    }
    if !grants.is_empty() {
        let head = ["GRANT", "IDENTITIES", "HELD BY", "ENDS", "USED"];
        section(table(head, &grants.iter().map(|grant| grant_row(grant, now)).collect::<Vec<_>>()));
    }
    if !jobs.is_empty() {
        let head = ["JOB", "IDENTITIES", "PROCESS", "FOR"];
        section(table(head, &jobs.iter().map(|job| job_row(job, now)).collect::<Vec<_>>()));
    }
    if !warnings.is_empty() {
        section(warnings.iter().map(|warning| format!("{warning}\n")).collect());
    }
    text
}

fn listener_row(listener: &Listener) -> [String; 5] {
    let Listener { address, dialects, identities, anyone, state, reason } = listener;
    let note = reason
        .clone()
        .unwrap_or_else(|| if *anyone { "whoever can reach it is served".to_owned() } else { String::new() });
    [address.clone(), dialects.join(","), identities.join(","), state.clone(), note]
}

fn sign_in_row(sign_in: &SignIn, now: SystemTime) -> [String; 7] {
    let SignIn { session, state, person, ends, token_ends, next_refresh, .. } = sign_in;
    let mend = match state.as_str() {
        "signed-in" => String::new(),
        _ => format!("try: {}", login_command(session)),
    };
    [
        session.clone(),
        state.clone(),
        person.clone().unwrap_or_else(dash),
        ahead(ends.as_deref(), now),
        ahead(token_ends.as_deref(), now),
        ahead(next_refresh.as_deref(), now),
        mend,
    ]
}

fn user_session_row(session: &UserSession, now: SystemTime) -> [String; 6] {
    let UserSession { session: name, state, began, ends, ends_unattended, unattended, login, identities, .. } = session;
    let paused = session.paused_until.as_deref().map(|until| self::until(until, now));
    let note = match (paused, state.as_str()) {
        (Some(left), _) => format!("AWS refused too many codes in a row: none is sent for {left}"),
        _ if *unattended => "begun without a person, when it is needed".to_owned(),
        _ if login.is_empty() => "begun with other files; try: credenza logout --all".to_owned(),
        (None, "begun") if *ends_unattended => {
            format!("ends before the next working day; try: {}", login_command(login))
        }
        (None, "begun") => String::new(),
        (None, _) => format!("try: {}", login_command(login)),
    };
    [name.clone(), state.clone(), ago(began.as_deref(), now), ahead(ends.as_deref(), now), identities.to_string(), note]
}

fn ask_row(ask: &Ask, now: SystemTime) -> [String; 8] {
    let [state, left, refresh, used, account] = standing(ask, now);
    // what is said of a base or of a sign-in stands in rows of its own
    let by_way = by_way(ask).filter(|_| ask.chain.len() > 2);
    let note = failure(ask).unwrap_or_else(|| joined(ask.warnings.iter().cloned().chain(by_way)));
    [ask.identity.clone(), state, left, refresh, used, account, ask.access_key_id.clone().unwrap_or_else(dash), note]
}

/// What a daemon does not say is wanted are keys: it knows nothing else.
fn is_token(ask: &Ask) -> bool {
    matches!(ask.want.as_deref(), Some(TOKEN | ASSERTION))
}

/// A row for each resource, those of one identity below its name.
fn token_rows(asks: &[&Ask], now: SystemTime) -> Vec<[String; 8]> {
    let mut above = "";
    let mut rows = Vec::new();
    for ask in asks {
        let [state, left, refresh, used, account] = standing(ask, now);
        let name = if ask.identity == above { String::new() } else { ask.identity.clone() };
        let by_way = by_way(ask).filter(|_| !name.is_empty());
        let may = ask.scopes.iter().chain(&ask.roles);
        let may = Some(may.map(String::as_str).collect::<Vec<_>>().join(" ")).filter(|may| !may.is_empty());
        let note = failure(ask).unwrap_or_else(|| joined(ask.warnings.iter().cloned().chain(may).chain(by_way)));
        let resource = ask.resource.clone().unwrap_or_else(|| "(shown in place of a secret)".to_owned());
        rows.push([name, resource, state, left, refresh, used, account, note]);
        above = &ask.identity;
    }
    rows
}

/// State, what is left, the next refresh, the last use, the account.
fn standing(ask: &Ask, now: SystemTime) -> [String; 5] {
    [
        ask.state.clone(),
        ask.remaining_secs.map_or_else(dash, |secs| span(Duration::from_secs(secs))),
        ask.next_refresh.as_deref().map_or_else(dash, |at| format!("in {}", until(at, now))),
        ago(ask.last_used.as_deref(), now),
        ask.account.clone().unwrap_or_else(dash),
    ]
}

/// The failure that stands.
fn failure(ask: &Ask) -> Option<String> {
    let mended = matches!(ask.state.as_str(), "fresh" | "refreshing" | "idle");
    ask.last_failure.as_ref().filter(|_| !mended).map(|failure| failure.message.clone())
}

/// What it is made of beside itself: `by way of prod, the sign-in corp`.
fn by_way(ask: &Ask) -> Option<String> {
    let below = ask.chain.get(1..).filter(|below| !below.is_empty())?;
    Some(format!("by way of {}", below.join(", ")))
}

fn joined(notes: impl Iterator<Item = String>) -> String {
    notes.collect::<Vec<_>>().join("; ")
}

/// The row of a grant, for `credenza grant list` too.
pub(super) fn grant_row(grant: &Grant, now: SystemTime) -> [String; 5] {
    let holder = match (&grant.pid, &grant.token_file) {
        (Some(pid), _) => format!("{} {pid}", grant.holder),
        (None, Some(file)) => format!("{} {file}", grant.holder),
        (None, None) => grant.holder.clone(),
    };
    let ends = match (&grant.ends, grant.pid) {
        (Some(at), _) => format!("in {}", until(at, now)),
        (None, Some(_)) => "with its process".to_owned(),
        (None, None) => "when revoked".to_owned(),
    };
    [grant.name.clone(), grant.identities.join(","), holder, ends, ago(grant.last_used.as_deref(), now)]
}

fn job_row(job: &Job, now: SystemTime) -> [String; 4] {
    let pid = job.pid.map_or_else(dash, |pid| pid.to_string());
    [job.command.clone(), job.identities.join(","), pid, since(&job.since, now)]
}

fn dash() -> String {
    "-".to_owned()
}

fn ago(at: Option<&str>, now: SystemTime) -> String {
    at.map_or_else(dash, |at| format!("{} ago", since(at, now)))
}

fn ahead(at: Option<&str>, now: SystemTime) -> String {
    match at.map(time) {
        Some(Some(at)) if at <= now => "over".to_owned(),
        Some(Some(at)) => format!("in {}", span(at.duration_since(now).unwrap_or_default())),
        Some(None) | None => dash(),
    }
}

fn since(at: &str, now: SystemTime) -> String {
    time(at).map_or_else(dash, |at| span(now.duration_since(at).unwrap_or_default()))
}

fn until(at: &str, now: SystemTime) -> String {
    time(at).map_or_else(dash, |at| span(at.duration_since(now).unwrap_or_default()))
}

fn time(text: &str) -> Option<SystemTime> {
    text.parse::<jiff::Timestamp>().ok().map(SystemTime::from)
}

/// `42m`, `1h05m`, `3d04h`: two units at most.
fn span(span: Duration) -> String {
    let secs = span.as_secs();
    let (minutes, hours, days) = (secs / 60, secs / 3600, secs / 86_400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{secs}s"),
        (0, 0, minutes) => format!("{minutes}m{:02}s", secs % 60),
        (0, hours, minutes) => format!("{hours}h{:02}m", minutes % 60),
        (days, hours, _) => format!("{days}d{:02}h", hours % 24),
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
