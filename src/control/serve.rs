//! The daemon's end of the control socket: accepts, and serves each connection until it or the daemon ends.

use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::daemon::Daemon;
use super::routes::Visit;
use crate::world::local_socket::{LocalSocket, LocalStream};

/// Serves until the daemon is told to stop; then answers what was asked, closes what is idle, and takes the socket away.
pub async fn serve(socket: Arc<LocalSocket>, daemon: Arc<Daemon>) {
    let mut stop = daemon.stop.subscribe();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => break,
            (stream, pid) = socket.accept() => {
                let visit = Visit::new(Arc::clone(&daemon), pid);
                connections.spawn(connection(stream, visit, daemon.stop.subscribe()));
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
    // first the file, so that nobody new comes; then those who are there
    socket.remove();
    let _ = tokio::time::timeout(DRAIN, async { while connections.join_next().await.is_some() {} }).await;
}

/// Longer than any route takes.
const DRAIN: Duration = Duration::from_secs(2);

async fn connection(stream: LocalStream, visit: Visit, mut stop: watch::Receiver<bool>) {
    let service = service_fn(async |request| Ok::<_, Infallible>(visit.answer(request).await));
    let mut connection = pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let mut stopping = false;
    loop {
        tokio::select! {
            _ = &mut connection => return,
            _ = stop.wait_for(|stop| *stop), if !stopping => {
                stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
}
