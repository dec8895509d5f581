//! Linux's table of TCP sockets, `/proc/self/net/tcp` (proc(5)), and whose they are. Of other users' processes the system
//! tells only root. Slow on a busy machine (milliseconds): never read while a request waits.
//!
//! Called by its neighbours [`super::port`] and [`super::peer`], which say what is known on other systems.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

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
    pub(super) inode: u64,
}

/// The first socket that is wanted.
pub(super) fn find(wanted: impl Fn(&Socket) -> bool) -> Option<Socket> {
    let tables = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
    let texts = tables.iter().filter_map(|table| std::fs::read_to_string(table).ok());
    texts.flat_map(|text| sockets(&text)).find(wanted)
}

/// The process that has this socket open, among those that we may look at.
pub(super) fn process_of(inode: u64) -> Option<u32> {
    if inode == 0 {
        return None;
    }
    let socket = format!("socket:[{inode}]");
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).find(|pid| {
        let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        descriptors.into_iter().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|to| to == Path::new(&socket)))
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
}
