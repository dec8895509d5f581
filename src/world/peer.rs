//! Who sits at the other end of a connection: which user, for those who may ask without a token, and which process, for
//! the audit trail.
//!
//! Both only where the other end is a socket of this machine, of our network namespace, and only while it is open there.
//! Never takes part in the decision what a user may have, but for [`admitted`]. The user costs microseconds on Linux and
//! is looked up while the first request of a connection waits; the process costs milliseconds, and nobody waits for it.

use std::net::SocketAddr;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;

/// A process, as the audit trail names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerProcess {
    /// Its id.
    pub pid: u32,
    /// The path of its program, such as `/usr/bin/python3.13`, where it can be read.
    pub exe: Option<String>,
}

/// The user, such as 1000, whose socket has the address `from` and talks to `to`: for an accepted connection, its peer's
/// address and our own. `None`: unknown, and so to be refused. That is
/// - a client on another machine, in another network namespace, or behind a translation of addresses (`iptables -j DNAT`);
/// - a client that has closed its socket or has ended: the kernel tells user 0 of such a one (`net/ipv4/inet_diag.c`, since
///   `sock_i_uid` of a socket that no file has is 0), which is not to be taken for root;
/// - a user who has no number in our user namespace: the kernel then tells a stand-in (proc(5), `overflowuid`), which some
///   processes may well have as their own;
/// - on macOS, every other user, root too, unless we are root.
pub fn owner(from: SocketAddr, to: SocketAddr) -> Option<u32> {
    system_owner(from, to)
}

/// Whether a client of this user may ask, where there is no token: our own user's, and root's, who can do as we can anyway.
/// `ours` is [`super::ourselves::uid`].
pub fn admitted(owner: Option<u32>, ours: u32) -> bool {
    owner.is_some_and(|owner| owner == ours || owner == ROOT)
}

const ROOT: u32 = 0;

#[cfg(target_os = "linux")]
fn system_owner(from: SocketAddr, to: SocketAddr) -> Option<u32> {
    let socket = super::sockets::connected(from, to).filter(|socket| socket.inode != 0)?;
    Some(socket.uid).filter(|uid| !may_be_a_stand_in(*uid))
}

#[cfg(target_vendor = "apple")]
fn system_owner(from: SocketAddr, to: SocketAddr) -> Option<u32> {
    let ours = super::ourselves::uid();
    super::system::apple_sockets::has(ours, from, to).then_some(ours)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
fn system_owner(_: SocketAddr, _: SocketAddr) -> Option<u32> {
    None
}

/// Whether the kernel may have said this number of somebody whom it cannot name here. Where every user has a number it
/// is just `nobody`.
#[cfg(target_os = "linux")]
fn may_be_a_stand_in(uid: u32) -> bool {
    /// A map is written once (user_namespaces(7)), so what names everybody always will.
    static NAMES_EVERYBODY: OnceLock<()> = OnceLock::new();
    if uid == ROOT || NAMES_EVERYBODY.get().is_some() {
        return false;
    }
    let told = |path: &str| std::fs::read_to_string(path).ok();
    if names_everybody(&told("/proc/self/uid_map").unwrap_or_default()) {
        let _ = NAMES_EVERYBODY.set(());
        return false;
    }
    stands_in(uid, told("/proc/sys/kernel/overflowuid").as_deref())
}

#[cfg(target_os = "linux")]
fn stands_in(uid: u32, overflow: Option<&str>) -> bool {
    uid == overflow.and_then(|number| number.trim().parse().ok()).unwrap_or(NOBODY)
}

/// Whether a map of users (user_namespaces(7)) leaves none out.
#[cfg(target_os = "linux")]
fn names_everybody(map: &str) -> bool {
    map.split_ascii_whitespace().nth(2).and_then(|count| count.parse().ok()) == Some(u32::MAX)
}

/// What `overflowuid` is where nobody has changed it.
#[cfg(target_os = "linux")]
const NOBODY: u32 = 65_534;

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
#[path = "peer_tests.rs"]
mod tests;
