//! Linux's table of TCP sockets, and whose they are. Of other users' processes the system tells only root.
//!
//! The whole table is `/proc/self/net/tcp` (proc(5)), which takes milliseconds to read; one connection by its addresses is
//! asked for over netlink (sock_diag(7)), which takes microseconds. The table is read only where netlink does not tell.
//!
//! Called by its neighbours [`super::port`] and [`super::peer`], which say what is known on other systems.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink};

/// One socket.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Socket {
    /// Its own address.
    pub(super) local: SocketAddr,
    /// Whom it talks to.
    pub(super) remote: SocketAddr,
    /// Whether it listens.
    pub(super) listens: bool,
    /// Whose it is.
    pub(super) uid: u32,
    /// What links in `/proc/PID/fd` call it; 0 once no process has it any more.
    pub(super) inode: u32,
}

/// The first socket that is wanted.
pub(super) fn find(wanted: impl Fn(&Socket) -> bool) -> Option<Socket> {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let texts = tables.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    texts.flat_map(|text| sockets(&text)).find(wanted)
}

/// The socket that has the address `from` and talks to `to`, the other end of which is, or was, on this machine too. Never
/// one that listens.
pub(super) fn connected(from: SocketAddr, to: SocketAddr) -> Option<Socket> {
    /// Netlink has told of a socket once.
    static TELLS: AtomicBool = AtomicBool::new(false);
    sought(from, to, &TELLS, ask, read)
}

/// Asks by netlink, and reads the table only where that may know what netlink does not. Where netlink has told of a socket
/// once (`tells`), what it does not know is not there: else whoever connects, asks and cuts the connection off would have us
/// read the table, as often as they like.
fn sought(
    from: SocketAddr,
    to: SocketAddr,
    tells: &AtomicBool,
    ask: impl Fn(SocketAddr, SocketAddr) -> rustix::io::Result<Option<Socket>>,
    read: impl Fn(SocketAddr, SocketAddr) -> Option<Socket>,
) -> Option<Socket> {
    let knows = |asked: &rustix::io::Result<Option<Socket>>| asked.as_ref().is_ok_and(Option::is_some);
    let asked = ask(from, to);
    // A kernel without `CONFIG_INET_TCP_DIAG` finds nothing at all, in the same words as where there is nothing. So it is
    // asked for our own end of the connection: the other one is on another machine then, or in another network namespace.
    if !tells.load(Ordering::Relaxed) && (knows(&asked) || asked.is_ok() && knows(&ask(to, from))) {
        tells.store(true, Ordering::Relaxed);
    }
    match asked {
        Ok(None) if !tells.load(Ordering::Relaxed) => read(from, to),
        Ok(found) => found,
        // not everywhere may netlink be used, in some sandboxes for one
        Err(_) => read(from, to),
    }
}

/// The same by the table, which does not tell interfaces apart: an address that is good only on one of them says nothing.
pub(super) fn read(from: SocketAddr, to: SocketAddr) -> Option<Socket> {
    let of_one_interface = |address: SocketAddr| match address.ip() {
        IpAddr::V4(_) => false,
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    if of_one_interface(from) || of_one_interface(to) {
        return None;
    }
    find(|socket| socket.joins(from, to))
}

impl Socket {
    /// Whether it is one end of this very connection. A socket of both families shows the mapped form (RFC 4291, 2.5.5.2).
    fn joins(&self, from: SocketAddr, to: SocketAddr) -> bool {
        let same = |shown: SocketAddr, wanted: SocketAddr| plain(shown) == plain(wanted);
        !self.listens && same(self.local, from) && same(self.remote, to)
    }
}

/// An address without mapping and without its interface.
fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// What netlink says of one connection's socket. Where there is none, the kernel answers with one that listens where it
/// would be, on all addresses at least: a client from elsewhere would pass for whoever listens on its port here. So it is
/// looked whether the answer is what was asked for.
fn ask(from: SocketAddr, to: SocketAddr) -> rustix::io::Result<Option<Socket>> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    rustix::net::connect(&socket, &netlink::SocketAddrNetlink::new(0, 0))?;
    rustix::net::send(&socket, &question(from, to), SendFlags::empty())?;
    let mut room = [0; 512];
    // the kernel has answered by the time that `send` returns
    let (_, read) = rustix::net::recv(&socket, room.as_mut_slice(), RecvFlags::DONTWAIT)?;
    let answer = room.get(..read).and_then(answer);
    Ok(answer.filter(|socket| socket.joins(from, to)))
}

