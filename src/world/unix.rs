//! HTTP over a Unix socket: how a source asks a running daemon.
//!
//! One connection a request: a daemon that was replaced is found at once. The other end must be a process of our own user,
//! and is sent nothing before that is known; its folder must be ours alone.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::net::UnixStream;

use super::BoxFuture;
use super::folder::Folder;
use super::http::exchange::exchange;
use super::http::{Http, HttpError, HttpLimits};
use super::ourselves::uid;

/// Whoever listens at this socket.
#[derive(Clone, Debug)]
pub struct UnixHttp(pub PathBuf);

impl Http for UnixHttp {
    fn send(
        &self,
        request: http::Request<Bytes>,
        limits: HttpLimits,
    ) -> BoxFuture<'static, Result<http::Response<Bytes>, HttpError>> {
        let socket = self.0.clone();
        Box::pin(async move { send(&socket, request, limits).await })
    }
}

/// Sends a request to whoever listens at `socket`, and reads the whole answer.
pub async fn send(
    socket: &Path,
    request: http::Request<Bytes>,
    limits: HttpLimits,
) -> Result<http::Response<Bytes>, HttpError> {
    let host = socket.display().to_string();
    let refused = |reason: String| HttpError::Connect { host: host.clone(), reason };
    let folder = socket.parent().unwrap_or(socket);
    Folder::check(folder).map_err(|error| refused(error.to_string()))?;
    let connecting = tokio::time::timeout(limits.connect, UnixStream::connect(socket));
    let stream = match connecting.await {
        Ok(connected) => connected.map_err(|error| refused(error.to_string()))?,
        Err(_) => return Err(refused(format!("not connected within {:?}", limits.connect))),
    };
    let peer = stream.peer_cred().map_err(|error| refused(error.to_string()))?;
    check_peer(peer.uid(), uid()).map_err(refused)?;
    exchange(stream, request, limits, &host).await
}

fn check_peer(peer: u32, us: u32) -> Result<(), String> {
    if peer == us { Ok(()) } else { Err(format!("it is held by user {peer}, not by us (user {us})")) }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::Full;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::net::UnixListener;

    use super::*;

    #[tokio::test]
    async fn a_request_travels_over_the_socket() {
        let folder = crate::world::folder::temporary();
        let socket = folder.path().join("control.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let service = service_fn(|request: http::Request<hyper::body::Incoming>| async move {
                let target = request.uri().to_string();
                Ok::<_, Infallible>(http::Response::new(Full::new(Bytes::from(target))))
            });
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
        let request = http::Request::get("http://credenza/v1/status?x=1").body(Bytes::new()).unwrap();
        let answer = send(&socket, request, HttpLimits::default()).await.unwrap();
        assert_eq!(answer.body(), "/v1/status?x=1");
    }

    #[tokio::test]
    async fn a_socket_with_nobody_behind_it_is_no_connection() {
        let folder = crate::world::folder::temporary();
        let socket = folder.path().join("control.sock");
        for stale in [false, true] {
            if stale {
                drop(UnixListener::bind(&socket).unwrap());
            }
            let request = http::Request::get("http://credenza/").body(Bytes::new()).unwrap();
            let error = send(&socket, request, HttpLimits::default()).await.unwrap_err();
            assert!(matches!(error, HttpError::Connect { .. }), "{error}");
        }
    }

    #[test]
    fn another_users_socket_is_refused() {
        assert!(check_peer(1000, 1000).is_ok());
        assert!(check_peer(1001, 1000).unwrap_err().contains("user 1001"));
        assert!(check_peer(0, 1000).is_err(), "not even root's");
    }
}
