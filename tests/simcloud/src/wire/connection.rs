//! One connection, from its first byte to its last.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::service::{Cut, respond};
use crate::Cloud;

type Answering = Pin<Box<dyn Future<Output = Result<Response<Full<Bytes>>, Cut>> + Send>>;

impl Cloud {
    /// Serves one connection until its end: HTTP/1.1 with keep-alive over anything that carries bytes, such as one half of
    /// [`tokio::io::duplex`]. A fault that resets the connection drops it.
    pub fn serve<I>(&self, io: I) -> impl Future<Output = ()> + Send + 'static + use<I>
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        serve_with_reset(self.clone(), io, false, |_| {})
    }
}

/// The same, with a way to make a connection's end look like a reset.
pub(super) async fn serve_with_reset<I>(cloud: Cloud, io: I, secure: bool, reset: impl FnOnce(&I) + Send + 'static)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // What a cut connection still has to say: hyper only tells that the service failed, not with what.
    let last_bytes = Arc::new(Mutex::new(None));
    let service = service_fn({
        let last_bytes = Arc::clone(&last_bytes);
        move |request: Request<Incoming>| -> Answering {
            let (cloud, last_bytes) = (cloud.clone(), Arc::clone(&last_bytes));
            Box::pin(async move {
                let result = respond(cloud, request, secure).await;
                if let Err(Cut(bytes)) = &result {
                    *last_bytes.lock().unwrap_or_else(PoisonError::into_inner) = Some(bytes.clone());
                }
                result
            })
        }
    });
    let mut connection = http1::Builder::new().serve_connection(TokioIo::new(io), service);
    // An error here is a client that went away, or a cut: the connection is over either way.
    let _ = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let mut io = connection.into_parts().io.into_inner();
    let cut = last_bytes.lock().unwrap_or_else(PoisonError::into_inner).take();
    match cut {
        None => drop(io.shutdown().await),
        Some(bytes) if bytes.is_empty() => reset(&io),
        Some(bytes) => {
            // Whether the client still listens is its own affair.
            let _ = io.write_all(&bytes).await;
            let _ = io.shutdown().await;
        }
    }
}
