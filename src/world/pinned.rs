//! TLS between two ends that know each other by the very certificate: the hop from a relay in a container to the host's
//! daemon, where no socket can be mounted.
//!
//! Each end has a [`Keypair`] and knows the other's fingerprint, the SHA-256 of its certificate's DER. There is no
//! authority, no name and no date. What is checked of a certificate is its fingerprint and, by the handshake's signature
//! (RFC 8446, 4.4.3), that who shows it has its key. TLS 1.3 only, the application protocol is [`PROTOCOL`], both ends show
//! a certificate, and no session is ever resumed: who is welcome is asked for every connection.
//!
//! In TLS 1.3 a client is through with its part before the server has seen the certificate. So that a client learns
//! whether it was let in while it connects, the server's first byte is a `0`, and only then do the caller's bytes
//! follow.
//!
//! Opens no socket, knows of no grant, and writes no log. The caller says who is welcome, and ends the connections of who
//! no longer is: a connection that was let in stays.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::server::{NoServerSessionStorage, ServerConfig};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::TLS13;
use rustls::{ClientConfig, ConfigBuilder, ConfigSide, WantsVerifier};
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use crate::secret::Digest;

mod keypair;
#[cfg(test)]
mod tests;
mod trouble;
mod verify;

pub use keypair::{Keypair, KeypairError};
pub use trouble::Trouble;

use verify::Pins;

/// A connection whose ends have made sure of each other. Its end is told by `shutdown`: without it, the other end reads an
/// error of the kind `UnexpectedEof` where it looked for the end.
pub type Stream<S> = tokio_rustls::TlsStream<S>;

/// What both ends must say they speak (ALPN, RFC 7301): neither is of use to anything else that speaks TLS.
pub const PROTOCOL: &[u8] = b"credenza-relay/1";

/// Whether two fingerprints are the same, in constant time.
pub fn same(one: &Digest, other: &Digest) -> bool {
    one.0.ct_eq(&other.0).into()
}

/// The end that is connected to: the daemon.
#[derive(Clone)]
pub struct Server(TlsAcceptor);

impl Server {
    /// `welcome` is asked in every handshake whether a client with the certificate of this fingerprint may come in now. It
    /// must not wait; [`same`] compares.
    pub fn new(own: &Keypair, welcome: impl Fn(&Digest) -> bool + Send + Sync + 'static) -> Self {
        Self(TlsAcceptor::from(Arc::new(server_config(own.certified(), Pins::new(welcome)))))
    }

    /// Lets a client in, and says by which certificate, as a fingerprint. Takes `within` at the most, and of that a second
    /// at the most to have a client that is turned away hear why.
    ///
    /// # Errors
    ///
    /// [`Trouble`]: the stream is closed then, and the client was told where it speaks TLS.
    pub async fn accept<S>(&self, stream: S, within: Duration) -> Result<(Stream<S>, Digest), Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let until = Instant::now() + within;
        let (mut stream, client) = shake(self.0.accept(stream).into_fallible(), until).await?;
        let letting_in = async {
            stream.write_all(&[LET_IN]).await?;
            stream.flush().await
        };
        timeout_at(until, letting_in).await.map_err(|_| Trouble::Late)??;
        Ok((stream, client))
    }
}

/// The end that connects: a relay.
#[derive(Clone)]
pub struct Client(TlsConnector);

impl Client {
    /// `server`: the fingerprint of the one certificate that the other end must show.
    pub fn new(own: &Keypair, server: Digest) -> Self {
        let pins = Pins::new(move |shown| same(shown, &server));
        Self(TlsConnector::from(Arc::new(client_config(own.certified(), pins))))
    }

    /// Makes sure of the server, and that the server has let us in. Takes `within` at the most, and of that a second at
    /// the most to have a server that is turned away hear why.
    ///
    /// # Errors
    ///
    /// [`Trouble`]: the stream is closed then, and the server was told where it speaks TLS.
    pub async fn connect<S>(&self, stream: S, within: Duration) -> Result<Stream<S>, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let until = Instant::now() + within;
        // rustls wants a name; an address never leaves the machine (RFC 6066, 3)
        let nobody = ServerName::from(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let (mut stream, _) = shake(self.0.connect(nobody, stream).into_fallible(), until).await?;
        match timeout_at(until, stream.read_u8()).await.map_err(|_| Trouble::Late)?? {
            LET_IN => Ok(stream),
            _ => Err(Trouble::Foreign("it sent something before it let us in".to_owned())),
        }
    }
}

/// The server's first byte, once it knows the client.
const LET_IN: u8 = b'0';

/// Does a handshake, and says by which certificate the other end is known.
async fn shake<S, T>(
    handshake: impl Future<Output = Result<T, (io::Error, S)>>,
    until: Instant,
) -> Result<(Stream<S>, Digest), Trouble>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: Into<Stream<S>>,
{
    match timeout_at(until, handshake).await {
        Err(_) => Err(Trouble::Late),
        Ok(Ok(stream)) => {
            let stream = stream.into();
            let tls = stream.get_ref().1;
            // an end that names no protocol at all passes the handshake
            if tls.alpn_protocol() != Some(PROTOCOL) {
                return Err(Trouble::Foreign("it names no application protocol".to_owned()));
            }
            let shown = tls.peer_certificates().and_then(|shown| shown.first()).ok_or(Trouble::Unproven)?;
            let fingerprint = Digest::of(shown);
            Ok((stream, fingerprint))
        }
        Ok(Err((error, stream))) => {
            let trouble = Trouble::from(error);
            if matches!(trouble, Trouble::Stranger(_) | Trouble::Unproven | Trouble::Foreign(_)) {
                let _ = timeout_at(until.min(Instant::now() + HEARING), see_off(stream)).await;
            }
            Err(trouble)
        }
    }
}

/// Waits until the other end has closed too. A socket that is closed with bytes in it unread is reset, and a reset may
/// overtake the alert that says why (RFC 9112, 9.6, has the same of HTTP).
async fn see_off(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut unread = [0; 512];
    if stream.shutdown().await.is_ok() {
        while stream.read(&mut unread).await.is_ok_and(|count| count > 0) {}
    }
}

/// How long one who was turned away has for closing.
const HEARING: Duration = Duration::from_secs(1);

fn server_config(own: Arc<CertifiedKey>, clients: Pins) -> ServerConfig {
    let config = builder(ServerConfig::builder_with_provider).with_client_cert_verifier(Arc::new(clients));
    let mut config = config.with_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    // a resumed session shows no certificate: who was welcome once would stay so
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config
}

fn client_config(own: Arc<CertifiedKey>, server: Pins) -> ClientConfig {
    let config = builder(ClientConfig::builder_with_provider).dangerous();
    let config = config.with_custom_certificate_verifier(Arc::new(server));
    let mut config = config.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own)));
    config.alpn_protocols = vec![PROTOCOL.to_vec()];
    config.resumption = Resumption::disabled();
    config.enable_sni = false;
    config
}

fn builder<Side: ConfigSide>(
    with: impl Fn(Arc<CryptoProvider>) -> ConfigBuilder<Side, rustls::WantsVersions>,
) -> ConfigBuilder<Side, WantsVerifier> {
    let builder = with(Arc::new(rustls::crypto::ring::default_provider()));
    builder.with_protocol_versions(&[&TLS13]).expect("ring has every cipher suite of TLS 1.3")
}