/// `struct nlmsghdr` and `struct inet_diag_msg` of the kernel's `linux/netlink.h` and `linux/inet_diag.h`. `None`: it is an
/// error, which says that there is no such socket.
fn answer(message: &[u8]) -> Option<Socket> {
    let word = |at: usize| message.get(at..at + 4).and_then(|word| <[u8; 4]>::try_from(word).ok());
    let port = |at: usize| message.get(at..at + 2).map(|port| u16::from_be_bytes([port[0], port[1]]));
    let [low, high, ..] = word(4)?;
    if u16::from_ne_bytes([low, high]) != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let [family, state, ..] = word(16)?;
    let ip = |at: usize| match family {
        IPV4 => Some(IpAddr::from(word(at)?)),
        IPV6 => Some(IpAddr::from(<[u8; 16]>::try_from(message.get(at..at + 16)?).ok()?)),
        _ => None,
    };
    Some(Socket {
        local: SocketAddr::new(ip(24)?, port(20)?),
        remote: SocketAddr::new(ip(40)?, port(22)?),
        listens: state == LISTENS,
        uid: u32::from_ne_bytes(word(80)?),
        inode: u32::from_ne_bytes(word(84)?),
    })
}

const IPV4: u8 = AddressFamily::INET.as_raw() as u8;
const IPV6: u8 = AddressFamily::INET6.as_raw() as u8;

/// `struct nlmsghdr` and `struct inet_diag_req_v2`, for one socket in any state.
fn question(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    // a socket with an address that is good on one interface is found only on that one
    let interface = match from {
        SocketAddr::V4(_) => 0,
        SocketAddr::V6(from) => from.scope_id(),
    };
    let (from, to) = (plain(from), plain(to));
    let address = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => [&ip.octets()[..], &[0; 12]].concat(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (family, protocol, any_cookie) = (if from.is_ipv4() { IPV4 } else { IPV6 }, 6, [0xff; 8]);
    let request = [
        &[family, protocol, 0, 0][..],
        &u32::MAX.to_ne_bytes(),
        &from.port().to_be_bytes(),
        &to.port().to_be_bytes(),
        &address(from),
        &address(to),
        &interface.to_ne_bytes(),
        &any_cookie,
    ]
    .concat();
    let length = u32::try_from(16 + request.len()).unwrap_or_default();
    let (asks, sequence, sender) = (1_u16, [0; 4], [0; 4]);
    [&length.to_ne_bytes()[..], &SOCK_DIAG_BY_FAMILY.to_ne_bytes(), &asks.to_ne_bytes(), &sequence, &sender, &request]
        .concat()
}

/// `linux/sock_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// The process that has a socket open, among those that we may look at; the `likely` ones first.
pub(super) fn process_of(socket: &Socket, likely: &[u32]) -> Option<u32> {
    if socket.inode == 0 {
        return None;
    }
    let link = format!("socket:[{}]", socket.inode);
    let holds = |pid: &u32| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.into_iter().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == Path::new(&link)))
    };
    likely.iter().copied().find(holds).or_else(|| {
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let theirs = processes.filter(|entry| entry.metadata().is_ok_and(|of| of.uid() == socket.uid));
        theirs.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(holds)
    })
}

fn sockets(table: &str) -> Vec<Socket> {
    table.lines().skip(1).filter_map(socket).collect()
}

fn socket(line: &str) -> Option<Socket> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    Some(Socket {
        local: address(fields.get(1)?)?,
        remote: address(fields.get(2)?)?,
        listens: u8::from_str_radix(fields.get(3)?, 16).ok()? == LISTENS,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// `TCP_LISTEN` of the kernel's `net/tcp_states.h`.
const LISTENS: u8 = 10;

/// `0100007F:25EF`: the kernel prints an address as numbers of 32 bits in the machine's own order.
fn address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':').filter(|_| text.is_ascii())?;
    let word = |at: usize| u32::from_str_radix(ip.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
    let ip = match ip.len() {
        8 => IpAddr::from(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for group in 0..4 {
                bytes[group * 4..group * 4 + 4].copy_from_slice(&word(group * 8)?);
            }
            Ipv6Addr::from(bytes).into()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
#[path = "sockets_tests.rs"]
mod tests;
