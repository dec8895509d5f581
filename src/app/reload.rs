//! [`Reload`]: the configuration read again when a file of it changed, for as long as a daemon runs.
//!
//! What cannot be read or used changes nothing: what was served before goes on, the log and `credenza status` say so, and
//! it is tried again. Called by [`super::daemon`].

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use super::generated::AwsFiles;
use super::listeners::Listeners;
use super::recipes::{Book, names};
use super::relayed::Relayed;
use crate::config::Config;
use crate::control::Daemon;
use crate::server::service::Names;
use crate::source::mfa::UserSessions;
use crate::world::World;
use crate::world::local_socket::LocalSocket;
use crate::world::watch::FileWatch;

/// What follows the files.
pub(super) struct Reload {
    pub(super) world: World,
    pub(super) daemon: Arc<Daemon>,
    pub(super) socket: Arc<LocalSocket>,
    /// The files of the configuration, and the control socket.
    pub(super) files: FileWatch,
    /// Those who want them looked at now, and to be told.
    pub(super) asked: mpsc::UnboundedReceiver<oneshot::Sender<()>>,
    /// The names that the server knows.
    pub(super) names: watch::Sender<Names>,
    /// Those who follow what the configuration says.
    pub(super) configs: watch::Sender<Arc<Config>>,
    /// The files of shells.
    pub(super) shells: AwsFiles,
    /// Who keeps user sessions: the same for every configuration.
    pub(super) sessions: Arc<dyn UserSessions>,
    /// What is served beside the main address.
    pub(super) listeners: Listeners,
    /// What is served to the containers of relays.
    pub(super) relayed: Arc<Relayed>,
}

impl Reload {
    /// Follows them for ever. Ends the daemon when its socket is gone: whoever looks for it would not find it, and start
    /// another.
    pub(super) async fn run(mut self) {
        loop {
            if !self.socket.still_there() {
                tracing::warn!(path = %self.socket.path().display(), "the control socket is gone");
                self.daemon.stop.send_replace(true);
                return;
            }
            let asked = tokio::select! {
                () = self.files.changed() => None,
                asked = self.asked.recv() => asked,
            };
            if asked.is_none() || self.files.changed_by_now().await {
                self.read_again();
            }
            if let Some(tell) = asked {
                // who asked may have gone
                let _ = tell.send(());
            }
        }
    }

    fn read_again(&mut self) {
        let Self { world, daemon, names: known, configs, shells, sessions, listeners, relayed, .. } = self;
        let before = daemon.config();
        let config = match Config::load_again(world, &before.shared) {
            Ok(config) => Arc::new(config),
            Err(error) => {
                self.files.doubt();
                if daemon.stay(error.clone()) {
                    for complaint in &error.complaints {
                        tracing::error!(reason = %complaint, "the configuration cannot be used; the one before stays");
                    }
                }
                return;
            }
        };
        tell_complaints(&config, Some(&before));
        if config.server != before.server {
            tracing::warn!("[server] changed: it takes effect with the next start");
        }
        let book = Arc::new(Book::of(config.clone(), world.clone(), Arc::clone(sessions)));
        daemon.replace(config.clone(), |engine| engine.replace(book));
        known.send_replace(names(&config));
        listeners.follow(&config);
        relayed.follow(&config);
        configs.send_replace(Arc::clone(&config));
        if let Err(error) = shells.write(&config) {
            tracing::error!(error = %error, "the files of shells do not follow");
        }
        warm(daemon);
        tracing::info!(count = config.identities.len(), "the configuration was read again");
    }
}

/// Fetches ahead what will be asked for: what is to be kept warm, and what living shells and jobs have as their default.
pub(super) fn warm(daemon: &Daemon) {
    let config = daemon.config();
    let kept = config.identities.values().filter(|identity| identity.keep_warm).map(|identity| identity.name.clone());
    let granted = daemon.grants.list().into_iter().filter_map(|grant| grant.default_aws.clone());
    for name in kept.chain(granted) {
        if let Some(identity) = config.identities.get(&name) {
            daemon.engine.warm(&identity.ask());
        }
    }
}

/// Logs what is wrong with the configuration, but for what was wrong before.
pub(super) fn tell_complaints(config: &Config, before: Option<&Config>) {
    for complaint in &config.complaints {
        if !before.is_some_and(|before| before.complaints.contains(complaint)) {
            tracing::warn!(reason = %complaint, "in the configuration");
        }
    }
}
