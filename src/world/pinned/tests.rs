//! Two ends that should meet, and everybody who should not get in.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustls::pki_types::CertificateDer;
use rustls::version::TLS12;
use rustls::{HandshakeKind, ProtocolVersion};
use tokio::io::{DuplexStream, duplex};
use tokio::net::{TcpListener, TcpStream};

use super::*;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test(start_paused = true)]
async fn two_that_know_each_other_meet_and_bytes_travel() {
    let (daemon, relay) = (pair(), pair());
    let (met, connected) = meet(&server(&daemon, &relay), &Client::new(&relay, daemon.fingerprint())).await;
    let ((mut at_daemon, fingerprint), mut at_relay) = (met.unwrap(), connected.unwrap());
    assert_eq!(fingerprint, relay.fingerprint());
    assert_eq!(at_relay.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(at_relay.get_ref().1.alpn_protocol(), Some(&b"credenza-relay/1"[..]));
    at_relay.write_all(b"GET /healthz").await.unwrap();
    at_relay.shutdown().await.unwrap();
    let mut heard = String::new();
    at_daemon.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "GET /healthz");
    at_daemon.write_all(b"200 and nothing before it").await.unwrap();
    at_daemon.shutdown().await.unwrap();
    heard.clear();
    at_relay.read_to_string(&mut heard).await.unwrap();
    assert_eq!(heard, "200 and nothing before it");
}

