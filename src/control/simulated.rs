//! A daemon that says what a test has it say, on a socket of its own. Nothing in the product builds one.

use std::convert::Infallible;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::task::{AbortHandle, JoinSet};

use super::wire;
use crate::credential::handover::{PROTOCOL, PROTOCOL_HEADER, Refusal, Wanted};
use crate::secret::Secret;
use crate::world::local_socket::LocalSocket;
use crate::world::ourselves;

/// What it says to a job.
pub(crate) trait Says: Send + Sync + 'static {
    fn job(&self, job: wire::Job) -> wire::Announced;
    fn credential(&self, wanted: Wanted) -> Result<Secret, Refusal>;
}

/// One that runs on the current runtime.
pub(crate) struct SimulatedDaemon {
    serving: AbortHandle,
}

impl SimulatedDaemon {
    pub(crate) fn start(path: &Path, says: Arc<impl Says>) -> Self {
        let socket = LocalSocket::bind(path, ourselves::uid()).unwrap();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = socket.accept().await;
                let says = Arc::clone(&says);
                connections.spawn(async move {
                    let service = service_fn(async |request| Ok::<_, Infallible>(answer(&*says, request).await));
                    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { serving: serving.abort_handle() }
    }
}

/// As if it were killed: its connections end, and its socket's file stays.
impl Drop for SimulatedDaemon {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn answer(says: &impl Says, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let (status, body) = match path.as_str() {
        "/v1/job" => (StatusCode::OK, serde_json::to_vec(&says.job(serde_json::from_slice(&body).unwrap())).unwrap()),
        "/v1/credential" => match says.credential(serde_json::from_slice(&body).unwrap()) {
            Ok(given) => (StatusCode::OK, given.expose().as_bytes().to_vec()),
            Err(refusal) => (StatusCode::SERVICE_UNAVAILABLE, serde_json::to_vec(&refusal).unwrap()),
        },
        "/v1/reset" => (StatusCode::OK, b"{}".to_vec()),
        other => panic!("a job asks for nothing at {other}"),
    };
    let answer = Response::builder().status(status).header(PROTOCOL_HEADER, PROTOCOL);
    answer.body(Full::new(Bytes::from(body))).unwrap()
}
