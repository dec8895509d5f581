//! [`RelayEntrance`]: where relays come over TLS, with the daemon's own certificate.
//!
//! It opens with the first invitation that needs it, and with each later start for as long as such a one is good; else nothing listens.
//! Called by [`super::daemon`], and by the control side for an invitation.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::control::daemon::Entrance;
use crate::log::audit::Peer;
use crate::secret::{Digest, Secret};
use crate::server::data::DataSide;
use crate::server::grant::Grants;
use crate::server::listener::{Listener, Reach};
use crate::world::folder::{Folder, Permission};
use crate::world::pinned::{Keypair, Server};

/// Where relays come over TLS.
pub(super) struct RelayEntrance {
    pub(super) side: DataSide,
    pub(super) grants: Arc<Grants>,
    pub(super) state: Arc<Folder>,
    /// `[server] relay_listen`
    pub(super) address: SocketAddr,
    pub(super) stop: watch::Sender<bool>,
    /// Once it is open.
    pub(super) open: Mutex<Option<Open>>,
}

/// It is open.
pub(super) struct Open {
    /// Our certificate.
    fingerprint: Digest,
    serving: JoinHandle<()>,
}

impl RelayEntrance {
    /// Opens it as soon as it can be had if somebody was invited to come by it: its address may come later, such as that of
    /// Docker's bridge. Then waits for its end. For as long as a daemon runs.
    pub(super) async fn run(self: Arc<Self>) {
        let mut stop = self.stop.subscribe();
        let mut attempts = 0_u32;
        while self.grants.with_certificates() {
            let Err(error) = self.open() else { break };
            if attempts == 0 {
                tracing::warn!(error, "relays cannot come over TLS for now");
            }
            let wait = Duration::from_secs(1 << attempts.min(5));
            attempts = attempts.saturating_add(1);
            if timeout(wait, stop.wait_for(|stop| *stop)).await.is_ok() {
                return;
            }
        }
        let _ = stop.wait_for(|stop| *stop).await;
        let serving = self.opened().take().map(|open| open.serving);
        if let Some(serving) = serving {
            let _ = serving.await;
        }
    }

    fn keypair(&self) -> Result<Keypair, String> {
        let path = self.state.path().join(FILE);
        match self.state.read(FILE) {
            Ok(bytes) => {
                let text = String::from_utf8(bytes).map(Secret::new).unwrap_or_else(|_| Secret::new(""));
                Keypair::from_pem(text)
                    .map_err(|error| format!("{}: {error}: remove it, and invite relays anew", path.display()))
            }
            Err(error) if error.not_found() => {
                let made = Keypair::generate().map_err(|error| error.to_string())?;
                let written = self.state.write(FILE, made.pem().expose().as_bytes(), Permission::Write);
                written.map_err(|error| error.to_string())?;
                Ok(made)
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Nothing panics while it is held.
    fn opened(&self) -> MutexGuard<'_, Option<Open>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entrance for RelayEntrance {
    fn open(&self) -> Result<(SocketAddr, Digest), String> {
        let mut opened = self.opened();
        if let Some(open) = &*opened {
            return Ok((self.address, open.fingerprint));
        }
        let keypair = self.keypair()?;
        let listener = Listener::bind_named(self.address, Reach::Network).map_err(|error| error.to_string())?;
        let grants = Arc::clone(&self.grants);
        let server = Server::new(&keypair, move |shown| grants.knows(shown));
        let (side, stop) = (self.side.clone(), self.stop.subscribe());
        let told = stop.clone();
        tracing::info!(address = %self.address, "relays may come over TLS");
        let serving = tokio::spawn(async move {
            let serve = |stream, from, _, standing| {
                let (server, side, stop) = (server.clone(), side.clone(), stop.clone());
                async move {
                    match server.accept(stream, HANDSHAKE).await {
                        Ok((stream, shown)) => {
                            let peer = Arc::new(Peer::elsewhere(from));
                            side.serve_stream(stream, peer, Some(shown), Some(standing), stop).await;
                        }
                        Err(error) => tracing::debug!(reason = %error, "not let in over TLS"),
                    }
                }
            };
            listener.beside_another().run(told, serve).await;
        });
        let fingerprint = keypair.fingerprint();
        *opened = Some(Open { fingerprint, serving });
        Ok((self.address, fingerprint))
    }
}

const FILE: &str = "relay.pem";

const HANDSHAKE: Duration = Duration::from_secs(5);
