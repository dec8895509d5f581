//! Names of machines: what the system's resolver says of them. In a container of a compose network that is Docker's own,
//! which knows the containers that run beside it by the names of their services.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::BoxFuture;

/// Looks names up.
pub trait Hosts: Send + Sync {
    /// The addresses that a name has now; none where nobody has the name. `None`: nobody can tell for now.
    fn addresses(&self, name: &str) -> BoxFuture<'static, Option<BTreeSet<IpAddr>>>;
}

/// The system's resolver.
#[derive(Clone, Copy, Debug)]
pub struct SystemHosts;

impl Hosts for SystemHosts {
    fn addresses(&self, name: &str) -> BoxFuture<'static, Option<BTreeSet<IpAddr>>> {
        let name = name.to_owned();
        Box::pin(async move {
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(found) => Some(found.map(|address| address.ip().to_canonical()).collect()),
                Err(error) => {
                    tracing::debug!(address = name, error = %error, "a name has no address");
                    (!passes(&error)).then(BTreeSet::new)
                }
            }
        })
    }
}

/// Whether the resolver failed, rather than said that nobody has the name. The standard library has no more than the C library's
/// words for it (getaddrinfo(3), `EAI_AGAIN`: musl's, glibc's, macOS's).
fn passes(error: &io::Error) -> bool {
    let words = error.to_string();
    let of_name =
        ["Name does not resolve", "Name or service not known", "No address associated", "nodename nor servname"];
    !of_name.iter().any(|known| words.contains(known))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_has_a_name_and_nonsense_has_none() {
        let of = |name: &'static str| SystemHosts.addresses(name);
        assert!(of("localhost").await.is_some_and(|found| found.iter().any(IpAddr::is_loopback)));
        // without a resolver nobody can tell
        assert!(of("nobody.invalid").await.is_none_or(|found| found.is_empty()));
    }

    #[test]
    fn a_resolver_that_fails_says_nothing_of_the_name() {
        let error = |words: &str| io::Error::other(format!("failed to lookup address information: {words}"));
        assert!(passes(&error("Try again")) && passes(&error("Temporary failure in name resolution")));
        assert!(!passes(&error("Name does not resolve")) && !passes(&error("Name or service not known")));
    }
}
