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

/// Whether our own user's processes and root's listen on these addresses, and nobody else's do: so that what answers there
/// is not somebody who took the port while it was free. `false` also where nobody listens. Where the system does not tell
/// who it is, it is believed.
pub fn are_ours(addresses: &[SocketAddr]) -> bool {
    system_are_ours(addresses)
}

#[cfg(target_os = "linux")]
fn system_are_ours(addresses: &[SocketAddr]) -> bool {
    let ours = super::ourselves::uid();
    let found = |uid_is_good: bool| {
        super::sockets::find(|socket| {
            let here = socket.listens && addresses.iter().any(|address| in_the_way(*address, socket.local));
            here && super::peer::admitted(Some(socket.uid), ours) == uid_is_good
        })
    };
    found(false).is_none() && found(true).is_some()
}

#[cfg(not(target_os = "linux"))]
fn system_are_ours(addresses: &[SocketAddr]) -> bool {
    addresses.iter().any(|address| holder_of(*address).is_some())
}

/// Whether two listeners cannot be there together: one port, and one address or all of them.
#[cfg(any(target_os = "linux", test))]
fn in_the_way(wanted: SocketAddr, listening: SocketAddr) -> bool {
    let (ours, theirs) = (wanted.ip().to_canonical(), listening.ip().to_canonical());
    let everywhere = ours.is_unspecified() || theirs.is_unspecified();
    wanted.port() == listening.port() && (everywhere || ours == theirs)
}

#[cfg(target_os = "linux")]
fn system_holder_of(address: SocketAddr) -> Option<PortHolder> {
    let socket = super::sockets::find(|socket| socket.listens && in_the_way(address, socket.local))?;
    let process = super::sockets::process_of(&socket, &[])
        .and_then(|pid| Some((pid, std::fs::read_to_string(format!("/proc/{pid}/comm")).ok()?.trim().to_owned())));
    Some(PortHolder { uid: Some(socket.uid), process })
}

/// macOS tells of sockets only through calls that walk every process (`libproc.h`); who holds the port stays unknown, and
/// is not trusted.
#[cfg(not(target_os = "linux"))]
fn system_holder_of(address: SocketAddr) -> Option<PortHolder> {
    let taken = std::net::TcpListener::bind(address).is_err_and(|e| e.kind() == std::io::ErrorKind::AddrInUse);
    taken.then_some(PortHolder { uid: None, process: None })
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
    fn an_address_is_ours_only_while_somebody_of_ours_listens() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let other = SocketAddr::from(([127, 0, 0, 9], address.port()));
        assert!(are_ours(&[address]) && are_ours(&[other, address]));
        assert!(!are_ours(&[other]) && !are_ours(&[]));
        if super::super::ourselves::uid() == 0 && cfg!(target_os = "linux") {
            // the owner of a socket is that of its file (`net/socket.c`, `sockfs_setattr`)
            rustix::fs::fchown(&listener, rustix::fs::Uid::from_raw(1234).into(), None).expect("root may");
            assert!(!are_ours(&[address]) && !are_ours(&[other, address]));
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
