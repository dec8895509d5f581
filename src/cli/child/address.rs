//! Where an identity's credential is, on an endpoint of ours: `http://127.0.0.1:PORT/creds/NAME`, or for the dialect of EKS
//! Pod Identity `http://127.0.0.1:PORT/v1/credentials`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The URL of an identity on an endpoint whose base is `http://127.0.0.1:PORT`.
///
/// ```
/// use credenza::cli::child::address::url;
/// assert_eq!(url("http://127.0.0.1:9711", "prod"), "http://127.0.0.1:9711/creds/prod");
/// assert_eq!(url("http://127.0.0.1:9711", "a b/ü"), "http://127.0.0.1:9711/creds/a%20b%2F%C3%BC");
/// ```
pub fn url(base: &str, identity: &str) -> String {
    format!("{base}/{ROUTE}{}", utf8_percent_encode(identity, KEPT))
}

/// RFC 3986's unreserved characters stand for themselves; all others, `/` among them, are escaped.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a client of EKS Pod Identity finds the token's default identity.
pub fn pod_identity(base: &str) -> String {
    format!("{base}/v1/credentials")
}

/// Where an Azure identity's tokens are: what `IDENTITY_ENDPOINT` holds.
///
/// ```
/// use credenza::cli::child::address::azure;
/// assert_eq!(azure("http://127.0.0.1:9711", "az:contoso.com"), "http://127.0.0.1:9711/azure/az%3Acontoso.com/token");
/// ```
pub fn azure(base: &str, identity: &str) -> String {
    format!("{base}/{AZURE_ROUTE}{}/token", utf8_percent_encode(identity, KEPT))
}

/// Whether an address is one of [`azure`], or below one.
pub fn is_azure(url: &str) -> bool {
    let path = || {
        let (port, path) = url.strip_prefix(LOOPBACK)?.split_once('/')?;
        base(&url[..LOOPBACK.len() + port.len()]).and(path.strip_prefix(AZURE_ROUTE))
    };
    path().is_some_and(|rest| rest.ends_with("/token") || rest.contains("/token/"))
}

/// A base of an endpoint of ours, `http://127.0.0.1:PORT`, if that is what this is.
pub fn base(text: &str) -> Option<&str> {
    let port = text.strip_prefix(LOOPBACK)?;
    port.parse::<u16>().is_ok().then_some(text)
}

/// The base of the endpoint that an address of ours leads to; `None` for an address of somebody else's.
pub fn base_of(url: &str) -> Option<&str> {
    let (port, path) = url.strip_prefix(LOOPBACK)?.split_once('/')?;
    base(&url[..LOOPBACK.len() + port.len()]).filter(|_| path.starts_with(ROUTE))
}

const LOOPBACK: &str = "http://127.0.0.1:";
const ROUTE: &str = "creds/";
const AZURE_ROUTE: &str = "azure/";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_addresses_are_ours() {
        assert_eq!(base_of("http://127.0.0.1:9711/creds/prod"), Some("http://127.0.0.1:9711"));
        assert_eq!(base_of(&url("http://127.0.0.1:1", "a b/ü")), Some("http://127.0.0.1:1"));
        for url in [
            "http://127.0.0.1/creds/prod",
            "http://127.0.0.1:9711/v1/credentials",
            "http://127.0.0.1:9711",
            "http://169.254.170.23/v1/credentials",
            "http://127.0.0.1:x/creds/prod",
        ] {
            assert_eq!(base_of(url), None, "{url}");
        }
        for (url, ours) in [
            ("http://127.0.0.1:9711/azure/graph/token", true),
            ("http://127.0.0.1:9711/azure/graph/token/abc", true),
            ("http://127.0.0.1:9711/azure/graph", false),
            ("http://127.0.0.1:9711/creds/token/token", false),
            ("http://169.254.130.1:8081/msi/token", false),
            ("http://127.0.0.1:41123/msi/token/", false),
        ] {
            assert_eq!(is_azure(url), ours, "{url}");
        }
        assert_eq!(base("http://127.0.0.1:9711"), Some("http://127.0.0.1:9711"));
        for text in ["http://127.0.0.1:9711/", "http://127.0.0.1:9711@evil.example", "http://evil.example:1", ""] {
            assert_eq!(base(text), None, "{text}");
        }
    }
}
