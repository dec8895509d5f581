//! [`App`]: the daemon, built and run.
//!
//! The address is bound before anything slow. Two locks are held as long as it lives: the runtime folder's, for the
//! control socket, and the state folder's, for the grants and the address; so that two daemons with different runtime
//! folders (a desktop's and a cron job's) do not write the same grants.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::cli_logins::CliLogins;
use super::generated::AwsFiles;
use super::listeners::Listeners;
use super::marker::Marker;
use super::recipes::{Book, names};
use super::relay_entrance::RelayEntrance;
use super::relayed::Relayed;
use super::reload::Reload;
use super::seals::Seals;
use super::sign_ins::{SignIns, views};
use super::user_sessions::{Announcer, Keeper};
use super::{AppError, address, link_local, reload};
use crate::config::own::Own;
use crate::config::{Config, Places};
use crate::control::holders::Holders;
use crate::control::jobs::Jobs;
use crate::control::{self, Client, Daemon};
use crate::engine::{Engine, Settings};
use crate::log::audit::Audit;
use crate::log::capped::CappedFile;
use crate::server::data::DataSide;
use crate::server::grant::Grants;
use crate::server::grant_store::GrantStore;
use crate::server::listener::Listener;
use crate::server::service::Service;
use crate::store::SessionStore;
use crate::world::folder::{Folder, Lock};
use crate::world::local_socket::LocalSocket;
use crate::world::watch::FileWatch;
use crate::world::{World, activation, ourselves};

/// A daemon that is bound, with its addresses, and not yet running.
pub struct App {
    daemon: Arc<Daemon>,
    service: Arc<Service>,
    listener: Listener,
    listeners: Listeners,
    data: Option<(DataSide, LocalSocket)>,
    entrance: Arc<RelayEntrance>,
    socket: Arc<LocalSocket>,
    reload: Reload,
    sign_ins: SignIns,
    cli_logins: CliLogins,
    announcer: Announcer,
    state: Arc<Folder>,
    _locks: [Lock; 2],
}

