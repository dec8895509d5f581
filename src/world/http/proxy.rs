//! Whether a request goes through a proxy: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, read as curl reads them.
//!
//! Only `https` goes through one: clear text goes to loopback and link-local addresses alone, and never through a
//! proxy, which would answer for the wrong machine, or learn credentials.

use std::net::{IpAddr, Ipv4Addr};

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::world::Environment;

/// The rules of one environment.
pub(super) struct Proxies {
    rules: Matcher,
    /// The variable that names a proxy in words that mean none.
    unreadable: Option<&'static str>,
}

impl Proxies {
    /// Reads the variables; in each pair the lower-case name wins where both are set, as in curl.
    pub(super) fn from(environment: &Environment) -> Self {
        let set = |name: &&&'static str| environment.raw(name).is_some_and(|value| !value.is_empty());
        let named = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"].iter().find(set).copied();
        let no = ["no_proxy", "NO_PROXY"].iter().find_map(|name| environment.text(name)).unwrap_or_default();
        let rules = |proxy: &str| Matcher::builder().https(proxy.to_owned()).no(no.to_owned()).build();
        match named.map(|name| (name, environment.text(name).filter(|proxy| is_readable(proxy)))) {
            None => Self { rules: rules(""), unreadable: None },
            Some((_, Some(proxy))) => Self { rules: rules(proxy), unreadable: None },
            // NO_PROXY counts still
            Some((name, None)) => Self { rules: rules("http://unreadable.invalid"), unreadable: Some(name) },
        }
    }

    /// The proxy for a request, if it goes through one. A proxy that does not speak HTTP (`socks5://`) is an error, told by
    /// its scheme, and so is what cannot be read: going past them might leak what they are to hide.
    pub(super) fn proxy_for(&self, uri: &Uri) -> Result<Option<Intercept>, String> {
        if uri.scheme_str() != Some("https") || uri.host().is_none_or(is_near) {
            return Ok(None);
        }
        let Some(proxy) = self.rules.intercept(uri) else { return Ok(None) };
        if let Some(variable) = self.unreadable {
            return Err(format!(
                "{variable} is no HTTP proxy's address, such as http://proxy.example:3128: mend or unset it"
            ));
        }
        match proxy.uri().scheme_str() {
            Some("http" | "https") => Ok(Some(proxy)),
            other => Err(format!("a proxy of kind {} is not known: use an HTTP proxy", other.unwrap_or("?"))),
        }
    }
}

/// Whether the library understands a proxy's address: what it cannot read is no proxy at all to it, and the beginning of a
/// password with a `#` or a `/` is a port.
fn is_readable(proxy: &str) -> bool {
    let somewhere = Uri::from_static("https://somewhere.invalid/");
    let Some(proxy) = Matcher::builder().https(proxy.to_owned()).build().intercept(&somewhere) else { return false };
    let authority = proxy.uri().authority();
    authority.is_some_and(|authority| authority.port_u16().is_some() || authority.as_str() == authority.host())
}

