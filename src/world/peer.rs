//! Who sits at the other end of a connection over loopback: for the audit trail, where it can be known.
//!
//! Only Linux tells it cheaply enough, and only while the connection stands. Never called while a request waits.

use std::net::SocketAddr;

/// A process, as the audit trail names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerProcess {
    /// Its id.
    pub pid: u32,
    /// The path of its program, such as `/usr/bin/python3.13`, where it can be read.
    pub exe: Option<String>,
}

/// The process whose socket has the address `from` and talks to `to`. Those of the `likely` ids are looked at first: who
/// comes often comes again, and the look through every process takes milliseconds.
#[cfg(target_os = "linux")]
pub fn connected(from: SocketAddr, to: SocketAddr, likely: &[u32]) -> Option<PeerProcess> {
    let socket = super::sockets::connected(from, to)?;
    Some(of_pid(super::sockets::process_of(&socket, likely)?))
}

/// The process whose socket has the address `from` and talks to `to`: not told here.
#[cfg(not(target_os = "linux"))]
pub fn connected(_: SocketAddr, _: SocketAddr, _: &[u32]) -> Option<PeerProcess> {
    None
}

/// The process of this number.
pub fn of_pid(pid: u32) -> PeerProcess {
    #[cfg(target_os = "linux")]
    let exe = std::fs::read_link(format!("/proc/{pid}/exe")).ok();
    #[cfg(not(target_os = "linux"))]
    let exe = super::running::find(pid).ok().map(|process| process.program);
    PeerProcess { pid, exe: exe.map(|path| AsRef::<std::path::Path>::as_ref(&path).to_string_lossy().into_owned()) }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn we_find_ourselves_at_the_other_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = listener.local_addr().unwrap();
        let client = TcpStream::connect(to).unwrap();
        let from = client.local_addr().unwrap();
        let me = std::process::id();
        for likely in [[].as_slice(), &[1], &[me], &[u32::MAX, me]] {
            let found = connected(from, to, likely).unwrap();
            assert_eq!(found.pid, me);
            assert_eq!(found.exe.as_deref(), std::env::current_exe().unwrap().to_str());
        }
        drop((client, listener));
        assert_eq!(connected(from, to, &[me]), None);
    }

    #[test]
    fn a_socket_of_both_families_is_found_too() {
        let Ok(listener) = TcpListener::bind("[::]:0") else { return }; // a machine without IPv6
        let port = listener.local_addr().unwrap().port();
        let client = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (_accepted, theirs) = listener.accept().unwrap();
        let mine = client.local_addr().unwrap();
        assert!(theirs.is_ipv6());
        // seen from the listener's side, whose socket shows the mapped form
        assert_eq!(connected(([127, 0, 0, 1], port).into(), mine, &[]).unwrap().pid, std::process::id());
    }
}
