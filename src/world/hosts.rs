//! Names of machines: what the system's resolver says of them. In a container of a compose network that is Docker's own,
//! which knows the containers that run beside it by the names of their services.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::BoxFuture;

/// Looks names up.
pub trait Hosts: Send + Sync {
    /// The addresses that a name has now; none where it has none, or nobody can tell.
    fn addresses(&self, name: &str) -> BoxFuture<'static, BTreeSet<IpAddr>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemHosts;

impl Hosts for SystemHosts {
    fn addresses(&self, name: &str) -> BoxFuture<'static, BTreeSet<IpAddr>> {
        let name = name.to_owned();
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => found.map(|address| address.ip().to_canonical()).collect(),
                Err(error) => {
                    tracing::debug!(address = name, error = %error, "a name has no address");
                    BTreeSet::new()
                }
            }
        })
    }
}
