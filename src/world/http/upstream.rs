//! The client that upstreams are really asked with.
//!
//! Connections are kept for a few seconds, so that twenty roles renewed together cost one handshake, and dropped when the
//! machine slept meanwhile: such a connection looks alive and swallows the next request.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::time::Instant;

use super::connect::{Connector, words};
use super::exchange::{host_of, whole, within};
use super::{ExtraRoots, Http, HttpError, HttpLimits};
use crate::world::{BoxFuture, Clock, Environment};

/// Asks upstreams over TCP and TLS: proxies and authorities as the environment says.
pub struct Upstream {
    environment: Arc<Environment>,
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
}

struct State {
    routes: HashMap<Route, Connections>,
    awake: Awake,
}

/// What tells requests apart that may not share a connection.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Route {
    bundle: Option<PathBuf>,
    connect: Duration,
}

#[derive(Clone)]
struct Connections {
    connector: Connector,
    client: Client<Connector, Full<Bytes>>,
}

/// When both clocks were last read: tokio's stands still while the machine sleeps, boot time does not.
struct Awake {
    boot: Duration,
    running: Instant,
}

/// A reading that is this much later by boot time than by running time means that the machine slept.
const SLEPT: Duration = Duration::from_secs(1);

/// Idle connections are kept this long, and this many for each host.
const KEEP: Duration = Duration::from_secs(5);
const KEEP_MOST: usize = 4;

impl Upstream {
    /// A client that has read nothing yet: authorities are read by the first request to an `https` address.
    pub fn new(environment: Arc<Environment>, clock: Arc<dyn Clock>) -> Self {
        let awake = Awake { boot: clock.now().boot, running: Instant::now() };
        Self { environment, clock, state: Mutex::new(State { routes: HashMap::new(), awake }) }
    }

    fn connections(&self, route: Route) -> Connections {
        let awake = Awake { boot: self.clock.now().boot, running: Instant::now() };
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let passed = awake.boot.saturating_sub(state.awake.boot);
        if passed > awake.running.saturating_duration_since(state.awake.running) + SLEPT {
            for connections in state.routes.values_mut() {
                connections.client = client(connections.connector.clone());
            }
        }
        state.awake = awake;
        let connections = state.routes.entry(route).or_insert_with_key(|route| {
            let connector = Connector::new(&self.environment, route.bundle.clone(), route.connect);
            Connections { client: client(connector.clone()), connector }
        });
        connections.clone()
    }
}

fn client(connector: Connector) -> Client<Connector, Full<Bytes>> {
    // the client itself asks again, on another connection, when a kept one was closed before anything was sent on it
    Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(KEEP)
        .pool_max_idle_per_host(KEEP_MOST)
        .http1_max_buf_size(64 << 10)
        .build(connector)
}

impl Http for Upstream {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let bundle = request.extensions().get().map(|ExtraRoots(path)| path.clone());
        let connections = self.connections(Route { bundle, connect: limits.connect });
        let host = host_of(request.uri());
        Box::pin(async move {
            let asked = async {
                match connections.client.request(request.map(Full::new)).await {
                    Ok(answer) => whole(answer, limits.body_bytes, &host).await,
                    Err(error) => {
                        // the outermost words only say that it is an error of a client
                        let reason = std::error::Error::source(&error).map_or_else(|| error.to_string(), words);
                        if !error.is_connect() {
                            return Err(HttpError::Broken { host: host.clone(), reason });
                        }
                        connections.connector.forget_roots();
                        Err(HttpError::Connect { host: host.clone(), reason })
                    }
                }
            };
            within(limits.total, &host, asked).await
        })
    }
}

#[cfg(test)]
#[path = "test_server.rs"]
mod test_server;

#[cfg(test)]
#[path = "upstream_tests.rs"]
mod tests;
