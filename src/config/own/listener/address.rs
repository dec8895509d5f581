//! `address` of a `[[listener]]`: one address of one machine, with its port. Called by [`super`].

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Reads an address. Only what was named is opened, so neither all addresses nor a name will do: who is let in must not
/// depend on what the machine or its resolver has today. The error is a whole sentence.
pub(in crate::config::own) fn address(text: &str) -> Result<SocketAddr, String> {
    let Ok(address) = text.parse::<SocketAddr>() else { return Err(no_address(text)) };
    let port = if address.port() == 0 { USUAL_PORT } else { address.port() };
    // IPv4 in the form of IPv6 is the same socket by another name
    let ip = address.ip().to_canonical();
    if ip.is_unspecified() {
        let loopback = if address.is_ipv6() { "[::1]" } else { "127.0.0.1" };
        let text =
            format!("`{text}` is every address of this machine, and only a named one is opened: write the one that");
        return Err(format!("{text} is meant, such as \"{loopback}:{port}\""));
    }
    if ip.is_multicast() || ip == Ipv4Addr::BROADCAST {
        return Err(format!("`{text}` is no machine's own address: write one like \"127.0.0.1:{port}\""));
    }
    let plain = SocketAddr::new(ip, port);
    if ip != address.ip() {
        return Err(format!("`{text}` is an IPv4 address in the form of IPv6: write \"{plain}\""));
    }
    if address.port() == 0 {
        return Err(format!(
            "`{text}` is another port with each start, where no client looks: write one like \"{plain}\""
        ));
    }
    Ok(address)
}

const USUAL_PORT: u16 = 9712;

fn no_address(text: &str) -> String {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    match bare.parse::<IpAddr>() {
        Ok(IpAddr::V4(address)) => {
            // clients that know no other address than 169.254.169.254 and its like know no other port
            let port = if address.is_link_local() { 80 } else { USUAL_PORT };
            return format!("`{text}` has no port: write one like \"{address}:{port}\"");
        }
        Ok(IpAddr::V6(_)) => {
            return format!(
                "`{text}` has no port: it stands behind the address in brackets, as in \"[fd00:ec2::23]:80\""
            );
        }
        Err(_) => {}
    }
    match text.rsplit_once(':').map(|(host, port)| (host, port.parse::<u16>())) {
        Some((host, Ok(port))) if is_name(host) => {
            let port = if port == 0 { USUAL_PORT } else { port };
            format!("`{host}` is a name, and an address is wanted: write one like \"127.0.0.1:{port}\"")
        }
        _ => format!("`{text}` is no address with a port: write one like \"127.0.0.1:{USUAL_PORT}\""),
    }
}

fn is_name(host: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    host.bytes().all(allowed) && host.bytes().any(|byte| byte.is_ascii_alphabetic())
}
