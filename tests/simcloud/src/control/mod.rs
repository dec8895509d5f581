//! Steering over HTTP and JSON, for tests that are not written in Rust: a listener of its own, apart from what it steers.
//! The routes are described in this crate's `README.md`.

mod arm;
mod blob;
mod devices;
mod entra;
mod github;
mod graph;
mod outbound;
mod routes;
pub mod seed;
mod sso;
pub mod view;

use std::{convert::Infallible, io};

use bytes::Bytes;
use http::{Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::{Cloud, Listening};

impl Cloud {
    /// Serves the control API. Whoever reaches it rules this cloud, so it belongs on loopback.
    pub fn listen_control(&self, listener: TcpListener) -> io::Result<Listening> {
        let cloud = self.clone();
        Listening::start(listener, move |stream| serve(cloud.clone(), stream))
    }
}

async fn serve(cloud: Cloud, stream: TcpStream) {
    let service = service_fn(move |request: Request<Incoming>| {
        let cloud = cloud.clone();
        async move { Ok::<_, Infallible>(respond(&cloud, request).await) }
    });
    // A client that goes away in the middle has nothing more to be told.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(cloud: &Cloud, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let (status, value) = match routes::answer(cloud, &head.method, &head.uri, &body) {
        Ok(value) => (200, value),
        Err(complaint) => (complaint.status, serde_json::json!({ "error": complaint.message })),
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = http::StatusCode::from_u16(status).unwrap_or_default();
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/json"));
    response
}

/// Why a control request was not carried out.
pub(crate) struct Complaint {
    pub(crate) status: u16,
    pub(crate) message: String,
}
