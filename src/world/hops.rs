//! How far the packets of a socket may travel, and which family of addresses it takes: socket options that our libraries
//! leave alone. Called by `server/listener.rs`.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;

/// Lets what leaves a socket with this address pass `hops` machines at most, such as 1: its time to live (ip(7), `IP_TTL`)
/// or hop limit (ipv6(7), `IPV6_UNICAST_HOPS`). What is accepted by a listener on Linux takes it over.
pub fn limit(socket: impl AsFd, address: SocketAddr, hops: u8) -> io::Result<()> {
    match address.ip() {
        IpAddr::V4(_) => rustix::net::sockopt::set_ip_ttl(socket, hops.into())?,
        IpAddr::V6(_) => rustix::net::sockopt::set_ipv6_unicast_hops(socket, Some(hops))?,
    }
    Ok(())
}

/// Has an IPv6 socket that is not bound yet take no IPv4 (ipv6(7), `IPV6_V6ONLY`).
pub fn only_ipv6(socket: impl AsFd) -> io::Result<()> {
    Ok(rustix::net::sockopt::set_ipv6_v6only(socket, true)?)
}

/// Whether a socket waits for connections (socket(7), `SO_ACCEPTCONN`). macOS does not tell; there, it is believed.
pub fn listens(socket: impl AsFd) -> io::Result<bool> {
    #[cfg(target_vendor = "apple")]
    return rustix::net::getsockname(socket).map(|_| true).map_err(io::Error::from);
    #[cfg(not(target_vendor = "apple"))]
    Ok(rustix::net::sockopt::socket_acceptconn(socket)?)
}
