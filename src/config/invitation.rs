//! [`Invitation`]: all that a relay needs to be let in by the daemon, in one file, which is a secret.
//!
//! `credenza relay invite` writes it, `credenza relay` reads it. A file with a token and nothing else, as `credenza grant new` makes it, is
//! one too.

use serde::Deserialize;

use crate::secret::{Digest, Secret};

/// What a relay needs to be let in.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The token of its grant.
    pub token: Secret,
    /// How the daemon is reached, where it is not the data socket.
    pub tls: Option<TlsWay>,
}

/// The way to the daemon over TLS, where both sides know each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsWay {
    /// Such as `host.docker.internal:9713`.
    pub address: String,
    /// The SHA-256 of the daemon's certificate.
    pub daemon: Digest,
    /// The relay's own certificate and its key, as PEM.
    pub keypair: Keypem,
}

/// PEM with a private key: compared by its digest.
#[derive(Clone, Debug)]
pub struct Keypem(pub Secret);

impl PartialEq for Keypem {
    fn eq(&self, other: &Self) -> bool {
        self.0.digest() == other.0.digest()
    }
}

impl Eq for Keypem {}

impl Invitation {
    /// Reads one. The error is the end of a sentence about the file, and holds nothing of it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Self { token: Secret::new(text), tls: None });
        }
        let file: File = toml::from_str(text).map_err(|_| NEITHER)?;
        let Body { version, token, address, daemon, keypair } = file.invitation;
        if version.abs_diff(VERSION) > 1 {
            return Err("is an invitation of another version: make it anew with `credenza relay invite`");
        }
        let tls = match (address, daemon, keypair) {
            (Some(address), Some(daemon), Some(keypair)) => {
                let daemon = Digest::from_hex(&daemon).ok_or(NEITHER)?;
                Some(TlsWay { address, daemon, keypair: Keypem(keypair) })
            }
            (None, None, None) => None,
            _ => return Err(NEITHER),
        };
        Ok(Self { token, tls })
    }

    /// The file's text; `name` is what its grant is called.
    pub fn text(&self, name: &str) -> Secret {
        let text = Secret::written(|out| {
            writeln!(
                out,
                "# An invitation for a relay of Credenza. Whoever has it gets what the grant {name} covers."
            )?;
            writeln!(out, "# `credenza grant revoke {name}` ends it.\n[invitation]\nversion = {VERSION}")?;
            writeln!(out, "token = \"{}\"", self.token.expose())?;
            if let Some(TlsWay { address, daemon, keypair }) = &self.tls {
                writeln!(out, "address = \"{address}\"\ndaemon = \"{}\"", daemon.to_hex())?;
                writeln!(out, "keypair = '''\n{}'''", keypair.0.expose())?;
            }
            Ok(())
        });
        // it is text, and memory does not fail
        text.unwrap_or_else(|_| Secret::new(""))
    }
}

const NEITHER: &str = "is neither a grant's token nor an invitation: make one on the host with `credenza relay invite`";

const VERSION: u32 = 1;

#[derive(Deserialize)]
struct File {
    invitation: Body,
}

#[derive(Deserialize)]
struct Body {
    version: u32,
    token: Secret,
    #[serde(default)]
    address: Option<String>,
    #[serde(default)]
    daemon: Option<String>,
    #[serde(default)]
    keypair: Option<Secret>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invitation(tls: bool) -> Invitation {
        let tls = tls.then(|| TlsWay {
            address: "host.docker.internal:9713".to_owned(),
            daemon: Digest([7; 32]),
            keypair: Keypem(Secret::new("-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----\n")),
        });
        Invitation { token: Secret::new("T-1_2"), tls }
    }

    #[test]
    fn what_is_written_is_read() {
        for tls in [false, true] {
            let written = invitation(tls);
            let read = Invitation::parse(written.text("web").expose()).unwrap();
            assert!(read.token.same_as(b"T-1_2"));
            assert_eq!(read.tls, written.tls);
        }
    }

    #[test]
    fn a_token_alone_is_one() {
        let read = Invitation::parse("T-1_2\n").unwrap();
        assert!(read.token.same_as(b"T-1_2") && read.tls.is_none());
    }

    #[test]
    fn what_is_none_is_said_without_a_word_of_it() {
        let text = invitation(true).text("web");
        let without = |line: &str| -> String {
            text.expose().lines().filter(|l| !l.starts_with(line)).map(|l| format!("{l}\n")).collect()
        };
        for text in ["", " \n", "two words", "[invitation]\nversion = 1\n", &without("daemon"), &without("token")] {
            assert_eq!(Invitation::parse(text).err(), Some(NEITHER), "{text}");
        }
        let later = text.expose().replace("version = 1", "version = 3");
        assert!(Invitation::parse(&later).unwrap_err().contains("another version"));
    }
}
