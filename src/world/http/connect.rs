//! How a connection to an upstream is made: straight or through a proxy's tunnel, with TLS or, to near addresses, without.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tower_service::Service;

use super::proxy::Proxies;
use super::roots::{self, Added};
use crate::world::Environment;

/// Makes connections. Clones share the TLS set-up, which is made when the first connection needs it: listening must not
/// wait for a hundred certificates to be read.
#[derive(Clone)]
pub(super) struct Connector(Arc<Shared>);

struct Shared {
    tcp: HttpConnector,
    proxies: Proxies,
    added: Arc<Added>,
    limit: Duration,
    tls: Mutex<Arc<OnceCell<Arc<rustls::ClientConfig>>>>,
}

/// What a connection to the next hop is: the upstream itself, or a proxy, by TLS or not.
type Hop = MaybeHttpsStream<TokioIo<TcpStream>>;
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connecting<T> = Pin<Box<dyn Future<Output = Result<T, BoxError>> + Send>>;

impl Connector {
    /// `bundle`: authorities trusted beside those of the system and the environment. `limit`: the most that one
    /// connection may take to be made.
    pub(super) fn new(environment: &Environment, bundle: Option<PathBuf>, limit: Duration) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false); // TLS lies above
        tcp.set_nodelay(true);
        // shared out among a name's addresses: a dead one must leave time for the next
        tcp.set_connect_timeout(Some(limit));
        Self(Arc::new(Shared {
            tcp,
            proxies: Proxies::from(environment),
            added: Arc::new(Added::from(environment, bundle.as_deref())),
            limit,
            tls: Mutex::default(),
        }))
    }

    /// Has the next connection read the authorities anew: one failed, and the user may be mending them.
    pub(super) fn forget_roots(&self) {
        *self.0.tls.lock().unwrap_or_else(PoisonError::into_inner) = Arc::default();
    }

    async fn connect(&self, uri: Uri) -> Result<MaybeHttpsStream<Hop>, BoxError> {
        let mut tcp = self.0.tcp.clone();
        if uri.scheme_str() == Some("http") {
            return Ok(MaybeHttpsStream::Http(MaybeHttpsStream::Http(tcp.call(uri).await?)));
        }
        let proxy = self.0.proxies.proxy_for(&uri)?;
        let tls = self.tls().await?;
        let next_hop = match proxy {
            None => NextHop::Upstream(tcp),
            Some(proxy) => {
                let tunnel = Tunnel::new(proxy.uri().clone(), HttpsConnector::from((tcp, tls.clone())));
                NextHop::Proxy(Box::new(match proxy.basic_auth() {
                    Some(authorization) => tunnel.with_auth(authorization.clone()),
                    None => tunnel,
                }))
            }
        };
        HttpsConnector::from((next_hop, tls)).call(uri).await
    }

    async fn tls(&self) -> Result<Arc<rustls::ClientConfig>, BoxError> {
        let cell = self.0.tls.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let made = cell.get_or_try_init(|| async {
            let added = self.0.added.clone();
            let made = tokio::task::spawn_blocking(move || roots::tls(&added)).await??;
            Ok::<_, BoxError>(Arc::new(made))
        });
        made.await.cloned()
    }
}

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<Hop>;
    type Error = BoxError;
    type Future = Connecting<Self::Response>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connector = self.clone();
        Box::pin(async move {
            match tokio::time::timeout(connector.0.limit, connector.connect(uri)).await {
                Ok(connected) => connected,
                Err(_) => Err(format!("not connected within {:?}", connector.0.limit).into()),
            }
        })
    }
}

/// Below the upstream's own TLS: a plain connection to it, or a proxy's tunnel.
enum NextHop {
    Upstream(HttpConnector),
    Proxy(Box<Tunnel<HttpsConnector<HttpConnector>>>),
}

impl Service<Uri> for NextHop {
    type Response = Hop;
    type Error = BoxError;
    type Future = Connecting<Hop>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self {
            Self::Upstream(tcp) => {
                let connecting = tcp.call(uri);
                Box::pin(async move { Ok(MaybeHttpsStream::Http(connecting.await?)) })
            }
            Self::Proxy(tunnel) => {
                let connecting = tunnel.call(uri);
                Box::pin(async move {
                    connecting.await.map_err(|error| format!("through the proxy: {}", words(&error)).into())
                })
            }
        }
    }
}

/// An error and its causes, in a line. They hold hosts and the libraries' words, never a header.
pub(super) fn words(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.ends_with(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}
