//! Linux's table of TCP sockets, and whose they are. Of other users' processes the system tells only root.
//!
//! The whole table is `/proc/self/net/tcp` (proc(5)), which takes milliseconds to read; one connection by its addresses is
//! asked for over netlink (sock_diag(7)), which takes microseconds. Neither is done while a request waits.
//!
//! Called by its neighbours [`super::port`] and [`super::peer`], which say what is known on other systems.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

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

/// The socket that has the address `from` and talks to `to`.
pub(super) fn connected(from: SocketAddr, to: SocketAddr) -> Option<Socket> {
    let [from, to] = [from, to].map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()));
    let same = |shown: SocketAddr, wanted: SocketAddr| {
        shown.port() == wanted.port() && shown.ip().to_canonical() == wanted.ip()
    };
    match ask(from, to) {
        Ok(answer) => answer.map(|(uid, inode)| Socket { local: from, remote: to, listens: false, uid, inode }),
        // not everywhere may netlink be used: in some sandboxes, for one
        Err(_) => find(|socket| same(socket.local, from) && same(socket.remote, to)),
    }
}

/// Whose a connection's socket is, and its inode.
fn ask(from: SocketAddr, to: SocketAddr) -> rustix::io::Result<Option<(u32, u32)>> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    rustix::net::connect(&socket, &netlink::SocketAddrNetlink::new(0, 0))?;
    rustix::net::send(&socket, &question(from, to), SendFlags::empty())?;
    let mut answer = [0; 512];
    let (read, _) = rustix::net::recv(&socket, answer.as_mut_slice(), RecvFlags::empty())?;
    let word = |at: usize| answer.get(at..at + 4).filter(|_| at + 4 <= read).and_then(|word| word.try_into().ok());
    let number = |at: usize| word(at).map(u32::from_ne_bytes);
    // struct nlmsghdr, then struct inet_diag_msg, whose last two words are these
    let found = word(4).is_some_and(|[low, high, ..]| u16::from_ne_bytes([low, high]) == SOCK_DIAG_BY_FAMILY);
    Ok(number(80).zip(number(84)).filter(|_| found))
}

/// `struct nlmsghdr` and `struct inet_diag_req_v2` of the kernel's `linux/netlink.h` and `linux/inet_diag.h`, for one
/// socket in any state.
fn question(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    let family = if from.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let address = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => [&ip.octets()[..], &[0; 12]].concat(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (protocol, any_cookie) = (6, [0xff; 8]);
    let request = [
        &[u8::try_from(family.as_raw()).unwrap_or_default(), protocol, 0, 0][..],
        &u32::MAX.to_ne_bytes(),
        &from.port().to_be_bytes(),
        &to.port().to_be_bytes(),
        &address(from),
        &address(to),
        &[0; 4],
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
        listens: *fields.get(3)? == LISTEN,
        uid: fields.get(7)?.parse().ok()?,
        inode: fields.get(9)?.parse().ok()?,
    })
}

/// `TCP_LISTEN` of the kernel's `net/tcp_states.h`.
const LISTEN: &str = "0A";

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
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_as_the_kernel_prints_them() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
               0: 0100007F:25EF 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 41 1 0 100 0\n\
               1: 0100007F:25EF 0100007F:A000 01 00000000:00000000 00:00000000 00000000  1000        0 42 1 0 100 0\n\
               2: 00000000000000000000000001000000:0050 00000000000000000000000000000000:0000 0A 00000000:00000000 \
             00:00000000 00000000     0        0 43 1 0 100 0\n\
               torn: 01000\n";
        let expected = |local: &str, remote: &str, listens, uid, inode| Socket {
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            listens,
            uid,
            inode,
        };
        if cfg!(target_endian = "little") {
            assert_eq!(
                sockets(table),
                [
                    expected("127.0.0.1:9711", "0.0.0.0:0", true, 1000, 41),
                    expected("127.0.0.1:9711", "127.0.0.1:40960", false, 1000, 42),
                    expected("[::1]:80", "[::]:0", true, 0, 43),
                ]
            );
        }
    }

    #[test]
    fn both_ways_of_asking_find_the_same_socket() {
        for wanted in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(wanted) else { continue }; // a machine without IPv6
            let to = listener.local_addr().unwrap();
            let client = std::net::TcpStream::connect(to).unwrap();
            let from = client.local_addr().unwrap();
            let read = find(|socket| (socket.local, socket.remote) == (from, to)).unwrap();
            // where netlink may not be used, the other way is the only one
            if let Ok(asked) = ask(from, to) {
                assert_eq!(asked, Some((read.uid, read.inode)), "{wanted}");
                drop(client);
                drop(listener);
                assert_eq!(ask(from, to).unwrap().filter(|(_, inode)| *inode != 0), None, "{wanted}");
            }
        }
    }
}
