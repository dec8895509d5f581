//! One request and its answer over a connection that is there: HTTP/1.1, bounded in time and size.
//!
//! Called by the client of the control socket's supplier (`world/unix.rs`) and by the simulated [`Http`](super::Http).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connect::words;
use super::{HttpError, HttpLimits};

/// Sends a request over `io` and reads the whole answer; the connection ends with it. `host` is for messages.
pub async fn exchange(
    io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: http::Request<Bytes>,
    limits: HttpLimits,
    host: &str,
) -> Result<http::Response<Bytes>, HttpError> {
    let broken = |error: &hyper::Error| HttpError::Broken { host: host.to_owned(), reason: words(error) };
    let asked = async {
        let (mut requests, connection) = http1::handshake(TokioIo::new(io)).await.map_err(|error| broken(&error))?;
        let answered = async {
            let answer =
                requests.send_request(with_host(request).map(Full::new)).await.map_err(|error| broken(&error))?;
            whole(answer, limits.body_bytes, host).await
        };
        let mut answered = std::pin::pin!(answered);
        tokio::select! {
            biased;
            answer = &mut answered => answer,
            // the connection's own task ends first when the answer came with the end of the stream
            _ = connection => answered.await,
        }
    };
    within(limits.total, host, asked).await
}

/// Gives a request the `Host` that HTTP/1.1 wants, and the target the form that a server wants.
fn with_host(mut request: http::Request<Bytes>) -> http::Request<Bytes> {
    if let Some(authority) = request.uri().authority() {
        if let Ok(host) = http::HeaderValue::from_str(authority.as_str()) {
            request.headers_mut().entry(http::header::HOST).or_insert(host);
        }
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str()).to_owned();
        if let Ok(target) = target.parse() {
            *request.uri_mut() = target;
        }
    }
    request
}

/// An answer with its body, read to its end.
pub(super) async fn whole<B>(
    answer: http::Response<B>,
    most: usize,
    host: &str,
) -> Result<http::Response<Bytes>, HttpError>
where
    B: hyper::body::Body<Data = Bytes, Error = hyper::Error>,
{
    let (head, body) = answer.into_parts();
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(http::Response::from_parts(head, body.to_bytes())),
        Err(error) if error.is::<LengthLimitError>() => Err(HttpError::TooLarge { host: host.to_owned(), limit: most }),
        Err(error) => Err(HttpError::Broken { host: host.to_owned(), reason: words(error.as_ref()) }),
    }
}

/// Gives up after `limit`.
pub(super) async fn within<T>(
    limit: Duration,
    host: &str,
    asked: impl Future<Output = Result<T, HttpError>>,
) -> Result<T, HttpError> {
    match tokio::time::timeout(limit, asked).await {
        Ok(outcome) => outcome,
        Err(_) => Err(HttpError::TimedOut { host: host.to_owned(), after: limit }),
    }
}

/// Host and port, as messages may show them: never the password of a `user:password@host`.
pub(in crate::world) fn host_of(uri: &http::Uri) -> String {
    let host = uri.host().unwrap_or_default();
    uri.port_u16().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