/// Whether a host is this machine or its link: `localhost`, loopback and link-local addresses, and AWS's own IPv6
/// metadata addresses (`fd00:ec2::/32`).
fn is_near(host: &str) -> bool {
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    match literal.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local() || address == Ipv4Addr::UNSPECIFIED,
        Ok(IpAddr::V6(address)) => {
            let segments = address.segments();
            address.is_loopback() || segments[0] & 0xffc0 == 0xfe80 || segments[..2] == [0xfd00, 0x0ec2]
        }
        Err(_) => host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(environment: &[(&str, &str)], uri: &'static str) -> Option<String> {
        let proxies = Proxies::from(&environment.iter().copied().collect());
        proxies.proxy_for(&Uri::from_static(uri)).unwrap().map(|proxy| proxy.uri().to_string())
    }

    const STS: &str = "https://sts.eu-central-1.amazonaws.com/";

    #[test]
    fn which_requests_go_through_a_proxy() {
        let company = Some("http://proxy.example:3128/");
        type Row = (&'static [(&'static str, &'static str)], &'static str, Option<&'static str>);
        let rows: [Row; 15] = [
            (&[], STS, None),
            (&[("HTTPS_PROXY", "http://proxy.example:3128")], STS, company),
            (&[("https_proxy", "http://proxy.example:3128")], STS, company),
            (&[("https_proxy", "http://proxy.example:3128"), ("HTTPS_PROXY", "http://other:1")], STS, company),
            (&[("ALL_PROXY", "http://proxy.example:3128")], STS, company),
            (&[("HTTPS_PROXY", "proxy.example:3128")], STS, company),
            (&[("HTTP_PROXY", "http://proxy.example:3128")], STS, None),
            (&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", ".amazonaws.com")], STS, None),
            (&[("HTTPS_PROXY", "http://p:1"), ("no_proxy", "*")], STS, None),
            (&[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", "example.com")], STS, Some("http://p:1/")),
            (&[("ALL_PROXY", "http://p:1")], "http://169.254.169.254/latest/api/token", None),
            (&[("ALL_PROXY", "http://p:1")], "http://127.0.0.1:9711/", None),
            (&[("HTTPS_PROXY", "http://p:1")], "https://localhost:4566/", None),
            (&[("HTTPS_PROXY", "http://p:1")], "https://[::1]:4566/", None),
            (&[("HTTPS_PROXY", "http://p:1")], "https://[fd00:ec2::23]/", None),
        ];
        for (environment, uri, expected) in rows {
            assert_eq!(proxy(environment, uri).as_deref(), expected, "{environment:?} {uri}");
        }
    }

    #[test]
    fn a_proxy_that_we_cannot_speak_to_is_no_reason_to_go_past_it() {
        let environment = Environment::from_iter([("ALL_PROXY", "socks5://user:pass@proxy:1080")]);
        let error = Proxies::from(&environment).proxy_for(&Uri::from_static(STS)).unwrap_err();
        assert!(error.contains("socks5") && !error.contains("pass"), "{error}");
    }

    #[test]
    fn a_proxy_that_cannot_be_read_is_no_reason_to_go_past_it() {
        for (variable, value) in [
            ("HTTPS_PROXY", "socks://user:hunter2@proxy:1080"),
            ("https_proxy", "htp://proxy:3128"),
            ("ALL_PROXY", "http://user:hunter2#x@proxy:3128 "),
            ("all_proxy", "/proxy"),
            ("HTTPS_PROXY", "http://"),
        ] {
            let environment = Environment::from_iter([(variable, value), ("NO_PROXY", ".example.com")]);
            let proxies = Proxies::from(&environment);
            let error = proxies.proxy_for(&Uri::from_static(STS)).unwrap_err();
            assert!(error.starts_with(&format!("{variable} is no HTTP proxy's address")), "{value}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
            assert!(proxies.proxy_for(&Uri::from_static("https://sts.example.com/")).unwrap().is_none(), "{value}");
            assert!(proxies.proxy_for(&Uri::from_static("https://localhost/")).unwrap().is_none(), "{value}");
        }
        // the other variable does not stand in for it
        let both = Environment::from_iter([("HTTPS_PROXY", "htp://p:1"), ("ALL_PROXY", "http://p:1")]);
        assert!(Proxies::from(&both).proxy_for(&Uri::from_static(STS)).is_err());
    }

    #[test]
    fn a_proxy_that_is_no_text_is_none_that_can_be_read() {
        use std::os::unix::ffi::OsStrExt as _;
        let value = std::ffi::OsStr::from_bytes(b"http://pr\xffxy:3128");
        let environment = Environment::from_iter([("HTTPS_PROXY", value)]);
        assert!(Proxies::from(&environment).proxy_for(&Uri::from_static(STS)).is_err());
    }
}