impl App {
    /// Builds the daemon of this environment. Clients that connect from now on are answered once it [runs](App::run).
    ///
    /// # Errors
    ///
    /// Where one runs already, where the configuration or a folder is not as it must be, or the address is taken.
    pub async fn build(world: World) -> Result<Self, AppError> {
        let places = Places::from(&world.environment)?;
        let path = places.control_socket()?;
        // the runtime folder may lie in the state folder, and must not be made behind a link
        let state = Arc::new(Folder::open_or_make(&places.state)?);
        let runtime = Folder::open_or_make(&places.runtime)?;
        let locks =
            [lock(&runtime, RUNTIME_LOCK, &path, &state).await?, lock(&state, STATE_LOCK, &path, &state).await?];
        for name in state.names()? {
            // what a crash left, since only who holds the lock writes files anew here; no reason not to start
            if Folder::left_over(&name).is_some() {
                let _ = state.remove(&name);
            }
        }
        // before anything is read, so that no change is missed
        let mut files = FileWatch::on([Config::files(&world)?, vec![path.clone()]].concat());
        // our own file says where to listen; the shared AWS files may be long
        let server = Own::read(&places, &*world.files)?.server;
        let listener = address::take(server.listen.as_ref().map(|listen| listen.value), &state)?;
        let address = listener.address();
        address::keep(address, &state)?;
        let config = Arc::new(Config::load(&world)?);

        let (clock, random) = (world.clock.clone(), world.random.clone());
        let store = GrantStore::new(Arc::clone(&state));
        let grants = Arc::new(Grants::kept_in(store, address, clock.clone(), random)?);
        let holders = Holders::of(Arc::clone(&grants));
        let foreign = address::foreign(grants.list().iter().filter_map(|grant| grant.address), address);
        for address in &foreign {
            tracing::warn!(address = %address, "another user holds it now: the grants that were made for it end");
        }
        holders.take_up(|grant| grant.address.is_some_and(|address| foreign.contains(&address)));

        let trail = CappedFile::open(state.clone(), AUDIT, AUDIT_CAP)?;
        let (configs, followed) = watch::channel(Arc::clone(&config));
        let store = SessionStore::closed(&world, config.server.sessions_at_rest());
        let keeper = Keeper::new(&world, store, followed.clone());
        keeper.begin_with_what_lies_at_rest().await;
        let shells = AwsFiles::of_shells(&places)?;
        shells.write(&config)?;
        Marker::of(&path).write(&state)?;
        // last of all that can fail: whoever connects from now on is answered
        let socket = LocalSocket::bind(&path, ourselves::uid());
        let socket = socket.map_err(|reason| AppError::Control { path: path.display().to_string(), reason })?;
        files.ours(&path);
        let audit = Audit::start(trail, "daemon", clock.clone());
        let book = Arc::new(Book::of(config.clone(), world.clone(), Arc::new(keeper.clone())));
        let engine = Engine::start(world.clone(), book, Settings::default());
        keeper.serves(&engine);
        let announcer = Announcer { world: world.clone(), engine: engine.clone(), keeper: keeper.clone() };
        let (names, known) = watch::channel(names(&config));
        let service = Service::new(engine.clone(), grants.clone(), known, audit.clone(), clock.clone());
        let seals = Seals::kept(&state, &*world.random);
        let relayed = Relayed::new(Arc::clone(&config), seals.clone());
        let side = DataSide { service: Arc::clone(&service), relays: relayed.clone() };
        let stop = watch::Sender::new(false);
        let entrance = Arc::new(RelayEntrance {
            side: side.clone(),
            grants: Arc::clone(&grants),
            state: Arc::clone(&state),
            address: config.server.relay_address(),
            stop: stop.clone(),
            open: Mutex::default(),
        });
        let data = data_socket(&places, &state).map(|socket| (side, socket));
        let listeners = Listeners::new(&world, &service, seals, activation::taken());
        listeners.follow(&config);
        let (looks, asked) = mpsc::unbounded_channel();
        let sign_ins = SignIns {
            world: world.clone(),
            engine: engine.clone(),
            config: followed.clone(),
            identities: None,
            supplied: false,
            watch_after: Duration::ZERO,
        };
        let cli_logins = CliLogins {
            world: world.clone(),
            engine: engine.clone(),
            config: followed.clone(),
            identities: None,
            supplied: false,
            watch_after: Duration::ZERO,
        };
        let daemon = Daemon {
            listeners: {
                let listeners = listeners.clone();
                Box::new(move || listeners.views())
            },
            leftovers: {
                let world = world.clone();
                Box::new(move |config| link_local::leftovers(&world, address, &config.listeners))
            },
            sign_ins: views_of(&world, &engine, followed),
            user_sessions: Arc::new(keeper.clone()),
            engine,
            grants,
            holders,
            jobs: Arc::new(Jobs::default()),
            audit,
            address,
            shell_files: (shells.config_file(), shells.credentials_file()),
            started: clock.now().wall,
            clock,
            stop,
            entrance: entrance.clone(),
            config: RwLock::new(config),
            unusable: RwLock::default(),
            looks,
        };
        let (daemon, socket) = (Arc::new(daemon), Arc::new(socket));
        let reload = Reload {
            world,
            daemon: Arc::clone(&daemon),
            socket: Arc::clone(&socket),
            files,
            asked,
            names,
            configs,
            shells,
            sessions: Arc::new(keeper),
            listeners: listeners.clone(),
            relayed,
        };
        Ok(Self {
            daemon,
            service,
            listener,
            listeners,
            data,
            entrance,
            socket,
            reload,
            sign_ins,
            cli_logins,
            announcer,
            state,
            _locks: locks,
        })
    }

    /// Where clients are answered, such as `127.0.0.1:9711`.
    pub fn address(&self) -> SocketAddr {
        self.daemon.address
    }

    /// Ends it when it is told true.
    pub fn stop(&self) -> watch::Sender<bool> {
        self.daemon.stop.clone()
    }

