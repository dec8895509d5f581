//! Which TCP sockets a user's processes have, by macOS (`libproc.h`, `sys/proc_info.h`).
//!
//! It tells them only of our own user's processes, unless we are root, and no table of connections is for everybody. So a
//! process is looked for that has one end of a connection; to find none takes about a millisecond for a hundred processes.
//! Called by `world/peer.rs`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Whether a process of this user has the socket with the address `from` that talks to `to`.
#[cfg(target_vendor = "apple")]
pub(in super::super) fn has(uid: u32, from: SocketAddr, to: SocketAddr) -> bool {
    let wanted = [from, to].map(|address| SocketAddr::new(address.ip().to_canonical(), address.port()));
    let is_it =
        |pid: i32, descriptor: i32| system::socket(pid, descriptor).and_then(|told| ends(&told)) == Some(wanted);
    system::processes(uid).into_iter().any(|pid| system::sockets(pid).into_iter().any(|number| is_it(pid, number)))
}

/// The local and the remote address of a TCP socket, by `struct socket_fdinfo`. `None`: it is of another kind, or listens.
fn ends(told: &[u8; SOCKET_FDINFO]) -> Option<[SocketAddr; 2]> {
    let number = |at: usize| told.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let address = |ip: usize, port: usize| {
        let ip: [u8; 16] = told.get(ip..ip + 16)?.try_into().ok()?;
        // a socket of both families that talks to IPv4 says that it talks IPv4
        let ip = match told[VFLAG] & (INI_IPV4 | INI_IPV6) {
            INI_IPV4 => IpAddr::from(Ipv4Addr::new(ip[12], ip[13], ip[14], ip[15])),
            INI_IPV6 => Ipv6Addr::from(without_interface(ip)).to_canonical(),
            _ => return None,
        };
        // an `int` that holds a port in network order
        Some(SocketAddr::new(ip, u16::from_be(u16::try_from(number(port)?).ok()?)))
    };
    let [local, remote] = [address(LADDR, LPORT)?, address(FADDR, FPORT)?];
    (number(KIND)? == SOCKINFO_TCP && remote.port() != 0).then_some([local, remote])
}

/// The system keeps the interface of a link-local address in its second group (KAME; `netinet6/scope6.c`).
fn without_interface(mut ip: [u8; 16]) -> [u8; 16] {
    if Ipv6Addr::from(ip).is_unicast_link_local() {
        ip[2..4].fill(0);
    }
    ip
}

/// The size of `struct socket_fdinfo`, and where in it is what we read: `pfi` has 24 bytes, `psi.soi_proto` begins 240 bytes
/// behind it, and in that, `pri_tcp.tcpsi_ini` is the first.
const SOCKET_FDINFO: usize = 24 + 768;
const KIND: usize = 24 + 232;
const FPORT: usize = 24 + 240;
const LPORT: usize = FPORT + 4;
const VFLAG: usize = FPORT + 24;
const FADDR: usize = FPORT + 32;
const LADDR: usize = FPORT + 48;

const SOCKINFO_TCP: u32 = 2;
const INI_IPV4: u8 = 1;
const INI_IPV6: u8 = 2;

/// The three questions.
#[cfg(target_vendor = "apple")]
mod system {
    use super::SOCKET_FDINFO;

    /// The numbers of a user's processes.
    pub(super) fn processes(uid: u32) -> Vec<i32> {
        const PROC_UID_ONLY: u32 = 4;
        // SAFETY: the length of the room is passed with it; without room, the call tells how much it takes.
        all(|room, length| unsafe { libc::proc_listpids(PROC_UID_ONLY, uid, room, length) })
    }

    /// The descriptors of a process that are sockets; none where we may not look.
    pub(super) fn sockets(pid: i32) -> Vec<i32> {
        const PROX_FDTYPE_SOCKET: u32 = 2;
        // SAFETY: as above.
        let descriptors: Vec<[u32; 2]> =
            all(|room, length| unsafe { libc::proc_pidinfo(pid, libc::PROC_PIDLISTFDS, 0, room, length) });
        // struct proc_fdinfo: the number and its kind
        let sockets = descriptors.into_iter().filter(|[_, kind]| *kind == PROX_FDTYPE_SOCKET);
        sockets.filter_map(|[number, _]| i32::try_from(number).ok()).collect()
    }

    /// What there is to say of one socket.
    pub(super) fn socket(pid: i32, descriptor: i32) -> Option<[u8; SOCKET_FDINFO]> {
        const PROC_PIDFDSOCKETINFO: i32 = 3;
        let mut told = [0; SOCKET_FDINFO];
        // SAFETY: the length of the room is passed with it; bytes are written into bytes.
        let filled = unsafe {
            libc::proc_pidfdinfo(
                pid,
                descriptor,
                PROC_PIDFDSOCKETINFO,
                told.as_mut_ptr().cast(),
                SOCKET_FDINFO as libc::c_int,
            )
        };
        (usize::try_from(filled) == Ok(SOCKET_FDINFO)).then_some(told)
    }

    /// A list of the system's, which says its length in bytes, with room for what is added meanwhile.
    fn all<T: Default + Clone>(ask: impl Fn(*mut libc::c_void, libc::c_int) -> libc::c_int) -> Vec<T> {
        let entries = |bytes: libc::c_int| usize::try_from(bytes).unwrap_or_default() / size_of::<T>();
        let mut list = vec![T::default(); entries(ask(std::ptr::null_mut(), 0)) + 32];
        let length = libc::c_int::try_from(list.len() * size_of::<T>()).unwrap_or_default();
        let filled = ask(list.as_mut_ptr().cast(), length);
        list.truncate(entries(filled));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(kind: u32, flag: u8, [local, remote]: [(&str, u16); 2]) -> [u8; SOCKET_FDINFO] {
        let mut told = [0; SOCKET_FDINFO];
        told[KIND..KIND + 4].copy_from_slice(&kind.to_ne_bytes());
        told[VFLAG] = flag;
        for (ip, port, (address, number)) in [(LADDR, LPORT, local), (FADDR, FPORT, remote)] {
            let bytes = match address.parse().unwrap() {
                IpAddr::V4(ip) => [&[0; 12][..], &ip.octets()].concat(),
                IpAddr::V6(ip) => ip.octets().to_vec(),
            };
            told[ip..ip + 16].copy_from_slice(&bytes);
            told[port..port + 4].copy_from_slice(&u32::from(number.to_be()).to_ne_bytes());
        }
        told
    }

    #[test]
    fn the_two_ends_of_a_tcp_socket_are_read() {
        let v4 = [("127.0.0.1", 40_960), ("169.254.169.254", 80)];
        let v6 = [("fe80:4::1", 40_960), ("fd00:ec2::254", 80)];
        let expected = |local: &str, remote: &str| Some([local.parse().unwrap(), remote.parse().unwrap()]);
        assert_eq!(ends(&told(2, 1, v4)), expected("127.0.0.1:40960", "169.254.169.254:80"));
        assert_eq!(ends(&told(2, 2, v6)), expected("[fe80::1]:40960", "[fd00:ec2::254]:80"));
        assert_eq!(ends(&told(3, 1, v4)), None, "a socket of another kind");
        assert_eq!(ends(&told(2, 3, v4)), None, "a listener for both families");
        assert_eq!(ends(&told(2, 1, [("127.0.0.1", 80), ("0.0.0.0", 0)])), None, "a listener");
    }
}
