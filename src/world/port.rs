//! Who listens on an address that we wanted: for the message that names the holder, and for the decision whether tokens
//! that were good for that address can still be trusted.
//!
//! Called by the daemon's start, after a bind failed; never to find a daemon, which is found by its control socket.

use std::net::SocketAddr;

/// Who holds an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortHolder {
    /// The user whose socket it is; `None` where the system does not tell.
    pub uid: Option<u32>,
    /// Its process, where we may know it: mostly when it is our own user's.
    pub process: Option<(u32, String)>,
}

impl std::fmt::Display for PortHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.process, self.uid) {
            (Some((pid, program)), Some(uid)) => write!(f, "process {pid} ({program}) of user {uid}"),
            (Some((pid, program)), None) => write!(f, "process {pid} ({program})"),
            (None, Some(uid)) => write!(f, "a process of user {uid}"),
            (None, None) => f.write_str("another process"),
        }
    }
}

/// Who listens where a listener on `address` would be in the way. `None`: nobody does, as far as the system tells.
pub fn holder_of(address: SocketAddr) -> Option<PortHolder> {
    system_holder_of(address)
}

/// Whether two listeners cannot be there together: one port, and one address or all of them.
fn in_the_way(wanted: SocketAddr, listening: SocketAddr) -> bool {
    let (ours, theirs) = (wanted.ip().to_canonical(), listening.ip().to_canonical());
    let everywhere = ours.is_unspecified() || theirs.is_unspecified();
    wanted.port() == listening.port() && (everywhere || ours == theirs)
}

#[cfg(target_os = "linux")]
fn system_holder_of(address: SocketAddr) -> Option<PortHolder> {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let rows = tables.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    let row = rows.flat_map(|text| linux::listeners(&text)).find(|row| in_the_way(address, row.address))?;
    Some(PortHolder { uid: Some(row.uid), process: linux::process_of(row.inode) })
}

/// macOS tells of sockets only through calls that walk every process (`libproc.h`); who holds the port stays unknown, and
/// is not trusted.
#[cfg(not(target_os = "linux"))]
fn system_holder_of(address: SocketAddr) -> Option<PortHolder> {
    let taken = std::net::TcpListener::bind(address).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse);
    taken.then_some(PortHolder { uid: None, process: None })
}

#[cfg(target_os = "linux")]
mod linux {
    use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
    use std::path::Path;

    /// One row of `/proc/net/tcp` (proc(5)) whose socket listens.
    #[derive(Debug, PartialEq, Eq)]
    pub(super) struct Row {
        pub(super) address: SocketAddr,
        pub(super) uid: u32,
        pub(super) inode: u64,
    }

    pub(super) fn listeners(table: &str) -> Vec<Row> {
        table.lines().skip(1).filter_map(listener).collect()
    }

    fn listener(line: &str) -> Option<Row> {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let (local, state, uid, inode) = (fields.get(1)?, fields.get(3)?, fields.get(7)?, fields.get(9)?);
        if *state != LISTEN {
            return None;
        }
        let (ip, port) = local.split_once(':')?;
        let address = SocketAddr::new(ip_of(ip)?, u16::from_str_radix(port, 16).ok()?);
        Some(Row { address, uid: uid.parse().ok()?, inode: inode.parse().ok()? })
    }

    /// `TCP_LISTEN` of the kernel's `net/tcp_states.h`.
    const LISTEN: &str = "0A";

    /// The kernel prints an address as numbers of 32 bits in the machine's own order.
    fn ip_of(hex: &str) -> Option<IpAddr> {
        if !hex.is_ascii() {
            return None;
        }
        let word = |at: usize| u32::from_str_radix(hex.get(at..at + 8)?, 16).ok().map(u32::to_ne_bytes);
        match hex.len() {
            8 => Some(Ipv4Addr::from(word(0)?).into()),
            32 => {
                let mut bytes = [0; 16];
                for group in 0..4 {
                    bytes[group * 4..group * 4 + 4].copy_from_slice(&word(group * 8)?);
                }
                Some(Ipv6Addr::from(bytes).into())
            }
            _ => None,
        }
    }

    /// The process that has this socket open, among those that we may look at.
    pub(super) fn process_of(inode: u64) -> Option<(u32, String)> {
        let socket = format!("socket:[{inode}]");
        let processes = std::fs::read_dir("/proc").ok()?.flatten();
        let pid = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|pid| {
            let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
            descriptors.into_iter().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == Path::new(&socket)))
        })?;
        let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        Some((pid, name.trim().to_owned()))
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
            if cfg!(target_endian = "little") {
                assert_eq!(
                    listeners(table),
                    [
                        Row { address: "127.0.0.1:9711".parse().unwrap(), uid: 1000, inode: 41 },
                        Row { address: "[::1]:80".parse().unwrap(), uid: 0, inode: 43 },
                    ]
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_of_ours_is_found_and_named() {
        for wanted in ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", "[::]:0"] {
            let Ok(listener) = std::net::TcpListener::bind(wanted) else {
                continue; // a machine without IPv6
            };
            let port = listener.local_addr().expect("bound").port();
            let address = SocketAddr::from((listener.local_addr().expect("bound").ip(), port));
            let holder = holder_of(address).expect("held");
            if cfg!(target_os = "linux") {
                assert_eq!(holder.uid, Some(rustix::process::geteuid().as_raw()), "{wanted}");
                assert_eq!(holder.process.expect("ours").0, std::process::id(), "{wanted}");
            }
        }
    }

    #[test]
    fn what_is_in_the_way_is_one_port_on_one_address_or_all() {
        for (wanted, listening, expected) in [
            ("127.0.0.1:9711", "127.0.0.1:9711", true),
            ("127.0.0.1:9711", "0.0.0.0:9711", true),
            ("127.0.0.1:9711", "[::]:9711", true),
            ("127.0.0.1:9711", "[::ffff:127.0.0.1]:9711", true),
            ("127.0.0.1:9711", "127.0.0.2:9711", false),
            ("127.0.0.1:9711", "127.0.0.1:9712", false),
        ] {
            let address = |text: &str| text.parse().expect("an address");
            assert_eq!(in_the_way(address(wanted), address(listening)), expected, "{wanted} {listening}");
        }
    }
}
