//! Real sockets: TCP, and TLS over it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use rustls::ServerConfig;
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
};
use tokio_rustls::TlsAcceptor;

use super::connection::serve_with_reset;
use crate::Cloud;

/// An open listener; dropped, it and all its connections are closed.
#[derive(Debug)]
pub struct Listening {
    address: SocketAddr,
    task: AbortHandle,
}

impl Listening {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Runs `serve` for every connection, on a task of its own.
    pub(crate) fn start<F>(listener: TcpListener, serve: impl Fn(TcpStream) -> F + Send + 'static) -> io::Result<Self>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, _)) => drop(connections.spawn(serve(stream))),
                        // Out of descriptors: one that closes makes room, and until then nothing is gained by asking again.
                        Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                    },
                    Some(_) = connections.join_next() => {}
                }
            }
        });
        Ok(Self { address, task: task.abort_handle() })
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Cloud {
    /// Serves every connection that comes in.
    pub fn listen(&self, listener: TcpListener) -> io::Result<Listening> {
        let cloud = self.clone();
        Listening::start(listener, move |stream| serve_with_reset(cloud.clone(), stream, false, reset))
    }

    /// The same over TLS. A handshake that fails ends its connection.
    pub fn listen_tls(&self, listener: TcpListener, tls: Arc<ServerConfig>) -> io::Result<Listening> {
        let (cloud, acceptor) = (self.clone(), TlsAcceptor::from(tls));
        Listening::start(listener, move |stream| {
            let (cloud, acceptor) = (cloud.clone(), acceptor.clone());
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve_with_reset(cloud, stream, true, |stream| reset(stream.get_ref().0)).await;
                }
            }
        })
    }
}

/// Closes with RST in place of FIN, so that the client sees "connection reset by peer".
fn reset(stream: &TcpStream) {
    // On a socket that is gone already there is nothing left to reset.
    let _ = stream.set_zero_linger();
}