    /// Serves until it is told to stop; then finishes what is in progress and leaves nothing behind but its state.
    ///
    /// # Errors
    ///
    /// Where a part of it ended before its time: a fault of ours, and no daemon is better than half a one.
    pub async fn run(self) -> Result<(), AppError> {
        let Self {
            daemon,
            service,
            listener,
            listeners,
            data,
            entrance,
            socket,
            reload,
            sign_ins,
            cli_logins,
            announcer,
            state,
            _locks,
        } = self;
        reload::tell_complaints(&daemon.config(), None);
        reload::warm(&daemon);
        let mut stop = daemon.stop.subscribe();
        let thinned = listener.thinned();
        let mut parts = JoinSet::new();
        parts.spawn(service.serve(listener, daemon.stop.subscribe()));
        if let Some((side, socket)) = data {
            parts.spawn(side.serve(socket, daemon.stop.subscribe()));
        }
        parts.spawn(entrance.run());
        parts.spawn(control::serve(socket, Arc::clone(&daemon)));
        let mut background = JoinSet::new();
        background.spawn(daemon.holders.clone().tidy());
        background.spawn(listeners.clone().run(reload.configs.subscribe()));
        background.spawn(reload.run());
        background.spawn(sign_ins.run());
        background.spawn(cli_logins.run());
        background.spawn(announcer.run());
        background.spawn(super::smallness::stay_small(thinned));
        tracing::info!(address = %daemon.address, version = env!("CARGO_PKG_VERSION"), "serving");
        let early = tokio::select! {
            _ = stop.wait_for(|stop| *stop) => false,
            _ = parts.join_next() => !*daemon.stop.borrow(),
        };
        tracing::info!("ending");
        daemon.stop.send_replace(true);
        background.shutdown().await;
        listeners.close().await;
        while parts.join_next().await.is_some() {}
        daemon.engine.clone().stop().await;
        daemon.holders.settle();
        daemon.audit.close().await;
        let _ = Marker::remove(&state);
        if early { Err(AppError::Broken) } else { Ok(()) }
    }
}

/// The socket for who is given its folder: containers, and shells elsewhere. The daemon does without where it cannot be had.
fn data_socket(places: &Places, state: &Folder) -> Option<LocalSocket> {
    let bound = || -> Result<LocalSocket, AppError> {
        let path = places.data_socket()?;
        state.open_inside("data")?;
        let refused = |reason| AppError::Control { path: path.display().to_string(), reason };
        LocalSocket::bind_open(&path).map_err(refused)
    };
    bound().map_err(|error| tracing::warn!(error = %error, "no data socket: relays cannot come by it")).ok()
}

/// What tells the control side how sign-ins stand.
fn views_of(world: &World, engine: &Engine, config: watch::Receiver<Arc<Config>>) -> control::daemon::SignIns {
    let (world, engine) = (world.clone(), engine.clone());
    Box::new(move || {
        let (world, engine, config) = (world.clone(), engine.clone(), config.borrow().clone());
        Box::pin(async move { views(&world, &engine, &config).await })
    })
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "App({})", self.address())
    }
}

pub(super) const RUNTIME_LOCK: &str = "daemon.lock";
pub(super) const STATE_LOCK: &str = "state.lock";

/// The audit trail's name in the state folder: `exec` writes into the same.
pub const AUDIT: &str = "audit.jsonl";
pub(super) const AUDIT_CAP: u64 = 8 << 20;

/// Takes a lock. Where it is held by a daemon that answers, that one runs; where nobody answers, it is about to start or
/// to end, and waited for; or it hangs.
async fn lock(folder: &Folder, name: &str, socket: &std::path::Path, state: &Folder) -> Result<Lock, AppError> {
    let deadline = Instant::now() + LOCK_PATIENCE;
    loop {
        if let Some(lock) = folder.try_lock(name)? {
            return Ok(lock);
        }
        let marker = Marker::read(state);
        let elsewhere = marker.as_ref().map(|marker| marker.socket.clone()).filter(|path| path != socket);
        for path in [Some(socket.to_owned()), elsewhere].into_iter().flatten() {
            if let Ok(mut client) = Client::connect(&path, ourselves::uid()).await
                && let Ok(Ok(status)) = tokio::time::timeout_at(deadline, client.status()).await
            {
                let folder = path.parent().unwrap_or(&path).display().to_string();
                return Err(AppError::Running { pid: status.pid, folder });
            }
        }
        if Instant::now() >= deadline {
            let pid = marker.and_then(|marker| marker.process()).map(|process| process.pid);
            return Err(AppError::Locked { pid, lock: folder.path().join(name).display().to_string() });
        }
        tokio::time::sleep(LOCK_LOOK).await;
    }
}

/// A daemon that was told to end takes two seconds at most.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);
const LOCK_LOOK: Duration = Duration::from_millis(20);

#[cfg(test)]
#[path = "daemon_tests.rs"]
mod tests;
