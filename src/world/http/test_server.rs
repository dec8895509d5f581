//! Servers and a certificate authority for the tests of the upstream client, on real sockets.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

/// A certificate authority of its own.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn write(&self, path: &Path) {
        std::fs::write(path, self.0.pem()).unwrap();
    }

    /// What a server of this name shows.
    pub(super) fn server(&self, name: &str) -> TlsAcceptor {
        self.acceptor(CertificateParams::new([name.to_owned()]).unwrap())
    }

    /// The same, over since yesterday.
    pub(super) fn expired_server(&self, name: &str) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
        self.acceptor(params)
    }

    fn acceptor(&self, params: CertificateParams) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = config.unwrap().with_no_client_auth().with_single_cert(vec![certificate.der().clone()], key);
        TlsAcceptor::from(Arc::new(config.unwrap()))
    }
}

/// A server that answers every request by its path, and counts.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    hang_up: Arc<Notify>,
}

impl Server {
    pub(super) async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            hang_up: Arc::default(),
        };
        let (connections, requests, hang_up) =
            (server.connections.clone(), server.requests.clone(), server.hang_up.clone());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.fetch_add(1, Ordering::SeqCst);
                let (tls, requests, hang_up) = (tls.clone(), requests.clone(), hang_up.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, requests, hang_up).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            serve(stream, requests, hang_up).await;
                        }
                    }
                });
            }
        });
        server
    }

    pub(super) fn url(&self, scheme: &str, host: &str, path: &str) -> String {
        format!("{scheme}://{host}:{}{path}", self.address.port())
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// Closes every connection that waits for its next request.
    pub(super) fn hang_up(&self) {
        self.hang_up.notify_waiters();
    }
}

/// A server that sends these bytes to whoever asks, and then nothing more for ever.
pub(super) async fn server_that_says(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read_u8().await;
            // who is asked may have heard enough before the end
            let _ = stream.write_all(&bytes).await;
            held.push(stream);
        }
    });
    address
}

async fn serve(io: impl AsyncRead + AsyncWrite + Unpin, requests: Arc<AtomicUsize>, hang_up: Arc<Notify>) {
    let service = service_fn(|request: http::Request<hyper::body::Incoming>| {
        requests.fetch_add(1, Ordering::SeqCst);
        answer(request)
    });
    let connection = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(io), service);
    tokio::select! {
        _ = connection => {}
        () = hang_up.notified() => {}
    }
}

async fn answer(request: http::Request<hyper::body::Incoming>) -> Result<http::Response<Full<Bytes>>, std::io::Error> {
    let path = request.uri().path().to_owned();
    let body = request.into_body().collect().await.map_err(std::io::Error::other)?.to_bytes();
    let answer = http::Response::builder();
    let answer = match path.as_str() {
        "/redirect" => answer.status(302).header("location", "/echo").body(Full::default()),
        "/never" => std::future::pending().await,
        "/break" => return Err(std::io::Error::other("on purpose")),
        path => match path.strip_prefix("/bytes/").map(|count| count.parse().unwrap()) {
            Some(count) => answer.body(Full::from(vec![b'x'; count])),
            None => answer.body(Full::from(body)),
        },
    };
    answer.map_err(std::io::Error::other)
}

/// A proxy that knows one command, writes down what it was asked, and leads every tunnel to one address.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    asked: Arc<std::sync::Mutex<Vec<String>>>,
}

impl Proxy {
    pub(super) async fn start(tls: Option<TlsAcceptor>, leads_to: SocketAddr, answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = proxy.asked.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (tls, asked) = (tls.clone(), asked.clone());
                tokio::spawn(async move {
                    match tls {
                        None => tunnel(stream, asked, leads_to, answer).await,
                        Some(tls) => {
                            let Ok(stream) = tls.accept(stream).await else { return };
                            tunnel(stream, asked, leads_to, answer).await;
                        }
                    }
                });
            }
        });
        proxy
    }

    /// The heads of the requests so far.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

async fn tunnel(
    mut client: impl AsyncRead + AsyncWrite + Unpin,
    asked: Arc<std::sync::Mutex<Vec<String>>>,
    leads_to: SocketAddr,
    answer: &str,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    asked.lock().unwrap().push(String::from_utf8(head).unwrap());
    client.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.unwrap();
    if answer.starts_with("200") {
        let mut upstream = TcpStream::connect(leads_to).await.unwrap();
        let _ = tokio::io::copy_bidirectional(&mut client, &mut upstream).await;
    }
}
