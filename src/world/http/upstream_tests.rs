//! The upstream client against real sockets: TLS, proxies, limits, kept connections.

use std::path::Path;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::test_server::{Authority, Proxy, Server, server_that_says};
use super::*;
use crate::world::clock::SystemClock;
use crate::world::simulated::SimulatedClock;

/// A name that resolves nowhere: only a proxy leads to it.
const FAR: &str = "sts.far.invalid";

fn upstream(environment: &[(&str, &str)]) -> Upstream {
    Upstream::new(Arc::new(environment.iter().copied().collect()), Arc::new(SystemClock))
}

fn limits() -> HttpLimits {
    HttpLimits { connect: Duration::from_secs(20), total: Duration::from_secs(40), body_bytes: 1024 }
}

async fn ask(upstream: &Upstream, url: &str) -> Result<http::Response<Bytes>, HttpError> {
    upstream.send(http::Request::post(url).body(Bytes::from("hello")).unwrap(), limits()).await
}

async fn ask_with_bundle(upstream: &Upstream, url: &str, bundle: &Path) -> Result<http::Response<Bytes>, HttpError> {
    let request = http::Request::post(url).extension(ExtraRoots(bundle.to_owned())).body(Bytes::from("hello"));
    upstream.send(request.unwrap(), limits()).await
}

fn said(outcome: Result<http::Response<Bytes>, HttpError>) -> String {
    String::from_utf8(outcome.unwrap().into_body().to_vec()).unwrap()
}

struct Tls {
    folder: tempfile::TempDir,
    authority: Authority,
    server: Server,
}

/// A server called `localhost`, and the file of the authority that vouches for it.
async fn tls() -> Tls {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    authority.write(&folder.path().join("ca.pem"));
    let server = Server::start(Some(authority.server("localhost"))).await;
    Tls { folder, authority, server }
}

impl Tls {
    fn bundle(&self) -> String {
        self.folder.path().join("ca.pem").to_str().unwrap().to_owned()
    }

    fn url(&self) -> String {
        self.server.url("https", "localhost", "/echo")
    }
}

#[tokio::test]
async fn an_untrusted_authority_is_refused_before_anything_is_sent() {
    let tls = tls().await;
    let error = ask(&upstream(&[]), &tls.url()).await.unwrap_err();
    assert!(matches!(&error, HttpError::Connect { reason, .. } if reason.contains("UnknownIssuer")), "{error}");
    assert_eq!(tls.server.requests(), 0);
}

#[tokio::test]
async fn an_authority_that_the_user_added_is_trusted() {
    let tls = tls().await;
    let bundle = tls.bundle();
    assert_eq!(said(ask(&upstream(&[("AWS_CA_BUNDLE", &bundle)]), &tls.url()).await), "hello");
    assert_eq!(said(ask(&upstream(&[("SSL_CERT_FILE", &bundle)]), &tls.url()).await), "hello");
    assert_eq!(said(ask_with_bundle(&upstream(&[]), &tls.url(), Path::new(&bundle)).await), "hello");
}

#[tokio::test]
async fn one_identitys_bundle_is_not_anothers() {
    let tls = tls().await;
    let upstream = upstream(&[]);
    ask_with_bundle(&upstream, &tls.url(), Path::new(&tls.bundle())).await.unwrap();
    assert!(matches!(ask(&upstream, &tls.url()).await, Err(HttpError::Connect { .. })));
}

#[tokio::test]
async fn a_certificate_of_another_name_or_an_ended_one_is_refused() {
    let tls = tls().await;
    let upstream = upstream(&[("AWS_CA_BUNDLE", &tls.bundle())]);
    for (server, reason) in [
        (tls.authority.server("elsewhere.test"), "not valid for name"),
        (tls.authority.expired_server("localhost"), "expired"),
    ] {
        let server = Server::start(Some(server)).await;
        let error = ask(&upstream, &server.url("https", "localhost", "/echo")).await.unwrap_err();
        assert!(matches!(&error, HttpError::Connect { reason: said, .. } if said.contains(reason)), "{error}");
    }
}

