//! The gate: may this request be answered at all? Pure, and the first thing that happens to a request.
//!
//! The order is such that nothing is told to who has no right to it: first whether the request is one that we read,
//! then whether it came from where it says (DNS rebinding, proxies, browsers), then its method, then its token. Only
//! then does anyone look at the path. Called by [`super::service`].

use std::net::{IpAddr, Ipv6Addr};

use http::header::{
    AUTHORIZATION, CONTENT_LENGTH, FORWARDED, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN, REFERER,
    TRANSFER_ENCODING,
};
use http::uri::Scheme;
use http::{Method, Uri, Version};

use crate::dialect::azure::{app_service, imds};
use crate::dialect::{Refusal, ec2};

/// What of a request the gate looks at.
#[derive(Clone, Copy, Debug)]
pub struct Head<'r> {
    /// The method.
    pub method: &'r Method,
    /// The request's target.
    pub target: &'r Uri,
    /// HTTP/1.0 or 1.1.
    pub version: Version,
    /// Every header.
    pub headers: &'r HeaderMap,
}

/// What a request brings as its proof. It is not looked at here beyond being there once.
#[derive(Clone, Copy, Debug, Default)]
pub struct Proofs<'r> {
    /// `Authorization`: a grant's token, or a service account's.
    pub token: Option<&'r HeaderValue>,
    /// `X-aws-ec2-metadata-token`: a session token of the instance metadata service.
    pub ticket: Option<&'r HeaderValue>,
    /// `X-aws-ec2-metadata-token-ttl-seconds`: for how long a session token is wanted.
    pub ticket_life: Option<&'r HeaderValue>,
    /// `X-IDENTITY-HEADER`: a grant's token, as App Service has it.
    pub identity_header: Option<&'r HeaderValue>,
    /// `secret`: a grant's token, as App Service had it.
    pub secret: Option<&'r HeaderValue>,
    /// `Metadata`: no secret, but nothing that a URL alone brings along.
    pub mark: Option<&'r HeaderValue>,
}

/// What an address takes beyond what all of them do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Takes {
    /// Somebody takes PUT.
    pub puts: bool,
    /// It is Azure's metadata service: it is called 169.254.169.254, whoever brought the request here. Go sends requests for that
    /// address to `HTTP_PROXY`, which is us then, with the whole URL (`net/http`, `ProxyFromEnvironment`).
    pub azure_address: bool,
}

/// Lets a request in, and hands back what it proves itself by, or says why not. `bound` is the address that the client
/// reached us at.
pub fn examine<'r>(head: Head<'r>, bound: IpAddr, takes: Takes) -> Result<Proofs<'r>, Refusal> {
    let whole = head.target.authority().map(http::uri::Authority::as_str);
    let for_azure = takes.azure_address
        && head.target.scheme() == Some(&Scheme::HTTP)
        && whole.is_some_and(|whole| is_azure(whole.as_bytes()));
    if whole.is_some() && !for_azure || !head.target.path().starts_with('/') {
        return Err(Refusal::Malformed("the target must be a path"));
    }
    let seen = survey(head.headers)?;
    let target_bytes = head.target.path_and_query().map_or(0, |target| target.as_str().len());
    if target_bytes + seen.header_bytes > MOST_HEAD_BYTES {
        return Err(Refusal::HeadTooLarge);
    }
    match seen.host {
        // whoever sends a whole URL means what it says, and not the Host header (RFC 9112, 3.2.2)
        _ if for_azure => {}
        Some(host) if names_us(host.as_bytes(), bound) => {}
        Some(host) if takes.azure_address && is_azure(host.as_bytes()) => {}
        Some(_) => return Err(Refusal::Host),
        // Browsers speak HTTP/1.1; what is left of HTTP/1.0 may send no Host (RFC 9112, 3.2).
        None if head.version == Version::HTTP_10 => {}
        None => return Err(Refusal::Malformed("no Host header")),
    }
    if seen.forwarded {
        return Err(Refusal::Forwarded);
    }
    if seen.browser {
        return Err(Refusal::Browser);
    }
    if !(matches!(*head.method, Method::GET | Method::HEAD) || takes.puts && *head.method == Method::PUT) {
        return Err(Refusal::Method);
    }
    if seen.chunked {
        // hyper passes over a length that stands beside it, others may go by the length (RFC 9112, 6.1)
        return Err(Refusal::Malformed("a body in chunks"));
    }
    if seen.body_bytes > MOST_BODY_BYTES {
        return Err(Refusal::BodyTooLarge);
    }
    Ok(seen.proofs)
}

