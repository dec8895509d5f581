//! Whether a request goes through a proxy: `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, read as curl reads them.
//!
//! Only `https` goes through one: clear text goes to loopback and link-local addresses alone, and never through a
//! proxy, which would answer for the wrong machine, or learn credentials.

use std::net::{IpAddr, Ipv4Addr};

use http::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};

use crate::world::Environment;

/// The rules of one environment.
pub(super) struct Proxies(Matcher);

impl Proxies {
    /// Reads the variables; in each pair the lower-case name wins where both are set, as in curl.
    pub(super) fn from(environment: &Environment) -> Self {
        let first = |names: [&str; 2]| names.iter().find_map(|name| environment.text(name)).unwrap_or("").to_owned();
        let matcher = Matcher::builder()
            .https(first(["https_proxy", "HTTPS_PROXY"]))
            .all(first(["all_proxy", "ALL_PROXY"]))
            .no(first(["no_proxy", "NO_PROXY"]));
        Self(matcher.build())
    }

    /// The proxy for a request, if it goes through one. Proxies that do not speak HTTP (`socks5://`) are an error, told
    /// by their scheme: going past them might leak what they are to hide.
    pub(super) fn proxy_for(&self, uri: &Uri) -> Result<Option<Intercept>, String> {
        if uri.scheme_str() != Some("https") || uri.host().is_none_or(is_near) {
            return Ok(None);
        }
        let Some(proxy) = self.0.intercept(uri) else { return Ok(None) };
        match proxy.uri().scheme_str() {
            Some("http" | "https") => Ok(Some(proxy)),
            other => Err(format!("a proxy of kind {} is not known: use an HTTP proxy", other.unwrap_or("?"))),
        }
    }
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
}