#[tokio::test]
async fn a_bundle_that_is_missing_is_named_and_read_again_once_it_is_there() {
    let tls = tls().await;
    let missing = tls.folder.path().join("missing.pem");
    let upstream = upstream(&[("AWS_CA_BUNDLE", missing.to_str().unwrap())]);
    let plain = Server::start(None).await;
    assert_eq!(said(ask(&upstream, &plain.url("http", "127.0.0.1", "/echo")).await), "hello", "no TLS, no bundle");
    let error = ask(&upstream, &tls.url()).await.unwrap_err();
    let named = format!("AWS_CA_BUNDLE names {}", missing.display());
    assert!(matches!(&error, HttpError::Connect { reason, .. } if reason.contains(&named)), "{error}");
    std::fs::copy(tls.bundle(), &missing).unwrap();
    assert_eq!(said(ask(&upstream, &tls.url()).await), "hello");
}

#[tokio::test]
async fn a_proxy_is_asked_for_a_tunnel_and_never_sees_inside() {
    let tls = tls().await;
    let server = Server::start(Some(tls.authority.server(FAR))).await;
    let proxy = Proxy::start(None, server.address, "200 OK").await;
    let address = format!("http://ada:p%40ss@{}", proxy.address);
    let upstream = upstream(&[("AWS_CA_BUNDLE", &tls.bundle()), ("HTTPS_PROXY", &address)]);
    assert_eq!(said(ask(&upstream, &format!("https://{FAR}/echo")).await), "hello");
    let asked = proxy.asked().join("");
    assert!(asked.starts_with(&format!("CONNECT {FAR}:443 HTTP/1.1\r\n")), "{asked}");
    assert!(asked.contains("Proxy-Authorization: Basic YWRhOnBAc3M=\r\n") && !asked.contains("hello"), "{asked}");
}

#[tokio::test]
async fn a_proxy_that_speaks_tls_itself_works_too() {
    let tls = tls().await;
    let server = Server::start(Some(tls.authority.server(FAR))).await;
    let proxy = Proxy::start(Some(tls.authority.server("localhost")), server.address, "200 OK").await;
    let address = format!("https://localhost:{}", proxy.address.port());
    let upstream = upstream(&[("AWS_CA_BUNDLE", &tls.bundle()), ("HTTPS_PROXY", &address)]);
    assert_eq!(said(ask(&upstream, &format!("https://{FAR}/echo")).await), "hello");
    assert_eq!(proxy.asked().len(), 1);
}

#[tokio::test]
async fn a_proxy_is_bypassed_for_no_proxy_and_always_for_this_machine() {
    let tls = tls().await;
    let proxy = Proxy::start(None, tls.server.address, "200 OK").await;
    let address = format!("http://{}", proxy.address);
    let bundle = tls.bundle();
    let through = [("AWS_CA_BUNDLE", bundle.as_str()), ("HTTPS_PROXY", &address)];
    assert_eq!(said(ask(&upstream(&through), &tls.url()).await), "hello");
    let past = upstream(&[through[0], through[1], ("NO_PROXY", ".invalid")]);
    let error = ask(&past, &format!("https://{FAR}/echo")).await.unwrap_err();
    assert!(matches!(&error, HttpError::Connect { reason, .. } if reason.contains("dns")), "{error}");
    assert_eq!(proxy.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_without_its_password() {
    let tls = tls().await;
    for (answer, reason) in
        [("407 Proxy Authentication Required", "authorization required"), ("403 No", "unsuccessful")]
    {
        let proxy = Proxy::start(None, tls.server.address, answer).await;
        let address = format!("http://ada:hunter2@{}", proxy.address);
        let error = ask(&upstream(&[("HTTPS_PROXY", &address)]), &format!("https://{FAR}/")).await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, HttpError::Connect { .. }), "{text}");
        assert!(text.contains("through the proxy") && text.contains(reason) && !text.contains("hunter2"), "{text}");
    }
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let server = Server::start(None).await;
    let answer = ask(&upstream(&[]), &server.url("http", "127.0.0.1", "/redirect")).await.unwrap();
    assert_eq!((answer.status().as_u16(), server.requests()), (302, 1));
}

#[tokio::test]
async fn an_answer_over_the_limit_is_refused() {
    let server = Server::start(None).await;
    let upstream = upstream(&[]);
    let fits = ask(&upstream, &server.url("http", "127.0.0.1", "/bytes/1024")).await.unwrap();
    assert_eq!(fits.body().len(), 1024);
    let error = ask(&upstream, &server.url("http", "127.0.0.1", "/bytes/1025")).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit: 1024, .. }), "{error}");
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let server = Server::start(None).await;
    let short = HttpLimits { total: Duration::from_millis(50), ..limits() };
    let request = http::Request::get(server.url("http", "127.0.0.1", "/never")).body(Bytes::new()).unwrap();
    let error = upstream(&[]).send(request, short).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { after, .. } if after == short.total), "{error}");
}