#[tokio::test]
async fn they_meet_on_a_socket_and_a_refusal_is_heard_there() {
    let (daemon, relay, other) = (pair(), pair(), pair());
    let server = server(&daemon, &relay);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let meet = async |own: &Keypair| {
        let accepting = async { server.accept(listener.accept().await.unwrap().0, SOON).await };
        let client = Client::new(own, daemon.fingerprint());
        let connecting = async { client.connect(TcpStream::connect(address).await.unwrap(), SOON).await };
        tokio::join!(accepting, connecting)
    };
    let (met, connected) = meet(&relay).await;
    assert_eq!(met.unwrap().1, relay.fingerprint());
    connected.unwrap();
    let (met, connected) = meet(&other).await;
    assert_stranger(&met.unwrap_err(), &other);
    assert!(matches!(connected.unwrap_err(), Trouble::Unwelcome));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_not_welcome_is_refused_and_learns_so() {
    let (daemon, relay, other) = (pair(), pair(), pair());
    let (met, connected) = meet(&server(&daemon, &relay), &Client::new(&other, daemon.fingerprint())).await;
    let refusal = met.unwrap_err();
    assert_stranger(&refusal, &other);
    assert!(refusal.to_string().contains(&other.fingerprint().to_hex()), "{refusal}");
    assert!(matches!(connected.unwrap_err(), Trouble::Unwelcome));
}

#[tokio::test(start_paused = true)]
async fn another_servers_certificate_is_refused_before_ours_is_shown() {
    let (daemon, relay, other) = (pair(), pair(), pair());
    let asked = Arc::new(AtomicUsize::new(0));
    let curious = Server::new(&other, {
        let asked = asked.clone();
        move |_| asked.fetch_add(1, Ordering::SeqCst) < usize::MAX
    });
    let (met, connected) = meet(&curious, &Client::new(&relay, daemon.fingerprint())).await;
    assert_stranger(&connected.unwrap_err(), &other);
    assert!(matches!(met.unwrap_err(), Trouble::Unwelcome));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}

#[tokio::test(start_paused = true)]
async fn a_certificate_without_its_key_opens_nothing() {
    let (daemon, relay, thief) = (pair(), pair(), pair());
    let stolen = client_with(client_config(stolen(&relay, &thief), only(&daemon)));
    let (met, connected) = meet(&server(&daemon, &relay), &stolen).await;
    assert!(matches!(met.unwrap_err(), Trouble::Unproven));
    assert!(matches!(connected.unwrap_err(), Trouble::Unwelcome));
}

#[tokio::test(start_paused = true)]
async fn a_servers_certificate_without_its_key_is_refused() {
    let (daemon, relay, thief) = (pair(), pair(), pair());
    let stolen = server_with(server_config(stolen(&daemon, &thief), only(&relay)));
    let (met, connected) = meet(&stolen, &Client::new(&relay, daemon.fingerprint())).await;
    assert!(matches!(connected.unwrap_err(), Trouble::Unproven));
    assert!(matches!(met.unwrap_err(), Trouble::Unwelcome));
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_certificate_is_refused() {
    let (daemon, relay) = (pair(), pair());
    let config = builder(ClientConfig::builder_with_provider).dangerous();
    let mut config = config.with_custom_certificate_verifier(Arc::new(only(&daemon))).with_no_client_auth();
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    let (met, connected) = meet(&server(&daemon, &relay), &client_with(config)).await;
    assert!(matches!(met.unwrap_err(), Trouble::Unproven));
    assert!(matches!(connected.unwrap_err(), Trouble::Unwelcome));
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_was_welcome_and_is_no_more_is_refused_the_next_time() {
    let (daemon, relay) = (pair(), pair());
    let welcome = Arc::new(AtomicBool::new(true));
    let server = Server::new(&daemon, {
        let welcome = welcome.clone();
        move |_| welcome.load(Ordering::SeqCst)
    });
    // this one would resume, by a ticket or by an early key, if it were let
    let mut config = client_config(relay.certified(), only(&daemon));
    config.resumption = Resumption::default();
    config.enable_early_data = true;
    let eager = client_with(config);
    for client in [&eager, &Client::new(&relay, daemon.fingerprint())] {
        welcome.store(true, Ordering::SeqCst);
        for _ in 0..2 {
            let (met, connected) = meet(&server, client).await;
            met.unwrap();
            assert_eq!(connected.unwrap().get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        }
        welcome.store(false, Ordering::SeqCst);
        let (met, connected) = meet(&server, client).await;
        assert_stranger(&met.unwrap_err(), &relay);
        assert!(matches!(connected.unwrap_err(), Trouble::Unwelcome));
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_resumes_nothing_even_where_it_is_offered() {
    let (daemon, relay) = (pair(), pair());
    let mut config = server_config(daemon.certified(), only(&relay));
    config.session_storage = rustls::server::ServerSessionMemoryCache::new(8);
    config.send_tls13_tickets = 2;
    let generous = server_with(config);
    let client = Client::new(&relay, daemon.fingerprint());
    for _ in 0..2 {
        let (met, connected) = meet(&generous, &client).await;
        met.unwrap();
        assert_eq!(connected.unwrap().get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_of_an_older_tls_is_refused() {
    let (daemon, relay) = (pair(), pair());
    let provider = || Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS12]).unwrap();
    let config = config.dangerous().with_custom_certificate_verifier(Arc::new(only(&daemon)));
    let old = client_with(config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(relay.certified()))));
    let (met, connected) = meet(&server(&daemon, &relay), &old).await;
    assert_foreign(&met.unwrap_err());
    assert_version_refused(&connected.unwrap_err());

    let config = ServerConfig::builder_with_provider(provider()).with_protocol_versions(&[&TLS12]).unwrap();
    let config = config.with_client_cert_verifier(Arc::new(only(&relay)));
    let old = server_with(config.with_cert_resolver(Arc::new(SingleCertAndKey::from(daemon.certified()))));
    let (met, connected) = meet(&old, &Client::new(&relay, daemon.fingerprint())).await;
    assert_version_refused(&connected.unwrap_err());
    assert_foreign(&met.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_speaks_something_else_over_tls_is_refused() {
    let (daemon, relay) = (pair(), pair());
    for protocols in [vec![], vec![b"h2".to_vec()], vec![b"credenza-relay/2".to_vec()]] {
        let mut config = client_config(relay.certified(), only(&daemon));
        config.alpn_protocols = protocols.clone();
        let (met, _) = meet(&server(&daemon, &relay), &client_with(config)).await;
        assert_foreign(&met.unwrap_err());

        let mut config = server_config(daemon.certified(), only(&relay));
        config.alpn_protocols = protocols;
        let (_, connected) = meet(&server_with(config), &Client::new(&relay, daemon.fingerprint())).await;
        assert_foreign(&connected.unwrap_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_anything_before_it_lets_the_client_in_is_refused() {
    let (daemon, relay) = (pair(), pair());
    let acceptor = TlsAcceptor::from(Arc::new(server_config(daemon.certified(), only(&relay))));
    let client = Client::new(&relay, daemon.fingerprint());
    let (near, far) = duplex(1 << 16);
    let speaking = async {
        let mut stream = acceptor.accept(far).await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (connected, _) = tokio::join!(client.connect(near, SOON), speaking);
    assert_foreign(&connected.unwrap_err());
}

#[tokio::test(start_paused = true)]
async fn a_peer_without_tls_is_told_from_the_rest() {
    let (daemon, relay) = (pair(), pair());
    let (near, mut far) = duplex(1 << 16);
    far.write_all(b"GET /creds/my-dev HTTP/1.1\r\nHost: 127.0.0.1:9713\r\n\r\n").await.unwrap();
    let refused = server(&daemon, &relay).accept(near, SOON).await.unwrap_err();
    assert!(matches!(refused, Trouble::NoTls), "{refused:?}");

    let (near, mut far) = duplex(1 << 16);
    far.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await.unwrap();
    let refused = Client::new(&relay, daemon.fingerprint()).connect(near, SOON).await.unwrap_err();
    assert!(matches!(refused, Trouble::NoTls), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_hangs_up_is_trouble_of_the_network() {
    let (daemon, relay) = (pair(), pair());
    let (near, far) = duplex(1 << 16);
    drop(far);
    let broken = server(&daemon, &relay).accept(near, SOON).await.unwrap_err();
    assert!(matches!(broken, Trouble::Network(_)), "{broken:?}");
    let client = Client::new(&relay, daemon.fingerprint());
    let (near, far) = duplex(1 << 16);
    drop(far);
    let broken = client.connect(near, SOON).await.unwrap_err();
    assert!(matches!(broken, Trouble::Network(_)), "{broken:?}");

    // after the handshake, without a word of having let it in
    let acceptor = TlsAcceptor::from(Arc::new(server_config(daemon.certified(), only(&relay))));
    let (near, far) = duplex(1 << 16);
    let hanging_up = async { drop(acceptor.accept(far).await.unwrap()) };
    let (connected, ()) = tokio::join!(client.connect(near, SOON), hanging_up);
    let broken = connected.unwrap_err();
    assert!(matches!(broken, Trouble::Network(_)), "{broken:?}");
}

#[tokio::test(start_paused = true)]
async fn silence_ends_at_the_deadline() {
    let (daemon, relay) = (pair(), pair());
    let (server, client) = (server(&daemon, &relay), Client::new(&relay, daemon.fingerprint()));
    let begun = Instant::now();
    let (near, _far) = duplex(1 << 16);
    assert!(matches!(server.accept(near, SOON).await.unwrap_err(), Trouble::Late));
    assert_eq!(begun.elapsed().as_secs(), 5);

    let begun = Instant::now();
    let (near, _far) = duplex(1 << 16);
    assert!(matches!(client.connect(near, SOON).await.unwrap_err(), Trouble::Late));
    assert_eq!(begun.elapsed().as_secs(), 5);

    // a server that does its handshake and then never lets the client in
    let begun = Instant::now();
    let acceptor = TlsAcceptor::from(Arc::new(server_config(daemon.certified(), only(&relay))));
    let (near, far) = duplex(1 << 16);
    let (connected, _held) = tokio::join!(client.connect(near, SOON), acceptor.accept(far));
    assert!(matches!(connected.unwrap_err(), Trouble::Late));
    assert_eq!(begun.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn one_who_is_turned_away_is_heard_out_and_waited_for_a_second() {
    let (daemon, relay, other) = (pair(), pair(), pair());
    let server = server(&daemon, &relay);
    let config = Arc::new(client_config(other.certified(), only(&daemon)));
    let nobody = || ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
    for (within, waited) in [(SOON, HEARING), (HEARING / 4, HEARING / 4)] {
        let begun = Instant::now();
        let (near, far) = duplex(1 << 12);
        let hasty = async {
            let mut stream = TlsConnector::from(config.clone()).connect(nobody(), far).await.unwrap();
            // more than lies in the pipe: an end that had closed would break it
            stream.write_all(&[b'x'; 1 << 16]).await.unwrap();
            let alert = stream.read_u8().await.unwrap_err();
            (Trouble::from(alert), stream)
        };
        let (met, (trouble, _held)) = tokio::join!(server.accept(near, within), hasty);
        assert_stranger(&met.unwrap_err(), &other);
        assert!(matches!(trouble, Trouble::Unwelcome), "{trouble:?}");
        let spent = begun.elapsed();
        assert!(spent >= waited && spent < waited + Duration::from_millis(10), "{spent:?}");
    }
}

#[test]
fn fingerprints_are_compared_to_the_last_byte() {
    let one = Digest([7; 32]);
    assert!(same(&one, &Digest([7; 32])));
    for at in 0..32 {
        let mut other = one;
        other.0[at] ^= 0x80;
        assert!(!same(&one, &other), "byte {at}");
    }
}

fn pair() -> Keypair {
    Keypair::generate().unwrap()
}

fn only(pair: &Keypair) -> Pins {
    let known = pair.fingerprint();
    Pins::new(move |shown| same(shown, &known))
}

fn server(own: &Keypair, client: &Keypair) -> Server {
    let known = client.fingerprint();
    Server::new(own, move |shown| same(shown, &known))
}

fn server_with(config: ServerConfig) -> Server {
    Server(TlsAcceptor::from(Arc::new(config)))
}

fn client_with(config: ClientConfig) -> Client {
    Client(TlsConnector::from(Arc::new(config)))
}

/// One's certificate with another's key.
fn stolen(from: &Keypair, by: &Keypair) -> Arc<CertifiedKey> {
    let certificate: CertificateDer<'static> = from.certified().cert[0].clone();
    Arc::new(CertifiedKey::new(vec![certificate], by.certified().key.clone()))
}

type Met = Result<(Stream<DuplexStream>, Digest), Trouble>;
type Connected = Result<Stream<DuplexStream>, Trouble>;

async fn meet(server: &Server, client: &Client) -> (Met, Connected) {
    let (near, far) = duplex(1 << 16);
    tokio::join!(server.accept(near, SOON), client.connect(far, SOON))
}

fn assert_stranger(trouble: &Trouble, shown: &Keypair) {
    assert!(matches!(trouble, Trouble::Stranger(of) if *of == shown.fingerprint()), "{trouble:?}");
}

fn assert_foreign(trouble: &Trouble) {
    assert!(matches!(trouble, Trouble::Foreign(_)), "{trouble:?}");
}

/// Not the certificate or its signature, which come later: the version itself.
fn assert_version_refused(trouble: &Trouble) {
    assert!(matches!(trouble, Trouble::Foreign(why) if why.contains("ProtocolVersion")), "{trouble:?}");
}
