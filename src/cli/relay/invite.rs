//! `credenza relay invite`: a grant for a relay, in one file with all that it needs to be let in.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tracing::level_filters::LevelFilter;

use crate::app;
use crate::cli::grant::{Given, Wanted, still_free, write_secret};
use crate::cli::{Context, Trouble, runtime, say};
use crate::config::duration;
use crate::config::invitation::{Invitation, Keypem, TlsWay};
use crate::control::wire;
use crate::secret::Digest;
use crate::world::places;

/// What `relay invite` takes.
#[derive(Debug, Args)]
pub struct InviteArgs {
    /// The identities; each container gets those of them that its name has
    #[arg(required = true, value_name = "IDENTITY")]
    pub identities: Vec<String>,
    /// Write the invitation to this file, which must not be there: it is a secret
    #[arg(long, value_name = "PATH")]
    pub out: PathBuf,
    /// For a container that cannot mount the data socket, such as on Docker Desktop: over TLS, to this address as the container sees it
    #[arg(long, value_name = "HOST:PORT", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub tls: Option<String>,
    /// How long it lasts, such as 8h, 30d [default: until revoked]
    #[arg(long = "for", value_name = "DURATION", value_parser = duration::life)]
    pub lasts: Option<Duration>,
    /// Its name, which the audit trail has [default: made up]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

/// Makes it.
pub(super) fn run(arguments: InviteArgs, context: &Context) -> Result<u8, Trouble> {
    runtime::log_to_stderr(context, LevelFilter::WARN)?;
    runtime::wait_for(async {
        let InviteArgs { identities, out, tls, lasts, name } = arguments;
        let out = places::absolute(&out);
        still_free(&out, WHAT)?;
        if let Some(address) = tls.as_deref().filter(|address| !is_address(address)) {
            let why = format!("{address:?} is no HOST:PORT, such as host.docker.internal:9713");
            return Err(Trouble::usage(WHAT, why));
        }
        let keypair = match tls {
            Some(_) => Some(app::relay::keypair().map_err(|error| Trouble::failed(WHAT, error))?),
            None => None,
        };
        let certificate = keypair.as_ref().map(|(_, fingerprint)| fingerprint.to_hex());
        let wanted = Wanted { name, identities, lasts, holder: wire::Holder::Relay { certificate } };
        let Given { mut client, given, .. } = wanted.ask(context, WHAT).await?;
        let way =
            given.relay.clone().unwrap_or_else(|| wire::RelayWay { data: PathBuf::new(), address: None, daemon: None });
        let tls = match (keypair, &tls) {
            (Some((pem, _)), Some(written)) => way.daemon.as_deref().and_then(Digest::from_hex).map(|daemon| {
                let port = way
                    .address
                    .as_deref()
                    .and_then(|address| address.rsplit_once(':'))
                    .map_or("9713", |(_, port)| port);
                let address = if written.is_empty() { format!("host.docker.internal:{port}") } else { written.clone() };
                TlsWay { address, daemon, keypair: Keypem(pem) }
            }),
            _ => None,
        };
        let told = tls.as_ref().map(|way| way.address.clone());
        let text = Invitation { token: given.token.clone(), tls }.text(&given.name);
        if let Err(trouble) = write_secret(&out, &text, WHAT) {
            // nobody has it, so nobody may use it
            let _ = client.revoke(&given.name).await;
            return Err(trouble);
        }
        say::out(&format!("{}\n", out.display()));
        match told {
            None => say::err(&format!("the relay mounts {} at /run/credenza\n", way.data.display())),
            Some(address) => say::err(&format!(
                "the relay comes to {address}, where {} must be reached\n",
                way.address.as_deref().unwrap_or_default()
            )),
        }
        let ends = given.ends.map_or_else(|| "until it is revoked".to_owned(), |ends| format!("until {ends}"));
        say::err(&format!("grant {}: {ends}; credenza grant revoke {} ends it at once\n", given.name, given.name));
        Ok(0)
    })
}

const WHAT: &str = "cannot invite a relay";

/// A name or an address, and a port. Nothing: the usual one.
fn is_address(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'[' | b']' | b':');
    text.is_empty()
        || text.rsplit_once(':').is_some_and(|(host, port)| {
            !host.is_empty() && host.bytes().all(plain) && port.parse::<u16>().is_ok_and(|port| port != 0)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_connected_to_is_an_address() {
        for text in ["", "host.docker.internal:9713", "172.17.0.1:9713", "[fd00::1]:9713"] {
            assert!(is_address(text), "{text}");
        }
        for text in ["host", ":9713", "host:0", "host:port", "a\"b:1", "a b:1", "https://host:1/"] {
            assert!(!is_address(text), "{text}");
        }
    }
}