/// A body says nothing to us; one that is larger than this is not even waited for.
pub const MOST_BODY_BYTES: u64 = 64 * 1024;

/// The most that the target and the headers may hold. What is far larger is not even read: see [`super::conn::Limits`].
pub const MOST_HEAD_BYTES: usize = 16 * 1024;

#[derive(Default)]
struct Seen<'r> {
    host: Option<&'r HeaderValue>,
    proofs: Proofs<'r>,
    forwarded: bool,
    browser: bool,
    chunked: bool,
    header_bytes: usize,
    body_bytes: u64,
}

/// One walk over the headers. Two of a header that decides something would let one of them decide for another reader.
fn survey(headers: &HeaderMap) -> Result<Seen<'_>, Refusal> {
    let mut seen = Seen::default();
    for (name, value) in headers {
        seen.header_bytes += name.as_str().len() + value.len() + ": \r\n".len();
        if name == HOST {
            if seen.host.replace(value).is_some() {
                return Err(Refusal::Malformed("two Host headers"));
            }
        } else if name == AUTHORIZATION {
            if seen.proofs.token.replace(value).is_some() {
                return Err(Refusal::Malformed("two Authorization headers"));
            }
        } else if name == ec2::TICKET {
            if seen.proofs.ticket.replace(value).is_some() {
                return Err(Refusal::Malformed("two session tokens"));
            }
        } else if name == ec2::TICKET_LIFE {
            if seen.proofs.ticket_life.replace(value).is_some() {
                return Err(Refusal::TicketLife);
            }
        } else if name == IDENTITY_HEADER {
            if seen.proofs.identity_header.replace(value).is_some() {
                return Err(Refusal::Malformed("two X-IDENTITY-HEADER headers"));
            }
        } else if name == SECRET {
            if seen.proofs.secret.replace(value).is_some() {
                return Err(Refusal::Malformed("two secret headers"));
            }
        } else if name == MARK {
            if seen.proofs.mark.replace(value).is_some() {
                return Err(Refusal::Malformed("two Metadata headers"));
            }
        } else if name == CONTENT_LENGTH {
            seen.body_bytes = value.to_str().ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        } else if name == TRANSFER_ENCODING {
            seen.chunked = true;
        } else {
            seen.forwarded |= forwards(name);
            seen.browser |= browses(name);
        }
    }
    Ok(seen)
}

const IDENTITY_HEADER: HeaderName = HeaderName::from_static(app_service::HEADER);
const SECRET: HeaderName = HeaderName::from_static(app_service::OLD_HEADER);
const MARK: HeaderName = HeaderName::from_static(imds::MARK);

fn forwards(name: &HeaderName) -> bool {
    name == FORWARDED || name.as_str().starts_with("x-forwarded-")
}

/// Browsers send `Sec-Fetch-*` with every request, even one whose page hides its origin.
fn browses(name: &HeaderName) -> bool {
    name == ORIGIN || name == REFERER || name.as_str().starts_with("sec-fetch-")
}

/// Whether a `Host` names loopback or the address that was reached. CRT-based clients (aws-c-auth) send it without the
/// port, and IPv6 addresses without their brackets.
fn names_us(host: &[u8], bound: IpAddr) -> bool {
    let Ok(host) = std::str::from_utf8(host) else { return false };
    // what nearly every client sends needs no reading of addresses
    if let Some(rest) = host.strip_prefix("127.0.0.1:") {
        return is_port(rest);
    }
    if let Some((address, rest)) = host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let port_or_nothing = rest.is_empty() || rest.strip_prefix(':').is_some_and(is_port);
        return port_or_nothing && address.parse::<Ipv6Addr>().is_ok_and(|address| is_us(address.into(), bound));
    }
    let (name, port) = match host.split_once(':') {
        // an IPv6 address without brackets
        Some((_, rest)) if rest.contains(':') => (host, None),
        Some((name, port)) => (name, Some(port)),
        None => (host, None),
    };
    port.is_none_or(is_port)
        && (name.parse::<IpAddr>().is_ok_and(|address| is_us(address, bound)) || name.eq_ignore_ascii_case("localhost"))
}

/// Whether an authority or a `Host` is Azure's metadata service.
fn is_azure(host: &[u8]) -> bool {
    matches!(host, b"169.254.169.254" | b"169.254.169.254:80")
}

