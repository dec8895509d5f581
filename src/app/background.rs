//! The daemon as commands see it: found by its control socket, started in the background where none runs, and ended.
//!
//! Fifty commands that find none at once start one: who holds the lock starts it, the others find it. Called by `up`,
//! `down`, `env` and `exec`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::AppError;
use super::daemon::{RUNTIME_LOCK, STATE_LOCK};
use super::marker::Marker;
use crate::config::{Config, Places};
use crate::control::{Client, ClientError};
use crate::world::background::Background;
use crate::world::folder::Folder;
use crate::world::running::{self, Running, Watch};
use crate::world::{World, ourselves};
use surroundings::reduced;

mod surroundings;

/// Why there is no daemon to speak to.
#[derive(Debug, Error)]
pub enum BackgroundError {
    /// Something that the daemon needs is not as it must be.
    #[error(transparent)]
    App(#[from] AppError),
    /// The daemon that runs cannot be spoken to.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// It ended before it was ready; what it said.
    #[error("{said}")]
    Ended {
        /// Its exit code, as the commands have them.
        code: u8,
        /// What it said, a line or more.
        said: String,
    },
    /// It did not become ready in time.
    #[error("it was not ready within {} s: see {}", .after.as_secs(), .log.display())]
    TimedOut {
        /// The limit.
        after: Duration,
        /// Its log.
        log: PathBuf,
    },
    /// It was told to end, and has not.
    #[error("the daemon{} has not ended within {} s", process(*.pid), .after.as_secs())]
    NotEnded {
        /// Its process, where that is known.
        pid: Option<u32>,
        /// The limit.
        after: Duration,
    },
    /// It does not answer, and is not signalled: nothing proves which process it is.
    #[error("the daemon{} does not answer, and no record in the state folder proves that it is ours to end", process(*.pid))]
    Unproved {
        /// Who listens at its socket, where that is known.
        pid: Option<u32>,
    },
    /// It could not be started, or not be ended.
    #[error("{0}")]
    System(String),
}

fn process(pid: Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
}

/// A daemon that runs, and whether it was started just now.
#[derive(Debug)]
pub struct Found {
    /// A connection to it.
    pub client: Client,
    /// Whether this call started it.
    pub started: bool,
}

/// Connects to the daemon of these places: at their own socket, or at the one that a daemon of the same state folder has
/// with another runtime folder (a desktop's, seen from a cron job).
///
/// # Errors
///
/// [`ClientError::NotRunning`] where there is none, as far as the sockets tell.
pub async fn connect(places: &Places) -> Result<Client, ClientError> {
    let own = places.control_socket().ok();
    if let Some(own) = &own {
        match Client::connect(own, ourselves::uid()).await {
            Err(ClientError::NotRunning) => {}
            other => return other,
        }
    }
    let recorded = Folder::open(&places.state).ok().and_then(|state| Marker::read(&state));
    match recorded.map(|marker| marker.socket).filter(|socket| Some(socket) != own.as_ref()) {
        Some(socket) => match Client::connect(&socket, ourselves::uid()).await {
            // what a dead daemon left may be anybody's by now
            Err(ClientError::Folder(_) | ClientError::Connect { .. }) if holder(places).is_ok_and(|held| !held.is) => {
                Err(ClientError::NotRunning)
            }
            other => other,
        },
        None => Err(ClientError::NotRunning),
    }
}

/// The daemon of this environment, if one runs. One that is about to start or to end is waited for.
///
/// # Errors
///
/// Where it does not answer, or something is at its socket that is not a daemon of ours.
pub async fn find(world: &World) -> Result<Option<Client>, BackgroundError> {
    find_by(&places_of(world)?, Instant::now() + HANG).await
}

async fn find_by(places: &Places, deadline: Instant) -> Result<Option<Client>, BackgroundError> {
    let deadline = deadline.min(Instant::now() + HANG);
    loop {
        if let Some(client) = look(places, deadline).await? {
            return Ok(Some(client));
        }
        let held = holder(places)?;
        if !held.is {
            return Ok(None);
        }
        if Instant::now() >= deadline {
            return Err(ClientError::Silent { pid: held.by.map(|process| process.pid) }.into());
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Who answers now.
async fn look(places: &Places, deadline: Instant) -> Result<Option<Client>, BackgroundError> {
    // a path that is too long for a socket is said to whoever would use it
    places.control_socket().map_err(AppError::from)?;
    match connect(places).await {
        Ok(mut client) => {
            let left = deadline.saturating_duration_since(Instant::now());
            Ok(client.alive(left).await?.then_some(client))
        }
        Err(ClientError::NotRunning) => Ok(None),
        Err(ClientError::Silent { pid: None }) => {
            let by = holder(places)?.by;
            Err(ClientError::Silent { pid: by.map(|process| process.pid) }.into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether a daemon holds a lock, and its process where the record tells.
struct Held {
    is: bool,
    by: Option<Running>,
}

fn holder(places: &Places) -> Result<Held, BackgroundError> {
    let open = |path: &Path| match Folder::open(path) {
        Err(error) if error.not_found() => Ok(None),
        other => other.map(Some),
    };
    let locked =
        |folder: &Option<Folder>, lock: &str| folder.as_ref().map_or(Ok(false), |folder| folder.is_locked(lock));
    let state = open(&places.state).map_err(AppError::from)?;
    let runtime = open(&places.runtime).map_err(AppError::from)?;
    let is = locked(&state, STATE_LOCK).map_err(AppError::from)?
        || locked(&runtime, RUNTIME_LOCK).map_err(AppError::from)?;
    let by = state.filter(|_| is).and_then(|state| Marker::read(&state)?.process());
    Ok(Held { is, by })
}

/// Asks the daemon of this environment, which is started if none runs, for something. `arguments` go to it in that case,
/// such as `--log-level=debug`. One that ends meanwhile is followed by another.
///
/// # Errors
///
/// Where it cannot be started, and why, in its own words; where it does not answer; and what it says itself.
pub async fn ask<T>(
    world: &World,
    arguments: &[OsString],
    request: impl AsyncFn(&mut Client) -> Result<T, ClientError>,
) -> Result<(Found, T), BackgroundError> {
    let deadline = Instant::now() + READY;
    loop {
        let asked = async {
            let mut found = ensure(world, arguments, deadline).await?;
            let pid = found.client.pid();
            match tokio::time::timeout_at(deadline, request(&mut found.client)).await {
                Ok(answer) => Ok((found, answer?)),
                Err(_) => Err(BackgroundError::from(ClientError::Silent { pid })),
            }
        };
        match asked.await {
            Err(BackgroundError::Client(ClientError::Closed)) if Instant::now() < deadline => {}
            other => return other,
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn ensure(world: &World, arguments: &[OsString], deadline: Instant) -> Result<Found, BackgroundError> {
    let places = places_of(world)?;
    if let Some(client) = find_by(&places, deadline).await? {
        return Ok(Found { client, started: false });
    }
    // what is wrong with the configuration is said here, by the command that the person typed
    let config = Config::load(world).map_err(AppError::from)?;
    // the runtime folder may lie in the state folder, and must not be made behind a link
    let state = Folder::open_or_make(&config.places.state).map_err(AppError::from)?;
    let runtime = Folder::open_or_make(&config.places.runtime).map_err(AppError::from)?;
    let left = deadline.saturating_duration_since(Instant::now());
    let lock = runtime.lock(START_LOCK, left).await.map_err(AppError::from)?;
    let _lock = lock.ok_or_else(|| {
        BackgroundError::System(format!("another start holds {}", runtime.path().join(START_LOCK).display()))
    })?;
    if let Some(client) = find_by(&places, deadline).await? {
        return Ok(Found { client, started: false });
    }
    start(world, &config, &state, arguments, deadline).await.map(|client| Found { client, started: true })
}

async fn start(
    world: &World,
    config: &Config,
    state: &Folder,
    arguments: &[OsString],
    deadline: Instant,
) -> Result<Client, BackgroundError> {
    let cannot = |error: &dyn std::fmt::Display| BackgroundError::System(format!("it cannot be started: {error}"));
    let log = state.append(LOG).map_err(AppError::from)?;
    let before = log.metadata().map_err(|error| cannot(&error))?.len();
    let program = ourselves::executable().map_err(|error| cannot(&error))?;
    let words = ["serve", "--background"].map(OsString::from).into_iter().chain(arguments.iter().cloned());
    let environment = reduced(&world.environment, config);
    let mut daemon = Background::start(&program, words, &environment, log).map_err(|error| cannot(&error))?;
    loop {
        if let Some(client) = look(&config.places, deadline).await? {
            return Ok(client);
        }
        if let Some(code) = daemon.ended().map_err(|error| cannot(&error))? {
            // somebody's `serve` may have been quicker
            if let Some(client) = find_by(&config.places, deadline).await? {
                return Ok(client);
            }
            if code == Some(0) {
                // somebody ended it as soon as it was there
                return Err(ClientError::Closed.into());
            }
            let code = code.and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1);
            return Err(BackgroundError::Ended { code, said: said_since(state, before) });
        }
        if Instant::now() >= deadline {
            return Err(BackgroundError::TimedOut { after: READY, log: state.path().join(LOG) });
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Ends the daemon of this environment and waits until it is gone; `false`: none ran. One that does not answer is told by a
/// signal, if the record of its state folder and the lock agree that it is ours.
///
/// # Errors
///
/// Where it does not end.
pub async fn end(world: &World) -> Result<bool, BackgroundError> {
    let places = places_of(world)?;
    let deadline = Instant::now() + READY;
    let mut ran = false;
    loop {
        let told = match find_by(&places, deadline).await {
            Ok(None) => return Ok(ran),
            Ok(Some(mut client)) => told_to_stop(&mut client, &places, deadline).await,
            Err(error) => Err(error),
        };
        match told {
            Err(BackgroundError::Client(ClientError::Silent { pid })) => {
                return signalled(&places, pid, deadline).await;
            }
            // it was about to end, and is waited for; or only its connection did
            Err(BackgroundError::Client(ClientError::Closed)) if Instant::now() < deadline => ran = true,
            other => return other,
        }
        tokio::time::sleep(LOOK).await;
    }
}

async fn told_to_stop(client: &mut Client, places: &Places, deadline: Instant) -> Result<bool, BackgroundError> {
    let pid = client.pid();
    let process = pid.and_then(|pid| running::find(pid).ok());
    match tokio::time::timeout(HANG, client.stop()).await {
        Err(_) => return Err(ClientError::Silent { pid }.into()),
        Ok(Ok(())) => {}
        Ok(Err(error)) => return Err(error.into()),
    }
    if let Some(process) = process {
        return ended_by(&process, deadline).await;
    }
    // the system did not tell who it is: its connection is closed, and its locks are the last that it lets go
    let gone = async {
        client.closed().await;
        while holder(places).is_ok_and(|held| held.is) {
            tokio::time::sleep(LOOK).await;
        }
    };
    match tokio::time::timeout_at(deadline, gone).await {
        Ok(()) => Ok(true),
        Err(_) => Err(BackgroundError::NotEnded { pid, after: READY }),
    }
}

/// Ends a daemon that does not answer. `pid` is who listens at its socket.
async fn signalled(places: &Places, pid: Option<u32>, deadline: Instant) -> Result<bool, BackgroundError> {
    let held = holder(places);
    let ours = held.ok().and_then(|held| held.by).filter(|process| pid.is_none_or(|pid| pid == process.pid));
    let Some(process) = ours else { return Err(BackgroundError::Unproved { pid }) };
    match running::tell_to_end(&process) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(BackgroundError::System(format!("process {} cannot be told: {error}", process.pid))),
        Ok(()) => ended_by(&process, deadline).await,
    }
}

async fn ended_by(process: &Running, deadline: Instant) -> Result<bool, BackgroundError> {
    // none to watch: it has ended
    let Ok(watch) = Watch::new(process) else { return Ok(true) };
    let looked = async {
        while running::runs(process) != Some(false) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    let ended = async {
        tokio::select! {
            () = watch.ended() => {}
            () = looked => {}
        }
    };
    match tokio::time::timeout_at(deadline, ended).await {
        Ok(()) => Ok(true),
        Err(_) => Err(BackgroundError::NotEnded { pid: Some(process.pid), after: READY }),
    }
}

/// The daemon's log in the state folder.
pub const LOG: &str = "daemon.log";

/// Who starts a daemon holds this lock in the runtime folder.
const START_LOCK: &str = "start.lock";

/// How long a command waits in all for a daemon to start or to end, on a machine under load.
const READY: Duration = Duration::from_secs(10);
/// A daemon that says nothing for so long hangs.
const HANG: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(250);
const LOOK: Duration = Duration::from_millis(3);

fn places_of(world: &World) -> Result<Places, BackgroundError> {
    Ok(Places::from(&world.environment).map_err(AppError::from)?)
}

/// The daemon's last words, of what was added to the log since it had so many bytes, without our own name at their head.
fn said_since(state: &Folder, before: u64) -> String {
    let text = state.read(LOG).unwrap_or_default();
    let since = usize::try_from(before).ok().and_then(|before| text.get(before..)).unwrap_or(&text);
    last_words(&String::from_utf8_lossy(since))
        .unwrap_or_else(|| format!("it ended at once: see {}", state.path().join(LOG).display()))
}

/// The failure with which it ended, in the words of `cli`, and what mends it; not what else was logged, which another
/// daemon may have been that was about to end.
fn last_words(log: &str) -> Option<String> {
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.iter().rposition(|line| line.starts_with("credenza: cannot "))?;
    let first = lines[last].strip_prefix("credenza: ")?;
    let first = first.strip_prefix("cannot serve: ").unwrap_or(first);
    let more = lines[last + 1..].iter().take_while(|line| line.starts_with("  ")).copied();
    Some(std::iter::once(first).chain(more).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    #[allow(clippy::disallowed_methods)] // a program to look at
    async fn what_does_not_end_is_no_success() {
        let mut deaf = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let found = running::find(deaf.id()).unwrap();
        let not_yet = ended_by(&found, Instant::now() + Duration::from_millis(20)).await.unwrap_err();
        assert!(matches!(not_yet, BackgroundError::NotEnded { pid: Some(pid), .. } if pid == deaf.id()), "{not_yet}");
        running::tell_to_end(&found).unwrap();
        assert!(ended_by(&found, Instant::now() + Duration::from_secs(10)).await.unwrap());
        deaf.wait().unwrap();
    }

    #[test]
    fn the_last_words_are_the_failure_alone() {
        let log = "2026-01-01T00:00:00Z INFO ending\ncredenza: cannot serve: it is taken\n  try: credenza down\n\
                   2026-01-01T00:00:01Z INFO ended\n";
        assert_eq!(last_words(log).unwrap(), "it is taken\n  try: credenza down");
        assert_eq!(last_words("credenza: cannot keep a log: full\n").unwrap(), "cannot keep a log: full");
        assert_eq!(last_words("2026-01-01T00:00:00Z INFO ending\n"), None);
    }
}