#[tokio::test]
async fn who_stops_in_the_middle_of_a_body_is_given_up() {
    let address = server_that_says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"half\":".to_vec()).await;
    let short = HttpLimits { total: Duration::from_millis(200), ..limits() };
    let request = http::Request::get(format!("http://{address}/")).body(Bytes::new()).unwrap();
    let error = upstream(&[]).send(request, short).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { after, .. } if after == short.total), "{error}");
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let mut head = b"HTTP/1.1 200 OK\r\nX-Endless: ".to_vec();
    head.resize(256 << 10, b'x');
    let address = server_that_says(head).await;
    let error = ask(&upstream(&[]), &format!("http://{address}/")).await.unwrap_err();
    assert!(matches!(&error, HttpError::Broken { reason, .. } if reason.contains("too large")), "{error}");
}

#[tokio::test]
async fn who_never_finishes_the_handshake_was_sent_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let short = HttpLimits { connect: Duration::from_millis(50), ..limits() };
    let url = format!("https://localhost:{}/", silent.local_addr().unwrap().port());
    let error = upstream(&[]).send(http::Request::get(url).body(Bytes::new()).unwrap(), short).await.unwrap_err();
    assert!(matches!(&error, HttpError::Connect { reason, .. } if reason.contains("not connected within")), "{error}");
}

/// A listener whose queue is full: whoever else wants to connect hears nothing, as behind a firewall. Elsewhere than on
/// Linux they may be refused.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn who_does_not_take_a_connection_is_given_up() {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let address = full.local_addr().unwrap();
    // a queue of 0 has room for one (`sk_acceptq_is_full` in `include/net/sock.h`)
    let _only = TcpStream::connect(address).await.unwrap();
    let short = HttpLimits { connect: Duration::from_millis(200), ..limits() };
    let upstream = upstream(&[]);
    for scheme in ["http", "https"] {
        let request = http::Request::get(format!("{scheme}://{address}/")).body(Bytes::new()).unwrap();
        let asked = tokio::time::timeout(limits().connect, upstream.send(request, short));
        let error = asked.await.expect("long before").unwrap_err();
        assert!(matches!(&error, HttpError::Connect { host, .. } if *host == address.to_string()), "{error}");
    }
}

#[tokio::test]
async fn what_was_sent_and_what_was_not_are_told_apart() {
    let server = Server::start(None).await;
    let upstream = upstream(&[]);
    let error = ask(&upstream, &server.url("http", "127.0.0.1", "/break")).await.unwrap_err();
    assert!(matches!(error, HttpError::Broken { .. }), "{error}");
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = ask(&upstream, &format!("http://ada:hunter2@{closed}/")).await.unwrap_err();
    assert!(matches!(&error, HttpError::Connect { host, .. } if *host == closed.to_string()), "{error}");
}

#[tokio::test]
async fn a_connection_is_kept_and_one_that_was_closed_costs_no_request() {
    let server = Server::start(None).await;
    let upstream = upstream(&[]);
    let url = server.url("http", "127.0.0.1", "/echo");
    for _ in 0..3 {
        ask(&upstream, &url).await.unwrap();
    }
    assert_eq!(server.connections(), 1);
    server.hang_up();
    for _ in 0..1000 {
        tokio::task::yield_now().await; // both ends' tasks run, and see it
    }
    ask(&upstream, &url).await.unwrap();
    assert_eq!((server.connections(), server.requests()), (2, 4));
}

#[tokio::test]
async fn a_connection_from_before_a_sleep_is_not_used_again() {
    let server = Server::start(None).await;
    let clock = Arc::new(SimulatedClock::new(std::time::SystemTime::UNIX_EPOCH));
    let upstream = Upstream::new(Arc::default(), clock.clone());
    let url = server.url("http", "127.0.0.1", "/echo");
    ask(&upstream, &url).await.unwrap();
    clock.suspend(Duration::from_secs(2));
    ask(&upstream, &url).await.unwrap();
    assert_eq!(server.connections(), 2);
}