fn is_us(address: IpAddr, bound: IpAddr) -> bool {
    address.is_loopback() || (address == bound && !address.is_unspecified())
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: &str = "127.0.0.1";
    const METADATA: &str = "169.254.170.2";

    struct Request {
        method: Method,
        target: &'static str,
        version: Version,
        headers: Vec<(&'static str, &'static str)>,
        azure_address: bool,
    }

    impl Request {
        fn with(headers: &[(&'static str, &'static str)]) -> Self {
            Self {
                method: Method::GET,
                target: "/creds/prod",
                version: Version::HTTP_11,
                headers: [("host", "127.0.0.1:9711"), ("authorization", "T")].iter().chain(headers).copied().collect(),
                azure_address: false,
            }
        }

        fn host(host: &'static str) -> Self {
            Self { headers: vec![("host", host), ("authorization", "T")], ..Self::with(&[]) }
        }

        fn examine(&self, bound: &str) -> Result<Option<String>, Refusal> {
            let headers: HeaderMap = self
                .headers
                .iter()
                .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value)))
                .fold(HeaderMap::new(), |mut all, (name, value)| {
                    all.append(name, value);
                    all
                });
            let target: Uri = self.target.parse().unwrap();
            let head = Head { method: &self.method, target: &target, version: self.version, headers: &headers };
            examine(head, bound.parse().unwrap(), Takes { azure_address: self.azure_address, ..Takes::default() })
                .map(|proofs| proofs.token.map(|token| token.to_str().unwrap().into()))
        }
    }

    #[test]
    fn a_plain_request_gets_through_with_its_token() {
        assert_eq!(Request::with(&[]).examine(LOOPBACK), Ok(Some("T".into())));
        let bare = Request { headers: vec![("host", "localhost")], ..Request::with(&[]) };
        assert_eq!(bare.examine(LOOPBACK), Ok(None));
    }

    #[test]
    fn hosts_that_name_us_are_let_in() {
        for host in
            ["127.0.0.1", "127.0.0.1:9711", "127.8.9.10", "localhost", "LocalHost:1", "[::1]:9711", "[::1]", "::1"]
        {
            assert_eq!(Request::host(host).examine(LOOPBACK), Ok(Some("T".into())), "{host}");
        }
        assert!(Request::host("169.254.170.2").examine(METADATA).is_ok());
        assert!(Request::host("fd00:ec2::23").examine("fd00:ec2::23").is_ok());
    }

    #[test]
    fn other_hosts_are_not() {
        for host in [
            "",
            "evil.example",
            "evil.example:9711",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1@evil.example",
            "localhost.",
            "localhost:",
            "localhost:+80",
            "localhost:99999",
            "127.0.0.1:9711:9711",
            "[::1]x",
            "[::1",
            "[127.0.0.1]",
            "0.0.0.0",
            "[::]",
            "::1:9711",
            "0x7f.1",
            "169.254.170.2",
            "10.0.0.1",
        ] {
            assert_eq!(Request::host(host).examine(LOOPBACK), Err(Refusal::Host), "{host}");
        }
        assert_eq!(Request::host("0.0.0.0").examine("0.0.0.0"), Err(Refusal::Host));
    }

    #[test]
    fn forwarded_requests_and_browsers_are_not() {
        for (name, refusal) in [
            ("x-forwarded-for", Refusal::Forwarded),
            ("x-forwarded-host", Refusal::Forwarded),
            ("forwarded", Refusal::Forwarded),
            ("origin", Refusal::Browser),
            ("referer", Refusal::Browser),
            ("sec-fetch-site", Refusal::Browser),
            ("sec-fetch-mode", Refusal::Browser),
        ] {
            assert_eq!(Request::with(&[(name, "")]).examine(LOOPBACK), Err(refusal), "{name}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_not_read() {
        for request in [
            Request::with(&[("host", "127.0.0.1:9711")]),
            Request::with(&[("authorization", "T")]),
            Request::with(&[("x-identity-header", "T"), ("x-identity-header", "T")]),
            Request::with(&[("secret", "T"), ("secret", "T")]),
            Request::with(&[("metadata", "true"), ("metadata", "true")]),
            Request { target: "http://127.0.0.1:9711/creds/prod", ..Request::with(&[]) },
            Request { target: "*", ..Request::with(&[]) },
            Request { target: "127.0.0.1:443", method: Method::CONNECT, ..Request::with(&[]) },
            Request { headers: vec![("authorization", "T")], ..Request::with(&[]) },
        ] {
            let refused = request.examine(LOOPBACK);
            assert!(matches!(refused, Err(Refusal::Malformed(_))), "{} {refused:?}", request.target);
        }
        let old = Request { headers: vec![], version: Version::HTTP_10, ..Request::with(&[]) };
        assert_eq!(old.examine(LOOPBACK), Ok(None));
    }

    #[test]
    fn other_methods_and_large_bodies_are_not() {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH, Method::TRACE] {
            let request = Request { method, ..Request::with(&[]) };
            assert_eq!(request.examine(LOOPBACK), Err(Refusal::Method));
        }
        assert!(Request { method: Method::HEAD, ..Request::with(&[]) }.examine(LOOPBACK).is_ok());
        assert!(Request::with(&[("content-length", "65536")]).examine(LOOPBACK).is_ok());
        assert_eq!(Request::with(&[("content-length", "65537")]).examine(LOOPBACK), Err(Refusal::BodyTooLarge));
        let chunked = Request::with(&[("transfer-encoding", "chunked")]);
        assert_eq!(chunked.examine(LOOPBACK), Err(Refusal::Malformed("a body in chunks")));
        assert_eq!(Request { method: Method::POST, ..chunked }.examine(LOOPBACK), Err(Refusal::Method));
    }

    #[test]
    fn the_target_and_the_headers_count_to_a_head() {
        let padding = |bytes: usize| &*String::leak("x".repeat(bytes));
        let path = |bytes: usize| &*String::leak(format!("/creds/x?{}", "x".repeat(bytes)));
        for (request, good) in [
            (Request::with(&[("x-padding", padding(16_000))]), true),
            (Request::with(&[("x-padding", padding(16_384))]), false),
            (Request { target: path(16_000), ..Request::with(&[]) }, true),
            (Request { target: path(16_384), ..Request::with(&[]) }, false),
            (Request { target: path(8_000), ..Request::with(&[("x-padding", padding(8_500))]) }, false),
        ] {
            let refused = request.examine(LOOPBACK).err();
            assert_eq!(refused, (!good).then_some(Refusal::HeadTooLarge));
        }
    }

    #[test]
    fn who_came_the_wrong_way_is_told_nothing_else() {
        // Everything is wrong with it: the reason given is the first, and neither method, token nor path shows.
        let request = Request {
            method: Method::POST,
            target: "/nothing/here",
            headers: vec![("host", "evil.example"), ("origin", "https://evil.example"), ("x-forwarded-for", "1.2.3.4")],
            version: Version::HTTP_11,
            azure_address: true,
        };
        assert_eq!(request.examine(LOOPBACK), Err(Refusal::Host));
    }

    #[test]
    fn c15_a_whole_url_is_taken_for_the_one_address_where_azure_is_played() {
        let whole = |target| Request { target, azure_address: true, ..Request::with(&[]) };
        for target in ["http://169.254.169.254/metadata/instance", "http://169.254.169.254:80/metadata?x=1"] {
            assert!(whole(target).examine(LOOPBACK).is_ok(), "{target}");
            // the Host header says nothing then (RFC 9112, 3.2.2)
            let other = Request { headers: vec![("host", "evil.example")], ..whole(target) };
            assert!(other.examine(LOOPBACK).is_ok(), "{target}");
            let elsewhere = Request { azure_address: false, ..whole(target) };
            assert!(matches!(elsewhere.examine(LOOPBACK), Err(Refusal::Malformed(_))), "{target}");
        }
        for target in [
            "https://169.254.169.254/metadata/instance",
            "http://169.254.169.254:8080/metadata/instance",
            "http://user@169.254.169.254/metadata/instance",
            "http://169.254.169.254.example/metadata/instance",
            "http://127.0.0.1:9711/metadata/instance",
            "http://example.com/",
            "169.254.169.254:80",
        ] {
            assert!(matches!(whole(target).examine(LOOPBACK), Err(Refusal::Malformed(_))), "{target}");
        }
    }

    #[test]
    fn c44_azures_address_is_a_name_where_azure_is_played() {
        for host in ["169.254.169.254", "169.254.169.254:80"] {
            assert!(Request { azure_address: true, ..Request::host(host) }.examine(LOOPBACK).is_ok(), "{host}");
            assert_eq!(Request::host(host).examine(LOOPBACK), Err(Refusal::Host), "{host}");
        }
        let other = Request { azure_address: true, ..Request::host("169.254.169.254:8080") };
        assert_eq!(other.examine(LOOPBACK), Err(Refusal::Host));
    }
}
