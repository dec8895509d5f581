//! The daemon as commands see it: found by its control socket, started in the background where none runs, and ended.
//!
//! Fifty commands that find none at once start one: who holds the lock starts it, the others find it. Called by `up`,
//! `down`, `env` and `exec`.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use super::AppError;
use crate::config::{Config, Places};
use crate::control::{Client, ClientError};
use crate::world::background::Background;
use crate::world::folder::Folder;
use crate::world::{Environment, World, ourselves, places};

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
    /// It could not be started, or not be ended.
    #[error("{0}")]
    System(String),
}

/// A daemon that runs, and whether it was started just now.
#[derive(Debug)]
pub struct Found {
    /// A connection to it.
    pub client: Client,
    /// Whether this call started it.
    pub started: bool,
}

/// The daemon of this environment, if one runs.
///
/// # Errors
///
/// Where something is at its socket that is not a daemon of ours.
pub async fn find(world: &World) -> Result<Option<Client>, BackgroundError> {
    let socket = socket_of(world)?;
    match Client::connect(&socket, ourselves::uid()).await {
        Ok(mut client) => Ok(client.alive().await?.then_some(client)),
        Err(ClientError::NotRunning) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The daemon of this environment, started if none runs. `arguments` go to it in that case, such as `--log-level=debug`.
///
/// # Errors
///
/// Where it cannot be started, and why, in its own words.
pub async fn ensure(world: &World, arguments: &[OsString]) -> Result<Found, BackgroundError> {
    if let Some(client) = find(world).await? {
        return Ok(Found { client, started: false });
    }
    // what is wrong with the configuration is said here, by the command that the person typed
    let config = Config::load(world).map_err(AppError::from)?;
    // the runtime folder may lie in the state folder, and must not be made behind a link
    let state = Folder::open_or_make(&config.places.state).map_err(AppError::from)?;
    let runtime = Folder::open_or_make(&config.places.runtime).map_err(AppError::from)?;
    let lock = runtime.lock(START_LOCK, READY * 2).await.map_err(AppError::from)?;
    let _lock = lock.ok_or_else(|| {
        BackgroundError::System(format!("another start holds {}", runtime.path().join(START_LOCK).display()))
    })?;
    if let Some(client) = find(world).await? {
        return Ok(Found { client, started: false });
    }
    start(world, &config, &state, arguments).await.map(|client| Found { client, started: true })
}

async fn start(
    world: &World,
    config: &Config,
    state: &Folder,
    arguments: &[OsString],
) -> Result<Client, BackgroundError> {
    let cannot = |error: &dyn std::fmt::Display| BackgroundError::System(format!("it cannot be started: {error}"));
    let log = state.append(LOG).map_err(AppError::from)?;
    let before = log.metadata().map_err(|error| cannot(&error))?.len();
    let program = ourselves::executable().map_err(|error| cannot(&error))?;
    let words = ["serve", "--background"].map(OsString::from).into_iter().chain(arguments.iter().cloned());
    let environment = reduced(&world.environment, config);
    let mut daemon = Background::start(&program, words, &environment, log).map_err(|error| cannot(&error))?;
    let deadline = Instant::now() + READY;
    loop {
        if let Some(client) = find(world).await? {
            return Ok(client);
        }
        if let Some(code) = daemon.ended().map_err(|error| cannot(&error))? {
            // somebody's `serve` may have been quicker
            if let Some(client) = find(world).await? {
                return Ok(client);
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

/// Ends the daemon of this environment and waits until it is gone; `false`: none ran.
///
/// # Errors
///
/// Where it does not end.
pub async fn end(world: &World) -> Result<bool, BackgroundError> {
    let Some(mut client) = find(world).await? else { return Ok(false) };
    let places = places_of(world)?;
    client.stop().await?;
    client.closed().await;
    // its locks are the last that it lets go
    let state = Folder::open(&places.state).map_err(AppError::from)?;
    match state.lock(super::daemon::STATE_LOCK, READY).await {
        Ok(Some(_)) => Ok(true),
        Ok(None) => Err(BackgroundError::System(format!("it has not ended within {} s", READY.as_secs()))),
        Err(error) => Err(AppError::from(error).into()),
    }
}

/// The daemon's log in the state folder.
pub const LOG: &str = "daemon.log";

/// Who starts a daemon holds this lock in the runtime folder.
const START_LOCK: &str = "start.lock";

/// How long a daemon may take until it answers, on a machine under load.
const READY: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(3);

fn places_of(world: &World) -> Result<Places, BackgroundError> {
    Ok(Places::from(&world.environment).map_err(AppError::from)?)
}

fn socket_of(world: &World) -> Result<PathBuf, BackgroundError> {
    Ok(places_of(world)?.control_socket().map_err(AppError::from)?)
}

/// What was added to the log since it had so many bytes, without our own name at its head.
fn said_since(state: &Folder, before: u64) -> String {
    let text = state.read(LOG).unwrap_or_default();
    let since = usize::try_from(before).ok().and_then(|before| text.get(before..)).unwrap_or(&text);
    let said = String::from_utf8_lossy(since);
    let said = said.trim();
    let said = said.strip_prefix("credenza: cannot serve: ").unwrap_or(said);
    if said.is_empty() {
        format!("it ended at once: see {}", state.path().join(LOG).display())
    } else {
        said.to_owned()
    }
}

/// The environment of the daemon: what decides which files are read and how upstreams are reached, and what helper
/// programs need (a home, a path, an agent, a desktop's bus). No key and no token of the shell that happens to start it.
fn reduced(environment: &Environment, config: &Config) -> Environment {
    let listed = |name: &str| LISTED.contains(&name) || LISTED_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let kept = environment.all().filter(|(name, _)| name.to_str().is_some_and(listed));
    let kept: Environment = kept.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    // a daemon's folder is `/`: a relative path would mean another file there. In a shell of `env`, the files are not those
    // that the variables name but the originals.
    let absolute = |path: &Path| places::absolute(&places::expanded(path, environment));
    let paths = FILES.iter().chain(FOLDERS);
    paths
        .fold(kept, |kept, name| match kept.raw(name).filter(|value| !value.is_empty()).map(OsStr::to_owned) {
            None => kept,
            Some(value) if FOLDERS.contains(name) => {
                let folders = std::env::split_paths(&value).map(|folder| absolute(&folder));
                let folders = std::env::join_paths(folders).unwrap_or_else(|_| value.clone());
                kept.with(name, folders)
            }
            Some(value) => kept.with(name, absolute(Path::new(&value))),
        })
        .with("AWS_CONFIG_FILE", config.places.aws_config.as_os_str())
        .with("AWS_SHARED_CREDENTIALS_FILE", config.places.aws_credentials.as_os_str())
}

const LISTED: &[&str] = &[
    // who and where
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "PATH",
    "TMPDIR",
    "TZ",
    "LANG",
    "LANGUAGE",
    // where our own files are
    "CREDENZA_CONFIG",
    "CREDENZA_STATE_DIR",
    "CREDENZA_RUNTIME_DIR",
    "CREDENZA_LOG",
    "RUST_BACKTRACE",
    // how upstreams are reached
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "AZURE_AUTHORITY_HOST",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL_SSO",
    "AWS_ENDPOINT_URL_SSO_OIDC",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
    "AWS_USE_FIPS_ENDPOINT",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    // where the surroundings give keys, and never the token itself: an `exec` that has one is not supplied
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    // what helper programs need to find a desktop's keyring or agent
    "SSH_AUTH_SOCK",
    "GPG_AGENT_INFO",
    "GNUPGHOME",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
];

const LISTED_PREFIXES: &[&str] = &["XDG_", "LC_"];

/// Those whose value is a file.
const FILES: &[&str] = &["AWS_CA_BUNDLE", "SSL_CERT_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"];

/// Those whose value is a list of folders.
const FOLDERS: &[&str] = &["SSL_CERT_DIR"];

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn the_daemons_environment_has_what_it_needs_and_no_key_of_the_starter() {
        let typed = Environment::from_iter([
            ("HOME", "/nowhere"),
            ("LC_CTYPE", "C"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("AWS_CONFIG_FILE", "/state/run/wired-1.config"),
            ("CREDENZA_OUTER_AWS_CONFIG_FILE", "/nowhere/config"),
            ("AWS_CA_BUNDLE", "certificates/ca.pem"),
            ("SSL_CERT_DIR", "certificates:/etc/ssl/certs:~/ca"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_PROFILE", "prod"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "secret"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/token"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]"),
            ("LD_PRELOAD", "x.so"),
        ]);
        let world = World { environment: Arc::new(typed), ..World::system() };
        let config = Config::load(&world).unwrap();
        let reduced = reduced(&world.environment, &config);
        let here = std::env::current_dir().unwrap().join("certificates/ca.pem");
        let folders = format!("{}:/etc/ssl/certs:/nowhere/ca", here.parent().unwrap().display());
        let expected = [
            ("AWS_CA_BUNDLE", here.to_str().unwrap()),
            ("AWS_CONFIG_FILE", "/nowhere/config"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/var/run/token"),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://[fd00:ec2::254]"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere/.aws/credentials"),
            ("HOME", "/nowhere"),
            ("HTTPS_PROXY", "http://proxy:3128"),
            ("LC_CTYPE", "C"),
            ("SSL_CERT_DIR", &folders),
        ];
        let found: Vec<_> =
            reduced.all().map(|(name, value)| (name.to_str().unwrap(), value.to_str().unwrap())).collect();
        assert_eq!(found, expected);
    }
}
